"""Regions from masks: the outline of each connected part."""

from __future__ import annotations

from collections import Counter
from typing import Any

import cv2
import numpy as np

from mammoviewer.annotations.interchange.transfer import Losses
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.arrays import BoolArray, DoubleArray

_HOLES = "holes of masks, which are filled"


def mask_regions(mask: BoolArray) -> tuple[tuple[Roi, ...], Losses]:
    """Return a region for each connected part of a mask (rows, columns), and what of it they do not show.

    Parts that touch at a corner are one. A part of one pixel becomes a point, every other a polygon that runs half-way
    between pixels in and out, so that :meth:`Roi.mask` gives the part again; holes are filled and counted.
    """
    count, numbered, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    regions = []
    losses: Losses = Counter()
    for number in range(1, count):
        left, top, width, height, area = (int(value) for value in boxes[number])
        if area == 1:
            regions.append(Roi(RoiKind.POINT, ((float(top), float(left)),)))
            continue
        part = numbered[top : top + height, left : left + width] == number
        outer, holes = _curves(part)
        if holes:
            losses[_HOLES] += holes
        regions.append(Roi(RoiKind.POLYGON, tuple((float(r) + top, float(c) + left) for r, c in outer)))
    return tuple(regions), losses


def _curves(part: BoolArray) -> tuple[DoubleArray, int]:
    """Return the outer curve of a connected part, and how many holes it has."""
    from skimage import measure

    find: Any = measure.find_contours
    curves = [np.asarray(c) - 1.0 for c in find(np.pad(part, 1).astype(np.float64), 0.5, fully_connected="high")]
    outer = max(curves, key=lambda curve: float(np.prod(np.ptp(curve, axis=0))))
    return _without_straight_points(outer[:-1]), len(curves) - 1


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
