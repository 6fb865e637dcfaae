"""Trainings by recipes and the window: the clock that looks after them, their dialog, and what is told of their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QMainWindow

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.bridge import bind_values
from mammoviewer.session.recipe_task import RecipeTask, TaskState
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.workspace import Workspace
from mammoviewer.training.spec import TrainingSpec

if TYPE_CHECKING:
    from mammoviewer.gui.dialogs.recipe_dialog import RecipeDialog

_LOOK_MS = 500


class Recipes(QObject):
    """Signal: ``models_changed()`` when a run has made a model."""

    models_changed = Signal()

    def __init__(self, workspace: Workspace, settings: SettingsFile, window: QMainWindow) -> None:
        super().__init__(window)
        self._workspace, self._settings, self._window = workspace, settings, window
        self._queue = workspace.recipes
        self.dialog: RecipeDialog | None = None
        self._clock = QTimer(self, interval=_LOOK_MS)
        self._clock.timeout.connect(self._queue.poll)
        self._clock.start()
        bind_values(self, self._queue.finished, self._on_finished)
        bind_values(self, self._queue.notice, workspace.notice.emit)

    def show(self) -> None:
        """Show the trainings, or bring them to the front."""
        if self.dialog is None:
            # Its plots take long to load.
            from mammoviewer.gui.dialogs.recipe_dialog import RecipeDialog

            self.dialog = RecipeDialog(self._workspace, self._settings, self._window)
            self.dialog.wanted.connect(self.add)
        self.dialog.show()
        self.dialog.activateWindow()

    def add(self, spec: TrainingSpec) -> None:
        """Put a training in line and show it."""
        try:
            task = self._queue.add(spec)
        except OSError as error:
            text = f"the training cannot be written down: {error.strerror or 'unknown error'}"
            self._workspace.notice.emit(Notice(Severity.ERROR, text, f"check the folder {self._queue.root}"))
            return
        except MammoViewerError as error:
            self._workspace.notice.emit(Notice.from_error(error))
            return
        if self.dialog is not None:
            self.dialog.show_task(task)

    def close(self) -> None:
        """Leave the run at work to itself or interrupt it, as the reader has chosen."""
        self._clock.stop()
        self._queue.close(go_on=self._settings.settings.performance.train_on)

    def _on_finished(self, task: RecipeTask) -> None:
        if task.state is TaskState.DONE:
            self._workspace.registry.refresh()
            self.models_changed.emit()
            text = f"the training of {task.title} is done"
            self._workspace.notice.emit(Notice(Severity.INFO, text, "the model can be chosen; Ctrl+Shift+T shows it"))
        elif task.state in (TaskState.FAILED, TaskState.INTERRUPTED):
            text = f"the training of {task.title} ended: {task.reason}"
            self._workspace.notice.emit(Notice(Severity.ERROR, text, "Ctrl+Shift+T shows its log"))
