"""One physical scale for images that hang side by side: a millimetre is as long in each of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mammoviewer.gui.canvas.slice_strip import WIDTH
from mammoviewer.gui.canvas.view_transform import fit_zoom

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget


@dataclass(frozen=True)
class Fitting:
    """How an image fits into the room it has.

    Attributes
    ----------
    zoom
        Device pixels per stored pixel at which the image alone would fit.
    pixel_mm
        The size of a stored pixel along the rows of the screen; None where it is not known.
    """

    zoom: float
    pixel_mm: float | None


def common_zoom(own: Fitting, others: Iterable[Fitting]) -> float:
    """Return the zoom at which an image is fitted beside others.

    All images with a known pixel size get as many millimetres per device pixel as the one that needs the most; an
    image without one is fitted for itself.
    """
    if own.pixel_mm is None:
        return own.zoom
    needed = (other.pixel_mm / other.zoom for other in (own, *others) if other.pixel_mm is not None)
    return own.pixel_mm / max(needed)


def zoom_beside(viewport: ViewWidget) -> float:
    """Return the zoom at which the image of a viewport is fitted among those that are shown beside it."""
    others = (_fitting(other) for other in viewport.beside() if other is not viewport and other.state is not None)
    return common_zoom(_fitting(viewport), others)


def inset(viewport: ViewWidget) -> float:
    """Return the width that the slice strip of a volume takes, in logical pixels."""
    return WIDTH if viewport.shown.frames > 1 else 0.0


def _fitting(viewport: ViewWidget) -> Fitting:
    state = viewport.shown
    attributes, orientation = state.image.attributes, state.orientation
    size = viewport.width(), viewport.height()
    zoom = fit_zoom(attributes.shape, orientation, size, viewport.devicePixelRatioF(), inset(viewport))
    spacing = attributes.pixel_spacing
    if spacing is None:
        return Fitting(zoom, None)
    return Fitting(zoom, spacing.row_mm if orientation.transpose else spacing.column_mm)
