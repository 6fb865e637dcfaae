"""Window, zoom, orientation."""

from __future__ import annotations

import functools

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.actions.desk import Desk, on_state, on_viewport
from mammoviewer.gui.canvas.lens import next_filter
from mammoviewer.gui.canvas.roam import roam
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.panels.window_presets import presets
from mammoviewer.session.first_view import set_auto_window
from mammoviewer.session.image_facts import swap_pixel_size
from mammoviewer.session.viewer_state import Tool, ViewerState

ZOOM_STEP = 1.25
_CORNER_TEXTS = ("full", "minimal", "off")


def _preset(number: int, state: ViewerState) -> None:
    offered = presets(state)
    if number <= len(offered):
        state.voi = offered[number - 1]


def _invert(state: ViewerState) -> None:
    state.inverted = not state.inverted


def _black_air(desk: Desk) -> None:
    desk.workspace.desk.black_air = not desk.workspace.desk.black_air


def _flip(state: ViewerState) -> None:
    state.orientation = state.orientation.flipped_horizontally()


def _flip_rows(state: ViewerState) -> None:
    state.orientation = state.orientation.flipped_vertically()


def _turn(quarters: int, state: ViewerState) -> None:
    state.orientation = state.orientation.rotated(quarters)


def _hang_again(state: ViewerState) -> None:
    state.orientation = state.image.attributes.orientation


def _corner_text(desk: Desk) -> None:
    place = _CORNER_TEXTS.index(desk.workspace.desk.corner_text)
    desk.workspace.desk.corner_text = _CORNER_TEXTS[(place + 1) % len(_CORNER_TEXTS)]


def _escape(desk: Desk) -> None:
    if desk.workspace.desk.tool is not Tool.WINDOW:
        desk.workspace.desk.tool = Tool.WINDOW
    else:
        desk.grid.restore()


def _lens_filter(desk: Desk) -> None:
    desk.workspace.desk.lens_filter = next_filter(desk.workspace.desk.lens_filter)


def _swap_pixel_size(desk: Desk) -> None:
    workspace = desk.workspace
    if desk.state is not None and not swap_pixel_size(workspace, workspace.desk.active_identity):
        workspace.notice.emit(
            Notice(Severity.INFO, "This file has no calibrated pixel size beside that of the detector")
        )


def _compare_filters(state: ViewerState) -> None:
    state.bypass_filters = not state.bypass_filters


_WINDOW = (
    *(
        Command(f"window.preset_{n}", f"Window {n} of the file", (str(n),), on_state(functools.partial(_preset, n)))
        for n in range(1, 10)
    ),
    Command("window.auto", "Window by the grey values", ("0",), on_state(set_auto_window)),
    Command("window.reset", "First window of the file", ("Ctrl+0",), on_viewport(Viewport.reset_window)),
    Command("window.invert", "Invert", ("I",), on_state(_invert)),
    Command("window.black_air", "Black air around the breast, or as it is", ("Shift+I",), _black_air),
    Command(
        "filters.toggle_original", "Original instead of filters, on or off", ("Shift+O",), on_state(_compare_filters)
    ),
)
_VIEW = (
    Command("view.fit", "Fit into the viewport", ("F",), on_viewport(Viewport.fit)),
    Command("view.one_to_one", "One pixel to one pixel (1:1)", ("A",), on_viewport(Viewport.one_to_one)),
    Command("view.zoom_in", "Zoom in", ("+", "="), on_viewport(lambda v: v.zoom_by(ZOOM_STEP))),
    Command("view.zoom_out", "Zoom out", ("-",), on_viewport(lambda v: v.zoom_by(1 / ZOOM_STEP))),
    Command(
        "view.pan_left",
        "Move the picture left",
        ("Ctrl+Left",),
        on_viewport(lambda v: v.pan_by(-60, 0)),
        images_only=True,
    ),
    Command(
        "view.pan_right",
        "Move the picture right",
        ("Ctrl+Right",),
        on_viewport(lambda v: v.pan_by(60, 0)),
        images_only=True,
    ),
    Command(
        "view.pan_up", "Move the picture up", ("Ctrl+Up",), on_viewport(lambda v: v.pan_by(0, -60)), images_only=True
    ),
    Command(
        "view.pan_down",
        "Move the picture down",
        ("Ctrl+Down",),
        on_viewport(lambda v: v.pan_by(0, 60)),
        images_only=True,
    ),
    Command("view.pixel_size", "Measure by the calibrated pixel size, or back", (), _swap_pixel_size),
    Command("view.flip", "Flip left to right", ("Shift+F",), on_state(_flip)),
    Command("view.flip_rows", "Flip top to bottom", ("Alt+F",), on_state(_flip_rows)),
    Command("view.turn_right", "Turn a quarter to the right", ("Alt+R",), on_state(functools.partial(_turn, 1))),
    Command("view.turn_left", "Turn a quarter to the left", ("Alt+L",), on_state(functools.partial(_turn, -1))),
    Command("view.hang_again", "Turn back as it was hung", (), on_state(_hang_again)),
    Command("view.roam", "Next field at 1:1, over the whole breast", ("Q",), on_viewport(lambda v: roam(v, 1))),
    Command("view.roam_back", "Previous field at 1:1", ("Shift+Q",), on_viewport(lambda v: roam(v, -1))),
    Command("view.lens_filter", "Magnifier: next filter", ("Ctrl+M",), _lens_filter),
    Command(
        "view.undo",
        "Undo the last change of the view",
        ("Backspace",),
        lambda desk: desk.workspace.history.undo(),
        images_only=True,
    ),
    Command(
        "view.redo",
        "Redo the change of the view",
        ("Shift+Backspace",),
        lambda desk: desk.workspace.history.redo(),
        images_only=True,
    ),
    Command("view.corner_text", "Corner text full, minimal, off", ("C",), _corner_text),
    Command("view.next", "Next viewport", ("F6",), lambda desk: desk.grid.step_active(1)),
    Command("view.previous", "Previous viewport", ("Shift+F6",), lambda desk: desk.grid.step_active(-1)),
    Command("view.maximise", "Maximise the viewport, or back", ("Z",), lambda desk: desk.grid.toggle_maximised()),
    Command("view.restore", "Tool back to windowing, then all viewports back", ("Esc",), _escape, images_only=True),
)
VIEW_COMMANDS = {"Window": _WINDOW, "View": _VIEW}
