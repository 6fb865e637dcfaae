"""How large the brush is: a ring about the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QPainter, QPainterPath

from mammoviewer.gui.canvas.roi_layer import label_colour, stroke
from mammoviewer.gui.canvas.tools import BRUSHES
from mammoviewer.gui.theme import color
from mammoviewer.session.viewer_state import Tool

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget

_UNKNOWN_MM = 0.1
"""Taken for the size of a pixel where it is not known, as the brush does."""


def paint_brush_ring(painter: QPainter, viewport: ViewWidget) -> None:
    """Paint the ring while a brush is chosen and the mouse is over the viewport."""
    desk, place = viewport.workspace.desk, viewport.pointed
    if desk.tool not in BRUSHES or place is None:
        return
    spacing = viewport.shown.image.attributes.pixel_spacing
    column_mm = spacing.column_mm if spacing is not None else _UNKNOWN_MM
    view = viewport.view
    radius = desk.brush_mm / column_mm * view.zoom / view.dpr / 2.0
    path = QPainterPath()
    path.addEllipse(place, radius, radius)
    colour = color("bright") if desk.tool is Tool.ERASER else label_colour(desk.label)
    stroke(painter, path, colour, dashed=desk.tool is Tool.ERASER, width=1.2)
