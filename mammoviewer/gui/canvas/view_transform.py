"""Where a stored pixel lies on screen: orientation, zoom, justification and the device pixel ratio in one place.

Points in are (row, column) with an integer at a pixel's centre; points out are (x, y) in logical pixels of the
viewport. This module is the only one that turns the one into the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.session.viewer_state import FIT

LARGEST_ZOOM: Final = 64.0
_SMALLEST_ZOOM: Final = 0.01


@dataclass(frozen=True)
class Region:
    """The part of the image that is seen.

    Attributes
    ----------
    left, top, right, bottom
        Device pixels of the viewport that it fills, right and bottom excluded.
    rows, columns
        The stored pixels it shows as ranges of edges: pixel i spans from i to i + 1.
    """

    left: int
    top: int
    right: int
    bottom: int
    rows: tuple[float, float]
    columns: tuple[float, float]

    @property
    def size(self) -> tuple[int, int]:
        """Return (rows, columns) in device pixels."""
        return self.bottom - self.top, self.right - self.left


@dataclass(frozen=True)
class ViewTransform:
    """The affine from stored pixels to the viewport.

    Parameters
    ----------
    shape
        (rows, columns) as stored.
    orientation
        From stored to displayed.
    size
        (width, height) of the viewport in logical pixels.
    dpr
        Device pixels per logical pixel.
    zoom
        Device pixels per stored pixel, above 0.
    left, top
        Where the displayed image begins, in whole device pixels, so that at zoom 1 no pixel is blurred.
    """

    shape: tuple[int, int]
    orientation: Orientation
    size: tuple[int, int]
    dpr: float
    zoom: float
    left: int
    top: int

    @property
    def device_size(self) -> tuple[int, int]:
        """Return (width, height) of the viewport in device pixels."""
        return round(self.size[0] * self.dpr), round(self.size[1] * self.dpr)

    @cached_property
    def matrix(self) -> DoubleArray:
        """The 2x3 matrix from (row, column, 1) to logical (x, y)."""
        shown = self.orientation.matrix(self.shape)
        scale = self.zoom / self.dpr
        x = shown[1] * scale
        y = shown[0] * scale
        x[2] += (0.5 * self.zoom + self.left) / self.dpr
        y[2] += (0.5 * self.zoom + self.top) / self.dpr
        return np.stack([x, y])

    def to_widget(self, points: NDArray[Any]) -> DoubleArray:
        """Return logical (x, y) of stored ``points`` (N, 2)."""
        flat = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        return np.asarray(flat @ self.matrix[:, :2].T + self.matrix[:, 2])

    def to_stored(self, x: float, y: float) -> tuple[float, float]:
        """Return the stored (row, column) under a logical place; it may lie outside the image."""
        shown = ((y * self.dpr - self.top) / self.zoom - 0.5, (x * self.dpr - self.left) / self.zoom - 0.5)
        return self.orientation.place_stored(shown, self.shape)

    def contains(self, row: float, column: float) -> bool:
        """Return whether a stored place lies on a pixel of the image."""
        return -0.5 <= row < self.shape[0] - 0.5 and -0.5 <= column < self.shape[1] - 0.5

    @property
    def centre(self) -> tuple[float, float]:
        """Return the stored (row, column) at the middle of the viewport."""
        return self.to_stored(self.size[0] / 2.0, self.size[1] / 2.0)

    def visible(self) -> Region | None:
        """Return the part that is seen, None when the image lies outside the viewport."""
        shown_rows, shown_columns = self.orientation.display_shape(self.shape)
        width, height = self.device_size
        left, right = _clipped(self.left, device_length(shown_columns, self.zoom), width)
        top, bottom = _clipped(self.top, device_length(shown_rows, self.zoom), height)
        return None if left >= right or top >= bottom else self.part(left, top, right, bottom)

    def part(self, left: int, top: int, right: int, bottom: int) -> Region:
        """Return what is seen in device pixels of the viewport that lie on the image."""
        shown_rows, shown_columns = self.orientation.display_shape(self.shape)
        seen = [
            (
                min(max((y - self.top) / self.zoom, 0.0), shown_rows),
                min(max((x - self.left) / self.zoom, 0.0), shown_columns),
            )
            for y, x in ((top, left), (bottom, right))
        ]
        corners = (self.orientation.place_stored((row - 0.5, column - 0.5), self.shape) for row, column in seen)
        (row, column), (last_row, last_column) = corners
        rows = sorted((row + 0.5, last_row + 0.5))
        columns = sorted((column + 0.5, last_column + 0.5))
        return Region(left, top, right, bottom, (rows[0], rows[1]), (columns[0], columns[1]))


def device_length(pixels: int, zoom: float) -> int:
    """Return how many whole device pixels a side of an image takes, at least one, wherever it begins."""
    return max(1, math.floor(pixels * zoom + 0.5))


def _clipped(start: int, length: int, limit: int) -> tuple[int, int]:
    return max(0, start), min(limit, start + length)


def fit_zoom(
    shape: tuple[int, int], orientation: Orientation, size: tuple[int, int], dpr: float, inset: float = 0.0
) -> float:
    """Return the zoom at which the whole image fits beside an inset of some logical pixels."""
    rows, columns = orientation.display_shape(shape)
    width = max(1.0, (size[0] - inset) * dpr)
    height = max(1.0, size[1] * dpr)
    return max(_SMALLEST_ZOOM, min(width / columns, height / rows))


@lru_cache(maxsize=64)
def view_transform(
    shape: tuple[int, int],
    orientation: Orientation,
    *,
    size: tuple[int, int],
    dpr: float,
    zoom: float = FIT,
    centre: tuple[float, float] = (0.0, 0.0),
    chest: str = "",
    inset: float = 0.0,
    fit: float = FIT,
) -> ViewTransform:
    """Return the transform of a view.

    Parameters
    ----------
    shape
        (rows, columns) as stored.
    size
        (width, height) of the viewport in logical pixels.
    zoom, centre
        As in :class:`session.viewer_state.ViewerState`.
    chest
        The side at which a fitted image stands flush; empty to centre it.
    inset
        Logical pixels on the other side that a fitted image leaves free.
    fit
        The zoom of a fitted image where that depends on others (``canvas.common_scale``); its own by default.
    """
    width, height = size[0] * dpr, size[1] * dpr
    rows, columns = orientation.display_shape(shape)
    if zoom != FIT:
        row, column = orientation.place_displayed(centre, shape)
        left = round(width / 2.0 - (column + 0.5) * zoom)
        top = round(height / 2.0 - (row + 0.5) * zoom)
        return ViewTransform(shape, orientation, size, dpr, zoom, left, top)
    zoom = fit if fit != FIT else fit_zoom(shape, orientation, size, dpr, inset)
    free = width - columns * zoom
    # Flush is flush: rounding must not leave a dark line between two chest walls.
    left = {"left": 0, "right": math.ceil(free)}.get(chest, round(max(0.0, free + inset * dpr) / 2.0))
    return ViewTransform(shape, orientation, size, dpr, zoom, left, round((height - rows * zoom) / 2.0))


def zoomed(
    view: ViewTransform, factor: float, at: tuple[float, float] | None = None
) -> tuple[float, tuple[float, float]]:
    """Return (zoom, centre) after zooming by ``factor`` with the stored place under logical ``at`` staying there."""
    # Beside larger images a fitted one may already be smaller than the limit.
    smallest = min(view.zoom, 0.25 * min(1.0, fit_zoom(view.shape, view.orientation, view.size, view.dpr)))
    zoom = min(max(view.zoom * factor, smallest), LARGEST_ZOOM)
    x, y = at if at is not None else (view.size[0] / 2.0, view.size[1] / 2.0)
    # The middle of the viewport, as seen from the fixed place, moves in by the ratio of the zooms.
    ratio = view.zoom / zoom
    middle = (x + (view.size[0] / 2.0 - x) * ratio, y + (view.size[1] / 2.0 - y) * ratio)
    return zoom, kept_near(view, view.to_stored(*middle), zoom)


def area_view(
    view: ViewTransform, area: tuple[tuple[float, float], tuple[float, float]], magnification: float = 0.0
) -> tuple[float, tuple[float, float]]:
    """Return (zoom, centre) that show an area whole, or at a magnification above 0.

    ``area`` is given by the stored places of two of its corner pixels. The whole image is fitted as it always is.
    """
    corners = np.array(area)
    (top, left), (bottom, right) = view.orientation.to_display(corners, view.shape)
    shown = abs(bottom - top) + 1.0, abs(right - left) + 1.0
    row, column = corners.mean(axis=0).tolist()
    rows, columns = view.orientation.display_shape(view.shape)
    if magnification > 0.0:
        zoom = min(max(magnification, _SMALLEST_ZOOM), LARGEST_ZOOM)
    elif shown[0] >= rows and shown[1] >= columns:
        zoom = FIT
    else:
        width, height = view.device_size
        zoom = min(max(min(width / shown[1], height / shown[0]), _SMALLEST_ZOOM), LARGEST_ZOOM)
    return zoom, (row, column)


def kept_near(view: ViewTransform, centre: tuple[float, float], zoom: float) -> tuple[float, float]:
    """Return the centre moved so that a pan never loses the image: a tenth of the viewport always shows some of it."""
    half = [0.5 * length * view.dpr / zoom for length in (view.size[1], view.size[0])]
    if view.orientation.transpose:
        half.reverse()
    row, column = (
        min(max(value, -0.8 * reach), size - 1.0 + 0.8 * reach)
        for value, size, reach in zip(centre, view.shape, half, strict=True)
    )
    return row, column
