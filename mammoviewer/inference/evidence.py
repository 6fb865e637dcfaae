"""The explanation of one patch as a picture of it: never smaller than can be seen, and highest where the map is.

The cells of a map are a few pixels large, and of a network that takes the largest of its features over a patch only a
few of them speak. At the zoom at which an image is read that is a speck of two or three pixels on screen. What is shown
is the map, each point of it at least as a Gaussian around its own place, as wide as the eye needs; of what overlaps the
highest counts. Points are not added up: their sum would be highest where several weak ones lie. Seen large enough, what
is shown is the map. The map itself, what is exported and what is measured stay.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from mammoviewer.base.arrays import BoolArray, FloatArray
from mammoviewer.inference.heatmap import Heatmap, interpolated

LEAST_BLOB_PX: Final = 10.0
"""The width at half height, in logical pixels of the screen, below which no evidence is drawn."""
LARGEST_SHARE: Final = 1 / 3
"""Of the shorter side of a patch, how much a widened blob may take, so that two sides of it can be told apart."""
_HALF_HEIGHT: Final = 2.0 * math.sqrt(2.0 * math.log(2.0))
_MOST_POINTS: Final = 128
"""A side of a patch is drawn with a point per stored pixel up to so many."""


def readable_evidence(overlay: Heatmap, screen_px: float) -> Heatmap:
    """Return the explanation of a patch as it is drawn, on finer cells over the patch; its highest value is 1.

    Parameters
    ----------
    overlay
        The map of a patch; its mask is the patch.
    screen_px
        Logical pixels of the screen per stored pixel.

    Returns
    -------
    A map whose places are those of ``overlay``, 0 throughout where that has no evidence.
    """
    box = _box(overlay.mask, overlay.shape)
    if box is None:
        return overlay
    sides = [last - first for first, last in box]
    width = min(LEAST_BLOB_PX / screen_px, LARGEST_SHARE * min(sides)) / _HALF_HEIGHT
    counts = [min(max(1, round(side)), _MOST_POINTS) for side in sides]
    steps = [side / count for side, count in zip(sides, counts, strict=True)]
    places = [
        np.asarray(low + (np.arange(count) + 0.5) * step, dtype=np.float64)
        for (low, _), count, step in zip(box, counts, steps, strict=True)
    ]
    rows, columns = (
        np.asarray((one - origin) / cell, dtype=np.float64)
        for one, origin, cell in zip(places, overlay.origin, overlay.step, strict=True)
    )
    seen = np.nan_to_num(interpolated(overlay.values, rows, columns))
    values = _widened(_widened(seen, width / steps[0]).T, width / steps[1]).T
    peak = float(values.max())
    return replace(
        overlay,
        values=np.ascontiguousarray(values / np.float32(peak if peak > 0 else 1.0)),
        origin=(float(places[0][0]), float(places[1][0])),
        step=(steps[0], steps[1]),
        scores=np.full(values.shape, np.nan, dtype=np.float32),
    )


def _widened(values: FloatArray, width: float) -> FloatArray:
    """Return at each point the largest value (rows, columns) in its column, less by a Gaussian for those away."""
    rows = np.arange(len(values), dtype=np.float32)
    near = np.exp(-0.5 * ((rows[:, np.newaxis] - rows) / np.float32(width)) ** 2)
    return np.stack([(one[:, np.newaxis] * values).max(axis=0) for one in near])


def _box(mask: BoolArray, shape: tuple[int, int]) -> list[tuple[float, float]] | None:
    """Return the stored edges (first, last) of the rows and columns that a mask covers; None of an empty one."""
    edges = []
    for axis in (0, 1):
        lit = np.flatnonzero(mask.any(axis=1 - axis))
        if lit.size == 0:
            return None
        pixels = shape[axis] / mask.shape[axis]
        edges.append((float(lit[0]) * pixels - 0.5, float(lit[-1] + 1) * pixels - 0.5))
    return edges
