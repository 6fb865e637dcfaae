"""Maps over an image: model scores on the grid of the windows, in stored pixel coordinates.

Points are (row, column) of the stored image where an integer is the centre of a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, DoubleArray, FloatArray


@dataclass(frozen=True, eq=False)
class Heatmap:
    """A coarse map over one frame.

    Parameters
    ----------
    values
        float32 (grid rows, grid columns), NaN where nothing is known.
    origin, step
        Stored coordinates of the centre of cell (0, 0), and stored pixels from cell to cell.
    shape
        (rows, columns) of the stored image.
    image_uid, frame, model, class_name
        What was looked at, by which ``name.tag``, and whose class the values are.
    patch_px
        Size (rows, columns) of a window in stored pixels.
    mode
        "patches", "dense", "coarse", or "cam:" and the method.
    complete
        False while windows are still missing; such values are interpolated from coarser ones.
    scores
        float32 on the same grid: the score of the window centred at the cell as the model gave it, NaN where none ran.
    mask
        bool, any resolution, covers the image: the breast.
    share
        Of the windows that see breast, in [0, 1], how many ran; below 1 while it is not complete and by the mode
        "coarse".
    """

    values: FloatArray
    origin: tuple[float, float]
    step: tuple[float, float]
    shape: tuple[int, int]
    image_uid: str
    frame: int
    model: str
    class_name: str
    patch_px: tuple[float, float]
    mode: str
    complete: bool
    scores: FloatArray
    mask: BoolArray
    share: float = 1.0

    @property
    def maximum(self) -> float:
        """Return the largest value; NaN when there is none."""
        known = self.values[np.isfinite(self.values)]
        return float(known.max()) if known.size else float("nan")

    @property
    def coverage(self) -> float:
        """Return the share of the breast, in [0, 1], that has a value."""
        inside = self.mask.sum()
        covered = np.isfinite(self.resampled(self.mask.shape)).sum()
        return float(covered / inside) if inside else 0.0

    def windows(self) -> DoubleArray:
        """Return every window that ran as (row, column of its centre, score), shape (n, 3), row by row."""
        rows, columns = np.nonzero(np.isfinite(self.scores))
        places = self.cell_centres(rows, columns)
        return np.column_stack([places, self.scores[rows, columns].astype(np.float64)])

    def cell_centres(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> DoubleArray:
        """Return stored (row, column), shape (n, 2), of the centres of cells."""
        return np.column_stack([self.origin[0] + rows * self.step[0], self.origin[1] + columns * self.step[1]])

    def at(self, row: float, column: float) -> float:
        """Return the value at a stored point, as :meth:`resampled` has it; NaN outside the breast or the image."""
        if not (-0.5 <= row <= self.shape[0] - 0.5 and -0.5 <= column <= self.shape[1] - 0.5):
            return float("nan")
        inside = _nearest(self.mask, np.array([row]), np.array([column]), self.shape)
        value = interpolated(self.values, self._grid_rows(np.array([row])), self._grid_columns(np.array([column])))
        return float(value[0, 0]) if inside[0, 0] else float("nan")

    def resampled(self, shape: tuple[int, int] | None = None) -> FloatArray:
        """Return the map over the image as float32 of ``shape``, the stored one by default; NaN outside the breast.

        Linear between cell centres; known cells alone count where others are unknown.
        """
        size = shape if shape is not None else self.shape
        rows = (np.arange(size[0]) + 0.5) * self.shape[0] / size[0] - 0.5
        columns = (np.arange(size[1]) + 0.5) * self.shape[1] / size[1] - 0.5
        picture = interpolated(self.values, self._grid_rows(rows), self._grid_columns(columns))
        picture[~_nearest(self.mask, rows, columns, self.shape)] = np.nan
        return picture

    def _grid_rows(self, rows: DoubleArray) -> DoubleArray:
        return (rows - self.origin[0]) / self.step[0]

    def _grid_columns(self, columns: DoubleArray) -> DoubleArray:
        return (columns - self.origin[1]) / self.step[1]


def _nearest(mask: BoolArray, rows: DoubleArray, columns: DoubleArray, shape: tuple[int, int]) -> BoolArray:
    """Return the mask at the crossings of stored ``rows`` and ``columns``."""
    row_index = np.clip(((rows + 0.5) * mask.shape[0] / shape[0]).astype(np.intp), 0, mask.shape[0] - 1)
    column_index = np.clip(((columns + 0.5) * mask.shape[1] / shape[1]).astype(np.intp), 0, mask.shape[1] - 1)
    found: BoolArray = mask[row_index[:, np.newaxis], column_index[np.newaxis, :]]
    return found


def interpolated(grid: FloatArray, rows: DoubleArray, columns: DoubleArray) -> FloatArray:
    """Return the bilinear values at the crossings of grid coordinates; beyond the outer centres they stay constant."""
    known = np.isfinite(grid)
    filled = np.where(known, grid, np.float32(0.0))
    total = _separable(filled, rows, columns)
    if known.all():
        return total
    weight = _separable(known.astype(np.float32), rows, columns)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight > 1e-6, total / weight, np.float32(np.nan))


def _separable(grid: FloatArray, rows: DoubleArray, columns: DoubleArray) -> FloatArray:
    return _along_rows(_along_rows(grid, rows).T, columns).T


def _along_rows(grid: FloatArray, positions: DoubleArray) -> FloatArray:
    clipped = np.clip(positions, 0.0, grid.shape[0] - 1.0)
    low = np.floor(clipped).astype(np.intp)
    high = np.minimum(low + 1, grid.shape[0] - 1)
    fraction = (clipped - low).astype(np.float32)[:, np.newaxis]
    return np.asarray(grid[low] * (1.0 - fraction) + grid[high] * fraction, dtype=np.float32)
