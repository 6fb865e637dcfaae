"""Between the core's signals and the widgets: one timer, and connections that end with the widget."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from psygnal import emit_queued
from PySide6.QtCore import QObject, QTimer
from shiboken6 import isValid

from mammoviewer.jobs.job import Job

INTERVAL_MS = 8


class Bridge(QObject):
    """Delivers the core signals that workers emitted on the GUI thread, about 120 times a second.

    Parameters
    ----------
    parent
        The object that keeps the bridge alive.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.deliver)
        self._timer.start()

    def deliver(self) -> None:
        """Run what is queued for this thread."""
        emit_queued()

    def stop(self) -> None:
        """Stop delivering."""
        self._timer.stop()


def bind_values(owner: QObject, signal: Any, slot: Callable[..., None]) -> None:
    """Call ``slot`` with the values of a core signal, on the GUI thread, as long as ``owner`` lives.

    Parameters
    ----------
    owner
        The widget that listens; when Qt deletes it the connection ends.
    signal
        A psygnal signal or group of signals.
    """

    def deliver(*values: object) -> None:
        if isValid(owner):
            slot(*values)

    def leave() -> None:
        with contextlib.suppress(ValueError, KeyError):
            signal.disconnect(deliver)

    # It takes whatever comes; looking at its signature would take longer than all else.
    signal.connect(deliver, thread="main", check_nargs=False)
    owner.destroyed.connect(leave)


def when_over(owner: QObject, job: Job, slot: Callable[[Job], None]) -> None:
    """Call ``slot`` with a job once it is over, on the GUI thread; also when it was over before anybody listened."""
    told: list[Job] = []

    def once(ended: Job) -> None:
        if not told:
            told.append(ended)
            slot(ended)

    bind_values(owner, job.finished, once)
    if job.state.final:
        QTimer.singleShot(0, owner, lambda: once(job))


def bind(owner: QObject, signal: Any, refresh: Callable[[], None]) -> None:
    """Call ``refresh`` without values when a core signal is emitted: the widget reads the state again."""
    bind_values(owner, signal, lambda *_: refresh())
