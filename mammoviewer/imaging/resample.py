"""Cut a region out of an image at another size: averaged when shrinking, interpolated when enlarging.

Regions are given by their edges, as slices are: ``rows=(0, 5)`` is the first five rows in full. The centre of pixel
``i`` therefore lies at ``i + 0.5`` on this axis.

Shrinking must average: at 0.4 times, picking single pixels loses five of six one-pixel specks.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import FloatArray, StoredArray
from mammoviewer.base.errors import ArgumentError

Interpolation: TypeAlias = Literal["nearest", "linear", "cubic"]

_CV2_FLAGS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
_CV2_TYPES = (np.uint8, np.uint16, np.int16, np.float32)
# The reach of the cubic kernel, in pixels beyond the region.
_MARGIN = 3


def extract(
    image: StoredArray,
    rows: tuple[float, float],
    columns: tuple[float, float],
    size: tuple[int, int],
    *,
    interpolation: Interpolation = "linear",
) -> StoredArray:
    """Return a region of ``image`` at ``size``.

    An axis that shrinks is averaged exactly over the (fractional) box of each new pixel, unless ``interpolation`` is
    ``"nearest"``; an axis that grows is interpolated. What lies outside the image repeats its edge.

    Parameters
    ----------
    image
        Shape (rows, columns), any integer or floating dtype.
    rows, columns
        First and last edge of the region, in pixels; may be fractional. ``(0, image.shape[0])`` is everything.
    size
        Rows and columns of the result.

    Returns
    -------
    array
        Shape ``size``, dtype of ``image``, contiguous, never a view. Integers are rounded to nearest.

    Raises
    ------
    ArgumentError
        The image is not 2-D or empty, or the region or the size is empty or not finite.
    """
    _check(image, rows, columns, size)
    scales = ((rows[1] - rows[0]) / size[0], (columns[1] - columns[0]) / size[1])
    inside = rows[0] >= 0 and columns[0] >= 0 and rows[1] <= image.shape[0] and columns[1] <= image.shape[1]
    aligned = inside and rows[0] == int(rows[0]) and columns[0] == int(columns[0])
    if interpolation == "nearest":
        return _nearest(image, rows, columns, size)
    if aligned and scales == (1.0, 1.0):
        return image[int(rows[0]) : int(rows[1]), int(columns[0]) : int(columns[1])].copy()
    if image.dtype.type in _CV2_TYPES:
        if aligned and min(scales) >= 1.0:
            averaged = _area(image, rows, columns, size, scales)
            if averaged is not None:
                return averaged
        if max(scales) <= 1.0:
            return _enlarged(image, rows, columns, size, interpolation)
    return _weighted(image, rows, columns, size)


def halved(image: StoredArray, padding: tuple[int, int] | None = None) -> StoredArray:
    """Return ``image`` averaged over boxes of two by two pixels, padding kept apart as :func:`shrink` does.

    An odd number of rows or columns is rounded up: the last new pixel is then half as long, and made of what there is
    in the box. Boxes of whole pixels take a ninth of the time of fractional ones.

    Returns
    -------
    array
        Shape ((rows + 1) // 2, (columns + 1) // 2), dtype of ``image``.
    """
    rows, columns = image.shape
    if rows % 2 == columns % 2 == 0:
        return shrink(image, (rows // 2, columns // 2), padding)
    half = np.empty(((rows + 1) // 2, (columns + 1) // 2), image.dtype)
    for old_rows, new_rows in _halves(rows):
        for old_columns, new_columns in _halves(columns):
            part = half[new_rows, new_columns]
            part[:] = shrink(image[old_rows, old_columns], part.shape, padding)
    return half


def _halves(length: int) -> list[tuple[slice, slice]]:
    """Return the pixels of an axis in pairs and the odd one at the end, each with the new pixels made of them."""
    pairs = length // 2
    parts = [(slice(0, 2 * pairs), slice(0, pairs)), (slice(2 * pairs, length), slice(pairs, (length + 1) // 2))]
    return [part for part in parts if part[0].stop > part[0].start]


def shrink(
    image: StoredArray,
    size: tuple[int, int],
    padding: tuple[int, int] | None = None,
    *,
    covered: tuple[float, float] | None = None,
) -> StoredArray:
    """Return the whole of ``image`` averaged to ``size``, padding kept apart from what is seen.

    Parameters
    ----------
    image
        Shape (rows, columns), uint8, uint16 or int16.
    size
        Rows and columns of the result, no larger than those of ``image``.
    padding
        First and last value that stands for no pixel (PS3.3 C.7.5.1.1.2). A new pixel is padding, with the first of
        these values, where more than half of its box is; else it is the average of the rest. Without that the rim of
        the breast would be mixed with a value that has no grey.
    covered
        Rows and columns that are averaged, counted from the first, where the last one is not whole.
    """
    rows, columns = (float(length) for length in (image.shape if covered is None else covered))
    if padding is None:
        return extract(image, (0.0, rows), (0.0, columns), size)
    seen = cv2.bitwise_not(cv2.inRange(image, *padding))
    # 16 bits for the share, as 8 would be seen: at a half they are off by 4 in 1000.
    known = extract(np.multiply(seen, 257, dtype=np.uint16), (0.0, rows), (0.0, columns), size)
    averaged = extract(cv2.copyTo(image, seen), (0.0, rows), (0.0, columns), size)
    rim = np.nonzero((known > 0) & (known < 65535))
    share = known[rim].astype(np.float64) / 65535.0
    # What was rounded is divided again: no average lies outside of what is seen.
    lowest, highest, _, _ = cv2.minMaxLoc(image, seen)
    own = np.clip(np.rint(averaged[rim] / share), lowest, highest)
    averaged[rim] = np.where(share >= 0.4999, own, padding[0])
    if padding[0]:
        averaged[known == 0] = padding[0]
    return averaged


def rescale_to_spacing(image: StoredArray, spacing_mm: float | tuple[float, float], target_mm: float) -> FloatArray:
    """Return ``image`` with square pixels of ``target_mm``.

    Parameters
    ----------
    image
        Shape (rows, columns), any integer or floating dtype.
    spacing_mm
        Pixel size of ``image`` in mm: one number, or (between rows, between columns).

    Returns
    -------
    float32 array
        The scale is exact: new pixel ``i`` covers ``[i, i + 1) * target_mm / spacing_mm`` of the old ones, and the
        number of pixels is rounded. Values keep their unit.

    Raises
    ------
    ArgumentError
        A spacing is not a finite number above 0.
    """
    pair = spacing_mm if isinstance(spacing_mm, tuple) else (spacing_mm, spacing_mm)
    if not all(math.isfinite(value) and value > 0 for value in (*pair, target_mm)):
        raise ArgumentError("a pixel spacing must be a number above 0")
    steps = (target_mm / pair[0], target_mm / pair[1])
    size = (max(1, round(image.shape[0] / steps[0])), max(1, round(image.shape[1] / steps[1])))
    values = np.asarray(image, dtype=np.float32)
    return extract(values, (0.0, size[0] * steps[0]), (0.0, size[1] * steps[1]), size, interpolation="linear")


def _check(image: StoredArray, rows: tuple[float, float], columns: tuple[float, float], size: tuple[int, int]) -> None:
    if image.ndim != 2 or image.size == 0:
        raise ArgumentError("only a 2-D image that is not empty can be resampled")
    if not all(math.isfinite(edge) for edge in (*rows, *columns)) or rows[1] <= rows[0] or columns[1] <= columns[0]:
        raise ArgumentError("the region to cut out is empty or not finite")
    if min(size) < 1:
        raise ArgumentError("the size of a resampled region must be at least one pixel")


def _nearest(
    image: StoredArray, rows: tuple[float, float], columns: tuple[float, float], size: tuple[int, int]
) -> StoredArray:
    picked = image[_nearest_indices(rows, size[0], image.shape[0])]
    return np.ascontiguousarray(np.take(picked, _nearest_indices(columns, size[1], image.shape[1]), axis=1))


def _nearest_indices(edges: tuple[float, float], count: int, length: int) -> NDArray[np.intp]:
    centres = edges[0] + (np.arange(count) + 0.5) * ((edges[1] - edges[0]) / count)
    return np.asarray(np.clip(np.floor(centres), 0, length - 1), dtype=np.intp)


def _area(
    image: StoredArray,
    rows: tuple[float, float],
    columns: tuple[float, float],
    size: tuple[int, int],
    scales: tuple[float, float],
) -> StoredArray | None:
    """Average by OpenCV, which is exact for a region that starts on a pixel edge; ``None`` where it would not be."""
    crop = image[int(rows[0]) : math.ceil(rows[1]), int(columns[0]) : math.ceil(columns[1])]
    if rows[1] == int(rows[1]) and columns[1] == int(columns[1]):
        return np.asarray(cv2.resize(crop, size[::-1], interpolation=cv2.INTER_AREA))
    # With factors instead of a size OpenCV takes the scale from them and not from the crop.
    averaged = cv2.resize(crop, None, fx=1.0 / scales[1], fy=1.0 / scales[0], interpolation=cv2.INTER_AREA)
    return np.asarray(averaged) if averaged.shape == tuple(size) else None


def _enlarged(
    image: StoredArray,
    rows: tuple[float, float],
    columns: tuple[float, float],
    size: tuple[int, int],
    interpolation: Interpolation,
) -> StoredArray:
    top, bottom = _window(rows, image.shape[0])
    left, right = _window(columns, image.shape[1])
    crop = np.ascontiguousarray(image[top:bottom, left:right])
    steps = ((rows[1] - rows[0]) / size[0], (columns[1] - columns[0]) / size[1])
    if (*rows, *columns) == (top, bottom, left, right):
        return np.asarray(cv2.resize(crop, size[::-1], interpolation=_CV2_FLAGS[interpolation]))
    # From pixel centres of the result (x, y) to pixel centres of the crop.
    matrix = np.array(
        [
            [steps[1], 0.0, columns[0] - left + 0.5 * steps[1] - 0.5],
            [0.0, steps[0], rows[0] - top + 0.5 * steps[0] - 0.5],
        ]
    )
    flags = _CV2_FLAGS[interpolation] | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(crop, matrix, size[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _window(edges: tuple[float, float], length: int) -> tuple[int, int]:
    """Return the slice of the axis that interpolation can reach; at least one pixel."""
    first = min(max(math.floor(edges[0]) - _MARGIN, 0), length - 1)
    return first, max(min(math.ceil(edges[1]) + _MARGIN, length), first + 1)


def _weighted(
    image: StoredArray, rows: tuple[float, float], columns: tuple[float, float], size: tuple[int, int]
) -> StoredArray:
    """Apply one sparse matrix per axis: exact box averages, or linear interpolation on an axis that grows."""
    top, bottom = _window(rows, image.shape[0])
    left, right = _window(columns, image.shape[1])
    dtype: type[np.floating[Any]] = np.float64 if image.dtype.itemsize > 2 and image.dtype != np.float32 else np.float32
    crop = image[top:bottom, left:right].astype(dtype)
    down = _weights((rows[0] - top, rows[1] - top), size[0], bottom - top, dtype)
    across = _weights((columns[0] - left, columns[1] - left), size[1], right - left, dtype)
    result = np.ascontiguousarray((across @ np.ascontiguousarray((down @ crop).T)).T)
    if np.issubdtype(image.dtype, np.integer):
        np.rint(result, out=result)
    return result.astype(image.dtype, copy=False)


def _weights(edges: tuple[float, float], count: int, length: int, dtype: type[np.floating[Any]]) -> Any:
    """Return the (count, length) matrix that takes an axis of ``length`` pixels to ``count`` new ones."""
    from scipy import sparse

    step = (edges[1] - edges[0]) / count
    lower = edges[0] + np.arange(count) * step
    if step < 1.0:
        # A box of one pixel around the centre is linear interpolation.
        lower = lower + 0.5 * step - 0.5
    upper = lower + max(step, 1.0)
    first = np.floor(lower).astype(np.intp)
    reach = int((np.ceil(upper).astype(np.intp) - first).max())
    touched = first[:, None] + np.arange(reach)
    overlap = np.clip(np.minimum(touched + 1, upper[:, None]) - np.maximum(touched, lower[:, None]), 0.0, None)
    overlap /= overlap.sum(axis=1, keepdims=True)
    indices = np.clip(touched, 0, length - 1).ravel()
    return sparse.csr_array(
        (overlap.ravel().astype(dtype), indices, np.arange(count + 1) * reach), shape=(count, length)
    )
