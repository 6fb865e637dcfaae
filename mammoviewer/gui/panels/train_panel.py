"""Retraining from the reader's regions: what there is, what is missing, the run with its curves, keep or revert."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QLineEdit, QProgressBar, QSpinBox, QVBoxLayout, QWidget

from mammoviewer.annotations.finding import READER, Finding
from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.model_actions import follow_model
from mammoviewer.gui.panels.before_after import BeforeAfter
from mammoviewer.gui.panels.draft_card import DraftCard
from mammoviewer.gui.panels.model_combo import ModelCombo, choose_first_model
from mammoviewer.gui.panels.parts import FactGrid, button, column, divider, label, row, scrolling, section, settle
from mammoviewer.gui.panels.training_curves import TrainingCurves
from mammoviewer.gui.panels.training_result import result_facts, speaks_for_keeping
from mammoviewer.gui.theme import set_role
from mammoviewer.gui.training_thread import TrainingThread
from mammoviewer.jobs.job import Job
from mammoviewer.session.training_runs import TrainingRequest, trainable, what_is_missing
from mammoviewer.session.workspace import Workspace
from mammoviewer.training.spec import TrainingEvent


class TrainPanel(QWidget):
    """Signals: ``job_started(Job)``; ``models_changed()`` when a model was made or removed; ``recipes_wanted()``."""

    job_started = Signal(object)
    models_changed = Signal()
    recipes_wanted = Signal()

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._thread: TrainingThread | None = None
        self._before = ""
        self._learnt: Counter[str] = Counter()
        self._made = ""
        self._assessed = False
        self._counts = FactGrid()
        self._missing = label("", "caution", wrap=True)
        self._base = ModelCombo(workspace)
        self._title = QLineEdit("My model")
        self._title.setAccessibleName("Name of the new model")
        self._title.setMaxLength(60)
        self._seconds = QSpinBox()
        self._seconds.setAccessibleName("Time for training")
        self._seconds.setRange(5, 3600)
        self._seconds.setValue(30)
        self._seconds.setSuffix(" s")
        self._seconds.lineEdit().setTextMargins(6, 0, 0, 0)
        self._train = button("Train", self.start, kind="primary")
        self._cancel = button("Cancel", self.cancel)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._state = label("", "quiet", wrap=True)
        self._curves = TrainingCurves()
        self._result = FactGrid()
        self._verdict = label("", wrap=True)
        self._keep = button("Keep and use", self.keep, kind="primary")
        self._revert = button("Revert", self.revert, tip="Remove the new model and use the one before")
        self._choice = QWidget()
        self.before_after = BeforeAfter(workspace)
        self._choice.setLayout(column([self.before_after, self._verdict, row([self._keep, self._revert, None])]))
        self.draft = DraftCard(workspace)
        self.draft.keep_wanted.connect(self.start)
        self._lay_out()
        bind(self, workspace.annotations.changed, self._refresh)
        bind(self, workspace.studies_changed, self._refresh)
        bind(self, workspace.desk.events.model, self._refresh)
        self._refresh()

    def _lay_out(self) -> None:
        fields = [
            row([_field_name("Start from"), self._base]),
            row([_field_name("Name"), self._title]),
            row([_field_name("Time"), self._seconds, None]),
        ]
        self._progress = section("Curves", self._curves)
        self._outcome = section("Result", self._choice, self._result)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        run = column([row([self._train, self._cancel, None]), self._bar, self._state])
        regions = section("Your regions", self._counts, self._missing)
        new = section("New model", *fields, run)
        recipes = button("Train by a recipe…", self.recipes_wanted.emit, tip="A data set, a split, a report")
        proper = section("From a data set", row([recipes, None]))
        parts = [regions, divider(), self.draft, divider(), new, self._outcome, self._progress, divider(), proper, None]
        outer.addWidget(scrolling(parts, self))

    @property
    def running(self) -> bool:
        """Whether a model is being trained."""
        return self._thread is not None and self._thread.isRunning()

    @property
    def epochs(self) -> int:
        """Return how many epochs the curves show."""
        return len(self._curves.values("loss"))

    @property
    def missing(self) -> str:
        """Return what must still be drawn."""
        return what_is_missing(self._findings())

    def _findings(self) -> tuple[Finding, ...]:
        open_images = {image.attributes.identity for image in self._workspace.images}
        return tuple(f for f in self._workspace.annotations.findings if f.image_uid in open_images and not f.is_measure)

    def start(self) -> None:
        """Train on the regions of the open images."""
        if self.running or self.missing or self._made:
            return
        findings = self._findings()
        wanted = {finding.image_uid for finding in findings}
        images = tuple(image for image in self._workspace.images if image.attributes.identity in wanted)
        self._before = self._workspace.desk.model
        self._learnt = Counter(finding.image_uid for finding in trainable(findings))
        self._made = ""
        title = self._title.text().strip() or "My model"
        request = TrainingRequest(findings, images, self._before, title, float(self._seconds.value()))
        self._curves.clear()
        self._result.show_facts([])
        self._assessed = False
        thread = TrainingThread(self._workspace.training.start(request), self)
        thread.told.connect(self._on_event)
        thread.made.connect(self._on_made)
        thread.failed.connect(self._on_failed)
        thread.cancelled.connect(self._on_cancelled)
        thread.finished.connect(self._refresh)
        bind(self, thread.job.changed, self._show_progress)
        self._thread = thread
        self._state.setText("Preparing regions…")
        thread.start()
        self.job_started.emit(thread.job)
        self._refresh()

    def cancel(self) -> None:
        """Stop training; models stay as they were."""
        if self._thread is not None:
            self._thread.cancel()

    def finish(self, milliseconds: int = 15000) -> bool:
        """Cancel and wait for the thread; call when the window closes."""
        self.cancel()
        self.draft.release()
        return self._thread is None or self._thread.wait(milliseconds)

    def keep(self) -> None:
        """Use the new model from now on."""
        if self._made:
            self._workspace.desk.model = self._made
            follow_model(self._workspace)
            self._state.setText("The new model is in use.")
            self._made = ""
            self._refresh()

    def revert(self) -> None:
        """Remove the new model."""
        self._workspace.heatmaps.stop(self._made)
        try:
            self._workspace.training.revert(self._made)
        except MammoViewerError as error:
            self._workspace.notice.emit(Notice.from_error(error))
            return
        self._workspace.heatmaps.forget_model(self._made)
        self._workspace.desk.model = self._before
        self._made = ""
        self._state.setText("The new model was removed.")
        choose_first_model(self._workspace)
        follow_model(self._workspace)
        self._base.refresh()
        self.models_changed.emit()
        self._refresh()

    def _on_event(self, event: TrainingEvent) -> None:
        self._curves.add(event)
        if event.kind == "done":
            metrics = event.values.get("metrics")
            self._judge(metrics if isinstance(metrics, Mapping) else {})
            self._assessed = True
            # The thread may have ended before its last words came through.
            self._refresh()

    def _judge(self, metrics: Mapping[str, object]) -> None:
        """Show the figures, and offer first what they speak for."""
        self._result.show_facts(result_facts(metrics))
        verdict = str(metrics.get("verdict", ""))
        self._verdict.setText(verdict)
        self._verdict.setVisible(bool(verdict))
        keep = speaks_for_keeping(metrics)
        set_role(self._keep, "kind", "primary" if keep else "")
        set_role(self._revert, "kind", "" if keep else "primary")

    def _on_made(self, identity: str) -> None:
        self._made = identity
        self.before_after.offer(self._before, identity, self._learnt)
        self._state.setText(f"{identity} is ready. Keep it, or revert to the model before.")
        self._base.refresh()
        self.models_changed.emit()

    def _on_failed(self, notice: Notice) -> None:
        self._state.setText(f"{notice.text}. {notice.hint}")
        self._workspace.notice.emit(Notice(Severity.ERROR, notice.text, notice.hint))

    def _on_cancelled(self) -> None:
        self._state.setText("Cancelled. Your models are as they were.")

    def _show_progress(self) -> None:
        job: Job | None = self._thread.job if self._thread is not None else None
        if job is not None and self.running:
            self._bar.setValue(round(job.fraction * 1000))
            if job.message:
                self._state.setText(job.message)

    def _refresh(self) -> None:
        counts = Counter(f.label or "unnamed" for f in self._findings() if f.origin == READER)
        self._counts.show_facts([(name, f"{n} region{'s' if n != 1 else ''}") for name, n in counts.most_common()])
        missing = "Keep or revert the model just made first." if self._made else self.missing
        self._missing.setText(missing)
        self._missing.setVisible(bool(missing))
        running = self.running
        self._train.setEnabled(not missing and not running and bool(self._workspace.desk.model))
        self._cancel.setVisible(running)
        self._bar.setVisible(running)
        self._progress.setVisible(self._workspace.training.current is not None)
        self._outcome.setVisible(self._assessed)
        self._choice.setVisible(bool(self._made) and not running)
        if self.isVisible():
            settle()


def _field_name(text: str) -> QLabel:
    made = label(text, "dim")
    made.setFixedWidth(70)
    return made
