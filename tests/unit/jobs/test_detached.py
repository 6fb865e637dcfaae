"""Processes that outlive who started them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from mammoviewer.jobs.detached import ask_to_end, is_running, kill, start_detached
from mammoviewer.jobs.process_runner import ProcessError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are POSIX's")


def _wait_for(path: Path, text: str) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if path.is_file() and text in path.read_text(encoding="utf-8"):
            return
        time.sleep(0.02)
    raise AssertionError(f"{text!r} did not come")


def _python(code: str, mark: str) -> list[str]:
    return [sys.executable, "-c", code, mark]


def _wait_for_end(pid: int, mark: str) -> None:
    until = time.monotonic() + 20
    while is_running(pid, mark):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_output_and_errors_go_to_files_and_the_process_is_found_by_its_mark(tmp_path: Path) -> None:
    code = "import sys,time; print('told', flush=True); print('wrong', file=sys.stderr, flush=True); time.sleep(60)"
    out, log = tmp_path / "out", tmp_path / "log"
    pid = start_detached(_python(code, "the-mark"), output=out, log=log, nice=3)
    try:
        _wait_for(out, "told")
        _wait_for(log, "wrong")
        assert is_running(pid, "the-mark")
        assert not is_running(pid, "another mark")
        assert os.getsid(pid) == pid
        assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 3)
        kill(pid, "another mark")
        assert is_running(pid, "the-mark")
        ask_to_end(pid, "the-mark")
        _wait_for_end(pid, "the-mark")
    finally:
        kill(pid, "the-mark")


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    code = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('told', flush=True)"
    pid = start_detached(_python(f"{code}; time.sleep(60)", "deaf"), output=tmp_path / "out", log=tmp_path / "log")
    try:
        _wait_for(tmp_path / "out", "told")
        ask_to_end(pid, "deaf")
        time.sleep(0.3)
        assert is_running(pid, "deaf")
    finally:
        kill(pid, "deaf")
    _wait_for_end(pid, "deaf")


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="cannot be started"):
        start_detached([str(tmp_path / "nothing")], output=tmp_path / "out", log=tmp_path / "log")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_process_of_another_user_lives_but_bears_no_mark_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert is_running(os.getpid(), "")
    assert not is_running(os.getpid(), "python")


def test_a_process_that_is_just_about_to_start_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"")
    assert is_running(os.getpid(), "a mark")
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"python\0other")
    assert not is_running(os.getpid(), "a mark")
