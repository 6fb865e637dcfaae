"""The convention of the Duke BCS-DBT data set: which side a volume shows is told by its pixels, not by its header.

The sums of the first and the last column of a frame are compared: the smaller one at the left means a right breast. A
volume that disagrees with its view is turned by 180 degrees; the boxes of the data set are drawn on the turned volume.
"""

from __future__ import annotations

import dataclasses

from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image


def duke_side(frame: StoredArray) -> str:
    """Return "R" or "L" from the border columns of a frame (rows, columns) as stored."""
    return "R" if int(frame[:, 0].sum(dtype="int64")) < int(frame[:, -1].sum(dtype="int64")) else "L"


def follow_duke_convention(image: Image) -> bool:
    """Turn a volume whose pixels disagree with its side, and tell it; return whether that was so. Decodes a frame.

    Raises
    ------
    DecodeError
        The first frame cannot be decoded.
    """
    attributes = image.attributes
    side = attributes.view.laterality
    if attributes.kind is not ImageKind.TOMO or side not in ("R", "L") or duke_side(image.frame(0)) == side:
        return False
    told = Notice(Severity.INFO, "turned by 180 degrees, as the convention of the Duke data set asks")
    image.attributes = dataclasses.replace(
        attributes, orientation=attributes.orientation.rotated(2), warnings=(*attributes.warnings, told)
    )
    return True
