"""One training by a recipe, as a folder: what was asked for, what the child process has told, and how it stands.

The child is a process of its own that writes its messages to ``events.jsonl``. So a run goes on when the window is
closed or killed, and whoever opens the folder next reads on where the messages end.
"""

from __future__ import annotations

import contextlib
import enum
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mammoviewer.base.errors import TrainingError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.jobs.detached import ask_to_end, is_running, kill, start_detached
from mammoviewer.training.control import forget, is_paused, pause, unpause
from mammoviewer.training.spec import SPEC_NAME, TrainingEvent, TrainingSpec, parse_event, worker_command

_EVENTS, _PROCESS, _LOG, _STOPPED = "events.jsonl", "process.json", "training.log", "stopped"
_MOST_BYTES = 1 << 20
"""Read at once of the messages, so that a long run that is opened again does not hold anybody up."""
_TAIL_BYTES = 4096
_GRACE_S = 8.0


class TaskState(enum.Enum):
    """How a task stands; the value is what the list says."""

    QUEUED = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"

    @property
    def active(self) -> bool:
        """Whether a process is at work, or waits with its memory held."""
        return self in (TaskState.RUNNING, TaskState.PAUSED)


class RecipeTask:
    """A training by a recipe. Nothing here blocks for longer than reading a small file.

    Parameters
    ----------
    folder
        Holds ``spec.json`` and, once it was started, the messages, the log and the number of the process.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec = TrainingSpec.from_json((folder / SPEC_NAME).read_text(encoding="utf-8"))
        self.events: list[TrainingEvent] = []
        self.state = TaskState.QUEUED
        self._offset = 0
        self._ending: float | None = None
        self._for_good = False
        self._pid = _pid_of(folder / _PROCESS)

    @property
    def title(self) -> str:
        """Return the name of the model that is made."""
        return f"{self.spec.name}.{self.spec.tag}"

    @property
    def fraction(self) -> float:
        """Return how much is done, in [0, 1]."""
        return max((event.fraction for event in self.events[-20:]), default=0.0)

    @property
    def message(self) -> str:
        """Return the last message in one line."""
        if self.state is TaskState.FAILED:
            return self.reason
        if self.state.active and self._ending is not None:
            return "stopping"
        return self.events[-1].message if self.events else self.state.value

    @property
    def metrics(self) -> dict[str, Any]:
        """Return the figures of a finished run."""
        last = self._last("done")
        found = last.values.get("metrics") if last is not None else None
        return dict(found) if isinstance(found, dict) else {}

    @property
    def reason(self) -> str:
        """Return why the run failed or was interrupted, with what can be done."""
        failed = self._last("failed")
        if failed is not None:
            hint = str(failed.values.get("hint") or "")
            return f"{failed.values.get('reason')}" + (f" -> {hint}" if hint else "")
        if self.state is TaskState.INTERRUPTED:
            return "The process ended before the run was done; Resume goes on from the last epoch."
        return ""

    @property
    def report(self) -> Path | None:
        """Return the report of a finished run, where its recipe writes one."""
        path = self.spec.output / "report.html"
        return path if self.state is TaskState.DONE and path.is_file() else None

    def log_tail(self) -> str:
        """Return the end of what the process wrote beside its messages."""
        with contextlib.suppress(OSError), (self.folder / _LOG).open("rb") as handle:
            handle.seek(max(0, (self.folder / _LOG).stat().st_size - _TAIL_BYTES))
            return handle.read().decode("utf-8", "replace")
        return ""

    def start(self) -> bool:
        """Start the process, unless another program has just done so; return whether it was started here.

        Raises
        ------
        ProcessError
            It cannot be started.
        """
        try:
            (self.folder / _PROCESS).touch(exist_ok=False)
        except FileExistsError:
            self._pid = _pid_of(self.folder / _PROCESS)
            return False
        try:
            self._pid = start_detached(
                worker_command(self.folder / SPEC_NAME), output=self.folder / _EVENTS, log=self.folder / _LOG
            )
        except BaseException:
            (self.folder / _PROCESS).unlink(missing_ok=True)
            raise
        write_text_atomically(self.folder / _PROCESS, json.dumps({"pid": self._pid}) + "\n")
        self.state = TaskState.RUNNING
        return True

    def read(self, tell: Callable[[TrainingEvent], None]) -> None:
        """Take in what the process has told since, and how it stands."""
        if self.state in (TaskState.DONE, TaskState.STOPPED):
            return
        # looked at before the messages: what ends in between has then told all it had to tell
        lives = self._lives()
        if lives and self._ending is not None and self._pid is not None:
            if time.monotonic() - self._ending > _GRACE_S:
                kill(self._pid, self._mark)
        elif self._for_good:
            self._give_up()
        behind = self._read_events(tell)
        self.state = self._state(lives or behind)

    def pause(self) -> None:
        """Let the run wait before its next batch."""
        pause(self.spec)

    def unpause(self) -> None:
        """Let it go on."""
        unpause(self.spec)

    def stop(self) -> None:
        """End the run for good; what it had reached is removed once the process is gone."""
        self._for_good = True
        self.interrupt()

    def interrupt(self) -> None:
        """Ask the process to end, and see to it in :meth:`read`; unless it is ended for good it can be resumed."""
        if self._pid is not None and self._lives():
            ask_to_end(self._pid, self._mark)
            self._ending = time.monotonic()
        elif self._for_good:
            self._give_up()

    def resume(self) -> None:
        """Put an interrupted or failed run in line again; it goes on from its last epoch."""
        if self.state not in (TaskState.INTERRUPTED, TaskState.FAILED, TaskState.STOPPED):
            return
        self.spec = TrainingSpec.from_json(self.spec.to_json().replace('"resume": false', '"resume": true'))
        self.spec.write(self.folder / SPEC_NAME)
        for name in (_EVENTS, _PROCESS, _STOPPED):
            (self.folder / name).unlink(missing_ok=True)
        unpause(self.spec)
        self.events.clear()
        self._offset, self._pid = 0, None
        self._ending, self._for_good = None, False
        self.state = TaskState.QUEUED

    def remove(self) -> None:
        """Forget the run; the model that it made stays.

        Raises
        ------
        TrainingError
            It is at work.
        """
        if self.state.active:
            raise TrainingError("the run is at work", hint="stop it first")
        forget(self.spec)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _give_up(self) -> None:
        forget(self.spec)
        write_text_atomically(self.folder / _STOPPED, "")
        self.state = TaskState.STOPPED

    @property
    def _mark(self) -> str:
        return str(self.folder / SPEC_NAME)

    def _lives(self) -> bool:
        return self._pid is not None and is_running(self._pid, self._mark)

    def _last(self, kind: str) -> TrainingEvent | None:
        return next((event for event in reversed(self.events) if event.kind == kind), None)

    def _state(self, lives: bool) -> TaskState:
        if self._last("done") is not None:
            return TaskState.DONE
        if self._last("failed") is not None:
            return TaskState.FAILED
        if (self.folder / _STOPPED).exists():
            return TaskState.STOPPED
        if lives:
            return TaskState.PAUSED if is_paused(self.spec) else TaskState.RUNNING
        begun = (self.folder / _PROCESS).exists() and not _just_claimed(self.folder / _PROCESS)
        return TaskState.INTERRUPTED if begun else TaskState.QUEUED

    def _read_events(self, tell: Callable[[TrainingEvent], None]) -> bool:
        """Read whole lines from where the last reading ended; return whether there is more."""
        try:
            with (self.folder / _EVENTS).open("rb") as handle:
                handle.seek(self._offset)
                data = handle.read(_MOST_BYTES)
        except OSError:
            return False
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            with contextlib.suppress(ValueError):
                values = json.loads(line)
                event = parse_event(values) if isinstance(values, dict) else None
                if event is not None:
                    self.events.append(event)
                    tell(event)
        return len(data) == _MOST_BYTES


def _pid_of(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        return int(json.loads(path.read_text(encoding="utf-8"))["pid"])
    return None


def _just_claimed(path: Path) -> bool:
    """Return whether another program has claimed the run but not yet written the number of its process."""
    with contextlib.suppress(OSError):
        return path.stat().st_size == 0 and time.time() - path.stat().st_mtime < 10
    return False
