"""Where the windows of a sliding classifier lie, which of them see breast, and in which order they are looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, DoubleArray, FloatArray
from mammoviewer.base.errors import ArgumentError

COARSE_FACTORS = (4, 2, 1)
# Wider, the mean blurs what is to be marked; narrower, it follows single windows (benchmarks/marks_per_image.py).
_SPREAD = 3 / 16


@dataclass(frozen=True)
class WindowGrid:
    """A regular grid of windows, in model pixels.

    ``origin`` is the first pixel of window (0, 0); it is negative when the windows overhang the image, by the same
    amount at both ends. Window (i, j) starts at ``origin + (i, j) * stride``.
    """

    patch: tuple[int, int]
    stride: int
    origin: tuple[int, int]
    counts: tuple[int, int]

    def padded_shape(self) -> tuple[int, int]:
        """Return (rows, columns) of the area that all windows together cover."""
        rows, columns = (
            (count - 1) * self.stride + patch for count, patch in zip(self.counts, self.patch, strict=True)
        )
        return rows, columns

    def padded(self, values: FloatArray) -> FloatArray:
        """Return an image (..., rows, columns) grown to :meth:`padded_shape` by mirroring it at its edges."""
        before = [(0, 0)] * (values.ndim - 2)
        return np.pad(values, [*before, *self._margins(values.shape[-2:])], mode="symmetric")

    def breast_fractions(self, mask: BoolArray) -> DoubleArray:
        """Return, per window, the share of breast among its pixels that lie in the image; shape ``counts``."""
        margins = self._margins(mask.shape)
        breast = self._window_sums(np.pad(mask, margins))
        image = self._window_sums(np.pad(np.ones_like(mask), margins))
        return breast / np.maximum(image, 1)

    def _margins(self, shape: tuple[int, ...]) -> list[tuple[int, int]]:
        return [
            (-origin, padded - size + origin)
            for origin, padded, size in zip(self.origin, self.padded_shape(), shape, strict=True)
        ]

    def _window_sums(self, padded: BoolArray) -> NDArray[np.int64]:
        sums = np.asarray(cv2.integral(padded.view(np.uint8)), dtype=np.int64)
        rows = np.arange(self.counts[0]) * self.stride
        columns = np.arange(self.counts[1]) * self.stride
        low, high = np.ix_(rows, columns), np.ix_(rows + self.patch[0], columns + self.patch[1])
        crossed = sums[np.ix_(rows, columns + self.patch[1])] + sums[np.ix_(rows + self.patch[0], columns)]
        total: NDArray[np.int64] = sums[high] - crossed + sums[low]
        return total


def window_grid(shape: tuple[int, ...], patch: tuple[int, int], stride: int) -> WindowGrid:
    """Return the grid whose windows cover an image of ``shape`` (rows, columns) from edge to edge.

    An image of exactly the size of a patch has exactly one window, the image itself. A stride longer than a patch
    leaves gaps between the windows; one longer than the image is shortened, so that windows stay at its edges.

    Raises
    ------
    ArgumentError
        The stride is not positive.
    """
    if stride < 1:
        raise ArgumentError("the stride must be at least 1 model pixel")
    if stride > min(patch):
        longest = max(size - side for size, side in zip(shape, patch, strict=True))
        stride = max(min(patch), min(stride, longest))
    counts = [max(0, math.ceil((size - side) / stride)) + 1 for size, side in zip(shape, patch, strict=True)]
    spare = [(n - 1) * stride + side - size for n, side, size in zip(counts, patch, shape, strict=True)]
    return WindowGrid(patch, stride, (-(spare[0] // 2), -(spare[1] // 2)), (counts[0], counts[1]))


def coarse_to_fine(wanted: BoolArray) -> list[NDArray[np.intp]]:
    """Return the windows to look at as one index array (n, 2) per level, each window once, row by row within a level.

    The first level takes every 4th window in each direction, so that a live heatmap spans the breast early.
    """
    levels = []
    open_windows = wanted.copy()
    for factor in COARSE_FACTORS:
        level = np.argwhere(open_windows[::factor, ::factor]) * factor
        open_windows[::factor, ::factor] = False
        levels.append(level)
    return levels


def blend(scores: FloatArray, grid: WindowGrid, reach: BoolArray, *, coarse_factor: int = 1) -> FloatArray:
    """Return the Gaussian-weighted mean sum(w p) / sum(w) of the window scores at every cell.

    The weight falls with the distance of cell and window centre, sigma three sixteenths of the patch, and ends at half
    a patch, where a window no longer covers the cell. Cells of ``reach`` that this leaves without a value, because
    their windows have not run yet, are filled from windows up to ``coarse_factor`` * 2 cells away.

    Parameters
    ----------
    scores
        float32 (grid rows, grid columns), NaN where no window ran.
    reach
        bool, same shape: the cells that get a value.
    """
    spread = (grid.patch[0] * _SPREAD / grid.stride, grid.patch[1] * _SPREAD / grid.stride)
    radius = (grid.patch[0] // 2 // grid.stride, grid.patch[1] // 2 // grid.stride)
    values = _weighted_mean(scores, spread, radius)
    if coarse_factor > 1:
        far = coarse_factor * 2
        wide = _weighted_mean(scores, (coarse_factor * 0.6, coarse_factor * 0.6), (far, far))
        values = np.where(np.isfinite(values), values, wide)
    return np.where(reach, values, np.float32(np.nan))


def covered_cells(wanted: BoolArray, grid: WindowGrid) -> BoolArray:
    """Return the cells whose centre lies in at least one of the ``wanted`` windows."""
    radius = (grid.patch[0] // 2 // grid.stride, grid.patch[1] // 2 // grid.stride)
    flags = np.where(wanted, np.float32(1.0), np.float32(np.nan))
    return np.isfinite(_weighted_mean(flags, (1e6, 1e6), radius))


def _weighted_mean(scores: FloatArray, spread: tuple[float, float], radius: tuple[int, int]) -> FloatArray:
    known = np.isfinite(scores)
    total = _convolved(np.where(known, scores, np.float32(0.0)).astype(np.float64), spread, radius)
    weight = _convolved(known.astype(np.float64), spread, radius)
    # The smallest weight of one window is far above this; below it stands rounding alone.
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight > 1e-18, total / weight, np.nan).astype(np.float32)


def _convolved(values: DoubleArray, spread: tuple[float, float], radius: tuple[int, int]) -> DoubleArray:
    result = values
    for axis in (0, 1):
        result = _convolved_along(result, axis, spread[axis], radius[axis])
    return result


def _convolved_along(values: DoubleArray, axis: int, spread: float, radius: int) -> DoubleArray:
    result = values.copy()
    size = values.shape[axis]
    for offset in range(1, min(radius, size - 1) + 1):
        weight = math.exp(-0.5 * (offset / spread) ** 2)
        near, far = [slice(None)] * 2, [slice(None)] * 2
        near[axis], far[axis] = slice(None, size - offset), slice(offset, None)
        result[tuple(near)] += weight * values[tuple(far)]
        result[tuple(far)] += weight * values[tuple(near)]
    return result
