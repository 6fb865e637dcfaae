"""Regions that grow from a seed, and the brightest point near a click."""

from __future__ import annotations

import cv2
import numpy as np

from mammoviewer.base.arrays import BoolArray, ByteArray, FloatArray, StoredArray

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_EDGE_SHARE = 0.92
"""Gradients stronger than this share of those around the seed stop the growth."""


def prepared_surroundings(part: StoredArray, sigma_px: float) -> tuple[FloatArray, BoolArray]:
    """Return the part of an image smoothed, and where edges in it stop a region; both (rows, columns).

    Made once for each seed, so that the growth can follow the mouse.
    """
    smooth = cv2.GaussianBlur(part.astype(np.float32), (0, 0), max(sigma_px, 0.3))
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    steepness = cv2.magnitude(across, down)
    limit = float(np.quantile(steepness, _EDGE_SHARE))
    return np.asarray(smooth, np.float32), np.asarray(steepness > limit, np.bool_)


def grown(
    smooth: FloatArray, edges: BoolArray, seed: tuple[int, int], tolerance: float, *, edge_px: int = 4
) -> BoolArray:
    """Return the pixels joined to ``seed`` whose values differ from its own by ``tolerance`` or less, without holes.

    Parameters
    ----------
    smooth, edges
        As :func:`prepared_surroundings` makes them; edges stop the growth but where the seed itself lies on one.
    seed
        (row, column).
    tolerance
        In the unit of the values, not negative.
    edge_px
        How far the region reaches into the band of pixels that make up an edge.
    """
    value = float(smooth[seed])
    alike = (np.abs(smooth - value) <= tolerance).view(np.uint8)
    free = alike & ~edges.view(np.uint8)
    free[seed] = 1
    region = _joined_to(free, seed)
    # An edge is some pixels wide: what is alike on this side of its middle belongs to the region.
    within = alike | region
    for _ in range(edge_px):
        region = cv2.dilate(region, _CROSS) & within
    padded = np.pad(region, 3)
    closed = cv2.erode(cv2.dilate(padded, _CROSS, iterations=2), _CROSS, iterations=2, borderValue=(0.0,)) | padded
    outside = _joined_to(1 - closed, (0, 0))
    return np.asarray(outside[3:-3, 3:-3] == 0, np.bool_)


def _joined_to(free: ByteArray, seed: tuple[int, int]) -> ByteArray:
    """Return 1 where pixels that are not 0 are joined to ``seed`` by their sides, 0 elsewhere."""
    filled = free.copy()
    cv2.floodFill(filled, None, seed[::-1], (2.0,), flags=4)
    return np.asarray(filled == 2, np.uint8)


def brightest_near(
    image: StoredArray, point: tuple[float, float], reach: tuple[float, float], *, dark_is_bright: bool = False
) -> tuple[float, float]:
    """Return the middle of the brightest spot within an ellipse about a point, to a fraction of a pixel.

    Parameters
    ----------
    image
        Shape (rows, columns).
    point
        (row, column).
    reach
        Half axes of the ellipse in pixels, (rows, columns).
    dark_is_bright
        Whether low values are shown bright.
    """
    low = [max(0, int(np.floor(at - r))) for at, r in zip(point, reach, strict=True)]
    high = [min(size, int(np.ceil(at + r)) + 1) for at, r, size in zip(point, reach, image.shape, strict=True)]
    part = image[low[0] : high[0], low[1] : high[1]].astype(np.float64)
    if not part.size:
        return point
    part = -part if dark_is_bright else part
    rows, columns = np.mgrid[low[0] : high[0], low[1] : high[1]]
    near = ((rows - point[0]) / max(reach[0], 0.5)) ** 2 + ((columns - point[1]) / max(reach[1], 0.5)) ** 2 <= 1.0
    if not near.any():
        return point
    values = np.where(near, part, -np.inf)
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    window = np.s_[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
    spot = part[window]
    weight = spot - spot.min()
    if weight.sum() == 0:
        return float(rows[row, column]), float(columns[row, column])
    centre = (rows[window] * weight).sum() / weight.sum(), (columns[window] * weight).sum() / weight.sum()
    return float(centre[0]), float(centre[1])
