"""Trainings by recipes, one after the other: asked for, at work, paused, done, or to be resumed.

They live in the user's folder, so that a run survives the window, and the list survives both.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from pathlib import Path

from psygnal import Signal

from mammoviewer.base.errors import MammoViewerError, TrainingError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.paths import user_dir
from mammoviewer.session.recipe_task import RecipeTask, TaskState
from mammoviewer.training.spec import SPEC_NAME, TrainingEvent, TrainingSpec


class RecipeQueue:
    """All tasks of a folder, the latest first. :meth:`poll` is to be called now and then, about twice a second.

    Signals: ``changed()`` when a task came, went or stands otherwise; ``told(RecipeTask, TrainingEvent)``;
    ``finished(RecipeTask)`` once when a run ends; ``notice(Notice)``.
    """

    changed = Signal()
    told = Signal(RecipeTask, TrainingEvent)
    finished = Signal(RecipeTask)
    notice = Signal(Notice)

    def __init__(self, root: Path | None = None) -> None:
        self.root = root if root is not None else user_dir() / "trainings"
        self._tasks: dict[str, RecipeTask] = {}
        self._load()

    @property
    def tasks(self) -> tuple[RecipeTask, ...]:
        """Return all tasks, the latest first."""
        return tuple(self._tasks[name] for name in sorted(self._tasks, reverse=True))

    @property
    def active(self) -> RecipeTask | None:
        """Return the task that is at work or paused."""
        return next((task for task in self.tasks if task.state.active), None)

    def is_awaited(self, output: Path) -> bool:
        """Return whether a training that makes the model of that folder waits or is at work."""
        standing = (task for task in self.tasks if task.state is TaskState.QUEUED or task.state.active)
        return any(task.spec.output == output for task in standing)

    def add(self, spec: TrainingSpec) -> RecipeTask:
        """Put a training in line; it starts as soon as no other is at work.

        Raises
        ------
        OSError
            The list cannot be written.
        TrainingError
            One that makes the same model waits or is at work.
        """
        if self.is_awaited(spec.output):
            raise TrainingError(f"a training of {spec.name} is in line already", hint="choose another name")
        # names sort as the tasks came, also within a second
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1_000_000_000:09d}-{secrets.token_hex(2)}"
        folder = self.root / name
        folder.mkdir(parents=True)
        spec.write(folder / SPEC_NAME)
        task = self._tasks[name] = RecipeTask(folder)
        self.changed.emit()
        self.poll()
        return task

    def poll(self) -> None:
        """Take in what running tasks tell, and start the next in line when none is at work."""
        before = {name: task.state for name, task in self._tasks.items()}
        for task in self.tasks:
            task.read(lambda event, task=task: self.told.emit(task, event))  # type: ignore[misc]
        if self.active is None:
            waiting = [task for task in reversed(self.tasks) if task.state is TaskState.QUEUED]
            if waiting:
                self._start(waiting[0])
        for name, task in self._tasks.items():
            was = before.get(name)
            if task.state is not was and was in (TaskState.RUNNING, TaskState.PAUSED) and not task.state.active:
                self.finished.emit(task)
        if before != {name: task.state for name, task in self._tasks.items()}:
            self.changed.emit()

    def resume(self, task: RecipeTask) -> None:
        """Put an interrupted run in line again.

        Raises
        ------
        TrainingError
            Another one that makes the same model waits or is at work.
        """
        if self.is_awaited(task.spec.output):
            raise TrainingError(f"another training of {task.spec.name} is in line", hint="stop that one first")
        task.resume()
        self.changed.emit()
        self.poll()

    def stop(self, task: RecipeTask) -> None:
        """End a run for good, or take one that waits out of the line."""
        task.stop()
        self.changed.emit()
        self.poll()

    def remove(self, task: RecipeTask) -> None:
        """Take a task that is not at work off the list."""
        task.remove()
        self._tasks.pop(task.folder.name, None)
        self.changed.emit()

    def close(self, *, go_on: bool) -> None:
        """Leave the run at work to itself, or end it so that it can be resumed."""
        task = self.active
        if task is not None and not go_on:
            task.interrupt()

    def _start(self, task: RecipeTask) -> None:
        try:
            task.start()
        except MammoViewerError as error:
            self.notice.emit(Notice.from_error(error))
            task.stop()
        except OSError as error:
            text = f"the training of {task.title} cannot be started: {error.strerror or 'unknown error'}"
            self.notice.emit(Notice(Severity.ERROR, text, f"check the folder {self.root}"))
            self._tasks.pop(task.folder.name, None)

    def _load(self) -> None:
        """Read the tasks that are there; a folder that is damaged is left alone."""
        if not self.root.is_dir():
            return
        for folder in self.root.iterdir():
            with contextlib.suppress(OSError, UnicodeDecodeError, MammoViewerError):
                self._tasks[folder.name] = RecipeTask(folder)
        for task in self.tasks:
            task.read(lambda _event: None)
