"""Order, supersession and clean end of the thread runner."""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.jobs.thread_runner import BACKGROUND_NICE, ThreadRunner


class _Gate:
    """Keeps the only worker busy until opened, so that what is queued behind it stays queued."""

    def __init__(self, runner: ThreadRunner) -> None:
        self._open = threading.Event()
        self._entered = threading.Event()
        self.job = runner.submit("gate", self._block)
        assert self._entered.wait(10)

    def _block(self, progress: object) -> None:
        self._entered.set()
        self._open.wait(10)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def runner() -> Iterator[ThreadRunner]:
    before = threading.active_count()
    with ThreadRunner(1, "test") as one:
        yield one
    assert threading.active_count() == before


def test_newest_first_within_a_priority_and_higher_priority_first(runner: ThreadRunner):
    gate = _Gate(runner)
    order: list[str] = []
    jobs = [
        runner.submit(name, lambda progress, name=name: order.append(name), priority=priority)
        for name, priority in [("a", 0), ("b", 0), ("urgent", 5), ("idle", -1), ("c", 0)]
    ]
    gate.open()
    assert all(job.wait(10) for job in jobs)
    assert order == ["urgent", "c", "b", "a", "idle"]


def test_the_newest_of_a_key_cancels_the_older_ones(runner: ThreadRunner):
    gate = _Gate(runner)
    done: list[tuple[str, JobState]] = []

    def note(job: Job) -> None:
        done.append((job.name, job.state))

    first = runner.submit("first", lambda progress: 1, key="picture", on_done=note)
    other = runner.submit("other", lambda progress: 2, key="histogram", on_done=note)
    second = runner.submit("second", lambda progress: 3, key="picture", on_done=note)
    assert first.state is JobState.CANCELLED
    gate.open()
    assert second.wait(10)
    assert other.wait(10)
    assert done == [("first", JobState.CANCELLED), ("second", JobState.DONE), ("other", JobState.DONE)]


def test_a_running_job_of_the_same_key_stops_at_its_next_report(runner: ThreadRunner):
    entered = threading.Event()

    def spin(progress):
        while True:
            progress(0.0, "")
            entered.set()

    older = runner.submit("older", spin, key=1)
    assert entered.wait(10)
    newer = runner.submit("newer", lambda progress: "fresh", key=1)
    assert newer.wait(10)
    assert older.state is JobState.CANCELLED
    assert newer.result == "fresh"


def test_a_finished_key_is_free_again(runner: ThreadRunner):
    one = runner.submit("one", lambda progress: 1, key="k")
    assert one.wait(10)
    two = runner.submit("two", lambda progress: 2, key="k")
    assert two.wait(10)
    assert (one.state, two.state) == (JobState.DONE, JobState.DONE)


def test_jobs_lists_what_is_not_over(runner: ThreadRunner):
    gate = _Gate(runner)
    waiting = runner.submit("waiting", lambda progress: None)
    assert runner.jobs == (gate.job, waiting)
    gate.open()
    assert waiting.wait(10)
    assert runner.jobs == ()


def test_job_added_comes_before_the_job_can_start(runner: ThreadRunner):
    states: list[JobState] = []
    runner.job_added.connect(lambda job: states.append(job.state))
    job = runner.submit("new", lambda progress: None)
    assert job.wait(10)
    assert states == [JobState.PENDING]


def test_a_superseded_request_does_not_hold_its_arrays(runner: ThreadRunner):
    class Captured:
        pass

    gate = _Gate(runner)
    captured = Captured()
    alive = weakref.ref(captured)
    job = runner.submit("big", lambda progress, captured=captured: captured)
    del captured
    job.cancel()
    gc.collect()
    assert alive() is None
    gate.open()


def test_a_failure_leaves_the_thread_at_work(runner: ThreadRunner):
    bad = runner.submit("bad", lambda progress: {}[1])
    assert bad.wait(10)
    good = runner.submit("good", lambda progress: "still here")
    assert good.wait(10)
    assert isinstance(bad.error, KeyError)
    assert good.result == "still here"


def test_threads_work_side_by_side():
    meeting = threading.Barrier(3, timeout=10)
    with ThreadRunner(3, "side") as runner:
        jobs = [runner.submit(str(number), lambda progress: meeting.wait()) for number in range(3)]
        assert all(job.wait(10) for job in jobs)
    assert sorted(job.result for job in jobs) == [0, 1, 2]


