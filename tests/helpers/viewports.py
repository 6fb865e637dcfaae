"""A viewport with a picture in it, and what is painted."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QImage, QPaintEvent, QRegion
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.session.workspace import Workspace


def shown(qtbot: QtBot, workspace: Workspace, label: str = "RMLO", size: tuple[int, int] = (300, 320)) -> Viewport:
    """Return a viewport of one view with its frame decoded and painted."""
    identity = next(i.attributes.identity for i in workspace.images if i.attributes.view.label == label)
    viewport = Viewport(workspace)
    qtbot.addWidget(viewport)
    viewport.resize(*size)
    viewport.show_image(identity)
    viewport.show()
    qtbot.waitUntil(lambda: not viewport.follower.waiting)
    return viewport


def picture(viewport: Viewport) -> np.ndarray:
    """Return what is painted as (rows, columns, 3)."""
    image = viewport.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return flat[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def place(viewport: Viewport, row: float, column: float) -> tuple[float, float]:
    """Return the logical place of a stored point."""
    x, y = viewport.view.to_widget(np.array([(row, column)]))[0]
    return float(x), float(y)


def pixels(image: QImage) -> np.ndarray:
    """Return a picture as 32-bit pixels (rows, columns)."""
    words = image.convertToFormat(QImage.Format.Format_RGB32)
    return np.frombuffer(words.constBits(), np.uint32).reshape(words.height(), -1)[:, : words.width()].copy()


def on_screen(viewport: Viewport) -> np.ndarray:
    """Return what stands on the screen, painted in however many parts."""
    return pixels(viewport.screen().grabWindow(viewport.winId()).toImage())


class Exposed(QObject):
    """Counts the paint events of a widget and keeps what the last one asked for."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.region, self.times = QRegion(), 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: D102
        if isinstance(event, QPaintEvent):
            self.region = event.region()
            self.times += 1
        return False
