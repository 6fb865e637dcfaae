"""Whether the pixels of a mammogram agree with the side that its header tells; the header itself is never changed."""

from __future__ import annotations

from mammoviewer.base.errors import DecodeError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.orientation import laterality_from_pixels
from mammoviewer.imaging.breast_mask import breast_mask

_KINDS = (ImageKind.MAMMOGRAM, ImageKind.MAMMOGRAM_RAW, ImageKind.TOMO, ImageKind.SYNTHETIC_2D)
_PARTS_OF_A_BREAST = ("M", "S", "CV", "AT", "TAN")
_LEAST_PIXELS = 400
"""A smaller picture is a crop or a thumbnail, in which the chest wall is not to be found."""
_LEAST_CONFIDENCE = 0.5


def can_be_checked(image: Image) -> bool:
    """Return whether an image shows a whole breast of a side that its header tells."""
    attributes = image.attributes
    view = attributes.view
    whole = not any(name in _PARTS_OF_A_BREAST for name in view.modifiers)
    return (
        attributes.kind in _KINDS and view.laterality in ("R", "L") and whole and min(attributes.shape) >= _LEAST_PIXELS
    )


def side_disagrees(image: Image, progress: Progress = no_progress) -> bool:
    """Return whether the pixels speak clearly for the other side; decodes a frame, of a volume three.

    A volume disagrees when no frame speaks for its header and most speak against it.
    """
    attributes = image.attributes
    count = attributes.frames
    bright_air = attributes.inverse or attributes.kind is ImageKind.MAMMOGRAM_RAW
    votes = []
    for index in sorted({count // 4, count // 2, 3 * count // 4}) if count > 1 else (0,):
        progress(0.0, "")
        try:
            stored = image.frame(index)
        except DecodeError:
            continue  # told where the frame is shown
        mask = breast_mask(stored, padding=attributes.padding, bright_air=bright_air)
        found = laterality_from_pixels(mask, attributes.orientation)
        votes.append(found.laterality if found.confidence >= _LEAST_CONFIDENCE else "")
    other = "L" if attributes.view.laterality == "R" else "R"
    return votes.count(other) * 2 > len(votes) and attributes.view.laterality not in votes


def doubt(image: Image) -> Notice:
    """Return what is told of an image that disagrees with its header."""
    told = {"R": "right", "L": "left"}[image.attributes.view.laterality]
    return Notice(
        Severity.CAUTION,
        f"{image.attributes.path.name}: the header says {told}, the picture looks like the other side",
        "click LATERALITY? on the picture to flip it; the file is not changed",
    )
