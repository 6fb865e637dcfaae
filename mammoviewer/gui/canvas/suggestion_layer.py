"""The place where the next region would tell most, as a dotted box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QPainter, QPainterPath

from mammoviewer.gui.canvas.roi_layer import box_on_screen, stroke
from mammoviewer.gui.theme import color
from mammoviewer.session.blind import ai_hidden

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget


def paint_suggestion(painter: QPainter, viewport: ViewWidget) -> None:
    """Paint the suggested place on the frame on screen, unless AI is hidden."""
    workspace = viewport.workspace
    found = workspace.quick.suggestion(viewport.identity, viewport.shown_frame)
    if found is None or ai_hidden(workspace, viewport.shown.image):
        return
    (row, column), (height, width) = found.point, found.size_px
    path = QPainterPath()
    box = (row - height / 2, column - width / 2, row + height / 2, column + width / 2)
    path.addRect(box_on_screen(box, viewport.view))
    stroke(painter, path, color("accent"), dashed=False, dotted=True, width=2.0)
