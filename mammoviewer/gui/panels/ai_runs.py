"""How the classifier looks: closely everywhere, in one pass, or closely where it is worth it; and at which slices."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QSpinBox, QVBoxLayout, QWidget

from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.model_actions import run_model
from mammoviewer.gui.panels.parts import CalmCombo, button, label, row
from mammoviewer.session.workspace import Workspace

MODES = (("Every window", "patches"), ("Coarse to fine", "coarse"), ("One dense pass", "dense"))


_SPIN_WIDTH = 60


class _CalmSpin(QSpinBox):
    """A number that the wheel changes only when it has the focus, so that scrolling the panel is safe."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the panel unless the number was chosen."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class AiRuns(QWidget):
    """The mode, bound to ``desk.mode``, and for volumes a range of slices to run on."""

    def __init__(self, workspace: Workspace, active: ActiveView) -> None:
        super().__init__()
        self._workspace = workspace
        self._active = active
        self._mode = CalmCombo()
        self._mode.setAccessibleName("How the model looks")
        self._mode.activated.connect(lambda: setattr(workspace.desk, "mode", self._mode.currentData()))
        self._first, self._last = _CalmSpin(), _CalmSpin()
        for box, name in ((self._first, "First slice"), (self._last, "Last slice")):
            box.setAccessibleName(name)
            box.setMinimum(1)
            box.setFixedWidth(_SPIN_WIDTH)
        self._range = QWidget()
        run = button("Run", self._run_range, tip="Run the model on a range of slices")
        layout = row([label("Slices", "dim"), self._first, label("to", "dim"), self._last, run, None])
        layout.setContentsMargins(0, 0, 0, 0)
        self._range.setLayout(layout)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self._modes = QWidget()
        modes = row([label("Looks", "dim"), self._mode])
        modes.setContentsMargins(0, 0, 0, 0)
        self._modes.setLayout(modes)
        outer.addWidget(self._modes)
        outer.addWidget(self._range)
        for signal in (workspace.desk.events.model, workspace.desk.events.mode):
            bind(self, signal, self.refresh)
        active.switched.connect(self._show_slices)
        active.switched.connect(self.refresh)
        self._show_slices()
        self.refresh()

    def refresh(self) -> None:
        """Show the modes that the chosen model has."""
        models = {model.identity: model for model in self._workspace.registry.models}
        model = models.get(self._workspace.desk.model)
        tiling = model.tiling if model is not None else None
        dense = tiling is not None and not tiling.lacks_dense
        choices = [(title, mode) for title, mode in MODES if mode != "dense" or dense]
        mode = self._workspace.desk.mode
        self._mode.show_choices(choices, mode if mode != "dense" or dense else "patches")
        self._modes.setVisible(tiling is not None)

    def _show_slices(self) -> None:
        state = self._active.state
        frames = state.frames if state is not None else 1
        self._range.setVisible(frames > 1)
        for box, value in ((self._first, 1), (self._last, frames)):
            box.setMaximum(frames)
            box.setValue(value)

    def _run_range(self) -> None:
        first, last = sorted((self._first.value(), self._last.value()))
        run_model(self._workspace, frames=range(first - 1, last))
