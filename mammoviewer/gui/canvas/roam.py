"""Going over a whole image at one pixel to one pixel, field by field, so that nothing is left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.gui.canvas.gestures import place_view
from mammoviewer.gui.canvas.zoom_place import coarse_breast

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget

_OVERLAP = 0.1
"""Neighbouring fields share so much of their side."""


def fields(shape: tuple[int, int], seen: tuple[float, float]) -> list[tuple[float, float]]:
    """Return the centres (row, column) of the fields of a displayed picture, in lines that turn at their ends.

    Parameters
    ----------
    shape
        (rows, columns) of the picture as displayed.
    seen
        How many rows and columns the viewport shows.
    """
    rows, columns = (_centres(length, part) for length, part in zip(shape, seen, strict=True))
    return [(row, c) for number, row in enumerate(rows) for c in (columns if number % 2 == 0 else columns[::-1])]


def _centres(length: int, part: float) -> list[float]:
    if part >= length:
        return [(length - 1) / 2.0]
    count = math.ceil((length - part) / (part * (1.0 - _OVERLAP))) + 1
    first = part / 2.0 - 0.5
    return [first + (length - part) * number / (count - 1) for number in range(count)]


def _with_breast(viewport: ViewWidget, places: DoubleArray, size: tuple[int, int]) -> DoubleArray:
    """Return the stored centres (n, 2) of fields in which there is breast; all while it is not known where that is.

    ``size`` is that of a field as displayed. A reader has nothing to look for in air.
    """
    breast = coarse_breast(viewport.shown.image, viewport.shown_frame)
    if breast is None:
        return places
    down, right = size[::-1] if viewport.shown.orientation.transpose else size

    def seen(row: float, column: float) -> bool:
        rows, columns = row + 0.5, column + 0.5
        box = (rows - down / 2.0, rows + down / 2.0), (columns - right / 2.0, columns + right / 2.0)
        return breast.share(box) > 0.0

    kept = np.array([seen(row, column) for row, column in places.tolist()], bool)
    return places[kept] if kept.any() else places


def roam(viewport: ViewWidget, step: int) -> None:
    """Show the next (1) or previous (-1) field at one to one; from any other zoom the first or the last one.

    Fields of nothing but air are passed over.
    """
    state = viewport.state
    if state is None:
        return
    shape = state.image.attributes.shape
    width, height = viewport.view.device_size
    shown = fields(state.orientation.display_shape(shape), (float(height), float(width)))
    places = _with_breast(viewport, state.orientation.to_stored(np.array(shown), shape), (height, width))
    if state.zoom == 1.0:
        here = int(np.hypot(*(places - np.array(state.centre)).T).argmin())
        row, column = places[(here + step) % len(places)]
    else:
        row, column = places[0 if step > 0 else -1]
    place_view(state, 1.0, (float(row), float(column)))
