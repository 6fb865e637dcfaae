"""The one mapping between stored pixels and the picture as it is hung, for images and for marks alike.

Points are (row, column) in float64 of shape (N, 2) where an integer is the centre of a pixel.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray, StoredArray


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to lay an image: first an optional transpose, then flips of the axes of the result.

    ``flip_rows`` turns the picture upside down, ``flip_columns`` mirrors it left to right.
    """

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    def apply(self, image: StoredArray) -> StoredArray:
        """Return a view of ``image`` (rows, columns) or (frames, rows, columns) as it is displayed; nothing is copied.

        A colour picture (rows, columns, 3) is not meant: turn it before it is coloured.
        """
        shown = np.swapaxes(image, -1, -2) if self.transpose else image
        rows = slice(None, None, -1) if self.flip_rows else slice(None)
        columns = slice(None, None, -1) if self.flip_columns else slice(None)
        return shown[..., rows, columns]

    def display_shape(self, stored_shape: tuple[int, int]) -> tuple[int, int]:
        """Return (rows, columns) of the displayed picture."""
        rows, columns = stored_shape
        return (columns, rows) if self.transpose else (rows, columns)

    def matrix(self, stored_shape: tuple[int, int]) -> DoubleArray:
        """Return the 3x3 affine that takes (row, column, 1) of a stored point to its displayed place; read-only."""
        return _matrix(self, stored_shape)

    def to_display(self, points: NDArray[Any], stored_shape: tuple[int, int]) -> DoubleArray:
        """Return where stored ``points`` (N, 2) lie in the displayed picture."""
        return _transformed(points, self.matrix(stored_shape))

    def to_stored(self, points: NDArray[Any], stored_shape: tuple[int, int]) -> DoubleArray:
        """Return the stored places of displayed ``points`` (N, 2)."""
        return self.inverse().to_display(points, self.display_shape(stored_shape))

    def place_displayed(self, place: tuple[float, float], stored_shape: tuple[int, int]) -> tuple[float, float]:
        """Return where one stored (row, column) lies in the displayed picture; much faster than :meth:`to_display`."""
        rows, columns = self.display_shape(stored_shape)
        row, column = place[::-1] if self.transpose else place
        return rows - 1.0 - row if self.flip_rows else row, columns - 1.0 - column if self.flip_columns else column

    def place_stored(self, place: tuple[float, float], stored_shape: tuple[int, int]) -> tuple[float, float]:
        """Return the stored (row, column) of one displayed place; much faster than :meth:`to_stored`."""
        return self.inverse().place_displayed(place, self.display_shape(stored_shape))

    def flipped_horizontally(self) -> Orientation:
        """Return the orientation that shows the present picture mirrored left to right."""
        return replace(self, flip_columns=not self.flip_columns)

    def flipped_vertically(self) -> Orientation:
        """Return the orientation that shows the present picture upside down."""
        return replace(self, flip_rows=not self.flip_rows)

    def rotated(self, quarter_turns: int) -> Orientation:
        """Return the orientation that shows the present picture turned clockwise by ``quarter_turns`` x 90 degrees."""
        turned = self
        for _ in range(quarter_turns % 4):
            # A clockwise turn is a transpose followed by a left-right mirror; the transpose swaps the earlier flips.
            turned = Orientation(not turned.transpose, turned.flip_columns, not turned.flip_rows)
        return turned

    @property
    def mirrors(self) -> bool:
        """Return whether the picture is a mirror image of the stored one, and not just turned."""
        return self.transpose ^ self.flip_rows ^ self.flip_columns

    def inverse(self) -> Orientation:
        """Return the orientation that brings the displayed picture back to the stored one."""
        if self.transpose:
            return Orientation(True, self.flip_columns, self.flip_rows)
        return self


@functools.lru_cache(maxsize=64)
def _matrix(orientation: Orientation, stored_shape: tuple[int, int]) -> DoubleArray:
    rows, columns = orientation.display_shape(stored_shape)
    linear = np.array([[0.0, 1.0], [1.0, 0.0]]) if orientation.transpose else np.eye(2)
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    for axis, flipped, size in ((0, orientation.flip_rows, rows), (1, orientation.flip_columns, columns)):
        if flipped:
            matrix[axis, :2] *= -1.0
            matrix[axis, 2] = size - 1.0
    matrix.setflags(write=False)
    return matrix


def _transformed(points: NDArray[Any], matrix: DoubleArray) -> DoubleArray:
    flat = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    return np.asarray(flat @ matrix[:2, :2].T + matrix[:2, 2])
