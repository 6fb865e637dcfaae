"""A child process that is asked by JSON lines and answers by JSON lines, as long as somebody wants to know."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from mammoviewer.jobs.process_runner import ProcessError, lower_priority


class AskedProcess:
    """Starts at the first question; :meth:`close` ends it, and the next question starts it anew.

    Parameters
    ----------
    argv
        Program and arguments. It must end when its standard input does.
    on_answer
        Called on a thread of its own with each JSON object that it prints, and with ``None`` when it ended unasked.
    log
        File that its standard error is appended to.
    """

    def __init__(
        self, argv: Sequence[str], on_answer: Callable[[dict[str, Any] | None], None], *, log: Path, nice: int = 10
    ) -> None:
        self._argv, self._on_answer, self._log, self._nice = list(argv), on_answer, log, nice
        self._child: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the child lives."""
        return self._child is not None and self._child.poll() is None

    def ask(self, question: Mapping[str, Any]) -> None:
        """Send a question; what it answers comes later.

        Raises
        ------
        ProcessError
            The child cannot be started, or does not listen.
        """
        if not self.running:
            self.close()
            self._start()
        child = self._child
        assert child is not None
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(question) + "\n")
            child.stdin.flush()
        except OSError as error:
            raise ProcessError("the helper process does not listen", path=self._log) from error

    def close(self) -> None:
        """End the child, whatever it is doing, and its thread; nothing is told any more."""
        child, reader = self._child, self._reader
        self._child, self._reader = None, None
        if child is None:
            return
        child.kill()
        child.wait()
        with contextlib.suppress(OSError):
            assert child.stdin is not None
            child.stdin.close()
        if reader is not None and reader is not threading.current_thread():
            reader.join()

    def _start(self) -> None:
        group: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("ab") as errors:
                child = subprocess.Popen(
                    self._argv,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    encoding="utf-8",
                    **group,
                )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ProcessError(f"the helper process cannot be started: {reason}", path=self._log) from error
        lower_priority(child, self._nice)
        assert child.stdout is not None
        self._child = child
        self._reader = threading.Thread(target=self._read, args=(child, child.stdout), name="answers", daemon=True)
        self._reader.start()

    def _read(self, child: subprocess.Popen[str], stream: TextIO) -> None:
        with stream:
            for line in stream:
                with contextlib.suppress(ValueError):
                    values = json.loads(line)
                    if isinstance(values, dict) and child is self._child:
                        self._on_answer(values)
        if child is self._child:
            self._on_answer(None)
