"""Events, logs and the end of child processes."""

from __future__ import annotations

import logging
import os
import signal
import sys
import textwrap
import threading
import time
from collections import deque
from pathlib import Path

import pytest

from mammoviewer.base.errors import Cancelled
from mammoviewer.base.progress import no_progress
from mammoviewer.jobs.process_runner import ProcessError, run_json_lines

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups of POSIX")


def _python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", textwrap.dedent(code)]


def _ignore(event: dict[str, object]) -> None:
    """Take an event and do nothing."""


class _CancelWhen:
    """A progress that raises once its flag is set."""

    def __init__(self) -> None:
        self.now = threading.Event()

    def __call__(self, fraction: float, message: str) -> None:
        if self.now.is_set():
            raise Cancelled


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A killed orphan is a zombie until init reads its end.
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def _gone_soon(pid: int) -> bool:
    for _ in range(200):
        if not _alive(pid):
            return True
        time.sleep(0.02)
    return False


def test_events_come_in_order_and_other_lines_go_to_the_log(tmp_path: Path):
    log = tmp_path / "logs" / "child.log"
    events: list[dict[str, object]] = []
    tail: deque[str] = deque(maxlen=2)
    code = """
        import sys
        print('{"event": "started", "epoch": 0}')
        print("plain words")
        print("[1, 2]")
        print('{"event": "done", "note": "\\u00e9"}'.encode().decode())
        for n in range(4):
            print("warning", n, file=sys.stderr)
        sys.exit(7)
    """
    code_of_exit = run_json_lines(
        _python(code), on_event=events.append, progress=no_progress, log=log, stderr_tail=tail
    )
    assert code_of_exit == 7
    assert [event["event"] for event in events] == ["started", "done"]
    assert list(tail) == ["warning 2", "warning 3"]
    written = log.read_text("utf-8").splitlines()
    assert sorted(written) == ["[1, 2]", "plain words", "warning 0", "warning 1", "warning 2", "warning 3"]


def test_what_on_event_returns_becomes_the_progress():
    seen: list[tuple[float, str]] = []
    code = """
        for n in range(1, 4):
            print('{"epoch": %d}' % n, flush=True)
        print('{"other": 1}')
    """

    def on_event(event: dict[str, object]) -> tuple[float, str] | None:
        epoch = event.get("epoch")
        return (epoch / 4, f"epoch {epoch}") if isinstance(epoch, int) else None

    run_json_lines(_python(code), on_event=on_event, progress=lambda *one: seen.append(one), log=None)
    assert seen[0] == (0.0, "")
    assert seen[-1] == (0.75, "epoch 3")
    assert [fraction for fraction, _ in seen] == sorted(fraction for fraction, _ in seen)


