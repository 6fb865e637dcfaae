"""The convention of the Duke BCS-DBT data set: which side a volume shows is told by its pixels, not by its header.

The sums of the first and the last column of a frame are compared: the smaller one at the left means a right breast. A
volume that disagrees with its view is turned by 180 degrees; the boxes of the data set are drawn on the turned volume.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray, StoredArray
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.geometry import Orientation


def duke_side(frame: StoredArray) -> str:
    """Return "R" or "L" from the border columns of a frame (rows, columns) as stored."""
    return "R" if int(frame[:, 0].sum(dtype="int64")) < int(frame[:, -1].sum(dtype="int64")) else "L"


def duke_correction(frame: StoredArray, laterality: str) -> Orientation:
    """Return how stored pixels are turned into those that the boxes of the data set are drawn on.

    Parameters
    ----------
    frame
        The first frame of the file, (rows, columns) as stored.
    laterality
        "R" or "L": the first letter of the view as the tables of the data set have it.
    """
    return Orientation().rotated(2 if duke_side(frame) != laterality.upper() else 0)


def stored_points(points: NDArray[Any], frame: StoredArray, laterality: str) -> DoubleArray:
    """Return the stored places of ``points`` (N, 2) in rows and columns of the turned volume.

    ``frame`` and ``laterality`` are those of :func:`duke_correction`.
    """
    return duke_correction(frame, laterality).to_stored(points, (frame.shape[0], frame.shape[1]))


def follow_duke_convention(image: Image) -> bool:
    """Turn a volume whose pixels disagree with its side, and tell it; return whether that was so. Decodes a frame.

    Raises
    ------
    DecodeError
        The first frame cannot be decoded.
    """
    attributes = image.attributes
    side = attributes.view.laterality
    if attributes.kind is not ImageKind.TOMO or side not in ("R", "L"):
        return False
    first = image.frame(attributes.frame_of_file(0))
    if duke_correction(first, side) == Orientation():
        return False
    told = Notice(Severity.INFO, "turned by 180 degrees, as the convention of the Duke data set asks")
    # Half a turn comes to the same before the picture is hung and after.
    image.attributes = dataclasses.replace(
        attributes, orientation=attributes.orientation.rotated(2), warnings=(*attributes.warnings, told)
    )
    return True
