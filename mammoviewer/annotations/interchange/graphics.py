r"""The one mapping between regions and the graphics of reports and presentation states (SCOORD, GSPS PIXEL units).

Both count column\row from the outer corner of the first pixel, so that a pixel's centre lies at .5 (PS3.3 C.18.6.1.1,
C.10.5), and hold single-precision numbers: a place up to 4,096 is kept to 1/4,096 of a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammoviewer.annotations.roi import LINES, Point, Roi, RoiKind
from mammoviewer.base.arrays import DoubleArray
from mammoviewer.dicom import elements
from mammoviewer.dicom.companions.records import from_corner
from mammoviewer.dicom.elements import Dataset

_TOLERANCE = 1e-3
_ELLIPSES = frozenset({RoiKind.ELLIPSE, RoiKind.STATISTICS})


@dataclass(frozen=True, eq=False)
class Graphic:
    """A graphic: POINT, POLYLINE (closed when it ends where it begins) or ELLIPSE; ``data`` (N, 2) column, row."""

    kind: str
    data: DoubleArray


def graphic_of(roi: Roi) -> Graphic:
    """Return a region as a graphic."""
    if len(roi.points) == 1:
        return Graphic("POINT", _corner(roi.points))
    if roi.kind in LINES:
        return Graphic("POLYLINE", _corner(roi.points))
    top, left, bottom, right = roi.bounding_box()
    if roi.kind in _ELLIPSES and top < bottom and left < right:
        row, column = (top + bottom) / 2, (left + right) / 2
        across, down = ((row, left), (row, right)), ((top, column), (bottom, column))
        # The major axis comes first (PS3.3 C.18.6.1.2).
        return Graphic("ELLIPSE", _corner((*across, *down) if right - left >= bottom - top else (*down, *across)))
    outline = roi.outline()
    return Graphic("POLYLINE", _corner(tuple((float(row), float(column)) for row, column in (*outline, outline[0]))))


def _corner(points: tuple[Point, ...]) -> DoubleArray:
    return np.array(points, dtype=np.float64)[:, ::-1] + 0.5


def regions_of(item: Dataset) -> tuple[Roi, ...]:
    """Return the regions of a graphic item: several for MULTIPOINT, none where it is malformed or an open line."""
    values = [value for value in elements.numbers(item, "GraphicData") if value is not None]
    points = tuple(from_corner(column, row) for column, row in zip(values[::2], values[1::2], strict=False))
    kind = elements.text(item, "GraphicType").upper()
    if kind in ("POINT", "MULTIPOINT"):
        return tuple(Roi(RoiKind.POINT, (point,)) for point in points)
    if kind == "CIRCLE" and len(points) == 2:
        (row, column), edge = points
        radius = float(np.hypot(edge[0] - row, edge[1] - column))
        return (Roi(RoiKind.ELLIPSE, ((row - radius, column - radius), (row + radius, column + radius))),)
    if kind == "ELLIPSE" and len(points) == 4:
        return (_ellipse(points),)
    if kind in ("POLYLINE", "INTERPOLATED") and len(points) > 3 and _same(points[0], points[-1]):
        return (_closed(points[:-1]),)
    return ()


def line_of(item: Dataset) -> tuple[Point, ...]:
    """Return the points of an open line; empty for every other graphic."""
    values = [value for value in elements.numbers(item, "GraphicData") if value is not None]
    points = tuple(from_corner(column, row) for column, row in zip(values[::2], values[1::2], strict=False))
    is_line = elements.text(item, "GraphicType").upper() == "POLYLINE" and len(points) in (2, 3)
    return points if is_line else ()


def _ellipse(points: tuple[Point, ...]) -> Roi:
    """Return an upright ellipse as such, a turned one as a polygon."""
    rows, columns = np.array(points).T
    box = ((float(rows.min()), float(columns.min())), (float(rows.max()), float(columns.max())))
    first, second = np.diff(np.array(points).reshape(2, 2, 2), axis=1)[:, 0]
    if min(abs(first)) <= _TOLERANCE and min(abs(second)) <= _TOLERANCE:
        return Roi(RoiKind.ELLIPSE, box)
    angle = np.linspace(0.0, 2.0 * np.pi, 72, endpoint=False)[:, None]
    outline = np.mean(points, axis=0) + first / 2 * np.cos(angle) + second / 2 * np.sin(angle)
    return Roi(RoiKind.POLYGON, tuple((float(row), float(column)) for row, column in outline))


def _closed(points: tuple[Point, ...]) -> Roi:
    """Return a closed line as a polygon, or as the rectangle that it is."""
    rows, columns = ({round(value, 4) for value in axis} for axis in zip(*points, strict=True))
    steps = np.abs(np.diff(np.array((*points, points[0])), axis=0))
    if len(points) == 4 and len(rows) == len(columns) == 2 and (steps.min(axis=1) <= _TOLERANCE).all():
        return Roi(RoiKind.RECTANGLE, (points[0], points[2]))
    return Roi(RoiKind.POLYGON, points)


def _same(first: Point, last: Point) -> bool:
    return abs(first[0] - last[0]) < _TOLERANCE and abs(first[1] - last[1]) < _TOLERANCE
