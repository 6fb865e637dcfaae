"""What a drag and a turn of the wheel do, as the reader has set it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt

from mammoviewer.gui.canvas.gestures import (
    Canvas,
    Gesture,
    PanDrag,
    Pointer,
    SliceDrag,
    WindowDrag,
    ZoomDrag,
    ZoomToRegion,
    dragged_window,
)
from mammoviewer.session.hands_settings import DRAGS, NOTHING, WHEELS, HandsSettings

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget

Place = tuple[float, float]
Turn = Callable[["ViewWidget", float, Place], None]

_ZOOM_PER_NOTCH: Final = 1.2
_OPACITY_PER_NOTCH: Final = 0.05
_DRAG_PER_NOTCH: Final = 12.0
"""A notch changes the window as much as a drag of so many logical pixels."""

DRAG_GESTURES: Mapping[str, Callable[[Canvas, Pointer], Gesture]] = MappingProxyType(
    {"window": WindowDrag, "pan": PanDrag, "zoom": ZoomDrag, "region": ZoomToRegion, "slices": SliceDrag}
)
"""The gestures that need no tool, by the names of the settings."""

SLICES_PER_NOTCH: Mapping[str, int] = MappingProxyType({"slices": 1, "five_slices": 5})


def drag_act(hands: HandsSettings, button: Qt.MouseButton, modifiers: Qt.KeyboardModifier) -> str:
    """Return the name of what a drag does."""
    with_shift = {
        Qt.MouseButton.MiddleButton: hands.shift_middle_drag,
        Qt.MouseButton.RightButton: hands.shift_right_drag,
    }
    if modifiers & Qt.KeyboardModifier.ShiftModifier and button in with_shift:
        return with_shift[button]
    by_button = {
        Qt.MouseButton.LeftButton: hands.left_drag,
        Qt.MouseButton.MiddleButton: hands.middle_drag,
        Qt.MouseButton.RightButton: hands.right_drag,
    }
    return by_button.get(button, NOTHING)


def wheel_act(hands: HandsSettings, modifiers: Qt.KeyboardModifier) -> str:
    """Return the name of what the wheel does."""
    if modifiers & Qt.KeyboardModifier.ControlModifier:
        return hands.ctrl_wheel
    if modifiers & Qt.KeyboardModifier.AltModifier:
        return hands.alt_wheel
    if modifiers & Qt.KeyboardModifier.ShiftModifier:
        return hands.shift_wheel
    return hands.wheel


def _zoom(viewport: ViewWidget, notches: float, place: Place) -> None:
    viewport.zoom_by(_ZOOM_PER_NOTCH**notches, place)


def _opacity(viewport: ViewWidget, notches: float, place: Place) -> None:
    style = viewport.workspace.style
    style.opacity = min(max(style.opacity + _OPACITY_PER_NOTCH * notches, 0.0), 1.0)


def _brightness(viewport: ViewWidget, notches: float, place: Place) -> None:
    state = viewport.shown
    state.voi = dragged_window(state.voi, state, 0.0, -_DRAG_PER_NOTCH * notches)


def _contrast(viewport: ViewWidget, notches: float, place: Place) -> None:
    state = viewport.shown
    state.voi = dragged_window(state.voi, state, -_DRAG_PER_NOTCH * notches, 0.0)


TURNS: Mapping[str, Turn] = MappingProxyType(
    {"zoom": _zoom, "opacity": _opacity, "brightness": _brightness, "contrast": _contrast}
)
"""What the wheel does at once, by the names of the settings; slices wait for a whole notch."""


def mouse_lines(hands: HandsSettings) -> list[tuple[str, str]]:
    """Return what the mouse does now and how, for the cheat sheet; what does nothing is left out."""
    drags = (
        ("left drag", hands.left_drag),
        ("middle drag", hands.middle_drag),
        ("Shift + middle drag", hands.shift_middle_drag),
        ("right drag", hands.right_drag),
        ("Shift + right drag", hands.shift_right_drag),
    )
    wheels = (
        ("wheel", hands.wheel),
        ("Ctrl + wheel", hands.ctrl_wheel),
        ("Shift + wheel", hands.shift_wheel),
        ("Alt + wheel", hands.alt_wheel),
    )
    lines = [(DRAGS[act], how) for how, act in drags if act != NOTHING]
    lines += [(WHEELS[act], how) for how, act in wheels if act != NOTHING]
    return [*lines, *_FIXED]


_FIXED = (
    ("Pan", "Space + drag"),
    ("Explain a patch", "Alt + click"),
    ("Accept an AI mark", "double click on it"),
    ("The file's window", "double right click"),
    ("Original without filters", "hold O"),
    ("Magnifier", "hold M, wheel: larger"),
)
