"""Enlarging for the eye, with padding kept apart from what is seen.

An interpolation across the rim of padding would draw a rim of its own: a grey that is neither, and with the cubic
kernel waves beside it. So padding is first filled from the pixels next to it and put back afterwards, as sharp as it is
stored.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from mammoviewer.base.arrays import StoredArray
from mammoviewer.imaging.resample import Interpolation, extract

_REACH: Final = 3
"""Pixels beyond a region that an interpolation can see."""


def enlarge(
    image: StoredArray,
    rows: tuple[float, float],
    columns: tuple[float, float],
    size: tuple[int, int],
    *,
    interpolation: Interpolation,
    padding: tuple[int, int] | None = None,
    limits: tuple[int, int] | None = None,
) -> StoredArray:
    """Return a region of ``image`` at a ``size`` of no fewer pixels, as :func:`imaging.resample.extract` does.

    Parameters
    ----------
    image
        Shape (rows, columns), uint8, uint16 or int16.
    rows, columns
        First and last edge of the region, in pixels, within the image.
    size
        Rows and columns of the result.
    padding
        First and last value that stands for no pixel. A new pixel is padding where its centre lies on padding, and
        then has the value of the stored pixel there; the others have no share in it.
    limits
        First and last value that the result may have; waves of the cubic kernel are cut off there.

    Returns
    -------
    array
        Shape ``size``, dtype of ``image``.
    """
    if interpolation == "nearest" or (rows[1] - rows[0], columns[1] - columns[0]) == size:
        return extract(image, rows, columns, size, interpolation=interpolation)
    top, left = max(0, math.floor(rows[0]) - _REACH), max(0, math.floor(columns[0]) - _REACH)
    part = image[top : math.ceil(rows[1]) + _REACH, left : math.ceil(columns[1]) + _REACH]
    padded = None if padding is None else cv2.inRange(np.ascontiguousarray(part), *padding)
    if padded is not None and not padded.any():
        padded = None
    inside = (rows[0] - top, rows[1] - top), (columns[0] - left, columns[1] - left)
    source = part if padded is None else _filled(part, padded)
    grown = extract(source, *inside, size, interpolation=interpolation)
    if limits is not None:
        np.clip(grown, *limits, out=grown)
    if padding is not None:
        _keep_out(grown, padding, limits)
    if padded is not None:
        mask = extract(padded, *inside, size, interpolation="nearest")
        cv2.copyTo(extract(part, *inside, size, interpolation="nearest"), mask, grown)
    return grown


def _filled(part: StoredArray, padded: StoredArray) -> StoredArray:
    """Return ``part`` with the padding that an interpolation can see filled by the average of its seen neighbours."""
    seen = cv2.bitwise_not(padded)
    box = (2 * _REACH - 1, 2 * _REACH - 1)
    values = cv2.copyTo(part, seen).astype(np.float32)
    total = cv2.boxFilter(values, cv2.CV_32F, box, normalize=False, borderType=cv2.BORDER_CONSTANT)
    known = (seen > 0).astype(np.float32)
    count = cv2.boxFilter(known, cv2.CV_32F, box, normalize=False, borderType=cv2.BORDER_CONSTANT)
    rim = (padded > 0) & (count > 0.5)
    filled = part.copy()
    filled[rim] = np.rint(total[rim] / count[rim])
    return filled


def _keep_out(grown: StoredArray, padding: tuple[int, int], limits: tuple[int, int] | None) -> None:
    """Move what was interpolated into the range of padding out of it: a wave must not be taken for a hole."""
    hit = cv2.inRange(grown, *padding)
    if cv2.countNonZero(hit):
        info = np.iinfo(grown.dtype)
        low, high = limits or (int(info.min), int(info.max))
        grown[hit > 0] = padding[1] + 1 if padding[0] - low <= high - padding[1] else padding[0] - 1
