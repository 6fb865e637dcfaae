"""Whether the pixels of a mammogram agree with the side that its header tells; the header itself is never changed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mammoviewer.base.errors import DecodeError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.orientation import laterality_from_pixels
from mammoviewer.imaging.breast_mask import breast_mask

if TYPE_CHECKING:
    from mammoviewer.session.workspace import Workspace

_KINDS = (ImageKind.MAMMOGRAM, ImageKind.MAMMOGRAM_RAW, ImageKind.TOMO, ImageKind.SYNTHETIC_2D, ImageKind.RASTER)
_PARTS_OF_A_BREAST = ("M", "S", "CV", "AT", "TAN")
_LEAST_PIXELS = 400
"""A smaller picture is a crop or a thumbnail, in which the chest wall is not to be found."""
_LEAST_CONFIDENCE = 0.5
_FIRST, _LAST = 5, -9
"""Priorities among what is decoded."""


def can_be_checked(image: Image) -> bool:
    """Return whether an image shows a whole breast of a side that its header tells."""
    attributes = image.attributes
    view = attributes.view
    whole = not any(name in _PARTS_OF_A_BREAST for name in view.modifiers)
    return (
        attributes.kind in _KINDS and view.laterality in ("R", "L") and whole and min(attributes.shape) >= _LEAST_PIXELS
    )


def side_doubt(image: Image, progress: Progress = no_progress) -> float:
    """Return how surely the pixels speak for the other side, 0 to 1; decodes a frame, of a volume three.

    It is 0 while they do not speak clearly. A volume is doubted when no frame speaks for its header and most speak
    against it.
    """
    attributes = image.attributes
    count = attributes.frames
    bright_air = attributes.inverse or attributes.kind is ImageKind.MAMMOGRAM_RAW
    votes: list[tuple[str, float]] = []
    for index in sorted({count // 4, count // 2, 3 * count // 4}) if count > 1 else (0,):
        progress(0.0, "")
        try:
            stored = image.frame(index)
        except DecodeError:
            continue  # told where the frame is shown
        mask = breast_mask(stored, padding=attributes.padding, bright_air=bright_air)
        found = laterality_from_pixels(mask, attributes.orientation)
        clear = found.confidence >= _LEAST_CONFIDENCE
        votes.append((found.laterality if clear else "", found.confidence))
    side = attributes.view.laterality
    against = [confidence for found_side, confidence in votes if found_side not in ("", side)]
    if len(against) * 2 <= len(votes) or any(found_side == side for found_side, _ in votes):
        return 0.0
    return sum(against) / len(against)


def hang_by_pixels(image: Image) -> Notice:
    """Hang a picture whose side is known but not which way round it is stored, and return what is told of it."""
    attributes = image.attributes
    image.attributes = dataclasses.replace(attributes, orientation=attributes.orientation.flipped_horizontally())
    return Notice(Severity.INFO, f"{attributes.path.name}: stored mirrored, hung by where its chest wall is")


def doubt(image: Image, confidence: float) -> Notice:
    """Return what is told of an image that disagrees with its header."""
    told = {"R": "right", "L": "left"}[image.attributes.view.laterality]
    looks = f"the picture looks like the other side ({confidence:.0%} sure)"
    return Notice(
        Severity.CAUTION,
        f"{image.attributes.path.name}: the header says {told}, {looks}",
        "click LATERALITY? on the picture to flip it; the file is not changed",
    )


def check_side(workspace: Workspace, image: Image) -> None:
    """Look at the pixels in the background and tell what they say.

    That comes after all that somebody waits for, but before a picture is shown that hangs by it.
    """

    def work(progress: Progress) -> None:
        confidence = side_doubt(image, progress)
        state = workspace.state(image.attributes.identity)
        if confidence and image.attributes.kind is ImageKind.RASTER:
            untouched = state.orientation == image.attributes.orientation
            workspace.notice.emit(hang_by_pixels(image))
            if untouched:
                state.orientation = image.attributes.orientation
            workspace.facts_changed.emit()
        elif confidence:
            state.side_doubted = True
            workspace.notice.emit(doubt(image, confidence))

    priority = _FIRST if _hangs_by_its_pixels(workspace, image) else _LAST
    workspace.decoding.submit("Check the side", work, key=("side", image.attributes.identity), priority=priority)


def _hangs_by_its_pixels(workspace: Workspace, image: Image) -> bool:
    """Return whether an image that is seen now hangs by what is found here: it would turn round under the reader."""
    stage, attributes = workspace.stage, image.attributes
    return attributes.kind is ImageKind.RASTER and stage is not None and attributes.identity in stage.cells
