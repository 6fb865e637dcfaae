"""Outlines that count from the corner of the first pixel (COCO, labelme) as regions, of the kind that they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mammoviewer.annotations.roi import Point, Roi, RoiKind

ELLIPSE_VERTICES = 64
_TOLERANCE = 1e-6
_FEWEST = 3


def region_of(points: Sequence[Point], kind: str = "") -> Roi | None:
    """Return the region of a closed outline given as (x, y); None for less than three points.

    ``kind`` is what the outline is said to be: it is believed where the outline is still that shape.
    """
    if len(points) < _FEWEST:
        return None
    vertices = tuple((float(y) - 0.5, float(x) - 0.5) for x, y in points)
    rows, columns = zip(*vertices, strict=True)
    box = ((min(rows), min(columns)), (max(rows), max(columns)))
    if kind == RoiKind.POINT and len(vertices) == 4 and _is(Roi(RoiKind.RECTANGLE, box), vertices):
        return Roi(RoiKind.POINT, (((box[0][0] + box[1][0]) / 2, (box[0][1] + box[1][1]) / 2),))
    if kind in (RoiKind.RECTANGLE, RoiKind.ELLIPSE):
        shape = Roi(RoiKind(kind), box)
        if _is(shape, vertices):
            return shape
    return Roi(RoiKind.FREEHAND if kind == RoiKind.FREEHAND else RoiKind.POLYGON, vertices)


def _is(shape: Roi, vertices: Sequence[Point]) -> bool:
    """Return whether every vertex lies on the outline of a shape, and as many of them as it has."""
    outline = shape.outline(ELLIPSE_VERTICES)
    if len(outline) != len(vertices):
        return False
    gaps = np.abs(outline[:, None, :] - np.array(vertices)[None, :, :]).max(axis=2)
    return bool(gaps.min(axis=0).max() <= _TOLERANCE and gaps.min(axis=1).max() <= _TOLERANCE)
