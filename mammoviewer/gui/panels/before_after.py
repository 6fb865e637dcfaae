"""Old and new model on the same image, one key press apart."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from mammoviewer.gui.bridge import bind
from mammoviewer.gui.model_actions import show_heatmap
from mammoviewer.gui.panels.parts import Segments, label
from mammoviewer.session.workspace import Workspace

BEFORE, AFTER = "before", "after"


class BeforeAfter(QWidget):
    """Switches the heatmap of the active image between two models; the one chosen is the model in force meanwhile."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._models = {BEFORE: "", AFTER: ""}
        self._which = Segments([("Before", BEFORE), ("After", AFTER)])
        self._which.chosen.connect(self.look)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.addWidget(label("Heatmap of the active image", "dim"))
        layout.addWidget(self._which)
        bind(self, workspace.desk.events.model, self._refresh)

    def offer(self, before: str, after: str) -> None:
        """Compare these two models, by identity, from now on."""
        self._models = {BEFORE: before, AFTER: after}
        self._refresh()

    def look(self, side: str) -> None:
        """Show the heatmap of ``BEFORE`` or ``AFTER``; it is made in the background where it is not there yet."""
        self._workspace.desk.model = self._models[side]
        show_heatmap(self._workspace)
        self._refresh()

    def _refresh(self) -> None:
        side = next((side for side, model in self._models.items() if model == self._workspace.desk.model), None)
        if side is not None:
            self._which.show_choice(side)