def test_without_a_log_file_lines_go_to_the_programs_log(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    run_json_lines(_python("print('hello')"), on_event=_ignore, progress=no_progress, log=None)
    assert "child out: hello" in caplog.text


def test_much_output_on_both_streams_does_not_block():
    code = """
        import sys
        for n in range(3000):
            sys.stderr.write("x" * 80 + "\\n")
            print('{"n": %d}' % n)
    """
    numbers: list[object] = []
    tail: deque[str] = deque(maxlen=5000)
    code_of_exit = run_json_lines(
        _python(code),
        on_event=lambda event: numbers.append(event["n"]),
        progress=no_progress,
        log=Path(os.devnull),
        stderr_tail=tail,
    )
    assert code_of_exit == 0
    assert numbers == list(range(3000))
    assert len(tail) == 3000


@posix_only
def test_cancel_asks_the_child_first():
    cancel = _CancelWhen()
    events: list[dict[str, object]] = []
    code = """
        import os, signal, time
        def stop(*_):
            os.write(2, b"bye\\n")
            os._exit(0)
        signal.signal(signal.SIGTERM, stop)
        print('{"event": "ready"}', flush=True)
        time.sleep(60)
    """

    def on_event(event: dict[str, object]) -> None:
        events.append(event)
        cancel.now.set()

    tail: deque[str] = deque()
    with pytest.raises(Cancelled):
        run_json_lines(_python(code), on_event=on_event, progress=cancel, log=None, stderr_tail=tail)
    assert events == [{"event": "ready"}]
    assert list(tail) == ["bye"]


@posix_only
def test_a_child_that_ignores_sigterm_is_killed_with_its_own_children():
    cancel = _CancelWhen()
    pids: list[int] = []
    code = """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = os.fork()
        if child == 0:
            time.sleep(60)
        print('{"own": %d, "child": %d}' % (os.getpid(), child), flush=True)
        time.sleep(60)
    """

    def on_event(event: dict[str, object]) -> None:
        pids.extend(int(str(pid)) for pid in event.values())
        cancel.now.set()

    with pytest.raises(Cancelled):
        run_json_lines(_python(code), on_event=on_event, progress=cancel, log=None, grace_s=0.2)
    assert len(pids) == 2
    assert all(_gone_soon(pid) for pid in pids)


@posix_only
def test_an_error_in_on_event_stops_the_child_and_goes_on():
    pids: list[int] = []

    def on_event(event: dict[str, object]) -> None:
        pids.append(int(str(event["pid"])))
        raise ZeroDivisionError

    code = "import os, time; print('{\"pid\": %d}' % os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(ZeroDivisionError):
        run_json_lines(_python(code), on_event=on_event, progress=no_progress, log=None, grace_s=0.2)
    assert _gone_soon(pids[0])


@posix_only
def test_a_grandchild_that_keeps_the_pipe_does_not_keep_the_call(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mammoviewer.jobs.process_runner._DRAIN_S", 0.3)
    pids: list[int] = []
    code = """
        import os, sys, time
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        print('{"child": %d}' % child, flush=True)
        os._exit(4)
    """

    def on_event(event: dict[str, object]) -> None:
        pids.append(int(str(event["child"])))

    assert run_json_lines(_python(code), on_event=on_event, progress=no_progress, log=None) == 4
    assert _gone_soon(pids[0])


@posix_only
def test_the_child_has_its_own_group_and_is_nice():
    found: dict[str, object] = {}
    code = """
        import os, time
        for _ in range(500):
            if os.getpriority(os.PRIO_PROCESS, 0) >= 5:
                break
            time.sleep(0.01)
        print('{"group": %d, "pid": %d, "nice": %d}' % (os.getpgid(0), os.getpid(), os.getpriority(os.PRIO_PROCESS, 0)))
    """
    run_json_lines(_python(code), on_event=found.update, progress=no_progress, nice=5, log=None)
    assert found["group"] == found["pid"] != os.getpgid(0)
    assert found["nice"] == min(os.getpriority(os.PRIO_PROCESS, 0) + 5, 19)


@posix_only
def test_the_signal_that_ended_the_child_is_told():
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    assert run_json_lines(_python(code), on_event=_ignore, progress=no_progress, log=None) == -signal.SIGSEGV


def test_a_program_that_is_not_there_is_an_expected_failure(tmp_path: Path):
    with pytest.raises(ProcessError, match="cannot be started"):
        run_json_lines([str(tmp_path / "missing")], on_event=_ignore, progress=no_progress, log=None)


def test_a_log_that_cannot_be_written_is_an_expected_failure(tmp_path: Path):
    with pytest.raises(ProcessError, match="log file"):
        run_json_lines(_python("pass"), on_event=_ignore, progress=no_progress, log=tmp_path)


def test_the_environment_is_handed_on():
    found: dict[str, object] = {}
    code = "import os; print('{\"value\": \"%s\"}' % os.environ['MAMMO_TEST'])"
    environment = {**os.environ, "MAMMO_TEST": "here"}
    run_json_lines(
        _python(code),
        on_event=found.update,
        progress=no_progress,
        log=None,
        environment=environment,
    )
    assert found == {"value": "here"}


def test_no_thread_is_left():
    before = threading.active_count()
    run_json_lines(_python("print(1)"), on_event=_ignore, progress=no_progress, log=None)
    assert threading.active_count() == before