def test_shutdown_cancels_everything_and_leaves_no_thread():
    before = threading.active_count()
    runner = ThreadRunner(2, "short")
    entered = threading.Event()

    def spin(progress):
        while True:
            progress(0.5, "")
            entered.set()

    running = runner.submit("running", spin)
    assert entered.wait(10)
    second = runner.submit("second", spin)
    waiting = runner.submit("waiting", lambda progress: None, priority=-1)
    assert runner.shutdown(10)
    assert runner.shutdown(10)
    assert {job.state for job in (running, second, waiting)} == {JobState.CANCELLED}
    assert threading.active_count() == before
    with pytest.raises(ArgumentError, match="shut down"):
        runner.submit("too late", lambda progress: None)


def test_shutdown_tells_when_a_thread_does_not_listen():
    release = threading.Event()
    entered = threading.Event()

    def deaf(progress: object) -> None:
        entered.set()
        release.wait(10)

    runner = ThreadRunner(1, "deaf")
    runner.submit("deaf", deaf)
    assert entered.wait(10)
    assert not runner.shutdown(0.01)
    release.set()
    assert runner.shutdown(10)


def test_shutdown_from_a_listener_of_the_runner_does_not_deadlock():
    runner = ThreadRunner(1, "self")
    job = runner.submit("self", lambda progress: None, on_done=lambda one: runner.shutdown(10) and None)
    assert job.wait(10)
    assert runner.shutdown(10)


def test_a_job_submitted_while_the_runner_is_shut_down_is_cancelled():
    runner = ThreadRunner(1, "race")
    runner.job_added.connect(lambda job: runner.shutdown(10) and None)
    job = runner.submit("lost", lambda progress: None)
    assert job.wait(10)
    assert job.state is JobState.CANCELLED


def test_a_runner_needs_a_thread():
    with pytest.raises(ArgumentError):
        ThreadRunner(0, "none")


def test_idle_work_is_done_after_all_that_waits(runner: ThreadRunner):
    gate = _Gate(runner)
    order: list[str] = []
    pieces = iter(["one", "two"])
    over = threading.Event()

    def next_work():
        piece = next(pieces, None)
        if piece is None:
            over.set()
            return None
        return lambda progress: order.append(piece)

    runner.when_idle(next_work)
    for name, priority in (("last", -99), ("first", 0)):
        runner.submit(name, lambda progress, name=name: order.append(name), priority=priority)
    gate.open()
    assert over.wait(10)
    assert order == ["first", "last", "one", "two"]


def test_what_is_submitted_during_idle_work_comes_next(runner: ThreadRunner):
    order: list[str] = []
    pieces = iter(range(100))
    jobs: list[Job] = []

    def work(progress):
        order.append("idle")
        if len(order) == 3:
            jobs.append(runner.submit("asked for", lambda progress: order.append("asked for")))

    runner.when_idle(lambda: work if next(pieces, None) is not None else None)
    assert runner.submit("wait", lambda progress: None, priority=-1).wait(10)
    while len(order) < 101:
        threading.Event().wait(0.001)
    assert order.index("asked for") == 3


def test_idle_work_that_fails_does_not_stop_the_next(runner: ThreadRunner):
    done = threading.Event()
    pieces = iter([lambda progress: {}[1], lambda progress: done.set()])
    runner.when_idle(lambda: next(pieces, None))
    assert done.wait(10)


def test_idle_work_is_asked_for_again_when_the_runner_is_woken(runner: ThreadRunner):
    found: list[threading.Event] = []
    asked = threading.Event()

    def next_work():
        asked.set()
        event = found.pop() if found else None
        return None if event is None else lambda progress: event.set()

    runner.when_idle(next_work)
    assert asked.wait(10)
    event = threading.Event()
    found.append(event)
    runner.wake()
    assert event.wait(10)


def test_shutdown_stops_idle_work_without_an_end():
    before = threading.active_count()
    runner = ThreadRunner(2, "busy")
    runner.when_idle(lambda: lambda progress: progress(0.0, ""))
    assert runner.submit("one", lambda progress: None).wait(10)
    assert runner.shutdown(10)
    assert threading.active_count() == before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows priorities of single threads")
def test_background_threads_stand_back_behind_the_window():
    here = os.getpriority(os.PRIO_PROCESS, 0)
    with ThreadRunner(1, "test") as runner:
        job = runner.submit("priority", lambda progress: os.getpriority(os.PRIO_PROCESS, 0))
        assert job.wait(5.0)
    assert job.result == min(here + BACKGROUND_NICE, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == here
