"""From painted pixels to an outline and back: regions stay geometry, whatever they were drawn with."""

from __future__ import annotations

import cv2
import numpy as np

from mammoviewer.annotations._mask_loops import mask_loops
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.arrays import BoolArray, DoubleArray

_SKETCHED = 0.7
"""How far the outline of a sketch may run beside that of its mask, in pixels."""
_ASIDE = (1.7e-5, 2.3e-5)
"""How far the second end of a bridge lies aside, in pixels: so that no pixel's centre lies on it."""


def region_of_mask(mask: BoolArray, origin: tuple[int, int] = (0, 0)) -> Roi | None:
    """Return the region whose :meth:`Roi.mask` gives ``mask`` again; None for an empty one.

    Holes and separate parts are kept: all outlines are joined into one, along bridges that are gone there and back, and
    which the even-odd rule does not see.

    Parameters
    ----------
    mask
        Bool (rows, columns), a part of an image.
    origin
        Row and column of its first pixel in the image.
    """
    if not mask.any():
        return None
    # Half-way between the centres of a pixel inside and one outside: every centre is clearly on one side.
    return _freehand([_corners(loop) + np.array(origin) for loop in mask_loops(mask)])


def sketch_of_mask(mask: BoolArray, origin: tuple[int, int] = (0, 0)) -> Roi | None:
    """Return about the region of :func:`region_of_mask`, to be looked at while it is being painted; much faster."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    loops = [
        cv2.approxPolyDP(loop, _SKETCHED, True)[:, 0, ::-1].astype(np.float64) + np.array(origin) for loop in found
    ]
    return _freehand(loops) if sum(map(len, loops)) >= 3 else region_of_mask(mask, origin)


def _freehand(loops: list[DoubleArray]) -> Roi:
    return Roi(RoiKind.FREEHAND, tuple(map(tuple, _joined(loops).tolist())))


def _corners(loop: DoubleArray) -> DoubleArray:
    """Return a closed line without the points at which it goes straight on."""
    before, after = loop - np.roll(loop, 1, axis=0), np.roll(loop, -1, axis=0) - loop
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    return np.asarray(loop[turns], np.float64)


def _joined(loops: list[DoubleArray]) -> DoubleArray:
    first, *others = loops
    start = first[:1]
    parts = [first]
    for loop in others:
        aside = loop[:1] + np.array([_ASIDE])
        parts += [start, aside, loop, loop[:1], aside]
    return np.concatenate(parts) if others else first


def separate_loops(points: DoubleArray) -> list[DoubleArray]:
    """Return the outlines (N, 2) that :func:`region_of_mask` has joined, without the bridges; any other line whole.

    For who paints lines: a bridge encloses nothing, but it would be seen.
    """
    keys = [tuple(point) for point in points.tolist()]
    place = _next(keys, keys[0], 1)
    if place is None or place + 3 >= len(keys) or not _is_aside(points[place + 1], points[place + 2]):
        return [points]
    loops = [points[:place]]
    while place is not None and place + 3 < len(keys):
        end = _next(keys, keys[place + 1], place + 2)
        if end is None:
            return [points]
        loops.append(points[place + 2 : end])
        place = end + 1
    return loops


def _next(keys: list[tuple[float, ...]], key: tuple[float, ...], first: int) -> int | None:
    return next((place for place in range(first, len(keys)) if keys[place] == key), None)


def _is_aside(point: DoubleArray, of: DoubleArray) -> bool:
    return bool(0.0 < np.abs(point - of).max() < 1e-3)


def painted_mask(roi: Roi, shape: tuple[int, int]) -> tuple[BoolArray, tuple[int, int]]:
    """Return the pixels of a region, cut out of an image of ``shape``, and the row and column of the cut's corner."""
    top, left, bottom, right = roi.bounding_box()
    row, column = max(0, int(np.floor(top))), max(0, int(np.floor(left)))
    rows = max(1, min(shape[0], int(np.ceil(bottom)) + 1) - row)
    columns = max(1, min(shape[1], int(np.ceil(right)) + 1) - column)
    return roi.moved(-row, -column).mask((rows, columns)), (row, column)
