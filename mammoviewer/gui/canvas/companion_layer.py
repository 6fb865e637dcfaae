"""What other objects say about the picture: dotted marks, areas of masks, and black outside of shutters."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.dicom.companions.records import Mark, MarkShape, Shutter
from mammoviewer.gui.canvas.haloed_text import paint_haloed
from mammoviewer.gui.canvas.view_transform import ViewTransform
from mammoviewer.gui.theme import color
from mammoviewer.session.blind import ai_hidden
from mammoviewer.session.companions import Drawing, MaskArea
from mammoviewer.session.viewer_state import ViewerState
from mammoviewer.session.workspace import Workspace

_CROSS: Final = 6.0
_DOTS: Final = [1.0, 2.2]
_WIDTH: Final = 1.6
_FILL_ALPHA: Final = 30
_OPTIONAL_OPACITY: Final = 0.55
"""Of marks whose maker leaves it to the reader to see them."""
_SOLID_ALPHA: Final = 210


def shown_drawing(workspace: Workspace, state: ViewerState, frame: int) -> Drawing:
    """Return what other objects say about a frame, nothing while that is hidden."""
    if not workspace.desk.show_companions:
        return Drawing()
    drawing = workspace.shelf.drawing(state.image, frame, state.presentation)
    # A shutter is no opinion: what it covers stays covered for who reads blind.
    return Drawing(shutters=drawing.shutters) if ai_hidden(workspace, state.image) else drawing


def paint_companions(painter: QPainter, drawing: Drawing, view: ViewTransform) -> None:
    """Paint masks, then marks with their words."""
    for area in drawing.areas:
        _paint_area(painter, area, view)
    for mark in drawing.marks:
        painter.setOpacity(_OPTIONAL_OPACITY if mark.optional else 1.0)
        _paint_mark(painter, mark, view)
    painter.setOpacity(1.0)


def paint_shutters(painter: QPainter, shutters: tuple[Shutter, ...], view: ViewTransform) -> None:
    """Paint black outside of every shutter."""
    if not shutters:
        return
    window = QPainterPath()
    window.addRect(QRectF(0.0, 0.0, *(float(length) for length in view.size)))
    for shutter in shutters:
        painter.fillPath(window.subtracted(path_of(np.array(shutter.outline), view)), Qt.GlobalColor.black)


def path_of(points: DoubleArray, view: ViewTransform, *, closed: bool = True) -> QPainterPath:
    """Return stored (row, column) points as a line in logical pixels."""
    path = QPainterPath()
    path.addPolygon(QPolygonF([QPointF(x, y) for x, y in view.to_widget(points).tolist()]))
    if closed:
        path.closeSubpath()
    return path


def _paint_area(painter: QPainter, area: MaskArea, view: ViewTransform) -> None:
    """Paint the levels of a mask over one another, so that its inside is more strongly coloured."""
    label_at: QRectF | None = None
    for curves in area.curves:
        path = QPainterPath()
        path.setFillRule(Qt.FillRule.OddEvenFill)
        for curve in curves:
            path.addPath(path_of(curve, view))
        if path.isEmpty():
            continue
        painter.fillPath(path, _tint(_SOLID_ALPHA if area.solid else _FILL_ALPHA))
        if not area.solid:
            _stroke(painter, path)
            label_at = label_at or path_of(max(curves, key=len), view).boundingRect()
    if label_at is not None:
        _write(painter, label_at.topLeft() + QPointF(0.0, -5.0), area.label, view)


def _paint_mark(painter: QPainter, mark: Mark, view: ViewTransform) -> None:
    points = np.array(mark.points, dtype=np.float64).reshape(-1, 2)
    if mark.shape in (MarkShape.POINT, MarkShape.TEXT):
        x, y = view.to_widget(points)[0].tolist()
        place = QPointF(x, y)
        if mark.shape is MarkShape.POINT:
            _stroke(painter, _cross(place))
            place += QPointF(_CROSS + 4.0, -_CROSS)
        else:
            # What a text is placed by is the corner of its box, not its base line.
            place += QPointF(0.0, painter.fontMetrics().ascent())
        _write(painter, place, mark.text, view)
        return
    path = path_of(points, view, closed=mark.shape is MarkShape.OUTLINE)
    if mark.filled:
        painter.fillPath(path, _tint(_FILL_ALPHA * 2))
    _stroke(painter, path)
    _write(painter, path.boundingRect().topLeft() + QPointF(0.0, -5.0), mark.text, view)


def _cross(place: QPointF) -> QPainterPath:
    """Return a cross that leaves its middle, which is what is pointed at, free."""
    path = QPainterPath()
    for dx, dy in ((1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)):
        path.moveTo(place + QPointF(dx, dy) * (_CROSS * 0.3))
        path.lineTo(place + QPointF(dx, dy) * _CROSS)
    return path


def _stroke(painter: QPainter, path: QPainterPath) -> None:
    """Draw a dotted line over a thin dark one, to be seen on bright and dark tissue alike."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 110), _WIDTH + 1.4))
    painter.drawPath(path)
    pen = QPen(color("companion"), _WIDTH)
    pen.setDashPattern(_DOTS)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.drawPath(path)


def _tint(alpha: int) -> QColor:
    tint = QColor(color("companion"))
    tint.setAlpha(alpha)
    return tint


def _write(painter: QPainter, place: QPointF, text: str, view: ViewTransform) -> None:
    """Write lines from a place downwards, moved so that they stay in the viewport."""
    metrics = painter.fontMetrics()
    for number, line in enumerate(text.split("\n") if text else ()):
        left = min(max(place.x(), 2.0), view.size[0] - metrics.horizontalAdvance(line) - 4.0)
        base = max(place.y(), float(metrics.ascent())) + number * metrics.height()
        paint_haloed(painter, QPointF(left, base), line, painter.font(), color("companion"))
