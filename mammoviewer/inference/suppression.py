"""Boxes that say the same: their overlap, and which of them stay (non-maximum suppression)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray

SOFT_SIGMA = 0.5


def overlaps(boxes: DoubleArray, box: DoubleArray, *, of_smaller: bool = False) -> DoubleArray:
    """Return the overlap, in [0, 1], of each of ``boxes`` (n, 4) with ``box`` (4,), rows r0, c0, r1, c1.

    Intersection over union, or over the area of the smaller one with ``of_smaller``.
    """
    low = np.maximum(boxes[:, :2], box[:2])
    high = np.minimum(boxes[:, 2:], box[2:])
    common = np.prod(np.clip(high - low, 0.0, None), axis=1)
    areas = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None), axis=1)
    area = float(np.prod(np.clip(box[2:] - box[:2], 0.0, None)))
    whole = np.minimum(areas, area) if of_smaller else areas + area - common
    shares: DoubleArray = np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
    return shares


def kept_boxes(
    boxes: DoubleArray,
    scores: DoubleArray,
    *,
    overlap: float = 0.3,
    threshold: float = 0.0,
    soft: bool = False,
    apart: float = 0.0,
) -> tuple[NDArray[np.intp], DoubleArray]:
    """Return which of ``boxes`` (n, 4) of one class stay, the highest score first, and their scores.

    Parameters
    ----------
    overlap
        Of two with a greater intersection over union only the higher one stays; of equal scores the first.
    threshold
        Lowest score that stays.
    soft
        Lower the score of the others by exp(-IoU^2 / 0.5) instead of dropping them (Bodla et al. 2017, "Soft-NMS"):
        of lesions that really lie close none is lost. ``overlap`` does not count then.
    apart
        Of two whose centres are closer than this only the higher one stays, however little they overlap: a small box
        within a large one points at the same place.
    """
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    left = np.asarray(scores, dtype=np.float64).copy()
    left[left < threshold] = -np.inf
    kept: list[int] = []
    kept_scores: list[float] = []
    while np.isfinite(left).any():
        best = int(left.argmax())
        kept.append(best)
        kept_scores.append(float(left[best]))
        left[best] = -np.inf
        shared = overlaps(boxes, boxes[best])
        if soft:
            left *= np.exp(-(shared**2) / SOFT_SIGMA)
            left[left < threshold] = -np.inf
        else:
            left[shared > overlap] = -np.inf
        left[np.hypot(*(middles - middles[best]).T) < apart] = -np.inf
    return np.array(kept, dtype=np.intp), np.array(kept_scores, dtype=np.float64)
