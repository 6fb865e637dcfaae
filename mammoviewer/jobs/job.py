"""One piece of background work: its state, its progress and how it is stopped."""

from __future__ import annotations

import enum
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from psygnal import EmitLoopError, Signal, SignalInstance

from mammoviewer.base.errors import Cancelled, MammoViewerError
from mammoviewer.base.progress import Progress

_LOGGER = logging.getLogger(__name__)
_REPORT_INTERVAL_S: Final = 0.05
_NUMBERS = itertools.count(1)


class JobState(enum.StrEnum):
    """Where a job stands; the last three are final."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Tell whether a job in this state changes no more."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Job:
    """Work handed to a runner. Every attribute may be read from any thread.

    ``changed`` tells of progress (at most 20 times a second) and of every new state; ``finished`` comes once, after
    the last ``changed``. Both carry the job and come on the thread that did the work (or that cancelled it while it
    was pending). The work itself receives :meth:`report` as its ``Progress``.

    Attributes
    ----------
    id
        Number of the job, unique in the process and rising.
    name
        What the work does, in words for the user.
    state
        A :class:`JobState`.
    fraction, message
        The last report, fraction in [0, 1].
    started
        ``time.monotonic()`` at the start, ``None`` while pending.
    error
        What was raised, when the state is ``FAILED``.
    result
        What the function returned, when the state is ``DONE``.
    """

    changed = Signal(object)
    finished = Signal(object)

    def __init__(self, name: str, *, on_done: Callable[[Job], None] | None = None) -> None:
        self.id = next(_NUMBERS)
        self.name = name
        self.state = JobState.PENDING
        self.fraction = 0.0
        self.message = ""
        self.started: float | None = None
        self.error: BaseException | None = None
        self.result: Any = None
        self._on_done = on_done
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._over = threading.Event()
        self._last_report = -_REPORT_INTERVAL_S

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.name!r} {self.state} {self.fraction:.0%}>"

    @property
    def cancel_requested(self) -> bool:
        """Tell whether :meth:`cancel` was called; the work may still be on its way to its next report."""
        return self._cancel.is_set()

    @property
    def seconds_left(self) -> float | None:
        """Return the time left, in seconds, at the pace so far; ``None`` while too little is known."""
        if self.state is not JobState.RUNNING or self.started is None or self.fraction < 0.02:
            return None
        return (time.monotonic() - self.started) * (1.0 - self.fraction) / self.fraction

    def cancel(self) -> None:
        """Ask the work to stop: at once while pending, else at its next report. Does nothing when it is over."""
        with self._lock:
            self._cancel.set()
            pending = self.state is JobState.PENDING
            if pending:
                self.state = JobState.CANCELLED
        if pending:
            self._tell_the_end()

    def report(self, fraction: float, message: str = "") -> None:
        """Take note of progress; this is the ``Progress`` of the work.

        Raises
        ------
        Cancelled
            The job was cancelled.
        """
        if self._cancel.is_set():
            raise Cancelled
        self.fraction = min(max(float(fraction), 0.0), 1.0)
        self.message = message
        now = time.monotonic()
        if now - self._last_report >= _REPORT_INTERVAL_S:
            self._last_report = now
            _emit(self.changed, self)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job is over and everybody was told; return ``False`` when ``timeout`` seconds passed first."""
        return self._over.wait(timeout)

    def run(self, function: Callable[[Progress], object]) -> None:
        """Do the work on the calling thread, unless it was cancelled before; errors are kept in ``error``."""
        with self._lock:
            if self.state is not JobState.PENDING:
                return
            self.state = JobState.RUNNING
            self.started = time.monotonic()
        _emit(self.changed, self)
        try:
            result = function(self.report)
        except Cancelled:
            self._finish(JobState.CANCELLED)
        except MammoViewerError as error:
            _LOGGER.info("job %d failed: %s", self.id, error.reason)
            self._finish(JobState.FAILED, error=error)
        except BaseException as error:  # also SystemExit: a worker thread must not die of it
            _LOGGER.exception("job %d stopped on an unexpected error", self.id)
            self._finish(JobState.FAILED, error=error)
        else:
            # A result that came in spite of a request to cancel was superseded: nobody may show it.
            self._finish(JobState.CANCELLED if self._cancel.is_set() else JobState.DONE, result=result)

    def _finish(self, state: JobState, *, error: BaseException | None = None, result: object = None) -> None:
        with self._lock:
            if state is JobState.DONE:
                self.result = result
                self.fraction = 1.0
            self.error = error
            self.state = state
        self._tell_the_end()

    def _tell_the_end(self) -> None:
        try:
            if self._on_done is not None:
                self._on_done(self)
        except Exception:
            _LOGGER.exception("the receiver of job %d failed", self.id)
        finally:
            _emit(self.changed, self)
            _emit(self.finished, self)
            self._over.set()


def _emit(signal: SignalInstance, job: Job) -> None:
    try:
        signal.emit(job)
    except EmitLoopError:
        # The listener is at fault, not the work: the job goes on.
        _LOGGER.exception("a listener of job %d failed", job.id)
