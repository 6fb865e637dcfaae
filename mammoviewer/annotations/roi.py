"""The geometry of a labelled region, apart from how it is drawn.

Points are (row, column) in stored pixel coordinates; an integer is a pixel's centre. A pixel belongs to a region when
its centre lies inside the outline or on it. Polygons that cross themselves follow the even-odd rule.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mammoviewer.annotations import _outline
from mammoviewer.base.arrays import BoolArray, DoubleArray
from mammoviewer.base.errors import AnnotationError

Point: TypeAlias = tuple[float, float]

_LARGEST_COORDINATE = 1e6
_ELLIPSE_VERTICES = 64
_LARGEST_POINT_COUNT = 100_000


class RoiKind(enum.StrEnum):
    """The shapes a reader can draw."""

    RECTANGLE = "rectangle"
    ELLIPSE = "ellipse"
    POLYGON = "polygon"
    FREEHAND = "freehand"
    POINT = "point"
    DISTANCE = "distance"
    ANGLE = "angle"
    PROFILE = "profile"
    STATISTICS = "statistics"
    ARROW = "arrow"
    TEXT = "text"


MEASURES = frozenset(
    {RoiKind.DISTANCE, RoiKind.ANGLE, RoiKind.PROFILE, RoiKind.STATISTICS, RoiKind.ARROW, RoiKind.TEXT}
)
"""What measures or points at something and is no finding: nothing is learned from it, no label is exported."""
LINES = frozenset({RoiKind.DISTANCE, RoiKind.ANGLE, RoiKind.PROFILE, RoiKind.ARROW})
OUTLINES = frozenset({RoiKind.POLYGON, RoiKind.FREEHAND})
_BOXES = frozenset({RoiKind.ELLIPSE, RoiKind.STATISTICS})
_SINGLE = frozenset({RoiKind.POINT, RoiKind.TEXT})


_POINT_COUNTS: dict[RoiKind, tuple[int, int]] = {
    RoiKind.RECTANGLE: (2, 2),
    RoiKind.ELLIPSE: (2, 2),
    RoiKind.POLYGON: (3, _LARGEST_POINT_COUNT),
    RoiKind.FREEHAND: (3, _LARGEST_POINT_COUNT),
    RoiKind.POINT: (1, 1),
    RoiKind.DISTANCE: (2, 2),
    RoiKind.ANGLE: (3, 3),
    RoiKind.PROFILE: (2, 2),
    RoiKind.STATISTICS: (2, 2),
    RoiKind.ARROW: (2, 2),
    RoiKind.TEXT: (1, 1),
}


@dataclass(frozen=True)
class Roi:
    """A region of one frame.

    Parameters
    ----------
    kind
        Its shape.
    points
        (row, column) pairs: two opposite corners of the bounding box for rectangle and ellipse, the outline for
        polygon and freehand (closed by itself), one for a point and a text; the ends of a distance, a profile and an
        arrow (its tip first), the vertex of an angle in the middle, the box of the ellipse of statistics.

    Raises
    ------
    AnnotationError
        If the number of points does not fit the kind or a coordinate is not a number of sensible size.
    """

    kind: RoiKind
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        try:
            kind = RoiKind(self.kind)
            points = tuple((float(row), float(column)) for row, column in self.points)
        except (TypeError, ValueError) as error:
            raise AnnotationError(f"not a region: {error}") from error
        fewest, most = _POINT_COUNTS[kind]
        if not fewest <= len(points) <= most:
            wanted = str(fewest) if fewest == most else f"at least {fewest}"
            raise AnnotationError(f"a {kind} needs {wanted} point(s), not {len(points)}")
        if not all(abs(value) <= _LARGEST_COORDINATE for point in points for value in point):
            raise AnnotationError("a coordinate of the region is not a number within +-1,000,000")
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "points", points)

    @classmethod
    def of_outline(cls, kind: RoiKind, vertices: DoubleArray) -> Roi:
        """Return the polygon or freehand region of an outline (N, 2); quick, however long it is.

        Raises
        ------
        AnnotationError
            As for :class:`Roi`.
        """
        fewest, most = _POINT_COUNTS[kind]
        # A NaN is below nothing.
        sensible = bool(np.all(np.abs(vertices) <= _LARGEST_COORDINATE))
        if kind not in OUTLINES or not fewest <= len(vertices) <= most or not sensible:
            return cls(kind, tuple(map(tuple, vertices.tolist())))
        made = object.__new__(cls)
        outline = np.array(vertices, dtype=np.float64)
        outline.flags.writeable = False
        known = {"kind": kind, "points": tuple(map(tuple, outline.tolist())), "_outline": outline}
        made.__dict__.update(known)
        return made

    def bounding_box(self) -> tuple[float, float, float, float]:
        """Return (first row, first column, last row, last column) of the outline."""
        return self._box

    @cached_property
    def _box(self) -> tuple[float, float, float, float]:
        if self.kind in OUTLINES:
            (top, left), (bottom, right) = self._outline.min(axis=0).tolist(), self._outline.max(axis=0).tolist()
            return top, left, bottom, right
        rows = [row for row, _ in self.points]
        columns = [column for _, column in self.points]
        return min(rows), min(columns), max(rows), max(columns)

    @property
    def centre(self) -> Point:
        """The centre of gravity (row, column); of a region without area, the middle of its bounding box."""
        if self.kind in OUTLINES:
            centroid = _outline.centroid(self._outline)
            if centroid is not None:
                return centroid
        top, left, bottom, right = self.bounding_box()
        return (top + bottom) / 2, (left + right) / 2

    @property
    def area_px(self) -> float:
        """The area inside the outline in square pixels (exact geometry, not a count of pixels); 0 for points, lines."""
        top, left, bottom, right = self.bounding_box()
        if self.kind is RoiKind.RECTANGLE:
            return (bottom - top) * (right - left)
        if self.kind in _BOXES:
            return math.pi / 4 * (bottom - top) * (right - left)
        if self.kind in _SINGLE or self.kind in LINES:
            return 0.0
        return abs(_outline.signed_area(self._outline))

    def mask(self, shape: tuple[int, int], origin: tuple[int, int] = (0, 0)) -> BoolArray:
        """Return which pixels of an image, or of a part of it, belong to the region.

        A point gives the one pixel it falls into, a line none. What lies outside is left out.

        Parameters
        ----------
        shape
            Rows and columns of the part.
        origin
            Row and column of its first pixel.
        """
        mask = np.zeros(shape, dtype=np.bool_)
        if self.kind in LINES:
            return mask
        if self.kind in _SINGLE:
            row, column = (at - first for at, first in zip(_nearest_pixel(self.points[0]), origin, strict=True))
            if 0 <= row < shape[0] and 0 <= column < shape[1]:
                mask[row, column] = True
            return mask
        top, left, bottom, right = self.bounding_box()
        rows = _pixels(top, bottom, origin[0], shape[0])
        columns = _pixels(left, right, origin[1], shape[1])
        if rows.size and columns.size:
            (row, column), (height, width) = (rows[0] - origin[0], columns[0] - origin[1]), (rows.size, columns.size)
            within = self._window(rows.astype(np.float64), columns.astype(np.float64))
            mask[row : row + height, column : column + width] = within
        return mask

    def contains(self, row: float, column: float) -> bool:
        """Return whether the place (row, column) lies inside or on the outline; for a point, in its pixel."""
        if self.kind in LINES:
            return False
        if self.kind in _SINGLE:
            return _nearest_pixel((row, column)) == _nearest_pixel(self.points[0])
        top, left, bottom, right = self.bounding_box()
        if not (top <= row <= bottom and left <= column <= right):
            return False
        if self.kind in OUTLINES:
            return _outline.polygon_contains(self._outline, row, column)
        return bool(self._window(np.array([row]), np.array([column]))[0, 0])

    def outline(self, vertices: int = _ELLIPSE_VERTICES) -> DoubleArray:
        """Return the outline as (N, 2) rows and columns; an ellipse as ``vertices`` points on it.

        A rectangle gives its four corners, a point itself, a line its points there and back. The array is not to be
        changed: thousands of regions are painted from it again and again.
        """
        if vertices != _ELLIPSE_VERTICES and self.kind in _BOXES:
            return self._outlined(vertices)
        return self._outline

    @cached_property
    def loops(self) -> tuple[DoubleArray, ...]:
        """The outlines (N, 2) of a painted region's parts and holes, without the bridges between them.

        For who paints lines: a bridge encloses nothing, but it would be seen. Any other region has its one outline.
        """
        outline = self.outline()
        return tuple(_outline.separate_loops(outline)) if self.kind is RoiKind.FREEHAND else (outline,)

    @cached_property
    def _outline(self) -> DoubleArray:
        made = self._outlined(_ELLIPSE_VERTICES)
        made.flags.writeable = False
        return made

    def _outlined(self, vertices: int) -> DoubleArray:
        if self.kind in OUTLINES:
            return np.array(self.points, dtype=np.float64)
        top, left, bottom, right = self.bounding_box()
        if self.kind is RoiKind.RECTANGLE:
            return np.array([(top, left), (top, right), (bottom, right), (bottom, left)], dtype=np.float64)
        if self.kind in _BOXES:
            angle = np.linspace(0.0, 2.0 * np.pi, vertices, endpoint=False)
            rows = (top + bottom) / 2 + (bottom - top) / 2 * np.sin(angle)
            columns = (left + right) / 2 + (right - left) / 2 * np.cos(angle)
            return np.stack([rows, columns], axis=1)
        if self.kind in LINES:
            return np.array([*self.points, *self.points[-2:0:-1]], dtype=np.float64)
        return np.array(self.points, dtype=np.float64)

    def moved(self, rows: float, columns: float) -> Roi:
        """Return the region moved by (rows, columns) pixels."""
        if self.kind in OUTLINES:
            return Roi.of_outline(self.kind, self._outline + np.array((rows, columns)))
        return replace(self, points=tuple((row + rows, column + columns) for row, column in self.points))

    def with_point(self, index: int, point: Point) -> Roi:
        """Return the region with point ``index`` put at (row, column).

        Raises
        ------
        AnnotationError
            If there is no such point.
        """
        if not 0 <= index < len(self.points):
            raise AnnotationError(f"the region has no point {index}")
        return replace(self, points=(*self.points[:index], point, *self.points[index + 1 :]))

    def _window(self, rows: DoubleArray, columns: DoubleArray) -> BoolArray:
        """Return membership on the grid rows x columns, which lies inside the bounding box."""
        if self.kind is RoiKind.RECTANGLE:
            return np.ones((rows.size, columns.size), dtype=np.bool_)
        if self.kind in _BOXES:
            return _outline.inside_ellipse(self.bounding_box(), rows, columns)
        return _outline.inside_polygon(self._outline, rows, columns)


def _pixels(low: float, high: float, first: int, size: int) -> NDArray[np.intp]:
    """Return the pixels of an axis of ``size`` pixels from ``first`` on whose centres lie in [low, high]."""
    return np.arange(max(first, math.ceil(low)), min(first + size - 1, math.floor(high)) + 1, dtype=np.intp)


def _nearest_pixel(point: Point) -> tuple[int, int]:
    """Return the pixel whose square holds the point; a border belongs to the pixel that begins there."""
    return math.floor(point[0] + 0.5), math.floor(point[1] + 0.5)
