"""Key and mouse events as a reader's hands make them, for the walk through the window."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from mammoviewer.gui.canvas.viewport import Viewport

_PLAIN = Qt.KeyboardModifier.NoModifier


def press(viewport: Viewport, key: Qt.Key, modifier: Qt.KeyboardModifier = _PLAIN) -> None:
    """Press a key and let it go."""
    QTest.keyClick(viewport, key, modifier)


def click(viewport: Viewport, point: tuple[float, float], modifier: Qt.KeyboardModifier) -> None:
    """Click the left button at a stored (row, column)."""
    QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, modifier, _place(viewport, point))


def drag(viewport: Viewport, first: tuple[float, float], last: tuple[float, float]) -> None:
    """Drag with the left button from one stored (row, column) to another."""
    start, end = _place(viewport, first), _place(viewport, last)
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, _PLAIN, start)
    QTest.mouseMove(viewport, (start + end) / 2)
    QTest.mouseMove(viewport, end)
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, _PLAIN, end)


def wheel(viewport: Viewport, notches: int) -> None:
    """Turn the wheel in the middle of a viewport."""
    middle = QPointF(viewport.rect().center())
    event = QWheelEvent(
        middle,
        viewport.mapToGlobal(middle),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        _PLAIN,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, event)


def _place(viewport: Viewport, point: tuple[float, float]) -> QPoint:
    x, y = viewport.view.to_widget(np.array([point]))[0]
    return QPoint(round(x), round(y))
