"""Mouse, wheel and keys of a viewport, as the table of hands in the design has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.canvas.corner_text import OFF
from mammoviewer.gui.canvas.gestures import Gesture, Pointer, StripDrag
from mammoviewer.gui.canvas.lens import stepped_factor
from mammoviewer.gui.canvas.mouse_acts import SLICES_PER_NOTCH, TURNS, wheel_act
from mammoviewer.gui.canvas.roi_layer import detection_at
from mammoviewer.gui.canvas.tools import CURSORS, DRAWING_TOOLS, begin
from mammoviewer.gui.model_actions import accept_mark
from mammoviewer.session.viewer_state import Tool

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget

_NOTCH: Final = 120
"""The angle of one step of a wheel, in eighths of a degree."""
_LABEL: Final = QRectF(0.0, 0.0, 110.0, 38.0)
"""Where the view label is, at its corner."""
_GESTURE_KEYS: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape)


@dataclass
class _Space:
    """The space bar: held it pans, tapped it plays."""

    held: bool = False
    used: bool = False


class Hands:
    """Turns events into gestures and changes of the view; at most one gesture runs."""

    def __init__(self, viewport: ViewWidget) -> None:
        self._viewport = viewport
        self._space = _Space()
        self._turned = 0.0
        self._button = Qt.MouseButton.NoButton
        self.gesture: Gesture | None = None

    def pointer(self, event: QMouseEvent) -> Pointer:
        """Return where an event is."""
        place = event.position()
        return Pointer(place, self._viewport.view.to_stored(place.x(), place.y()), event.modifiers())

    def press(self, event: QMouseEvent) -> None:
        """Begin a gesture, or give a further click to one of several clicks."""
        viewport = self._viewport
        pointer = self.pointer(event)
        if self.gesture is not None:
            if event.button() == self._button:
                self.gesture.press(pointer)
            return
        self._button = event.button()
        left = event.button() == Qt.MouseButton.LeftButton
        strip = viewport.strip
        if left and strip is not None and strip.holds(pointer.place.x()):
            self.gesture = StripDrag(viewport, pointer, strip)
        elif left and pointer.modifiers & Qt.KeyboardModifier.AltModifier:
            viewport.explain(*pointer.point)
        else:
            self._space.used = self._space.held
            self.gesture = begin(viewport, pointer, event.button(), panning=self._space.held)

    def move(self, event: QMouseEvent) -> None:
        """Give the move to the gesture."""
        if self.gesture is not None:
            self.gesture.move(self.pointer(event))

    def release(self, event: QMouseEvent) -> None:
        """End the gesture when the button that began it goes up, unless it takes several clicks."""
        if self.gesture is None or event.button() != self._button:
            return
        if self.gesture.release(self.pointer(event)):
            self._over()

    def double_click(self, event: QMouseEvent) -> None:
        """Close a polygon, accept an AI mark, maximise by the label, fit; on the right, the file's window."""
        viewport = self._viewport
        if self.gesture is not None and event.button() == self._button:
            self._finish()
            return
        if event.button() == Qt.MouseButton.RightButton:
            viewport.reset_window()
            return
        if event.button() != Qt.MouseButton.LeftButton or self.gesture is not None:
            return
        place = event.position()
        tool: Tool = viewport.workspace.desk.tool
        detection = detection_at(viewport.output.detections, viewport.view, place)
        # The first of two clicks with the point tool has made the point: the second is too many.
        pointing = tool is Tool.POINT
        if detection is not None and not pointing:
            accept_mark(viewport.workspace, detection)
        elif self._on_label(place):
            viewport.label_activated.emit()
        elif tool in DRAWING_TOOLS:
            if not pointing:
                self.press(event)
        elif viewport.strip is None or not viewport.strip.holds(place.x()):
            viewport.fit()

    def wheel(self, event: QWheelEvent) -> None:
        """Do what the wheel does with the keys that are held."""
        viewport = self._viewport
        angle = event.angleDelta()
        # Qt gives the wheel to the other axis while Alt is held.
        notches = (angle.y() or angle.x()) / _NOTCH
        place = event.position()
        desk = viewport.workspace.desk
        act = wheel_act(viewport.workspace.settings.hands, event.modifiers())
        if desk.lens and notches:
            desk.lens_factor = stepped_factor(desk.lens_factor, 1 if notches > 0 else -1)
        elif act in TURNS:
            TURNS[act](viewport, notches, (place.x(), place.y()))
        elif act in SLICES_PER_NOTCH:
            self._turned += notches
            steps = int(self._turned)
            self._turned -= steps
            if steps:
                forward = viewport.workspace.settings.window.wheel_inverts
                viewport.scroll_slices((steps if forward else -steps) * SLICES_PER_NOTCH[act])

    def wants(self, event: QKeyEvent) -> bool:
        """Return whether a key belongs to the viewport and not to a shortcut of the window."""
        # Enter of the keypad carries a modifier of its own.
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if self._viewport.state is None or modifiers != Qt.KeyboardModifier.NoModifier:
            return False
        return event.key() == Qt.Key.Key_Space or (self.gesture is not None and event.key() in _GESTURE_KEYS)

    def key_press(self, event: QKeyEvent) -> bool:
        """Take space, Enter and Escape; return whether the key was taken."""
        key = event.key()
        if key == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._space = _Space(held=True)
                self._viewport.setCursor(Qt.CursorShape.OpenHandCursor)
            return True
        if self.gesture is None or key not in _GESTURE_KEYS:
            return False
        if key == Qt.Key.Key_Escape:
            self.gesture.cancel()
            self._over()
        else:
            self._finish()
        return True

    def key_release(self, event: QKeyEvent) -> bool:
        """Play or pause when space was tapped; return whether the key was taken."""
        if event.key() != Qt.Key.Key_Space:
            return False
        if not event.isAutoRepeat():
            state = self._viewport.shown
            if self._space.held and not self._space.used and state.frames > 1:
                state.playing = not state.playing
            self._space = _Space()
            self.show_cursor()
        return True

    def step_back(self) -> bool:
        """Take the last step of the gesture back; return whether there was one to take back."""
        if self.gesture is None:
            return False
        if self.gesture.step_back():
            self._over()
        return True

    def put_down(self) -> None:
        """Give up what waits for a further press, because another tool has been chosen."""
        if self.gesture is None or not self.gesture.waits:
            return
        self.gesture.cancel()
        self._over()
        text = "Another tool was chosen: what had been begun is given up"
        self._viewport.workspace.notice.emit(Notice(Severity.INFO, text, "press Enter to keep it before that"))

    def abandon(self) -> None:
        """Forget a gesture, because the picture under it has changed."""
        self.gesture = None
        self._space = _Space()

    def show_cursor(self) -> None:
        """Show the cursor of the chosen tool."""
        tool: Tool = self._viewport.workspace.desk.tool
        self._viewport.setCursor(CURSORS.get(tool, Qt.CursorShape.CrossCursor))

    def hover(self, place: QPointF) -> None:
        """Show that the strip under the mouse can be clicked."""
        if self.gesture is not None or self._space.held:
            return
        strip = self._viewport.strip
        if strip is not None and strip.holds(place.x()):
            self._viewport.setCursor(Qt.CursorShape.PointingHandCursor)
        else:
            self.show_cursor()

    def _on_label(self, place: QPointF) -> bool:
        viewport = self._viewport
        left = 0.0 if viewport.text_on_left else viewport.width() - _LABEL.width()
        return viewport.workspace.desk.corner_text != OFF and _LABEL.translated(left, 0.0).contains(place)

    def _finish(self) -> None:
        if self.gesture is not None and self.gesture.finish():
            self._over()

    def _over(self) -> None:
        self.gesture = None
        self._viewport.update()
