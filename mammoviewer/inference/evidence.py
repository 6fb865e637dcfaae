"""The explanation of one patch as a picture of it: smooth, and never smaller than can be seen.

The cells of a map are a few pixels large, and of a network that takes the largest of its features over a patch only a
few of them speak. At the zoom at which an image is read that is a speck of two or three pixels on screen. What is shown
is each cell as a Gaussian around its own place, about as wide as the distance of the cells and, far out, as wide as the
eye needs; the sum is scaled so that its highest place is 1. The map itself, what is exported and what is measured stay.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from mammoviewer.base.arrays import BoolArray, DoubleArray
from mammoviewer.inference.heatmap import Heatmap

LEAST_BLOB_PX: Final = 12.0
"""The width at half height, in logical pixels of the screen, below which no evidence is drawn."""
LARGEST_SHARE: Final = 1 / 3
"""Of the shorter side of a patch, how much a widened blob may take, so that two sides of it can be told apart."""
OWN_WIDTH: Final = 0.75
"""The standard deviation of a cell's Gaussian where nothing is widened, in distances of the cells."""
_HALF_HEIGHT: Final = 2.0 * math.sqrt(2.0 * math.log(2.0))
_FINENESS: Final = 4.0
_REACH: Final = 4.0


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
    least = min(LEAST_BLOB_PX / screen_px, LARGEST_SHARE * min(sides)) / _HALF_HEIGHT
    widths = [max(OWN_WIDTH * step, least) for step in overlay.step]
    counts = [max(1, math.ceil(side * _FINENESS / width)) for side, width in zip(sides, widths, strict=True)]
    steps = [side / count for side, count in zip(sides, counts, strict=True)]
    firsts = [low + step / 2 for (low, _), step in zip(box, steps, strict=True)]
    spread = [
        _spread(first + np.arange(count) * step, origin, cell, cells, width)
        for first, count, step, origin, cell, cells, width in zip(
            firsts, counts, steps, overlay.origin, overlay.step, overlay.values.shape, widths, strict=True
        )
    ]
    values = (spread[0] @ np.nan_to_num(overlay.values).astype(np.float64) @ spread[1].T).astype(np.float32)
    peak = float(values.max())
    if peak > 0:
        values /= np.float32(peak)
    return replace(
        overlay,
        values=values,
        origin=(firsts[0], firsts[1]),
        step=(steps[0], steps[1]),
        scores=np.full(values.shape, np.nan, dtype=np.float32),
    )


def _spread(places: DoubleArray, origin: float, step: float, cells: int, width: float) -> DoubleArray:
    """Return how much each of ``cells`` counts at each of ``places``, float64 (places, cells).

    Beyond the outer cells a map goes on as they are: those speak for what is repeated of them there.
    """
    beyond = math.ceil(_REACH * width / step)
    centres = origin + np.arange(-beyond, cells + beyond) * step
    weights = np.exp(-0.5 * ((places[:, np.newaxis] - centres) / width) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    inner = weights[:, beyond : beyond + cells].copy()
    inner[:, 0] += weights[:, :beyond].sum(axis=1)
    inner[:, -1] += weights[:, beyond + cells :].sum(axis=1)
    return np.asarray(inner, dtype=np.float64)


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
