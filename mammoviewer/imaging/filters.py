"""Filters on float images in [0, 1]: local contrast, unsharp mask, median.

All are deterministic, keep to [0, 1], and leave the interpreter free for other threads while they work.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.base.errors import ArgumentError

_BINS: Final = 256
_LEVELS: Final = 4096
_LEAST_TILE: Final = 4
_DIRECT_RADIUS: Final = 6.0
_STRIP_ROWS: Final = 16


def clahe(image: FloatArray, tiles: int = 8, clip: float = 0.02) -> FloatArray:
    """Equalise the histogram locally, with limited contrast (Zuiderveld, Graphics Gems IV, 1994).

    Parameters
    ----------
    image
        float32 in [0, 1], shape (rows, columns).
    tiles
        Tiles along each axis; fewer in an image too small for tiles of 4 pixels.
    clip
        Highest share of a tile's pixels that may count in one of 256 bins, as in scikit-image; 1 does not limit.

    Returns
    -------
    float32 array in [0, 1]
        Not quantised to the bins: the mapping is linear within each. A constant image stays as it is.
    """
    values = _unit(image)
    if values.size == 0 or float(values.max()) == float(values.min()):
        return values
    indices = np.rint(values * np.float32(_LEVELS - 1)).astype(np.uint16)
    rows, columns = (_edges(length, tiles) for length in values.shape)
    tables = np.stack([[_table(indices[r0:r1, c0:c1], clip) for c0, c1 in columns] for r0, r1 in rows])
    result = np.empty_like(values)
    for top, bottom, upper, lower in _bands(rows, values.shape[0]):
        for left, right, before, after in _bands(columns, values.shape[1]):
            block = indices[top:bottom, left:right]
            down, across = (
                _weights(rows, upper, lower, top, bottom)[:, None],
                _weights(columns, before, after, left, right),
            )
            first = _mix(tables[upper, before][block], tables[upper, after][block], across)
            second = (
                first if upper == lower else _mix(tables[lower, before][block], tables[lower, after][block], across)
            )
            result[top:bottom, left:right] = _mix(first, second, down)
    return result


def unsharp(image: FloatArray, radius_px: float, amount: float) -> FloatArray:
    """Add ``amount`` times what a Gaussian of standard deviation ``radius_px`` (pixels) takes away.

    ``image`` is float32 in [0, 1], shape (rows, columns); so is the result.
    """
    values = _unit(image)
    if values.size == 0 or radius_px <= 0 or amount == 0:
        return values
    detail = values - _blurred(values, float(radius_px))
    return np.clip(values + np.float32(amount) * detail, 0.0, 1.0)


def median(image: FloatArray, size: int) -> FloatArray:
    """Return the median over squares of ``size`` (odd) pixels; ``image`` float32 in [0, 1], the edge repeated.

    Raises
    ------
    ArgumentError
        ``size`` is even or below 1.
    """
    if size < 1 or size % 2 == 0:
        raise ArgumentError("the size of a median filter is an odd number of pixels")
    values = _unit(image)
    if size == 1 or values.size == 0:
        return values
    if size <= 5:
        return np.asarray(cv2.medianBlur(values, size), dtype=np.float32)
    return _wide_median(values, size)


def _wide_median(values: FloatArray, size: int) -> FloatArray:
    """Take the median strip by strip: SciPy keeps the interpreter to itself during a call."""
    margin = size // 2
    framed = np.pad(values, ((margin, margin), (0, 0)), mode="edge")
    result = np.empty_like(values)
    for first in range(0, len(values), _STRIP_ROWS):
        last = min(first + _STRIP_ROWS, len(values))
        from scipy import ndimage

        strip = ndimage.median_filter(framed[first : last + 2 * margin], size=size, mode="nearest")
        result[first:last] = strip[margin : margin + last - first]
    return result


def _unit(image: FloatArray) -> FloatArray:
    """Return a float32 copy within [0, 1]; not-a-number counts as 0."""
    values = np.array(image, dtype=np.float32, order="C")
    np.nan_to_num(values, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
    return np.clip(values, 0.0, 1.0, out=values)


def _blurred(values: FloatArray, radius: float) -> FloatArray:
    """Blur; a wide Gaussian on a smaller copy, where it costs little and differs by about a grey level in 255."""
    shrink = int(radius / _DIRECT_RADIUS) + 1
    if shrink == 1 or min(values.shape) < 4 * shrink:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), radius, borderType=cv2.BORDER_REFLECT), dtype=np.float32)
    rows, columns = values.shape
    small = cv2.resize(values, (-(-columns // shrink), -(-rows // shrink)), interpolation=cv2.INTER_AREA)
    # Shrinking blurs by a box of one small pixel (variance 1/12), enlarging by a triangle (variance 1/6).
    soft = cv2.GaussianBlur(small, (0, 0), math.sqrt((radius / shrink) ** 2 - 0.25), borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(soft, (columns, rows), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _edges(length: int, tiles: int) -> list[tuple[int, int]]:
    count = max(1, min(int(tiles), length // _LEAST_TILE))
    bounds = np.linspace(0, length, count + 1).round().astype(int)
    return [(int(first), int(last)) for first, last in zip(bounds[:-1], bounds[1:], strict=True)]


def _table(tile: np.ndarray[tuple[int, ...], np.dtype[np.uint16]], clip: float) -> FloatArray:
    """Return the new value of each of the levels: the clipped cumulative histogram of one tile."""
    levels = np.bincount(tile.ravel(), minlength=_LEVELS)
    counts = levels.reshape(_BINS, -1).sum(axis=1).astype(np.float64)
    limit = max(clip * tile.size, 1.0)
    cumulative = np.concatenate([[0.0], np.cumsum(_clipped(counts, limit))]) / tile.size
    # Level i is the value i / (levels - 1); the bins part [0, 1] evenly.
    places = np.linspace(0.0, _BINS, _LEVELS)
    return np.interp(places, np.arange(_BINS + 1), cumulative).astype(np.float32)


def _clipped(counts: DoubleArray, limit: float) -> DoubleArray:
    """Cut the counts at ``limit`` and deal out the excess to the bins that have room, sum unchanged."""
    if limit * counts.size <= counts.sum():
        return np.full_like(counts, counts.sum() / counts.size)
    clipped = np.minimum(counts, limit)
    excess = float(counts.sum() - clipped.sum())
    for _ in range(_BINS):
        room = clipped < limit
        if excess < 1e-9 or not room.any():
            break
        raised = np.minimum(clipped + room * (excess / room.sum()), limit)
        excess -= float(raised.sum() - clipped.sum())
        clipped = raised
    return clipped


def _bands(tiles: list[tuple[int, int]], length: int) -> list[tuple[int, int, int, int]]:
    """Return (first, last, tile before, tile after): the stretches between neighbouring tile centres."""
    centres = [(first + last) // 2 for first, last in tiles]
    bounds = [0, *centres, length]
    final = len(tiles) - 1
    return [
        (bounds[i], bounds[i + 1], max(i - 1, 0), min(i, final))
        for i in range(len(bounds) - 1)
        if bounds[i + 1] > bounds[i]
    ]


def _weights(tiles: list[tuple[int, int]], before: int, after: int, first: int, last: int) -> FloatArray:
    """Return the share of the tile ``after`` at each pixel centre of [first, last)."""
    start = (tiles[before][0] + tiles[before][1]) / 2
    end = (tiles[after][0] + tiles[after][1]) / 2
    if before == after:
        return np.zeros(last - first, np.float32)
    return np.asarray(np.clip((np.arange(first, last) + 0.5 - start) / (end - start), 0.0, 1.0), dtype=np.float32)


def _mix(first: FloatArray, second: FloatArray, share: FloatArray) -> FloatArray:
    if first is second:
        return first
    return np.asarray(first + share * (second - first))
