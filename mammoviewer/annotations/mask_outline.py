"""From painted pixels to an outline and back: regions stay geometry, whatever they were drawn with."""

from __future__ import annotations

import numpy as np

from mammoviewer.annotations._mask_loops import mask_loops
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.arrays import BoolArray, DoubleArray

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


def _freehand(loops: list[DoubleArray]) -> Roi:
    return Roi.of_outline(RoiKind.FREEHAND, _joined(loops))


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


def painted_mask(roi: Roi, shape: tuple[int, int]) -> tuple[BoolArray, tuple[int, int]]:
    """Return the pixels of a region, cut out of an image of ``shape``, and the row and column of the cut's corner."""
    top, left, bottom, right = roi.bounding_box()
    row, column = max(0, int(np.floor(top))), max(0, int(np.floor(left)))
    rows = max(1, min(shape[0], int(np.ceil(bottom)) + 1) - row)
    columns = max(1, min(shape[1], int(np.ceil(right)) + 1) - column)
    return roi.mask((rows, columns), (row, column)), (row, column)
