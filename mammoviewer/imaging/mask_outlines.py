"""The outlines of a mask in the coordinates of its pixels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mammoviewer.base.arrays import BoolArray, DoubleArray, FloatArray

_TOLERANCE_PX = 0.15
_FEWEST = 3


def mask_outlines(mask: FloatArray, level: float = 0.5) -> tuple[DoubleArray, ...]:
    """Return closed curves, float64 (N, 2) of (row, column), around all pixels of at least ``level``.

    Parameters
    ----------
    mask
        Values in 0 to 1, (rows, columns). Outside of it there is nothing.
    level
        Above 0 and below 1. The curves of a mask of 0 and 1 run along the edges of its pixels at 0.5, with the corners
        cut; they are simplified by at most a seventh of a pixel. Holes have curves of their own.
    """
    above: BoolArray = mask >= level
    rows, columns = np.flatnonzero(above.any(axis=1)), np.flatnonzero(above.any(axis=0))
    if rows.size == 0:
        return ()
    first = max(0, rows[0] - 1), max(0, columns[0] - 1)
    part = mask[first[0] : rows[-1] + 2, first[1] : columns[-1] + 2]
    from skimage import measure

    find: Any = measure.find_contours
    curves = find(np.pad(part, 1).astype(np.float64), level)
    offset = np.array(first, dtype=np.float64) - 1.0
    simple = (_simplified(np.asarray(curve)) for curve in curves)
    return tuple(curve + offset for curve in simple if len(curve) >= _FEWEST)


def _simplified(curve: DoubleArray) -> DoubleArray:
    """Return a closed curve without its repeated end and without points that change nothing one could see."""
    points = cv2.approxPolyDP(curve[:-1].astype(np.float32)[:, None], _TOLERANCE_PX, True)
    return np.asarray(points, dtype=np.float64).reshape(-1, 2)
