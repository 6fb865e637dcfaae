"""An image at its true size: a millimetre of it is a millimetre on the monitor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mammoviewer.gui.screens import pixel_size

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget

_SAME: Final = 1e-4
"""Zooms that differ by no more, as a share, are the same."""


@dataclass(frozen=True)
class TrueSize:
    """The zoom of true size.

    Attributes
    ----------
    zoom
        Device pixels per stored pixel.
    measured
        Whether the reader has measured the screen.
    square
        Whether the image's pixels are square; else only the width is true.
    """

    zoom: float
    measured: bool
    square: bool

    @property
    def text(self) -> str:
        """Return what stands beside a picture at this zoom."""
        words = "true size" if self.square else "true width (pixels are not square)"
        return words if self.measured else f"{words} (uncalibrated screen, EDID)"


def true_size(viewport: ViewWidget) -> TrueSize | None:
    """Return the true size of the image of a viewport; None where the pixel size of image or screen is not known."""
    spacing = viewport.shown.image.attributes.pixel_spacing
    pixel = pixel_size(viewport, viewport.workspace.screens)
    if spacing is None or pixel is None:
        return None
    across = spacing.row_mm if viewport.shown.orientation.transpose else spacing.column_mm
    return TrueSize(across / pixel.mm, pixel.measured, spacing.square)


def true_size_text(viewport: ViewWidget) -> str:
    """Return the words for a picture that is shown at its true size now; empty at any other zoom."""
    found = true_size(viewport)
    if found is None or not math.isclose(found.zoom, viewport.view.zoom, rel_tol=_SAME):
        return ""
    return found.text
