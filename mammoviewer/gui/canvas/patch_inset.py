"""The patch that is explained: its outline, and the patch larger beside it where it is a dozen pixels on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen, QRegion

from mammoviewer.gui.canvas.grey_layer import GreyLayer
from mammoviewer.gui.canvas.haloed_text import paint_haloed
from mammoviewer.gui.canvas.heatmap_layer import HeatmapLayer
from mammoviewer.gui.canvas.roi_layer import box_on_screen, stroke
from mammoviewer.gui.canvas.view_transform import LARGEST_ZOOM, ViewTransform, view_transform
from mammoviewer.gui.theme import color
from mammoviewer.inference.cam import Cam
from mammoviewer.session.viewer_state import OverlayStyle

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget

LARGE_ENOUGH: Final = 110.0
"""Logical pixels from which on a patch is read where it lies."""
_SHARE: Final = 0.4
_SMALLEST: Final = 90.0
_LARGEST: Final = 200.0
"""The side of the inset: a share of the shorter side of the viewport, within limits."""
_GAP: Final = 28.0
_CONTEXT: Final = 1.2
"""How much more than the patch is seen."""


class PatchInset:
    """Paints the patch of an explanation, outlined and enlarged; keeps what it can between two paints."""

    def __init__(self) -> None:
        self._grey = GreyLayer()
        self._heat = HeatmapLayer()

    def paint(self, painter: QPainter, viewport: ViewWidget, cam: Cam | None, style: OverlayStyle) -> QRegion:
        """Outline the patch, if one is explained, and enlarge it where it is too small on screen to be read.

        Returns where that lies.
        """
        if cam is None:
            return QRegion()
        patch = box_on_screen(cam.box, viewport.view)
        _outline(painter, patch)
        frame = inset_place(patch, QRectF(viewport.rect()), viewport.view.dpr)
        picture = viewport.follower.picture()
        if frame is None or picture is None:
            return _around(patch)
        view = _view(viewport, cam, frame, patch)
        region = self._grey.see_as(viewport, picture, view)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(color("bright"), 1.0))
        painter.drawLine(_link(patch, frame))
        painter.fillRect(frame, Qt.GlobalColor.black)
        painter.save()
        painter.setClipRect(frame)
        painter.translate(frame.topLeft())
        if region is not None:
            image = self._grey.image()
            image.setDevicePixelRatio(view.dpr)
            painter.drawImage(QPointF(region.left, region.top) / view.dpr, image)
        self._heat.paint(painter, cam.overlay, view, style, evidence=True)
        _outline(painter, box_on_screen(cam.box, view))
        painter.restore()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(color("bright"), 1.0))
        painter.drawRect(frame)
        text = f"{view.zoom / viewport.view.zoom:.1f}x"
        paint_haloed(painter, frame.bottomLeft() + QPointF(5.0, -5.0), text, painter.font(), color("text"))
        painter.restore()
        return _around(patch.united(frame))


def _around(place: QRectF) -> QRegion:
    """Return the whole pixels of a place with the lines at its edge."""
    return QRegion(place.toAlignedRect().adjusted(-2, -2, 2, 2))


def inset_place(patch: QRectF, area: QRectF, dpr: float) -> QRectF | None:
    """Return where the inset lies, on whole device pixels, on the side of the patch with more room.

    None where the patch is large enough, out of sight, or where there is no room.
    """
    side = min(_SHARE * min(area.width(), area.height()), _LARGEST)
    if max(patch.width(), patch.height()) >= min(LARGE_ENOUGH, side) or side < _SMALLEST or not area.intersects(patch):
        return None
    on_left = patch.center().x() > area.center().x()
    left = patch.left() - _GAP - side if on_left else patch.right() + _GAP
    top = patch.center().y() - side / 2.0
    left = min(max(left, area.left() + 1.0), area.right() - side - 1.0)
    top = min(max(top, area.top() + 1.0), area.bottom() - side - 1.0)
    return QRectF(round(left * dpr) / dpr, round(top * dpr) / dpr, int(side), int(side))


def _view(viewport: ViewWidget, cam: Cam, frame: QRectF, patch: QRectF) -> ViewTransform:
    """Return how the patch and a little around it fill the inset, turned as in the viewport."""
    factor = frame.width() / (_CONTEXT * max(patch.width(), patch.height()))
    top, left, bottom, right = cam.box
    return view_transform(
        viewport.shown.image.attributes.shape,
        viewport.shown.orientation,
        size=(int(frame.width()), int(frame.height())),
        dpr=viewport.view.dpr,
        zoom=min(viewport.view.zoom * factor, LARGEST_ZOOM),
        centre=((top + bottom) / 2.0, (left + right) / 2.0),
        chest="",
    )


def _outline(painter: QPainter, patch: QRectF) -> None:
    path = QPainterPath()
    path.addRect(patch)
    stroke(painter, path, color("bright"), dashed=True, width=1.0)


def _link(patch: QRectF, frame: QRectF) -> QLineF:
    """Return the line from the patch to the nearer edge of the inset."""
    if frame.left() >= patch.right():
        return QLineF(patch.right(), patch.center().y(), frame.left(), frame.center().y())
    return QLineF(patch.left(), patch.center().y(), frame.right(), frame.center().y())
