"""The draft that follows the regions: live or not, how it stands, the next region, and training it properly."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QCheckBox, QProgressBar, QVBoxLayout, QWidget

from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import bind, bind_values
from mammoviewer.gui.drafts import (
    follow_regions,
    show_suggestion,
    suggest_region,
    switch_live,
    why_no_draft,
)
from mammoviewer.gui.panels.parts import button, column, label, row, section
from mammoviewer.jobs.job import Job
from mammoviewer.session.quick_learning import Suggestion, regions_of
from mammoviewer.session.training_runs import what_is_missing
from mammoviewer.session.workspace import Workspace


class DraftCard(QWidget):
    """Follows the regions while it is on screen or live. Signal: ``keep_wanted()``."""

    keep_wanted = Signal()

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._active = ActiveView(workspace, self)
        self.live = QCheckBox("Live: the heatmap follows each region")
        self.live.setToolTip("A draft on the chosen model, made anew with every region (Ctrl+Shift+H)")
        self.live.clicked.connect(lambda: switch_live(workspace))
        self.suggest = button(
            "Suggest next region", lambda: suggest_region(workspace), tip="Where a label tells most (Ctrl+Shift+N)"
        )
        self.keep = button("Keep…", self.keep_wanted.emit, tip="Train a model from these regions and judge it")
        self.stop = button("Stop", workspace.quick.cancel)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.state = label("", "quiet", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        acts = row([self.suggest, self.keep, None, self.stop])
        layout.addWidget(section("Draft", column([self.live, acts, self.bar, self.state])))
        bind(self, workspace.annotations.changed, self._follow)
        bind(self, workspace.desk.events.model, self._follow)
        bind(self, workspace.desk.events.live, self._follow)
        bind_values(self, workspace.quick.told, self._say)
        bind_values(self, workspace.quick.suggested, self._go)
        bind_values(self, workspace.quick.started, self._watch)
        self._active.switched.connect(self._follow)
        self._active.changed.connect(lambda name: self._follow() if name == "frame" else None)
        self._refresh()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Bring the draft up to date when the card comes on screen."""
        super().showEvent(event)
        self._follow()

    def release(self) -> None:
        """Stop listening; call when the window closes."""
        self._active.release()

    def _follow(self) -> None:
        workspace = self._workspace
        why = why_no_draft(workspace)
        if why is not None:
            self._say(f"{why.text}. {why.hint}")
        elif workspace.desk.live or (self.isVisible() and regions_of(workspace.annotations, workspace.images)):
            follow_regions(workspace)
        self._refresh()

    def _say(self, text: str) -> None:
        self.state.setText(text)
        self._refresh()

    def _go(self, suggestion: Suggestion) -> None:
        show_suggestion(self._workspace, suggestion)

    def _watch(self, job: Job) -> None:
        bind(self, job.changed, self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        workspace = self._workspace
        job, busy = workspace.quick.job, workspace.quick.busy
        findings = regions_of(workspace.annotations, workspace.images)
        fits = why_no_draft(workspace) is None
        self.live.setChecked(workspace.desk.live)
        self.suggest.setEnabled(fits and bool(findings))
        self.keep.setEnabled(fits and not what_is_missing(findings))
        self.stop.setVisible(busy)
        self.bar.setVisible(busy)
        self.state.setVisible(bool(self.state.text()))
        if busy and job is not None:
            self.bar.setValue(round(job.fraction * 1000))
