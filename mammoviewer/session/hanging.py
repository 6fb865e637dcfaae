"""Hanging: which image goes where, as data.

A protocol is a JSON file in ``resources/hanging``; a stage of it appears when the study has what it needs, and what no
stage places is hung on stages of its own, so that no image is ever dropped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mammoviewer.base.errors import InputError
from mammoviewer.base.paths import resources_dir
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image

EMPTY = ""

KIND_TITLES = {
    ImageKind.MAMMOGRAM: "Mammogram",
    ImageKind.MAMMOGRAM_RAW: "Raw mammogram",
    ImageKind.TOMO: "Tomosynthesis",
    ImageKind.SYNTHETIC_2D: "Synthetic 2-D",
    ImageKind.SECONDARY: "Secondary capture",
    ImageKind.RASTER: "Picture",
}
"""What each kind of image is called on screen."""


@dataclass(frozen=True)
class Stage:
    """One screen of a protocol: a grid of image identities, row by row; ``EMPTY`` leaves a cell black."""

    title: str
    rows: int
    columns: int
    cells: tuple[str, ...]


def load_protocol(path: Path | None = None) -> dict[str, Any]:
    """Return a hanging protocol read from JSON; the bundled one when no path is given.

    Raises
    ------
    InputError
        If the file is missing or is not a protocol of schema version 1.
    """
    path = path or resources_dir() / "hanging" / "mammography.json"
    try:
        protocol = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the hanging protocol cannot be read: {error}", path=path) from error
    if not isinstance(protocol, dict) or protocol.get("schema_version") != 1 or "stages" not in protocol:
        raise InputError("not a hanging protocol of schema version 1", path=path)
    return protocol


def hang(images: Sequence[Image], protocol: dict[str, Any]) -> tuple[Stage, ...]:
    """Return the stages of ``protocol`` that the images of one study can fill.

    A stage with named views appears when at least half of its cells, and two, can be filled; ``TOMO`` cells give one
    stage for every tomosynthesis volume, with ``SAME_VIEW_2D`` the flat image of the same side and view.
    """
    stages: list[Stage] = []
    for description in protocol["stages"]:
        stages += _stages_of(description, images)
    placed = {cell for stage in stages for cell in stage.cells}
    rest = [image for image in images if image.attributes.identity not in placed]
    stages += [_single(image) for image in rest]
    return tuple(stages)


def _stages_of(description: dict[str, Any], images: Sequence[Image]) -> list[Stage]:
    cells: list[str] = description["cells"]
    kinds = {ImageKind[name] for name in description["kinds"]}
    flat = [image for image in images if image.attributes.kind in kinds and image.attributes.frames == 1]
    if "TOMO" in cells:
        tomos = [image for image in images if image.attributes.kind is ImageKind.TOMO]
        return [_beside(description, tomo, flat) for tomo in tomos]
    found = tuple(_find(flat, label) for label in cells)
    filled = sum(cell != EMPTY for cell in found)
    if filled < 2 or filled * 2 < len(cells):
        return []
    return [Stage(description["title"], description["rows"], description["columns"], found)]


def _beside(description: dict[str, Any], tomo: Image, flat: Sequence[Image]) -> Stage:
    label = tomo.attributes.view.label
    partner = _find(flat, label) if label else EMPTY
    if partner == EMPTY:
        return _single(tomo)
    cells = tuple(tomo.attributes.identity if cell == "TOMO" else partner for cell in description["cells"])
    return Stage(f"{description['title']} {label}", description["rows"], description["columns"], cells)


def _find(images: Sequence[Image], label: str) -> str:
    """Return the identity of the first image of a view; whole views and true projections come first."""
    matching = [image for image in images if image.attributes.view.label == label]
    matching.sort(
        key=lambda image: (
            any(value == "PARTIAL" for _, value in image.attributes.facts),
            image.attributes.kind is ImageKind.SYNTHETIC_2D,
        )
    )
    return matching[0].attributes.identity if matching else EMPTY


def _single(image: Image) -> Stage:
    attributes = image.attributes
    name = attributes.view.label or attributes.SeriesDescription or attributes.path.stem
    return Stage(f"{KIND_TITLES[attributes.kind]} {name}", 1, 1, (attributes.identity,))
