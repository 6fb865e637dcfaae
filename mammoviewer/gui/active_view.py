"""The image the reader works on, as one Qt object that panels listen to."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from mammoviewer.gui.bridge import bind
from mammoviewer.session.viewer_state import ViewerState
from mammoviewer.session.workspace import Workspace


class ActiveView(QObject):
    """Follows the desk's active image and passes on what changes in its state.

    Signals: ``switched()`` when another image is active (or none); ``changed(field)`` when a field of the active
    state changed.
    """

    switched = Signal()
    changed = Signal(str)

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._state: ViewerState | None = None
        bind(self, workspace.desk.events.active_identity, self._follow)
        bind(self, workspace.studies_changed, self._follow)
        bind(self, workspace.stage_changed, self._follow)
        self._follow()

    @property
    def state(self) -> ViewerState | None:
        """Return the active state, None when nothing is open."""
        return self._state

    def _follow(self) -> None:
        state = self._workspace.active
        if state is self._state:
            return
        self.release()
        self._state = state
        if state is not None:
            state.events.connect(self._on_change, thread="main")
        self.switched.emit()

    def _on_change(self, info: Any) -> None:
        self.changed.emit(info.signal.name)

    def release(self) -> None:
        """Stop listening to the state; the object may be used again."""
        if self._state is not None:
            self._state.events.disconnect(self._on_change, missing_ok=True)
            self._state = None
