"""What ran in this session and how it ended, with the end of the log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QDialog, QListWidget, QPlainTextEdit, QVBoxLayout, QWidget

from mammoviewer.gui.panels.parts import label
from mammoviewer.jobs.job import Job

_TAIL_BYTES = 20_000


def job_text(job: Job) -> str:
    """Return a job in one line."""
    how = f"{job.state.value}, {job.fraction * 100:.0f} %"
    reason = f"  {job.error}" if job.error is not None else f"  {job.message}" if job.message else ""
    return f"{job.name}  ·  {how}{reason}"


class JobsDialog(QDialog):
    """The newest job first."""

    def __init__(self, jobs: Sequence[Job], log: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Work in the background")
        self.resize(720, 520)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 16)
        layout.addWidget(label("JOBS", "section"))
        entries = QListWidget()
        entries.addItems([job_text(job) for job in reversed(jobs)] or ["Nothing has run yet."])
        layout.addWidget(entries, 1)
        layout.addWidget(label(f"LOG  {log}", "section"))
        text = QPlainTextEdit()
        text.setReadOnly(True)
        text.setPlainText(log_tail(log))
        layout.addWidget(text, 1)


def log_tail(log: Path) -> str:
    """Return the end of the log file, or that there is none."""
    try:
        data = log.read_bytes()
    except OSError:
        return "There is no log yet."
    return data[-_TAIL_BYTES:].decode("utf-8", errors="replace")
