"""One picture on screen: a widget that paints a :class:`ViewerState` and hands events to the tools."""

from __future__ import annotations

import logging

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QEnterEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QRegion,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from mammoviewer.gui.canvas.corner_text import LINKED, NOT_LINKED, SIDE_DOUBTED
from mammoviewer.gui.canvas.cursor_reading import CursorReading
from mammoviewer.gui.canvas.opaque import keep_opaque
from mammoviewer.gui.canvas.tools import BRUSHES
from mammoviewer.gui.canvas.view_widget import ViewWidget
from mammoviewer.gui.canvas.window_pixels import paints_window
from mammoviewer.session.workspace import Workspace

IMAGE_MIME = "application/x-mammoviewer-image"
"""What is dragged from the thumbnail rail: the identity of an open image."""

_LOGGER = logging.getLogger(__name__)


class Viewport(ViewWidget):
    """Takes the events of its picture: paints, and gives mouse and keys to the hands."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(workspace, parent)
        self._told: CursorReading | None = None
        self.setAcceptDrops(True)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Paint the others anew too."""
        self._scale_changed()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint; what goes wrong is logged and told, because an exception here would leave the painter active.

        What is under a resting cursor may have changed with the picture.
        """
        if self._paint(event.region()):
            self._tell_reading()

    def _paint(self, exposed: QRegion) -> bool:
        """Paint, and tell whether that was possible."""
        painter = QPainter(self)
        try:
            with self.still():
                self._painter.paint(painter, exposed)
            if paints_window(painter, self):
                self._picture.painted(exposed)
        except Exception as error:
            _LOGGER.exception("a viewport could not be painted")
            self.paint_failed.emit(error)
            return False
        finally:
            painter.end()
        return True

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Make this the active viewport and begin a gesture."""
        if self.state is None:
            return
        self.workspace.desk.active_identity = self.identity
        self.activated.emit()
        if event.button() == Qt.MouseButton.LeftButton and self._use_badge(event.position()):
            return
        self.hands.press(event)

    def _use_badge(self, place: QPointF) -> bool:
        """Flip a picture of doubted side (the file stays as it is), link or unlink, when that badge is clicked."""
        badge = next((text for text, at in self._painter.badge_places.items() if at.contains(place)), "")
        if badge == SIDE_DOUBTED:
            self.shown.orientation = self.shown.orientation.flipped_horizontally()
        elif badge in {LINKED, NOT_LINKED}:
            self.workspace.links.toggle(self.identity)
        return badge in {SIDE_DOUBTED, LINKED, NOT_LINKED}

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Go on with the gesture and tell what is under the cursor."""
        if self.state is None:
            return
        self.pointed = event.position()
        self.hands.hover(event.position())
        self.hands.move(event)
        if self.workspace.desk.lens or self.workspace.desk.tool in BRUSHES:
            self.update()
        self._tell_reading()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """End the gesture."""
        if self.state is not None:
            self.hands.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Do what a double click stands for."""
        if self.state is not None:
            self.hands.double_click(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Scroll, zoom or change the opacity."""
        if self.state is not None:
            self.hands.wheel(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Take an image of the rail; files are for the window."""
        if event.mimeData().hasFormat(IMAGE_MIME):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Show the image that was dropped."""
        identity = bytes(event.mimeData().data(IMAGE_MIME).data()).decode()
        if self.workspace.is_open(identity):
            event.acceptProposedAction()
            self.image_dropped.emit(identity)

    def event(self, event: QEvent) -> bool:
        """Keep the keys that belong to the hands from the shortcuts of the window, and the picture opaque."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and self.hands.wants(event):
            event.accept()
            return True
        done = super().event(event)
        keep_opaque(self, event)
        return done

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Give keys to the hands."""
        if self.state is None or not self.hands.key_press(event):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Give keys to the hands."""
        if self.state is None or not self.hands.key_release(event):
            super().keyReleaseEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802
        """Tell what is under the cursor that has come, be it that the picture came to the cursor."""
        self.pointed = event.position()
        self._tell_reading()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Tell that the cursor has gone, and take the lens away."""
        self.pointed = None
        self.update()
        self._tell_reading()

    def _reading_here(self) -> CursorReading | None:
        return self.reading(self.pointed) if self.state is not None and self.pointed is not None else None

    def _tell_reading(self) -> None:
        self._tell(self._reading_here())

    def _tell(self, reading: CursorReading | None) -> None:
        """Tell what is under the cursor if that has changed."""
        if reading != self._told:
            self._told = reading
            self.cursor_moved.emit(reading)
            desk = self.workspace.desk
            if desk.linked_cursor:
                desk.pointed = (self.identity, (float(reading.row), float(reading.column))) if reading else None
