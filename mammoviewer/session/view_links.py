"""Linked viewports: what the reader does in one of them happens in the others of the stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mammoviewer.imaging.voi import Voi, Window
from mammoviewer.session.places import anatomy, same_place
from mammoviewer.session.viewer_state import FIT, ViewerState, slice_step_mm

if TYPE_CHECKING:
    from mammoviewer.session.workspace import Workspace


class ViewLinks:
    """Follows the stage and keeps its linked views together.

    Zoom is kept in millimetres, the centre by anatomy (mirrored for the other breast), the slice by its depth, the
    window by what the reader changed relative to each image's own.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._followed: list[tuple[ViewerState, Callable[[Any], None]]] = []
        self._busy = False
        workspace.stage_changed.connect(self._follow)

    def toggle(self, identity: str = "") -> None:
        """Link or unlink one view, or all of the stage when none is named: all, unless all are linked already."""
        states = [self._workspace.state(identity)] if identity else self._states()
        linked = not all(state.linked for state in states)
        for state in states:
            state.linked = linked

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Meanwhile what happens in one view does not happen in the others."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    def _states(self) -> list[ViewerState]:
        stage = self._workspace.stage
        cells = dict.fromkeys(stage.cells) if stage is not None else {}
        return [self._workspace.state(cell) for cell in cells if cell]

    def _follow(self) -> None:
        for state, listener in self._followed:
            state.events.disconnect(listener, missing_ok=True)
        self._followed = []
        for state in self._states():
            listener = self._listener(state)
            state.events.connect(listener)
            self._followed.append((state, listener))

    def _listener(self, state: ViewerState) -> Callable[[Any], None]:
        def changed(info: Any) -> None:
            before = info.args[1] if len(info.args) > 1 else None
            self._spread(state, info.signal.name, before)

        return changed

    def _spread(self, state: ViewerState, name: str, before: Any) -> None:
        if self._busy or not state.linked:
            return
        with self.paused():
            for other in self._states():
                if other is not state and other.linked:
                    self._copy(state, other, name, before)

    def _copy(self, state: ViewerState, other: ViewerState, name: str, before: Any) -> None:
        if name in {"zoom", "centre"}:
            match_zoom(state, other)
        elif name == "frame":
            match_slice(state, other)
        elif name == "voi" and not state.window_is_automatic and before is not None:
            other.voi = moved_window(other.voi, before, state.voi)
        elif name in {"inverted", "slab_mm", "slab_mode", "filters", "bypass_filters"}:
            setattr(other, name, getattr(state, name))


def match_zoom(state: ViewerState, other: ViewerState) -> None:
    """Show the same part of the breast at the same scale in another view."""
    if state.zoom == FIT:
        other.zoom = FIT
        return
    mine, its = anatomy(state), anatomy(other)
    other.centre = same_place(mine, its, state.centre)
    known = state.image.attributes.pixel_spacing is not None and other.image.attributes.pixel_spacing is not None
    other.zoom = state.zoom * (its.pixel_mm[1] / mine.pixel_mm[1]) if known else state.zoom


def match_slice(state: ViewerState, other: ViewerState) -> None:
    """Show the slice of another volume at the same nominal depth; where it is not known, the same share of the way."""
    if state.frames < 2 or other.frames < 2:
        return
    mine, its = slice_step_mm(state.image.attributes), slice_step_mm(other.image.attributes)
    if mine and its:
        frame = round(state.frame * mine / its)
    else:
        frame = round(state.frame * (other.frames - 1) / (state.frames - 1))
    other.frame = min(max(frame, 0), other.frames - 1)


def moved_window(own: Voi, before: Voi, after: Voi) -> Voi:
    """Return a window changed as another one was: its width by the same ratio, its centre by as many widths.

    LUTs, and changes from or to a LUT, are left alone: they are the file's.
    """
    if not (isinstance(own, Window) and isinstance(before, Window) and isinstance(after, Window)):
        return own
    ratio = after.width / before.width
    shift = (after.center - before.center) / before.width
    return replace(own, center=own.center + shift * own.width, width=max(1.0, own.width * ratio), explanation="")
