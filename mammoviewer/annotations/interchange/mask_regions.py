"""Regions from masks: the outline of each connected part, or of all of it."""

from __future__ import annotations

import cv2
import numpy as np

from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.arrays import BoolArray, DoubleArray


def mask_regions(mask: BoolArray, *, whole: bool = False) -> tuple[Roi, ...]:
    """Return a region for each connected part of a mask (rows, columns), so that :meth:`Roi.mask` gives it again.

    Parts that touch at a corner are one. A part of one pixel becomes a point, a part without holes a polygon that runs
    half-way between pixels in and out, and one with holes a freehand outline with bridges to them. With ``whole`` all
    parts are one region.
    """
    from mammoviewer.annotations.mask_outline import region_of_mask

    count, numbered, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if whole and count > 2:
        joined = region_of_mask(mask)
        return () if joined is None else (joined,)
    regions = []
    for number in range(1, count):
        left, top, width, height, area = (int(value) for value in boxes[number])
        if area == 1:
            regions.append(Roi(RoiKind.POINT, ((float(top), float(left)),)))
        else:
            part = numbered[top : top + height, left : left + width] == number
            regions.append(_region(part, (top, left)))
    return tuple(regions)


def _region(part: BoolArray, origin: tuple[int, int]) -> Roi:
    from skimage import measure

    from mammoviewer.annotations.mask_outline import region_of_mask

    curves = measure.find_contours(np.pad(part, 1).astype(np.float64), 0.5, fully_connected="high")
    with_holes = region_of_mask(part, origin) if len(curves) > 1 else None
    if with_holes is not None:
        return with_holes
    outline = _without_straight_points(np.asarray(curves[0][:-1]) - 1.0)
    return Roi(RoiKind.POLYGON, tuple((float(row) + origin[0], float(column) + origin[1]) for row, column in outline))


def _without_straight_points(curve: DoubleArray) -> DoubleArray:
    """Return a closed curve without the points on the straight between their neighbours."""
    before, after = curve - np.roll(curve, 1, axis=0), np.roll(curve, -1, axis=0) - curve
    bends = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) > 1e-9
    kept: DoubleArray = curve[bends]
    return kept


def scaled(roi: Roi, mask_shape: tuple[int, int], shape: tuple[int, int]) -> Roi:
    """Return a region of a mask in the pixels of an image of another size that the mask covers whole."""
    if mask_shape == shape:
        return roi
    rows, columns = shape[0] / mask_shape[0], shape[1] / mask_shape[1]
    points = tuple(((row + 0.5) * rows - 0.5, (column + 0.5) * columns - 0.5) for row, column in roi.points)
    return Roi(roi.kind, points)
