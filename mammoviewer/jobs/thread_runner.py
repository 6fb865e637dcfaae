"""A small pool of threads that does the newest request first."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import sys
import threading
from collections.abc import Callable, Hashable
from typing import Final, TypeAlias

from psygnal import Signal

from mammoviewer.base.errors import ArgumentError
from mammoviewer.base.progress import Progress
from mammoviewer.jobs.job import Job

Work: TypeAlias = Callable[[Progress], object]
_Entry: TypeAlias = tuple[int, int, Job, Work]


BACKGROUND_NICE: Final = 10
"""How far the threads stand back behind the window's; what they start themselves does so too."""


class ThreadRunner:
    """Run functions on ``threads`` background threads.

    Among waiting jobs the highest ``priority`` goes first, and among equals the newest: what the reader asked for last
    is what the reader waits for. A job with the same ``key`` as an older one cancels it. ``job_added`` carries each
    new job, on the submitting thread and before the job can start. While no job waits, the threads do idle work.

    Use it as a context manager, or call :meth:`shutdown`; no thread is left after that.
    """

    job_added = Signal(object)

    def __init__(self, threads: int, name: str) -> None:
        if threads < 1:
            raise ArgumentError("a runner needs at least one thread")
        self.name = name
        self._waiting: list[_Entry] = []
        self._unfinished: dict[int, Job] = {}
        self._newest: dict[Hashable, Job] = {}
        self._condition = threading.Condition()
        self._closed = False
        self._order = itertools.count()
        self._next_idle_work: Callable[[], Work | None] = lambda: None
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> ThreadRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs that wait or run, oldest first."""
        with self._condition:
            return tuple(self._unfinished.values())

    def submit(
        self,
        name: str,
        function: Work,
        *,
        key: Hashable | None = None,
        priority: int = 0,
        on_done: Callable[[Job], None] | None = None,
    ) -> Job:
        """Queue ``function`` and return its job at once.

        Parameters
        ----------
        name
            What the work does, in words for the user.
        function
            Called with a ``Progress`` on a background thread; its return value becomes ``job.result``.
        key
            An unfinished job submitted with an equal key is cancelled.
        priority
            Higher goes first.
        on_done
            Called with the job when it is over, however it ended, on the thread where it ended.

        Raises
        ------
        ArgumentError
            The runner was shut down.
        """
        job = Job(name, on_done=on_done)
        with self._condition:
            if self._closed:
                raise ArgumentError(f"the runner {self.name} was shut down")
            older = self._newest.get(key) if key is not None else None
            self._unfinished[job.id] = job
            if key is not None:
                self._newest[key] = job
        job.finished.connect(lambda ended: self._forget(ended, key))
        if older is not None:
            older.cancel()
        self.job_added.emit(job)
        with self._condition:
            heapq.heappush(self._waiting, (-priority, -next(self._order), job, function))
            self._condition.notify()
        if self._shut():
            # The runner was shut down by a listener, or meanwhile on another thread: nobody will come to this job.
            job.cancel()
        return job

    def when_idle(self, next_work: Callable[[], Work | None]) -> None:
        """Do what ``next_work`` returns whenever a thread has nothing else to do, one piece after the other.

        It is asked anew after each piece, so nothing of this work ever waits or has to be cancelled. It is called with
        the runner locked: it must be quick, and must not call the runner. After it returned None it is asked again
        only when a job was done or :meth:`wake` was called.
        """
        with self._condition:
            self._next_idle_work = next_work
        self.wake()

    def wake(self) -> None:
        """Ask for idle work again: there may be some now."""
        with self._condition:
            self._condition.notify_all()

    def cancel_all(self) -> None:
        """Ask every waiting and running job to stop."""
        for job in self.jobs:
            job.cancel()

    def shutdown(self, timeout: float | None = 30.0) -> bool:
        """Cancel everything, wait for the threads to end, and tell whether all of them did within ``timeout`` seconds.

        A thread ends at the next report of the work it does. A second call does no harm.
        """
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self.cancel_all()
        current = threading.current_thread()
        for thread in self._threads:
            if thread is not current:
                thread.join(timeout)
        return not any(thread.is_alive() for thread in self._threads if thread is not current)

    def _shut(self) -> bool:
        with self._condition:
            return self._closed

    def _forget(self, job: Job, key: Hashable | None) -> None:
        with self._condition:
            self._unfinished.pop(job.id, None)
            if key is not None and self._newest.get(key) is job:
                del self._newest[key]
            # Without this a superseded request would hold its captured arrays until a thread came to it.
            left = [entry for entry in self._waiting if entry[2] is not job]
            if len(left) != len(self._waiting):
                heapq.heapify(left)
                self._waiting = left

    def _work(self) -> None:
        _stand_back()
        while (found := self._next()) is not None:
            job, function = found
            job.run(function)
            # Else the last result would stay alive until the next job comes.
            del found, job, function

    def _next(self) -> tuple[Job, Work] | None:
        """Wait for something to do; None when the runner was shut down."""
        with self._condition:
            while not self._closed:
                if self._waiting:
                    _, _, job, function = heapq.heappop(self._waiting)
                    return job, function
                idle_work = self._next_idle_work()
                if idle_work is not None:
                    job = Job("Idle work", on_done=lambda ended: self._forget(ended, None))
                    self._unfinished[job.id] = job
                    return job, idle_work
                self._condition.wait()
        return None


def _stand_back() -> None:
    """Let the window's thread have the processor when it wants it; Linux alone knows priorities of single threads."""
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):
            # Zero is the calling thread.
            own = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, 0, min(own + BACKGROUND_NICE, 19))
