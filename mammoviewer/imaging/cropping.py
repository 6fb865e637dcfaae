"""Where the picture is: the box of the breast by Otsu's threshold, and the box of what is not empty."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np

from mammoviewer.base.arrays import BoolArray, FloatArray

Box: TypeAlias = tuple[int, int, int, int]
_BINS = 256


def otsu_threshold(values: FloatArray) -> float:
    """Return the value that parts ``values`` (any shape) into two classes of the largest variance between them.

    Otsu, IEEE Trans. SMC 9 (1979), over a histogram of 256 bins from the smallest to the largest value; the centre of
    the last bin of the lower class. An image of one value gives that value.
    """
    low, high = float(values.min()), float(values.max())
    if not low < high:
        return low
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts, dtype=np.float64)
    above = np.cumsum(counts[::-1], dtype=np.float64)[::-1]
    mean_below = np.cumsum(counts * centres) / below
    mean_above = np.cumsum((counts * centres)[::-1])[::-1] / above
    between = below[:-1] * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return float(centres[int(np.argmax(between))])


def breast_box(grey: FloatArray, *, margin: int = 0) -> Box:
    """Return the box around the largest region above Otsu's threshold, grown by ``margin`` pixels within the image.

    Parameters
    ----------
    grey
        float32 (rows, columns), air dark.

    Returns
    -------
    tuple
        First row, first column, row after the last, column after the last; the whole image where it has one value.
    """
    bright = (grey > otsu_threshold(grey)).astype(np.uint8)
    count, _, statistics, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    if count < 2:
        return 0, 0, grey.shape[0], grey.shape[1]
    largest = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
    left, top, width, height = (int(value) for value in statistics[largest, :4])
    return (
        max(0, top - margin),
        max(0, left - margin),
        min(grey.shape[0], top + height + margin),
        min(grey.shape[1], left + width + margin),
    )


def filled_box(values: FloatArray, *, level: float = 0.0) -> Box:
    """Return the box without the outer rows and columns of ``values`` (rows, columns) in which all is <= ``level``.

    Empty rows between others stay, so that distances do. The whole image where all of it is empty.
    """
    filled = values > np.float32(level)
    rows, columns = _range(np.asarray(filled.any(axis=1))), _range(np.asarray(filled.any(axis=0)))
    return rows[0], columns[0], rows[1], columns[1]


def _range(filled: BoolArray) -> tuple[int, int]:
    places = np.flatnonzero(filled)
    return (int(places[0]), int(places[-1]) + 1) if places.size else (0, filled.size)
