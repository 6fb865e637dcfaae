"""Training by recipes: the runs on the left, a new one or the chosen one on the right."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QCheckBox, QDialog, QListWidget, QListWidgetItem, QStackedWidget, QVBoxLayout, QWidget

from mammoviewer.base.errors import SettingsError
from mammoviewer.base.notices import Notice
from mammoviewer.gui.bridge import bind, bind_values
from mammoviewer.gui.panels.parts import button, column, label, row
from mammoviewer.gui.panels.recipe_setup import RecipeSetup
from mammoviewer.gui.panels.recipe_view import RecipeView
from mammoviewer.gui.theme import color
from mammoviewer.session.recipe_task import RecipeTask, TaskState
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.workspace import Workspace
from mammoviewer.training.spec import TrainingEvent, TrainingSpec

_COLOURS = {
    TaskState.FAILED: "red",
    TaskState.INTERRUPTED: "amber",
    TaskState.DONE: "green",
    TaskState.RUNNING: "accent",
}


class RecipeDialog(QDialog):
    """Not modal; runs go on when it is closed. Signal: ``wanted(TrainingSpec)``."""

    wanted = Signal(object)

    def __init__(self, workspace: Workspace, settings: SettingsFile, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Training by recipes")
        self.setMinimumSize(900, 600)
        self.resize(1120, 820)
        self._queue = workspace.recipes
        self._workspace, self._settings = workspace, settings
        self.setup = RecipeSetup(workspace)
        self.setup.wanted.connect(self._put_in_line)
        self.view = RecipeView(self._queue)
        self.runs = QListWidget()
        self.runs.setAccessibleName("Trainings")
        self.runs.setFixedWidth(270)
        self.runs.currentRowChanged.connect(self._turn_to)
        self.go_on = QCheckBox("Go on when the window is closed")
        self.go_on.setChecked(settings.settings.performance.train_on)
        self.go_on.setToolTip("Otherwise the run ends with the window and can be resumed from its last epoch")
        self.go_on.toggled.connect(self._keep_choice)
        self._pages = QStackedWidget()
        for page in (self.setup, self.view):
            self._pages.addWidget(page)
        new = button("New training", self.show_setup, kind="primary")
        left = QWidget()
        left.setLayout(column([new, label("RUNS", "section"), self.runs, self.go_on], spacing=10))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        whole = row([left, self._pages], spacing=16)
        whole.setStretch(1, 1)
        layout.addLayout(whole)
        bind(self, self._queue.changed, self._refresh)
        bind_values(self, self._queue.told, self._on_told)
        self._refresh()
        task = self._queue.active
        if task is not None:
            self.show_task(task)

    def show_setup(self) -> None:
        """Set up a new training."""
        self.runs.setCurrentRow(-1)
        self._pages.setCurrentWidget(self.setup)
        self.setup.recipe.setFocus()

    def show_task(self, task: RecipeTask) -> None:
        """Show a run."""
        tasks = self._queue.tasks
        if task in tasks:
            self.runs.setCurrentRow(tasks.index(task))

    def _put_in_line(self, spec: TrainingSpec) -> None:
        self.wanted.emit(spec)

    def _turn_to(self, number: int) -> None:
        tasks = self._queue.tasks
        if 0 <= number < len(tasks):
            self.view.show_task(tasks[number])
            self._pages.setCurrentWidget(self.view)

    def _on_told(self, task: RecipeTask, _event: TrainingEvent) -> None:
        tasks = self._queue.tasks
        if task in tasks and tasks.index(task) < self.runs.count():
            self.runs.item(tasks.index(task)).setText(_line(task))

    def _refresh(self) -> None:
        shown = self.view.task if self._pages.currentWidget() is self.view else None
        tasks = self._queue.tasks
        self.runs.blockSignals(True)
        self.runs.clear()
        for task in tasks:
            item = QListWidgetItem(_line(task))
            item.setForeground(QColor(color(_COLOURS.get(task.state, "text"))))
            item.setToolTip(f"{task.spec.recipe} on {task.spec.data}")
            self.runs.addItem(item)
        self.runs.setCurrentRow(tasks.index(shown) if shown in tasks else -1)
        self.runs.blockSignals(False)
        if shown is not None and shown not in tasks:
            self.view.show_task(None)
            self.show_setup()

    def _keep_choice(self, on: bool) -> None:
        settings = self._settings.settings
        try:
            self._settings.update(replace(settings, performance=replace(settings.performance, train_on=on)))
        except SettingsError as error:
            self._workspace.notice.emit(Notice.from_error(error))


def _line(task: RecipeTask) -> str:
    how = f"{task.fraction:.0%}" if task.state is TaskState.RUNNING else task.state.value
    return f"{task.title}\n{task.spec.recipe}  ·  {how}"
