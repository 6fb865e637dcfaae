"""Regions between two slices of one lesion."""

from __future__ import annotations

import numpy as np

from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.arrays import DoubleArray

_POINTS = 72
"""Outlines that differ in kind are compared at so many points."""
_CORNERS = frozenset({RoiKind.RECTANGLE, RoiKind.ELLIPSE})


def between(first: Roi, last: Roi, share: float) -> Roi:
    """Return the region that lies ``share`` of the way from one region to another, 0 to 1.

    Boxes, ellipses, points and lines of one kind keep it: their points move evenly. Other outlines become polygons:
    both are walked from the point that lies straight above the middle, and met at even distances.
    """
    if first.kind is last.kind and len(first.points) == len(last.points) and first.kind is not RoiKind.FREEHAND:
        one, other = _ordered(first), _ordered(last)
        points = (1.0 - share) * one + share * other
        return Roi(first.kind, tuple((float(row), float(column)) for row, column in points))
    one, other = _even(first), _even(last)
    points = (1.0 - share) * one + share * other
    return Roi(RoiKind.POLYGON, tuple((float(row), float(column)) for row, column in points))


def _ordered(roi: Roi) -> DoubleArray:
    """Return the points so that those of two regions match: upper left corner first, polygons from their top."""
    points = np.array(roi.points)
    if roi.kind in _CORNERS:
        return np.stack([points.min(axis=0), points.max(axis=0)])
    return _from_the_top(points, roi.centre) if roi.kind is RoiKind.POLYGON else points


def _even(roi: Roi) -> DoubleArray:
    outline = _from_the_top(roi.outline(), roi.centre)
    closed = np.concatenate([outline, outline[:1]])
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    if way[-1] == 0.0:
        return np.repeat(closed[:1], _POINTS, axis=0)
    goals = np.linspace(0.0, way[-1], _POINTS, endpoint=False)
    return np.stack([np.interp(goals, way, closed[:, axis]) for axis in (0, 1)], axis=1)


def _from_the_top(points: DoubleArray, centre: tuple[float, float]) -> DoubleArray:
    """Return an outline that begins nearest to straight above its centre and runs to the right there."""
    offsets = points - np.array(centre)
    angle = np.abs(np.arctan2(offsets[:, 1], -offsets[:, 0]))
    turned = np.roll(points, -int(angle.argmin()), axis=0)
    row, column = (turned - turned[0]).T
    area = np.sum(row * np.roll(column, -1) - np.roll(row, -1) * column)
    return turned if area <= 0 else np.concatenate([turned[:1], turned[:0:-1]])
