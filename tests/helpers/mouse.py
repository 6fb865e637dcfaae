"""Mouse, wheel and keys as events, with the buttons and modifiers they have in a person's hands."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

LEFT = Qt.MouseButton.LeftButton
RIGHT = Qt.MouseButton.RightButton
MIDDLE = Qt.MouseButton.MiddleButton
NONE = Qt.KeyboardModifier.NoModifier

Place = tuple[float, float]


def send(
    widget: QWidget,
    kind: QEvent.Type,
    place: Place,
    button: Qt.MouseButton,
    held: Qt.MouseButton,
    modifiers: Qt.KeyboardModifier = NONE,
) -> None:
    """Send one mouse event at a logical place."""
    point = QPointF(*place)
    QApplication.sendEvent(
        widget, QMouseEvent(kind, point, QPointF(widget.mapToGlobal(point)), button, held, modifiers)
    )


def press(widget: QWidget, place: Place, button: Qt.MouseButton = LEFT, modifiers: Qt.KeyboardModifier = NONE) -> None:
    """Press a button."""
    send(widget, QEvent.Type.MouseButtonPress, place, button, button, modifiers)


def move(widget: QWidget, place: Place, button: Qt.MouseButton = Qt.MouseButton.NoButton) -> None:
    """Move the mouse, with a button held or none."""
    send(widget, QEvent.Type.MouseMove, place, Qt.MouseButton.NoButton, button)


def release(widget: QWidget, place: Place, button: Qt.MouseButton = LEFT) -> None:
    """Release a button."""
    send(widget, QEvent.Type.MouseButtonRelease, place, button, Qt.MouseButton.NoButton)


def drag(
    widget: QWidget,
    start: Place,
    end: Place,
    button: Qt.MouseButton = LEFT,
    modifiers: Qt.KeyboardModifier = NONE,
) -> None:
    """Press, move in three steps, release."""
    press(widget, start, button, modifiers)
    for step in (1, 2, 3):
        share = step / 3.0
        move(widget, (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share), button)
    release(widget, end, button)


def click(widget: QWidget, place: Place, button: Qt.MouseButton = LEFT, modifiers: Qt.KeyboardModifier = NONE) -> None:
    """Press and release in one place."""
    press(widget, place, button, modifiers)
    release(widget, place, button)


def double_click(widget: QWidget, place: Place, button: Qt.MouseButton = LEFT) -> None:
    """Click twice, as Qt tells of it."""
    click(widget, place, button)
    send(widget, QEvent.Type.MouseButtonDblClick, place, button, button)
    release(widget, place, button)


def wheel(widget: QWidget, place: Place, notches: float, modifiers: Qt.KeyboardModifier = NONE) -> None:
    """Turn the wheel away from the hand by some notches."""
    point = QPointF(*place)
    event = QWheelEvent(
        point,
        QPointF(widget.mapToGlobal(point)),
        QPoint(),
        QPoint(0, round(notches * 120)),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)
