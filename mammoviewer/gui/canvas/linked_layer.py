"""The place under the cursor as it lies in the other viewports: a cross, or an arc about the nipple."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter, QPainterPath

from mammoviewer.gui.canvas.roi_layer import stroke
from mammoviewer.gui.theme import color
from mammoviewer.session.places import NippleArc, anatomy, linked_mark

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget

_ARM: Final = 12.0
_GAP: Final = 4.0
"""The cross is open in the middle, so that it does not cover what it points at."""


def paint_linked_cursor(painter: QPainter, viewport: ViewWidget) -> None:
    """Paint where the place that the mouse points at in another viewport lies in this one."""
    workspace = viewport.workspace
    pointed = workspace.desk.pointed if workspace.desk.linked_cursor else None
    if pointed is None or pointed[0] == viewport.identity or not workspace.is_open(pointed[0]):
        return
    source, target = workspace.state(pointed[0]), viewport.shown
    nipples = workspace.nipples
    mark = linked_mark(anatomy(source, nipples.of(source.image)), anatomy(target, nipples.of(target.image)), pointed[1])
    if mark is not None:
        painter.save()
        painter.setClipRect(viewport.rect())
        path = _arc(mark, viewport) if isinstance(mark, NippleArc) else _cross(mark, viewport)
        stroke(painter, path, color("accent"), dashed=isinstance(mark, NippleArc), width=1.5)
        painter.restore()


def _cross(point: tuple[float, float], viewport: ViewWidget) -> QPainterPath:
    x, y = viewport.view.to_widget(np.array([point]))[0]
    path = QPainterPath()
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        path.moveTo(QPointF(x + _GAP * dx, y + _GAP * dy))
        path.lineTo(QPointF(x + _ARM * dx, y + _ARM * dy))
    return path


def _arc(arc: NippleArc, viewport: ViewWidget) -> QPainterPath:
    """Return the circle about the nipple, as far as it lies on the picture and towards the chest wall."""
    spacing = viewport.shown.image.attributes.pixel_spacing
    assert spacing is not None
    angle = np.linspace(0.0, 2.0 * np.pi, 181)
    rows = arc.nipple[0] + arc.radius_mm / spacing.row_mm * np.sin(angle)
    columns = arc.nipple[1] + arc.radius_mm / spacing.column_mm * np.cos(angle)
    path = QPainterPath()
    drawing = False
    view = viewport.view
    tip = float(view.to_widget(np.array([arc.nipple]))[0, 0])
    way = {"left": -1.0, "right": 1.0}.get(viewport.chest, 0.0)
    for (row, column), (x, y) in zip(
        zip(rows.tolist(), columns.tolist(), strict=True),
        view.to_widget(np.stack([rows, columns], axis=1)).tolist(),
        strict=True,
    ):
        inside = view.contains(row, column) and (x - tip) * way >= 0.0
        if inside and drawing:
            path.lineTo(x, y)
        elif inside:
            path.moveTo(x, y)
        drawing = inside
    return path
