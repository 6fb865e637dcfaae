"""Child processes that outlive the program: they write to files, and are found again by their number and a mark.

A number alone may belong to another process by then; where the system tells what a process was started with, the mark
(a text among its arguments) must be there too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mammoviewer.jobs.process_runner import ProcessError, lower_priority


def start_detached(argv: Sequence[str], *, output: Path, log: Path, nice: int = 10) -> int:
    """Start ``argv`` in a session of its own, its standard output and error appended to files; return its number.

    Raises
    ------
    ProcessError
        It cannot be started, or a file cannot be written.
    """
    group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    try:
        with output.open("ab") as out, log.open("ab") as errors:
            child = subprocess.Popen(list(argv), stdin=subprocess.DEVNULL, stdout=out, stderr=errors, **group)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ProcessError(f"the program cannot be started: {reason}", path=output) from error
    lower_priority(child, nice)
    # Nobody waits for it by this object, which would complain of that when it goes.
    child.returncode = 0
    return child.pid


def is_running(pid: int, mark: str) -> bool:
    """Return whether a process of that number lives and, where the system tells, was started with ``mark``.

    With a mark it must be of this user, too; without one, any will do.
    """
    if sys.platform == "win32":
        return _lives_on_windows(pid)
    with contextlib.suppress(ChildProcessError):
        # a child of this process that has ended stays in the system's table until it is asked for
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # it lives, but is not ours
        return not mark
    place = Path("/proc") / str(pid)
    if not place.is_dir():
        return True
    try:
        state = (place / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        arguments = (place / "cmdline").read_bytes().decode("utf-8", "replace")
        # The system has no arguments of a process that it is just about to start.
        return state != "Z" and (mark in arguments or not arguments)
    except (OSError, IndexError):
        return False


def ask_to_end(pid: int, mark: str) -> None:
    """Ask a process and its children to stop; comes back at once."""
    if is_running(pid, mark):
        _signal_group(pid, signal.SIGTERM)


def kill(pid: int, mark: str) -> None:
    """End a process and its children without asking."""
    if is_running(pid, mark):
        _signal_group(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            os.kill(pid, number)
        else:
            os.killpg(pid, number)


def _lives_on_windows(pid: int) -> bool:
    if sys.platform == "win32":
        import ctypes

        query, still_active = 0x1000, 259
        handle = ctypes.windll.kernel32.OpenProcess(query, False, pid)
        code = ctypes.c_ulong()
        ctypes.windll.kernel32.GetExitCodeProcess(handle, ctypes.byref(code))
        ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle) and code.value == still_active
    return False
