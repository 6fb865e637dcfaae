"""State, progress and cancellation of one job."""

from __future__ import annotations

import logging
import threading

import pytest

from mammoviewer.base.errors import Cancelled, InputError
from mammoviewer.jobs import job as job_module
from mammoviewer.jobs.job import Job, JobState


def test_a_job_goes_from_pending_to_done_and_tells_so():
    states: list[JobState] = []
    done: list[Job] = []
    job = Job("add", on_done=done.append)
    job.changed.connect(lambda one: states.append(one.state))
    finished: list[Job] = []
    job.finished.connect(finished.append)
    assert job.state is JobState.PENDING
    assert job.started is None
    job.run(lambda progress: 1 + 1)
    assert (job.result, job.fraction, job.error) == (2, 1.0, None)
    assert states == [JobState.RUNNING, JobState.DONE]
    assert finished == done == [job]
    assert job.wait(0)
    assert job.started is not None


def test_numbers_rise():
    assert Job("a").id < Job("b").id


def test_an_expected_failure_is_kept_without_a_traceback_in_the_log(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    error = InputError("no pixels")

    def fail(progress: object) -> None:
        raise error

    job = Job("read")
    job.run(fail)
    assert job.state is JobState.FAILED
    assert job.error is error
    assert job.result is None
    assert [record.exc_info for record in caplog.records] == [None]


@pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit(3)])
def test_an_unexpected_error_is_kept_and_logged(caplog: pytest.LogCaptureFixture, error: BaseException):
    def fail(progress: object) -> None:
        raise error

    job = Job("divide")
    job.run(fail)
    assert job.state is JobState.FAILED
    assert job.error is error
    assert caplog.records[-1].levelno == logging.ERROR
    assert caplog.records[-1].exc_info


def test_cancel_while_pending_ends_the_job_at_once_and_it_never_runs():
    ran: list[int] = []
    done: list[JobState] = []
    job = Job("wait", on_done=lambda one: done.append(one.state))
    job.cancel()
    assert job.wait(0)
    job.run(lambda progress: ran.append(1))
    job.cancel()
    assert job.state is JobState.CANCELLED
    assert ran == []
    assert done == [JobState.CANCELLED]


def test_cancel_while_running_raises_at_the_next_report():
    job = Job("loop")
    seen: list[str] = []

    def work(progress):
        progress(0.25, "quarter")
        job.cancel()
        try:
            progress(0.5, "half")
        except Cancelled:
            seen.append("cleaned up")
            raise

    job.run(work)
    assert job.state is JobState.CANCELLED
    assert job.error is None
    assert (job.fraction, job.message) == (0.25, "quarter")
    assert seen == ["cleaned up"]


def test_a_result_that_comes_after_cancel_is_dropped():
    job = Job("late")

    def work(progress: object) -> str:
        job.cancel()
        return "stale"

    job.run(work)
    assert job.state is JobState.CANCELLED
    assert job.result is None


def test_cancel_after_the_end_changes_nothing():
    job = Job("quick")
    job.run(lambda progress: 5)
    job.cancel()
    assert (job.state, job.result) == (JobState.DONE, 5)


def test_reports_are_throttled_but_never_lost(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(job_module.time, "monotonic", lambda: now[0])
    job = Job("many")
    told: list[float] = []
    job.changed.connect(lambda one: told.append(one.fraction))

    def work(progress):
        for step in range(100):
            now[0] += 0.01
            progress(step / 100, f"step {step}")
        assert job.fraction == 0.99
        assert job.message == "step 99"

    job.run(work)
    assert 15 <= len(told) <= 25
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_fractions_are_kept_between_0_and_1():
    job = Job("odd")
    job.report(7.0, "")
    assert job.fraction == 1.0
    job.report(-3.0, "")
    assert job.fraction == 0.0


def test_time_left_follows_the_pace(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr(job_module.time, "monotonic", lambda: now[0])
    job = Job("paced")
    left: list[float | None] = []

    def work(progress):
        left.append(job.seconds_left)
        now[0] = 10.0
        progress(0.25, "")
        left.append(job.seconds_left)

    job.run(work)
    assert left == [None, pytest.approx(30.0)]
    assert job.seconds_left is None


def test_a_failing_listener_or_receiver_does_not_fail_the_work(caplog: pytest.LogCaptureFixture):
    def fail(one: Job) -> None:
        raise RuntimeError("listener")

    job = Job("heard", on_done=fail)
    job.changed.connect(fail)
    job.finished.connect(fail)
    job.run(lambda progress: 3)
    assert (job.state, job.result) == (JobState.DONE, 3)
    assert job.wait(0)
    assert len(caplog.records) == 4


def test_wait_returns_only_after_everybody_was_told():
    order: list[str] = []
    release = threading.Event()

    def slow(one: Job) -> None:
        release.wait(10)
        order.append("told")

    job = Job("slow", on_done=slow)
    worker = threading.Thread(target=lambda: job.run(lambda progress: None))
    worker.start()
    assert not job.wait(0.01)
    release.set()
    assert job.wait(10)
    order.append("waited")
    worker.join()
    assert order == ["told", "waited"]


def test_repr_names_the_job():
    assert "'look' pending 0%" in repr(Job("look"))
