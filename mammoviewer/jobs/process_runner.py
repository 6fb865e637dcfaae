"""Watch over a child process that tells its progress as JSON lines.

Training runs in such a child: the window never stutters, a crash loses nothing, and memory goes back when it ends.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TextIO, TypeAlias

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.progress import Progress

_LOGGER = logging.getLogger(__name__)
_POLL_S: Final = 0.1
_DRAIN_S: Final = 2.0

EventHandler: TypeAlias = Callable[[dict[str, object]], "tuple[float, str] | None"]
"""Called with each event; may return ``(fraction, message)``, which then becomes the reported progress."""


class ProcessError(MammoViewerError):
    """A child process cannot be started or its log cannot be written."""


def run_json_lines(
    argv: Sequence[str],
    *,
    on_event: EventHandler,
    progress: Progress,
    nice: int = 10,
    log: Path | None,
    stderr_tail: deque[str] | None = None,
    environment: Mapping[str, str] | None = None,
    grace_s: float = 5.0,
) -> int:
    """Run ``argv`` to its end and return its exit code (negative: the number of the signal that ended it).

    The child runs in a process group of its own. Each line of its standard output that is a JSON object goes to
    ``on_event`` on the calling thread; all other lines, and standard error, go to ``log`` (appended; to the program's
    log when ``None``). ``progress`` is called about ten times a second with what ``on_event`` returned last. When it
    raises ``Cancelled``, or ``on_event`` raises anything, the whole group is asked to stop (SIGTERM; on Windows
    CTRL_BREAK), is killed after ``grace_s`` seconds, and the exception goes on.

    Parameters
    ----------
    argv
        Program and arguments; never given to a shell.
    nice
        Added to the niceness of the child (0 to 19); on Windows any value above 0 means "below normal".
    stderr_tail
        Receives the lines of standard error; give a ``deque(maxlen=...)`` to have the end of it for a message.
    environment
        The environment of the child; by default that of this process.

    Raises
    ------
    ProcessError
        The child cannot be started, or ``log`` cannot be written.
    Cancelled
        ``progress`` raised it; the child is gone by then.
    """
    with contextlib.ExitStack() as stack:
        sink = _Sink(stack.enter_context(_open_log(log)), stderr_tail)
        child = stack.enter_context(_start(argv, environment))
        lower_priority(child, nice)
        output = _Output(child, sink)
        try:
            _follow(child, output, on_event, progress)
        except BaseException:
            _stop(child, grace_s)
            raise
        finally:
            if not output.join(_DRAIN_S):
                # A descendant keeps the pipes open; it would keep the readers, and so this call, from ending.
                _kill_tree(child)
                output.join(_DRAIN_S)
            while (line := output.next(0.0)) is not None:
                sink.write(*line)
        return child.wait()


def _follow(child: subprocess.Popen[str], output: _Output, on_event: EventHandler, progress: Progress) -> None:
    """Hand on lines, and ask for cancellation, until the child is gone and what it wrote is read."""
    latest = (0.0, "")
    silence_s = 0.0
    while output.reading or child.poll() is None:
        progress(*latest)
        line = output.next(_POLL_S)
        if line is not None:
            event = _event(line[1]) if line[0] == "out" else None
            if event is None:
                output.sink.write(*line)
            else:
                latest = on_event(event) or latest
            silence_s = 0.0
        elif child.poll() is not None:
            silence_s += _POLL_S
            if silence_s > _DRAIN_S:
                break
    progress(*latest)


def _event(line: str) -> dict[str, object] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


class _Sink:
    """Where lines go that are no events."""

    def __init__(self, log: TextIO | None, stderr_tail: deque[str] | None) -> None:
        self._log = log
        self._tail = stderr_tail

    def write(self, origin: str, line: str) -> None:
        if origin == "err" and self._tail is not None:
            self._tail.append(line)
        if self._log is None:
            _LOGGER.info("child %s: %s", origin, line)
        else:
            self._log.write(line + "\n")
            self._log.flush()


class _Output:
    """The lines of both streams of a child in the order of their coming, read by two threads."""

    def __init__(self, child: subprocess.Popen[str], sink: _Sink) -> None:
        self.sink = sink
        self._lines: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._read, args=(stream, origin), name=f"child-{origin}", daemon=True)
            for origin, stream in (("out", child.stdout), ("err", child.stderr))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def reading(self) -> bool:
        """Tell whether more may come."""
        return any(thread.is_alive() for thread in self._threads) or not self._lines.empty()

    def next(self, timeout_s: float) -> tuple[str, str] | None:
        """Return (``"out"`` or ``"err"``, line), or ``None`` when none came within ``timeout_s``."""
        with contextlib.suppress(queue.Empty):
            return self._lines.get(timeout=timeout_s) if timeout_s else self._lines.get_nowait()
        return None

    def join(self, timeout_s: float) -> bool:
        """Wait for the ends of the streams; tell whether both were reached."""
        for thread in self._threads:
            thread.join(timeout_s)
        return not any(thread.is_alive() for thread in self._threads)

    def _read(self, stream: TextIO, origin: str) -> None:
        for line in stream:
            self._lines.put((origin, line.rstrip("\r\n")))


@contextlib.contextmanager
def _open_log(log: Path | None) -> Iterator[TextIO | None]:
    if log is None:
        yield None
        return
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        stream = log.open("a", encoding="utf-8", errors="replace")
    except OSError as error:
        raise ProcessError("the log file cannot be written", hint=error.strerror or "", path=log) from error
    with stream:
        yield stream


def _start(argv: Sequence[str], environment: Mapping[str, str] | None) -> subprocess.Popen[str]:
    group: dict[str, Any] = {}
    if sys.platform == "win32":
        group["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    else:
        group["start_new_session"] = True
    try:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=None if environment is None else dict(environment),
            **group,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ProcessError(f"the helper process cannot be started: {reason}") from error


def lower_priority(child: subprocess.Popen[Any], nice: int) -> None:
    """Lower a child's priority from outside: code between fork and exec (``preexec_fn``) is not safe beside threads."""
    if nice <= 0:
        return
    if sys.platform == "win32":
        import ctypes

        below_normal = 0x4000
        ctypes.windll.kernel32.SetPriorityClass(int(child._handle), below_normal)
        return
    # The child may be gone already, and some systems forbid it: neither matters to the work.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, child.pid, min(own + nice, 19))


def _stop(child: subprocess.Popen[str], grace_s: float) -> None:
    """Ask the group to end, and kill what is left of it after the grace."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                child.send_signal(signal.CTRL_BREAK_EVENT)
            else:
                os.killpg(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(grace_s)
    _kill_tree(child)
    child.wait()


def _kill_tree(child: subprocess.Popen[str]) -> None:
    """Kill the child and its descendants at once."""
    if sys.platform == "win32":
        subprocess.run(
            ["taskkill", "/T", "/F", "/PID", str(child.pid)], check=False, capture_output=True, timeout=_DRAIN_S * 5
        )
    else:
        # The group bears the child's number (start_new_session); it is gone when the last member is.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
