"""Hanging: which image goes where.

A stage of a protocol appears when the study, with its prior, has what the stage needs. What no stage places is hung on
stages of its own, so that no image is ever dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.session.protocol import (
    EMPTY,
    OTHER_LEFT,
    OTHER_RIGHT,
    PRIOR,
    SAME_VIEW_2D,
    SAME_VIEW_TOMO,
    STANDARD_VIEWS,
    TOMO,
    TOMO_SUFFIX,
    Protocol,
    StageRule,
)

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
    """One screen: a grid of image identities, row by row; ``EMPTY`` leaves a cell black.

    ``overflow`` marks a stage of an image that no rule of the protocol places.
    """

    title: str
    rows: int
    columns: int
    cells: tuple[str, ...]
    overflow: bool = False


@dataclass(frozen=True)
class _Shelf:
    """The images of one study, as a rule sees them: flat ones of its kinds, and volumes."""

    flat: tuple[Image, ...]
    tomos: tuple[Image, ...]


def hang(images: Sequence[Image], protocol: Protocol, prior: Sequence[Image] = ()) -> tuple[Stage, ...]:
    """Return the stages of ``protocol`` that the images of one study, and those of its prior, can fill.

    A rule with named views gives a stage when at least half of its cells can be filled, of a rule with prior cells at
    least one of each study. ``TOMO`` cells give a stage for every volume that has one of the partners they name;
    a rule of nothing but ``TOMO`` takes the volumes that no rule before it has placed.
    """
    stages: list[Stage] = []
    for rule in protocol.stages:
        placed = {cell for stage in stages for cell in stage.cells}
        stages += _stages_of(rule, images, prior, placed)
    placed = {cell for stage in stages for cell in stage.cells}
    rest = [image for image in images if image.attributes.identity not in placed]
    stages += [_single(image) for image in rest]
    return tuple(stages)


def _stages_of(rule: StageRule, images: Sequence[Image], prior: Sequence[Image], placed: set[str]) -> list[Stage]:
    current, before = _shelf(rule, images), _shelf(rule, prior)
    if TOMO in rule.cells:
        alone = set(rule.cells) == {TOMO}
        tomos = [tomo for tomo in current.tomos if not (alone and tomo.attributes.identity in placed)]
        return [stage for tomo in tomos if (stage := _beside(rule, tomo, current, before)) is not None]
    if {OTHER_RIGHT, OTHER_LEFT} & {cell.removeprefix(PRIOR) for cell in rule.cells}:
        found = [_filled(rule, _Place(view), current, before) for view in _other_views(current.flat)]
        return [stage for stage in found if stage is not None]
    stage = _filled(rule, _Place(), current, before)
    return [stage] if stage is not None else []


def _shelf(rule: StageRule, images: Sequence[Image]) -> _Shelf:
    kinds = {ImageKind[name] for name in rule.kinds}
    flat = tuple(image for image in images if image.attributes.kind in kinds and image.attributes.frames == 1)
    return _Shelf(flat, tuple(image for image in images if image.attributes.kind is ImageKind.TOMO))


@dataclass(frozen=True)
class _Place:
    """What the words of cells stand for: the further view of both sides, or the volume that is hung."""

    view: str = ""
    tomo: Image | None = None

    def find(self, word: str, shelf: _Shelf) -> str:
        """Return the identity of the image for a word of a cell, empty where there is none."""
        if word in {OTHER_RIGHT, OTHER_LEFT}:
            return _find(shelf.flat, word[-1] + self.view)
        if self.tomo is not None and word in {SAME_VIEW_2D, SAME_VIEW_TOMO}:
            label = self.tomo.attributes.view.label
            return _find(shelf.flat if word == SAME_VIEW_2D else shelf.tomos, label) if label else EMPTY
        if word.endswith(TOMO_SUFFIX):
            return _find(shelf.tomos, word.removesuffix(TOMO_SUFFIX))
        return _find(shelf.flat, word) if word else EMPTY


def _beside(rule: StageRule, tomo: Image, current: _Shelf, before: _Shelf) -> Stage | None:
    """Return a volume with the partners that the rule names; None when it has none of them."""
    place = _Place(tomo=tomo)
    found = tuple(
        tomo.attributes.identity if cell == TOMO else place.find(cell.removeprefix(PRIOR), _of(cell, current, before))
        for cell in rule.cells
    )
    wanted = sum(bool(cell) and cell != TOMO for cell in rule.cells)
    if wanted and not any(cell not in {EMPTY, tomo.attributes.identity} for cell in found):
        return None
    return Stage(f"{rule.title} {tomo.attributes.view.label}".strip(), rule.rows, rule.columns, found)


def _filled(rule: StageRule, place: _Place, current: _Shelf, before: _Shelf) -> Stage | None:
    """Return the stage of a rule, None where too little of it can be filled."""
    found = tuple(place.find(cell.removeprefix(PRIOR), _of(cell, current, before)) for cell in rule.cells)
    wanted = sum(bool(cell) for cell in rule.cells)
    filled = sum(cell != EMPTY for cell in found)
    if filled < min(2, wanted) or filled * 2 < wanted:
        return None
    of_prior = [bool(cell) for cell, word in zip(found, rule.cells, strict=True) if word.startswith(PRIOR)]
    of_current = [bool(cell) for cell, word in zip(found, rule.cells, strict=True) if not word.startswith(PRIOR)]
    if of_prior and not (any(of_prior) and any(of_current)):
        return None
    title = f"{rule.title} {place.view}" if place.view else rule.title
    return Stage(title, rule.rows, rule.columns, found)


def _of(cell: str, current: _Shelf, before: _Shelf) -> _Shelf:
    return before if cell.startswith(PRIOR) else current


def _other_views(flat: Sequence[Image]) -> list[str]:
    """Return the views beyond the standard ones that both sides have, in the order in which they come."""
    labels = [image.attributes.view.label for image in flat]
    others = [label[1:] for label in labels if label[:1] == "R" and label not in STANDARD_VIEWS]
    return [view for view in dict.fromkeys(others) if view and f"L{view}" in labels]


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
    return Stage(f"{KIND_TITLES[attributes.kind]} {name}", 1, 1, (attributes.identity,), overflow=True)
