"""Slices of a volume: scrolling, cine, slabs, where the model looks."""

from __future__ import annotations

import functools

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.actions.desk import Desk, on_state, on_viewport
from mammoviewer.gui.canvas.cine import stepped_rate
from mammoviewer.gui.canvas.model_output import HIDDEN
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.imaging.slab import SlabMode
from mammoviewer.session.blind import ai_hidden, visible_scores
from mammoviewer.session.viewer_state import ViewerState, slice_step_mm

PAGE = 5
SLABS_MM = (0.0, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0, 20.0, 30.0)
"""Thicknesses that the keys step through; 0 is a single slice."""


def _scroll(steps: int, viewport: Viewport) -> None:
    viewport.scroll_slices(steps)


def _play(state: ViewerState) -> None:
    if state.frames > 1:
        state.playing = not state.playing


def _pace(step: int, desk: Desk) -> None:
    desk.workspace.desk.cine_rate = stepped_rate(desk.workspace.desk.cine_rate, step)


def _turn(state: ViewerState) -> None:
    state.backwards = not state.backwards


def _loop(desk: Desk) -> None:
    desk.workspace.desk.cine_loops = not desk.workspace.desk.cine_loops


def _thicker(state: ViewerState) -> None:
    if state.frames > 1:
        least = slice_step_mm(state.image.attributes) or 1.0
        state.slab_mm = next((mm for mm in SLABS_MM if mm > max(state.slab_mm, least)), SLABS_MM[-1])


def _thinner(state: ViewerState) -> None:
    if state.frames > 1:
        least = slice_step_mm(state.image.attributes) or 1.0
        thinner = next((mm for mm in reversed(SLABS_MM) if mm < state.slab_mm), 0.0)
        state.slab_mm = thinner if thinner > least else 0.0


def _other_mode(state: ViewerState) -> None:
    if state.frames > 1:
        state.slab_mode = SlabMode.MEAN if state.slab_mode is SlabMode.MIP else SlabMode.MIP
        state.slab_mm = state.slab_mm or 5.0


def _best(desk: Desk) -> None:
    """Show the slice with the highest score of the chosen model."""
    state, workspace = desk.state, desk.workspace
    if state is None or state.frames < 2:
        return
    if ai_hidden(workspace, state.image):
        workspace.notice.emit(HIDDEN)
        return
    scores = visible_scores(workspace, state.image)
    known = [(score, frame) for frame, score in enumerate(scores) if score is not None]
    if not known:
        text = "No slice of this volume has been scored yet"
        workspace.notice.emit(Notice(Severity.INFO, text, "run the model over all slices (Ctrl+Shift+R)"))
        return
    state.playing = False
    state.frame = max(known)[1]


SLICE_COMMANDS = {
    "Slices": (
        *(
            Command(f"slice.{name}", title, (key,), on_viewport(functools.partial(_scroll, steps)), images_only=True)
            for name, title, key, steps in (
                ("up", "Slice up", "Up", -1),
                ("down", "Slice down", "Down", 1),
                ("page_up", "Five slices up", "PgUp", -PAGE),
                ("page_down", "Five slices down", "PgDown", PAGE),
                ("first", "First slice", "Home", -1_000_000),
                ("last", "Last slice", "End", 1_000_000),
            )
        ),
        Command("slice.best", "Slice with the highest AI score", ("Shift+B",), _best),
        Command("slice.play", "Play or pause the slices", ("Space",), on_state(_play), images_only=True),
        Command("slice.slower", "Play slower", (",",), functools.partial(_pace, -1)),
        Command("slice.faster", "Play faster", (".",), functools.partial(_pace, 1)),
        Command("slice.turn", "Play the other way", ("Shift+Space",), on_state(_turn), images_only=True),
        Command("slice.loop", "Play round and round, or to and fro", (), _loop),
        Command("slice.thicker", "Thicker slab", ("Shift+Up",), on_state(_thicker), images_only=True),
        Command(
            "slice.thinner",
            "Thinner slab, down to a single slice",
            ("Shift+Down",),
            on_state(_thinner),
            images_only=True,
        ),
        Command("slice.slab_mode", "Slab by mean or by maximum (MIP)", ("Shift+M",), on_state(_other_mode)),
    )
}
