"""Current and prior one after the other in the same place, at the same scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.canvas.gestures import place_view
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.session.view_links import match_slice, match_zoom
from mammoviewer.session.viewer_state import FIT, ViewerState
from mammoviewer.session.workspace import Workspace


@dataclass(frozen=True)
class _Fitted:
    """A view that was fitted, and where it stood."""

    state: ViewerState
    zoom: float
    centre: tuple[float, float]

    @property
    def stands(self) -> bool:
        """Whether it still stands there; going there and back by anatomy rounds the last digits."""
        now, then = (self.state.zoom, *self.state.centre), (self.zoom, *self.centre)
        return all(math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-3) for a, b in zip(now, then, strict=True))


class Flicker:
    """Puts the image of the other study in the place of the active one, and back.

    How large a fitted image is depends on those beside it. While the other study's image stands there nothing is
    fitted anew, or a mass would seem to have grown or shrunk.
    """

    def __init__(self, workspace: Workspace, grid: ViewportGrid) -> None:
        self._workspace, self._grid = workspace, grid
        self._away: set[str] = set()
        self._fitted: tuple[_Fitted, ...] = ()
        self._putting = False
        workspace.stage_changed.connect(self._stage_changed)
        grid.maximised_changed.connect(self.release)

    def toggle(self) -> None:
        """Show the other one of the two images; tell where there is no other one."""
        workspace, state, stage = self._workspace, self._workspace.active, self._workspace.stage
        if state is None or stage is None:
            return
        partner = workspace.hung.counterpart(state.image)
        if partner is None:
            text = "There is no image of this view in another study to compare with"
            workspace.notice.emit(Notice(Severity.INFO, text))
            return
        identity, other = state.image.attributes.identity, workspace.state(partner.attributes.identity)
        back = partner.attributes.identity in self._away
        fitted = other.zoom == FIT
        if not back:
            self._hold()
        with workspace.links.paused():
            match_zoom(state, other)
            match_slice(state, other)
            other.inverted = state.inverted
        if fitted:
            self._fitted += (_Fitted(other, other.zoom, other.centre),)
        self._away ^= {partner.attributes.identity if back else identity}
        self._putting = True
        try:
            workspace.put_into_cell(stage.cells.index(identity), partner.attributes.identity)
        finally:
            self._putting = False
        if not self._away:
            self.release()

    def release(self) -> None:
        """Fit the views again that were fitted, unless the reader has moved them since."""
        self._away.clear()
        fitted, self._fitted = self._fitted, ()
        with self._workspace.links.paused():
            for view in fitted:
                if view.stands:
                    view.state.zoom = FIT

    def _hold(self) -> None:
        """Keep every fitted view of the stage at the size that it has."""
        held = []
        with self._workspace.links.paused():
            for viewport in self._grid.everywhere:
                state = viewport.state
                if state is not None and state.zoom == FIT and viewport.isVisible():
                    view = viewport.view
                    held.append((state, view.zoom, view.centre))
            for state, zoom, centre in held:
                place_view(state, zoom, centre)
        self._fitted += tuple(_Fitted(state, state.zoom, state.centre) for state, _, _ in held)

    def _stage_changed(self) -> None:
        if not self._putting:
            self.release()
