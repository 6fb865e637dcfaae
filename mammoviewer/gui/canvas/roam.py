"""Going over a whole image at one pixel to one pixel, field by field, so that nothing is left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mammoviewer.gui.canvas.gestures import place_view

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


def roam(viewport: ViewWidget, step: int) -> None:
    """Show the next (1) or previous (-1) field at one to one; from any other zoom the first or the last one."""
    state = viewport.state
    if state is None:
        return
    shape = state.image.attributes.shape
    width, height = viewport.view.device_size
    shown = fields(state.orientation.display_shape(shape), (float(height), float(width)))
    places = state.orientation.to_stored(np.array(shown), shape)
    if state.zoom == 1.0:
        here = int(np.hypot(*(places - np.array(state.centre)).T).argmin())
        row, column = places[(here + step) % len(places)]
    else:
        row, column = places[0 if step > 0 else -1]
    place_view(state, 1.0, (float(row), float(column)))
