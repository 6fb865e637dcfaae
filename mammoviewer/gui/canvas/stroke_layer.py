"""Strokes of the brush on large regions, as wide as they are, until the region itself is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from mammoviewer.annotations.strokes import Stroke
from mammoviewer.gui.canvas.roi_layer import label_colour
from mammoviewer.gui.canvas.view_transform import ViewTransform

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget

_ALPHA: Final = 110
_ERASED: Final = QColor(0, 0, 0, 150)


def paint_pending(painter: QPainter, viewport: ViewWidget) -> None:
    """Paint the strokes of the frame on screen that are not part of their region yet."""
    shown = (viewport.shown.image.attributes.identity, viewport.shown_frame)
    for pending in viewport.workspace.painting.pending:
        if (pending.finding.image_uid, pending.finding.frame) == shown:
            paint_stroke(painter, viewport.view, pending.stroke, label_colour(pending.finding.label))


def paint_stroke(painter: QPainter, view: ViewTransform, stroke: Stroke, colour: QColor) -> None:
    """Paint a stroke in the see-through colour of its class; what is erased is darkened."""
    places = view.to_widget(np.array(stroke.points)).tolist()
    path = QPainterPath()
    path.moveTo(*places[0])
    for x, y in places[1:] or [(places[0][0] + 0.01, places[0][1])]:
        path.lineTo(x, y)
    ink = _ERASED if stroke.erase else QColor(colour.red(), colour.green(), colour.blue(), _ALPHA)
    across = np.hypot(*np.diff(view.to_widget(np.array([(0.0, 0.0), (0.0, 1.0)])), axis=0)[0])
    pen = QPen(ink, max(1.0, stroke.width * float(across)))
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(pen)
    painter.drawPath(path)
