"""The QThread that watches a retraining, so that neither the window nor the work in the background waits for it."""

from __future__ import annotations

import logging

from PySide6.QtCore import QObject, QThread, Signal

from mammoviewer.base.errors import Cancelled, MammoViewerError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.bridge import bind_values
from mammoviewer.jobs.job import Job
from mammoviewer.session.training_runs import TrainingRun

_LOGGER = logging.getLogger(__name__)


class TrainingThread(QThread):
    """Runs one :class:`TrainingRun` to its end.

    Signals, on the GUI thread: ``told(TrainingEvent)``; ``made(str)`` with the identity of the new model;
    ``failed(Notice)``; ``cancelled()``. ``job`` shows the run among the others.
    """

    told = Signal(object)
    made = Signal(str)
    failed = Signal(object)
    cancelled = Signal()

    def __init__(self, run: TrainingRun, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training")
        self._run = run
        self.job = Job(f"Train {run.request.title}")
        bind_values(self, run.event, self.told.emit)

    def cancel(self) -> None:
        """Ask the run to stop."""
        self._run.cancel()
        self.job.cancel()

    def run(self) -> None:
        """Train; called by Qt on the new thread."""
        self.job.run(self._run.run)
        error = self.job.error
        if error is None and self.job.result is not None:
            self.made.emit(self.job.result)
        elif error is None or isinstance(error, Cancelled):
            self.cancelled.emit()
        elif isinstance(error, MammoViewerError):
            self.failed.emit(Notice.from_error(error))
        else:
            _LOGGER.error("training stopped on an unexpected error", exc_info=error)
            self.failed.emit(Notice(Severity.ERROR, "Training stopped because of a defect", "the log tells more"))
