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

    def bounding_box(self) -> tuple[float, float, float, float]:
        """Return (first row, first column, last row, last column) of the outline."""
        return self._box

    @cached_property
    def _box(self) -> tuple[float, float, float, float]:
        rows = [row for row, _ in self.points]
        columns = [column for _, column in self.points]
        return min(rows), min(columns), max(rows), max(columns)

    @property
    def centre(self) -> Point:
        """The centre of gravity (row, column); of a region without area, the middle of its bounding box."""
        if self.kind in (RoiKind.POLYGON, RoiKind.FREEHAND):
            centroid = _outline.centroid(self._vertices())
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
        return abs(_outline.signed_area(self._vertices()))

    def mask(self, shape: tuple[int, int]) -> BoolArray:
        """Return which pixels of an image of ``shape`` (rows, columns) belong to the region.

        A point gives the one pixel it falls into, a line none. What lies outside the image is left out.
        """
        mask = np.zeros(shape, dtype=np.bool_)
        if self.kind in LINES:
            return mask
        if self.kind in _SINGLE:
            row, column = _nearest_pixel(self.points[0])
            if 0 <= row < shape[0] and 0 <= column < shape[1]:
                mask[row, column] = True
            return mask
        top, left, bottom, right = self.bounding_box()
        rows = _pixels(top, bottom, shape[0])
        columns = _pixels(left, right, shape[1])
        if rows.size and columns.size:
            mask[np.ix_(rows, columns)] = self._window(rows.astype(np.float64), columns.astype(np.float64))
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
        if self.kind in (RoiKind.POLYGON, RoiKind.FREEHAND):
            return _outline.polygon_contains(self._vertices(), row, column)
        return bool(self._window(np.array([row]), np.array([column]))[0, 0])

    def outline(self, vertices: int = _ELLIPSE_VERTICES) -> DoubleArray:
        """Return the outline as (N, 2) rows and columns; an ellipse as ``vertices`` points on it.

        A rectangle gives its four corners, a point itself, a line its points there and back. The array is not to be
        changed: thousands of regions are painted from it again and again.
        """
        if vertices != _ELLIPSE_VERTICES:
            return self._outlined(vertices)
        return self._outline

    @cached_property
    def _outline(self) -> DoubleArray:
        made = self._outlined(_ELLIPSE_VERTICES)
        made.flags.writeable = False
        return made

    def _outlined(self, vertices: int) -> DoubleArray:
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
        return self._vertices()

    def moved(self, rows: float, columns: float) -> Roi:
        """Return the region moved by (rows, columns) pixels."""
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

    def _vertices(self) -> DoubleArray:
        return np.array(self.points, dtype=np.float64)

    def _window(self, rows: DoubleArray, columns: DoubleArray) -> BoolArray:
        """Return membership on the grid rows x columns, which lies inside the bounding box."""
        if self.kind is RoiKind.RECTANGLE:
            return np.ones((rows.size, columns.size), dtype=np.bool_)
        if self.kind in _BOXES:
            return _outline.inside_ellipse(self.bounding_box(), rows, columns)
        return _outline.inside_polygon(self._vertices(), rows, columns)


def _pixels(low: float, high: float, size: int) -> NDArray[np.intp]:
    """Return the pixels of an axis of ``size`` pixels whose centres lie in [low, high]."""
    return np.arange(max(0, math.ceil(low)), min(size - 1, math.floor(high)) + 1, dtype=np.intp)


def _nearest_pixel(point: Point) -> tuple[int, int]:
    """Return the pixel whose square holds the point; a border belongs to the pixel that begins there."""
    return math.floor(point[0] + 0.5), math.floor(point[1] + 0.5)
