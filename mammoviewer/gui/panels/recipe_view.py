"""One training by a recipe as it goes: progress, curves, confusion matrix, figures, log, and what can be done."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QPlainTextEdit, QProgressBar, QVBoxLayout, QWidget

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.notices import Notice
from mammoviewer.gui.bridge import bind, bind_values
from mammoviewer.gui.panels.confusion_history import ConfusionHistory
from mammoviewer.gui.panels.parts import FactGrid, button, label, row, scrolling, section, settle
from mammoviewer.gui.panels.training_curves import TrainingCurves
from mammoviewer.session.recipe_queue import RecipeQueue
from mammoviewer.session.recipe_task import RecipeTask, TaskState
from mammoviewer.training.spec import TrainingEvent

_MOST_LINES = 400
_RESUMABLE = (TaskState.INTERRUPTED, TaskState.FAILED, TaskState.STOPPED)


class RecipeView(QWidget):
    """Shows one task of the queue; knows nothing that the task does not."""

    def __init__(self, queue: RecipeQueue) -> None:
        super().__init__()
        self._queue = queue
        self._task: RecipeTask | None = None
        self._title = label("", "title")
        self._state = label("", "quiet", wrap=True)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self.pause = button("Pause", self._pause)
        self.resume = button("Resume", self._resume, kind="primary")
        self.stop = button("Stop", self._stop, tip="End the run for good")
        self.remove = button("Remove from the list", self._remove, tip="The model that was made stays")
        self.report = button("Open the report", self._open_report, kind="primary")
        self.curves = TrainingCurves(with_rate=True)
        self.confusion = ConfusionHistory()
        self.figures = FactGrid()
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setMaximumBlockCount(_MOST_LINES)
        self.log.setAccessibleName("Log of the training")
        self.log.setFixedHeight(150)
        self._curves = section("Curves", self.curves)
        self._confusion = section("Held out: rows are the truth, columns what was decided", self.confusion)
        self._figures = section("Result", self.figures)
        acts = row([self.pause, self.resume, self.stop, self.report, self.remove, None])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        log = section("Log", self.log)
        parts = [self._title, self._bar, self._state, acts, self._figures, self._curves, self._confusion, log, None]
        layout.addWidget(scrolling(parts))
        bind_values(self, queue.told, self._on_told)
        bind(self, queue.changed, self._refresh)

    @property
    def task(self) -> RecipeTask | None:
        """Return the task that is shown."""
        return self._task

    def show_task(self, task: RecipeTask | None) -> None:
        """Show a task from its beginning."""
        self._task = task
        self._begin()
        for event in task.events if task is not None else ():
            self._add(event)
        self._refresh()

    def _begin(self) -> None:
        self.curves.clear()
        self.confusion.clear()
        self.log.clear()

    def _on_told(self, task: RecipeTask, event: TrainingEvent) -> None:
        if task is self._task:
            if event.kind == "started":
                self._begin()
            self._add(event)
            self._refresh()

    def _add(self, event: TrainingEvent) -> None:
        self.curves.add(event)
        self.confusion.add(event)
        self.log.appendPlainText(f"{event.fraction:4.0%}  {event.message}")

    def _refresh(self) -> None:
        task = self._task
        self.setVisible(task is not None)
        if task is None:
            return
        state = task.state
        self._title.setText(f"{task.title}  ·  {task.spec.recipe}")
        self._bar.setVisible(state.active)
        self._bar.setValue(round(task.fraction * 1000))
        self._state.setText(_state_text(task))
        self.pause.setVisible(state.active)
        self.pause.setText("Go on" if state is TaskState.PAUSED else "Pause")
        self.resume.setVisible(state in _RESUMABLE)
        self.stop.setVisible(state.active or state in (TaskState.QUEUED, TaskState.INTERRUPTED))
        self.remove.setVisible(not state.active)
        self.report.setVisible(task.report is not None)
        self._figures.setVisible(state is TaskState.DONE)
        if state is TaskState.DONE:
            self.figures.show_facts(figures_of(task))
        self._curves.setVisible(bool(self.curves.values("loss")))
        self._confusion.setVisible(bool(self.confusion.count))
        if state is TaskState.INTERRUPTED and task.log_tail() and "the process wrote" not in self.log.toPlainText():
            self.log.appendPlainText("the process wrote:\n" + task.log_tail())
        settle()

    def _pause(self) -> None:
        if self._task is not None:
            (self._task.unpause if self._task.state is TaskState.PAUSED else self._task.pause)()
            self._queue.poll()

    def _resume(self) -> None:
        self._try(self._queue.resume)

    def _stop(self) -> None:
        self._try(self._queue.stop)

    def _remove(self) -> None:
        self._try(self._queue.remove)

    def _try(self, act: Callable[[RecipeTask], None]) -> None:
        if self._task is None:
            return
        try:
            act(self._task)
        except MammoViewerError as error:
            self._queue.notice.emit(Notice.from_error(error))

    def _open_report(self) -> None:
        if self._task is not None and self._task.report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._task.report)))


def figures_of(task: RecipeTask) -> list[tuple[str, str]]:
    """Return the plain figures of a finished run: numbers, texts and intervals, in the order it told them."""
    facts = []
    for name, value in task.metrics.items():
        text = _figure(value)
        if text:
            facts.append((name.replace("_", " "), text))
    return facts[:40]


def _figure(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int | str):
        return str(value)
    if isinstance(value, list) and len(value) == 2 and all(isinstance(part, int | float) for part in value):
        return f"{value[0]:.3f} to {value[1]:.3f}"
    return ""


def _state_text(task: RecipeTask) -> str:
    if task.state in (TaskState.FAILED, TaskState.INTERRUPTED):
        return task.reason
    if task.state is TaskState.DONE:
        return f"Done: {task.spec.output}"
    if not task.state.active:
        return task.state.value.capitalize()
    paused = "paused  ·  " if task.state is TaskState.PAUSED else ""
    return f"{paused}{task.fraction:.0%}  ·  {task.message}"
