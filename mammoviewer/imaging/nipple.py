"""Where the nipple is, roughly, from the outline of the breast."""

from __future__ import annotations

import cv2
import numpy as np

from mammoviewer.base.arrays import BoolArray, FloatArray

_SMOOTHED = 0.02
"""Of the rows: the outline is smoothed over so much before its outermost point is taken."""
_PLATEAU = 0.995
"""Rows that reach so far of the greatest depth count as the tip: a flattened nipple has no single outermost row."""


def nipple_place(mask: BoolArray, *, chest_on_left: bool) -> tuple[float, float] | None:
    """Return (row, column) of the point of the breast that is farthest from the chest wall; None without a breast.

    A nipple in profile is there; one that is not is taken to lie there, which is what reading rooms do with arcs of
    equal distance from the nipple too.

    Parameters
    ----------
    mask
        The breast as displayed, bool (rows, columns), the axis of the breast across.
    chest_on_left
        Whether the chest wall is at the left edge.
    """
    if not mask.any():
        return None
    seen = mask if chest_on_left else mask[:, ::-1]
    columns = seen.shape[1]
    depth: FloatArray = np.where(seen.any(axis=1), columns - np.argmax(seen[:, ::-1], axis=1), 0).astype(np.float32)
    sigma = max(1.0, _SMOOTHED * seen.shape[0] / 2)
    size = (1, 2 * int(3 * sigma) + 1)
    smooth = cv2.GaussianBlur(depth.reshape(-1, 1), size, sigmaX=1.0, sigmaY=sigma).ravel()
    tip = np.flatnonzero(smooth >= _PLATEAU * smooth.max())
    row = float(tip.mean())
    column = float(depth[round(row)]) - 1.0
    return row, column if chest_on_left else columns - 1.0 - column
