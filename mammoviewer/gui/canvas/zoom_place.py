"""About which place of a viewport a key zooms: what the reader points at, else the breast that is in view."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.gui.canvas.view_transform import ViewTransform
from mammoviewer.imaging.breast_mask import breast_mask

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget

_LOOKED_AT: Final = 256
"""Pixels a side in which the breast is looked for: enough to stay on it, and done within a key press."""
_LEAST_SHARE: Final = 0.05
"""A view of which the breast fills less is black, to a reader, unless it filled no more before."""

Box = tuple[tuple[float, float], tuple[float, float]]
"""Ranges of stored rows and columns, as edges: pixel i spans from i to i + 1."""


def zoom_place(viewport: ViewWidget, factor: float) -> tuple[float, float] | None:
    """Return the logical place about which to zoom by ``factor``; None while no image is seen.

    It is the cursor on the image. Else it is the place about which the breast that is seen grows into the viewport:
    the middle of the viewport is often air. A place after which hardly any breast would be seen is passed over.
    """
    view, pointed, region = viewport.view, viewport.pointed, viewport.view.visible()
    if region is None:
        return None
    seen = region.rows, region.columns
    breast = coarse_breast(viewport.shown.image, viewport.shown_frame)
    bounds = breast.bounds(seen) if breast is not None else None
    places = []
    if pointed is not None and view.contains(*view.to_stored(pointed.x(), pointed.y())):
        places.append((pointed.x(), pointed.y()))
    places.append(_growing(view, seen if bounds is None else bounds))
    if breast is None or bounds is None:
        return places[0]
    places.append(_on_screen(view, breast.middle(seen)))
    needed = min(_LEAST_SHARE, breast.share(_seen_after(view, 1.0, places[0])))
    fit = (at for at in places if breast.share(_seen_after(view, factor, at)) >= needed)
    return next(fit, places[-1])


def _on_screen(view: ViewTransform, point: tuple[float, float]) -> tuple[float, float]:
    x, y = view.to_widget(np.array([point]))[0].tolist()
    return x, y


def _growing(view: ViewTransform, box: Box) -> tuple[float, float]:
    """Return the place about which a box on screen grows until it fills the viewport; the middle once it does."""
    (top, bottom), (left, right) = box
    low, high = np.sort(view.to_widget(np.array([(top, left), (bottom, right)]) - 0.5), axis=0)
    x, y = (
        start * size / (size - (end - start)) if size - (end - start) > 1.0 else size / 2.0
        for start, end, size in zip(low.tolist(), high.tolist(), view.size, strict=True)
    )
    return min(max(x, 0.0), view.size[0]), min(max(y, 0.0), view.size[1])


def _seen_after(view: ViewTransform, factor: float, at: tuple[float, float]) -> Box:
    """Return the stored box that the viewport shows after zooming about a logical place."""
    fixed = np.array(view.to_stored(*at))
    corners = np.array([view.to_stored(0.0, 0.0), view.to_stored(*view.size)])
    low, high = np.sort(fixed + (corners - fixed) / factor, axis=0) + 0.5
    return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))


@dataclass(frozen=True, eq=False)
class CoarseBreast:
    """The breast on every ``step``-th stored row and column."""

    mask: BoolArray
    step: int

    def share(self, box: Box) -> float:
        """Return how much of a box, which may reach beyond the image, the breast fills."""
        area = (box[0][1] - box[0][0]) * (box[1][1] - box[1][0])
        return float(self.mask[self._part(box)].sum()) * self.step**2 / area

    def bounds(self, box: Box) -> Box | None:
        """Return the smallest box around what a box shows of the breast; None if it shows none."""
        places = self._places(box)
        if not len(places):
            return None
        low, high = places.min(axis=0) * self.step, (places.max(axis=0) + 1) * self.step
        return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))

    def middle(self, box: Box) -> tuple[float, float]:
        """Return the stored place on the breast next to the centre of what a box shows of it; it shows some."""
        places = self._places(box)
        # The centre of a crescent lies beside it.
        row, column = places[np.square(places - places.mean(axis=0)).sum(axis=1).argmin()].tolist()
        return float(row * self.step), float(column * self.step)

    def _places(self, box: Box) -> NDArray[np.intp]:
        part = self._part(box)
        return np.argwhere(self.mask[part]) + [part[0].start, part[1].start]

    def _part(self, box: Box) -> tuple[slice, slice]:
        rows, columns = (
            slice(max(0, math.floor(low / self.step)), max(0, math.ceil(high / self.step))) for low, high in box
        )
        return rows, columns


def coarse_breast(image: Image, frame: int) -> CoarseBreast | None:
    """Return the breast of a frame; None while it is not decoded, for nobody waits for it here."""
    stored = image.cached_frame(frame)
    if stored is None or stored.ndim != 2:
        return None
    attributes = image.attributes
    step = max(1, math.ceil(max(stored.shape) / _LOOKED_AT))
    bright_air = attributes.inverse or attributes.kind is ImageKind.MAMMOGRAM_RAW
    coarse = np.ascontiguousarray(stored[::step, ::step])
    return CoarseBreast(breast_mask(coarse, padding=attributes.padding, bright_air=bright_air), step)
