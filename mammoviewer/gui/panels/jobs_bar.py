"""The one place for background work: what runs, how far it is, how to stop it, and what ran before."""

from __future__ import annotations

import time
from collections import deque

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QProgressBar, QWidget

from mammoviewer.gui.bridge import bind, bind_values
from mammoviewer.gui.panels.parts import button, icon_button, label, row
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.workspace import Workspace

_QUIET = {
    "Decode",
    "Filter",
    "Thumbnail",
    "Header",
    "Measure",
    "Check the side",
    "Find the air",
    "Find the nipple",
}
_PATIENCE_S = 0.3
_KEPT = 100


class JobsBar(QWidget):
    """Shows the newest running job; ``log_wanted`` asks for the list of all."""

    log_wanted = Signal()

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._jobs: deque[Job] = deque(maxlen=_KEPT)
        self._name = button("", self.log_wanted.emit, kind="link", tip="Show what ran")
        self._left = label("", "quiet")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(120)
        self._bar.setRange(0, 1000)
        self._stop = icon_button("close", "Cancel this work", self._cancel)
        self.setLayout(row([self._name, self._bar, self._left, self._stop]))
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(round(_PATIENCE_S * 1000))
        self._patience.timeout.connect(self._show)
        for runner in (workspace.decoding, workspace.computing, workspace.explaining):
            bind_values(self, runner.job_added, self.follow)
        self._show()

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Return the jobs of this session, oldest first, as far as they are kept."""
        return tuple(self._jobs)

    @property
    def running(self) -> tuple[Job, ...]:
        """Return the jobs that are not over."""
        return tuple(job for job in self._jobs if job.state in (JobState.PENDING, JobState.RUNNING))

    def follow(self, job: Job) -> None:
        """Show a job from now on; decoding and filtering are too many and too short to be shown."""
        if job.name in _QUIET:
            return
        self._jobs.append(job)
        bind(self, job.changed, self._show)
        self._patience.start()

    def _shown(self) -> Job | None:
        now = time.monotonic()
        old = [job for job in self.running if job.started is not None and now - job.started >= _PATIENCE_S]
        return old[-1] if old else None

    def _cancel(self) -> None:
        job = self._shown()
        if job is not None:
            job.cancel()

    def _show(self) -> None:
        job = self._shown()
        for widget in (self._name, self._bar, self._left, self._stop):
            widget.setVisible(job is not None)
        if job is None:
            if self.running:
                self._patience.start()
            return
        others = len(self.running) - 1
        self._name.setText(f"{job.name} (+{others})" if others else job.name)
        self._bar.setValue(round(job.fraction * 1000))
        seconds = job.seconds_left
        self._left.setText(f"{job.fraction * 100:.0f} %" + (f", {seconds:.0f} s left" if seconds else ""))
