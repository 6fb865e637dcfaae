"""Hanging protocols as data: stages of cells, read from JSON, checked, and kept in the reader's folder."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from mammoviewer.base.errors import InputError, SettingsError
from mammoviewer.base.paths import resources_dir, user_dir, write_text_atomically
from mammoviewer.dicom.attributes import ImageKind

SCHEMA_VERSION: Final = 2
EMPTY: Final = ""
PRIOR: Final = "prior:"
"""Before a cell's word: of the prior study."""

TOMO: Final = "TOMO"
SAME_VIEW_2D: Final = "SAME_VIEW_2D"
SAME_VIEW_TOMO: Final = "SAME_VIEW_TOMO"
TOMO_SUFFIX: Final = "_TOMO"
OTHER_RIGHT: Final = "OTHER_R"
OTHER_LEFT: Final = "OTHER_L"
STANDARD_VIEWS: Final = ("RCC", "LCC", "RMLO", "LMLO")
CELL_WORDS: Final = (
    EMPTY,
    *STANDARD_VIEWS,
    *(view + TOMO_SUFFIX for view in STANDARD_VIEWS),
    TOMO,
    SAME_VIEW_2D,
    SAME_VIEW_TOMO,
    OTHER_RIGHT,
    OTHER_LEFT,
)
"""What an editor offers; any other label of a view, such as ``RML``, is a cell too."""
LARGEST_GRID: Final = 4

_VIEW = re.compile(r"[RLB][A-Z]{2,10}(_TOMO)?")


@dataclass(frozen=True)
class StageRule:
    """One screen of a protocol, before it is filled with images.

    Attributes
    ----------
    title
        What the stage is called.
    rows, columns
        Its grid, 1 to 4 each.
    cells
        Row by row: empty, the label of a view (``RCC``, ``RCC_TOMO``), ``TOMO`` for each volume in turn,
        ``SAME_VIEW_2D`` and ``SAME_VIEW_TOMO`` for what shows the side and view of that volume, ``OTHER_R`` and
        ``OTHER_L`` for each further view that both sides have; ``prior:`` before any of them takes it from the
        prior study.
    kinds
        Names of the kinds of image that flat cells may hold.
    """

    title: str
    rows: int
    columns: int
    cells: tuple[str, ...]
    kinds: tuple[str, ...] = ("MAMMOGRAM", "SYNTHETIC_2D", "RASTER")

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise InputError("a stage of a hanging protocol has no title")
        if not (1 <= self.rows <= LARGEST_GRID and 1 <= self.columns <= LARGEST_GRID):
            raise InputError(f"stage {self.title!r}: rows and columns go from 1 to {LARGEST_GRID}")
        if len(self.cells) != self.rows * self.columns:
            raise InputError(f"stage {self.title!r}: {self.rows} x {self.columns} cells, not {len(self.cells)}")
        for cell in self.cells:
            if not is_cell(cell):
                raise InputError(
                    f"stage {self.title!r}: {cell!r} is no cell", hint=f"such as {', '.join(CELL_WORDS[1:])}"
                )
        if not any(self.cells):
            raise InputError(f"stage {self.title!r}: all cells are empty")
        unknown = [kind for kind in self.kinds if kind not in ImageKind.__members__]
        if unknown:
            raise InputError(f"stage {self.title!r}: {unknown[0]!r} is no kind of image")


@dataclass(frozen=True)
class Protocol:
    """A named list of stages; ``path`` is its file, None for one that was not kept yet."""

    name: str
    stages: tuple[StageRule, ...]
    path: Path | None = None

    @property
    def bundled(self) -> bool:
        """Whether it came with the program and is not the reader's own."""
        return self.path is not None and self.path.parent == bundled_folder()


def is_cell(text: str) -> bool:
    """Return whether a text says what goes into a cell."""
    word = text.removeprefix(PRIOR)
    return (word in CELL_WORDS and text != PRIOR) or _VIEW.fullmatch(word) is not None


def bundled_folder() -> Path:
    """Return the folder of the protocols that come with the program."""
    return resources_dir() / "hanging"


def user_folder() -> Path:
    """Return the folder of the reader's own protocols; it need not exist."""
    return user_dir() / "hanging"


def load_protocol(path: Path | None = None) -> Protocol:
    """Return a hanging protocol read from JSON; the bundled one when no path is given.

    Raises
    ------
    InputError
        If the file is missing or is not a protocol of a schema version that is known; the text says why.
    """
    path = path or bundled_folder() / "mammography.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"the hanging protocol cannot be read: {error}", path=path) from error
    if not isinstance(document, dict) or document.get("schema_version") not in (1, SCHEMA_VERSION):
        raise InputError(f"not a hanging protocol of schema version {SCHEMA_VERSION} or older", path=path)
    try:
        stages = tuple(_stage(entry) for entry in document["stages"])
        if not stages:
            raise InputError("it has no stages")
        return Protocol(str(document["name"]), stages, path)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"the hanging protocol is not complete: {error}", path=path) from error
    except InputError as error:
        raise InputError(f"the hanging protocol is not valid: {error.reason}", hint=error.hint, path=path) from error


def _stage(entry: Any) -> StageRule:
    kinds = entry.get("kinds", ("MAMMOGRAM", "SYNTHETIC_2D", "RASTER"))
    cells = tuple(str(cell) for cell in entry["cells"])
    return StageRule(str(entry["title"]), int(entry["rows"]), int(entry["columns"]), cells, tuple(kinds))


def protocols() -> tuple[list[Protocol], list[InputError]]:
    """Return the bundled protocols and then the reader's own, by name, and why some could not be read."""
    found: list[Protocol] = []
    errors: list[InputError] = []
    for folder in (bundled_folder(), user_folder()):
        here: list[Protocol] = []
        for path in sorted(folder.glob("*.json")):
            try:
                here.append(load_protocol(path))
            except InputError as error:
                errors.append(error)
        found += sorted(here, key=lambda protocol: protocol.name.casefold())
    return found, errors


def save_protocol(name: str, stages: Sequence[StageRule]) -> Protocol:
    """Keep a protocol in the reader's folder, in place of one of the same name.

    Raises
    ------
    SettingsError
        If it has no name or no stages, or the file cannot be written.
    """
    if not name.strip() or not stages:
        raise SettingsError("a hanging protocol needs a name and at least one stage")
    stem = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "protocol"
    path = user_folder() / f"{stem}.json"
    entries = [{**asdict(stage), "cells": list(stage.cells), "kinds": list(stage.kinds)} for stage in stages]
    document = {"schema_version": SCHEMA_VERSION, "name": name.strip(), "stages": entries}
    try:
        write_text_atomically(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        reason = f"the hanging protocol cannot be written: {error.strerror}"
        raise SettingsError(reason, hint="check that the folder can be written", path=path) from error
    return Protocol(name.strip(), tuple(stages), path)


def delete_protocol(protocol: Protocol) -> None:
    """Delete one of the reader's own protocols.

    Raises
    ------
    SettingsError
        If it came with the program, or the file cannot be deleted.
    """
    if protocol.path is None or protocol.bundled:
        raise SettingsError("a hanging protocol that came with the program cannot be deleted")
    try:
        protocol.path.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(f"the hanging protocol cannot be deleted: {error.strerror}", path=protocol.path) from error
