"""The closed lines between the pixels of a mask and those around it, half-way between their centres, all at once.

The lines are those of marching squares at one half (Lorensen and Cline 1987; pixels that touch at a corner alone are
apart). Pieces are linked by pointer jumping (Wyllie 1979): a few array operations, however long the lines are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, DoubleArray

_TOP, _BOTTOM, _LEFT, _RIGHT = range(4)
# By the cell's corners, 1 + 2 in the upper row and 4 + 8 in the lower: where a line with the mask on its left comes in,
# and where it leaves. Two cells are crossed twice.
_WAYS: tuple[tuple[tuple[int, int], ...], ...] = (
    (), ((_LEFT, _TOP),), ((_TOP, _RIGHT),), ((_LEFT, _RIGHT),),
    ((_BOTTOM, _LEFT),), ((_BOTTOM, _TOP),), ((_TOP, _RIGHT), (_BOTTOM, _LEFT)), ((_BOTTOM, _RIGHT),),
    ((_RIGHT, _BOTTOM),), ((_LEFT, _TOP), (_RIGHT, _BOTTOM)), ((_TOP, _BOTTOM),), ((_LEFT, _BOTTOM),),
    ((_RIGHT, _LEFT),), ((_RIGHT, _TOP),), ((_TOP, _LEFT),), (),
)  # fmt: skip


def mask_loops(mask: BoolArray) -> list[DoubleArray]:
    """Return the closed lines of a mask.

    Parameters
    ----------
    mask
        Bool (rows, columns).

    Returns
    -------
    list of array
        (N, 2) rows and columns of the points of each line, in order, the first not repeated; none for an empty mask.
    """
    framed = np.pad(mask, 1).view(np.uint8)
    pairs = framed[:, :-1] + 2 * framed[:, 1:]
    cells = (pairs[:-1] + 4 * pairs[1:]).ravel()
    # Neither 0 nor 15 in one comparison: 0 wraps around to 255.
    crossed = np.flatnonzero(cells - np.uint8(1) < 14)
    if not crossed.size:
        return []
    rows, columns = np.divmod(crossed, framed.shape[1] - 1)
    starts, ends = _pieces(cells[crossed], rows, columns, framed.shape)
    order = np.argsort(starts)
    starts = starts[order]
    following = np.searchsorted(starts, ends[order])
    return _linked(_points(starts, framed.shape), following)


def _pieces(
    codes: NDArray[np.uint8], rows: NDArray[np.intp], columns: NDArray[np.intp], shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where each piece begins and ends, as numbers of the sides of cells."""
    width, upright = shape[1], shape[0] * shape[1]
    place = rows * width + columns
    sides = np.stack([place, place + width, upright + place, upright + place + 1])
    starts, ends = [], []
    for code, ways in enumerate(_WAYS):
        of_code = np.flatnonzero(codes == code)
        for first, last in ways:
            starts.append(sides[first, of_code])
            ends.append(sides[last, of_code])
    return np.concatenate(starts), np.concatenate(ends)


def _points(sides: NDArray[np.intp], shape: tuple[int, ...]) -> DoubleArray:
    """Return the middle of each side in the pixels of the mask: of level ones first, then of upright ones."""
    upright = sides >= shape[0] * shape[1]
    row, column = np.divmod(sides - upright * (shape[0] * shape[1]), shape[1])
    return np.stack([row + 0.5 * upright, column + 0.5 * ~upright], axis=1) - 1.0


def _linked(points: DoubleArray, following: NDArray[np.intp]) -> list[DoubleArray]:
    """Return the points of each closed line in their order; ``following`` is the next of each."""
    count = len(following)
    rounds = max(1, int(np.ceil(np.log2(count))))
    least, ahead = np.arange(count), following
    for _ in range(rounds):
        least = np.minimum(least, least[ahead])
        ahead = ahead[ahead]
    # A line is cut before its least point, and every point counts its way to the cut.
    last = following == least
    ahead = np.where(last, np.arange(count), following)
    way = (~last).astype(np.intp)
    for _ in range(rounds):
        way = way + way[ahead]
        ahead = ahead[ahead]
    order = np.lexsort((-way, least))
    return np.split(points[order], np.flatnonzero(np.diff(least[order])) + 1)
