"""What the model says in numbers: of the slice, the volume, the breasts and the patient."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.panels.parts import FactGrid, label, section
from mammoviewer.session.blind import ai_hidden
from mammoviewer.session.model_scores import score_facts
from mammoviewer.session.workspace import Workspace


class AiScores(QWidget):
    """The scores of the chosen model on the active image and its study, as far as it has looked."""

    def __init__(self, workspace: Workspace, active: ActiveView) -> None:
        super().__init__()
        self._workspace = workspace
        self._active = active
        self._grid = FactGrid()
        self._empty = label("", "dim", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(section("Scores", self._empty, self._grid))
        for signal in (workspace.heatmaps.changed, workspace.desk.events.model, workspace.desk.events.blind):
            bind(self, signal, self.refresh)
        active.switched.connect(self.refresh)
        active.changed.connect(lambda name: self.refresh() if name == "frame" else None)
        self.refresh()

    @property
    def shown(self) -> list[tuple[str, str]]:
        """Return (what, score) as they are shown."""
        workspace, state = self._workspace, self._active.state
        study = next((one for one in workspace.studies if state is not None and state.image in one.images), None)
        if state is None or study is None or ai_hidden(workspace, state.image):
            return []
        return score_facts(workspace.heatmaps, study, state.image, state.frame, workspace.desk.model)

    def refresh(self) -> None:
        """Read the scores again."""
        facts = self.shown
        self._grid.show_facts(facts)
        self._grid.setVisible(bool(facts))
        self._empty.setVisible(not facts)
        state = self._active.state
        hidden = state is not None and ai_hidden(self._workspace, state.image)
        self._empty.setText("Hidden: you are reading blind." if hidden else "None yet: run the model.")
