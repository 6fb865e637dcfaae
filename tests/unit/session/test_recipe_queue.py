"""Trainings in line: with a child process that only tells what a trainer would."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mammoviewer.base.errors import TrainingError
from mammoviewer.session import recipe_task
from mammoviewer.session.recipe_queue import RecipeQueue
from mammoviewer.session.recipe_task import RecipeTask, TaskState
from mammoviewer.training.control import is_paused
from mammoviewer.training.spec import TrainingSpec

# Waits for the file "go" beside its spec, then ends as the name of the model says.
CHILD = """
import json, pathlib, sys, time
spec = json.loads(pathlib.Path(sys.argv[1]).read_text())
def tell(**values): print(json.dumps(values), flush=True)
tell(event="started", text="loading")
tell(event="epoch", epoch=1, epochs=2, loss=0.5, fraction=0.5, seconds_left=7.0)
while not pathlib.Path(sys.argv[1]).with_name("go").exists(): time.sleep(0.02)
if spec["name"] == "crash": print("no memory", file=sys.stderr); sys.exit(3)
if spec["name"] == "wrong": tell(event="failed", reason="no such data", hint="choose another folder"); sys.exit(1)
tell(event="done", model_folder=spec["output"], metrics={"auc": 0.9, "resumed": spec["resume"]}, fraction=1.0)
"""


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecipeQueue]:
    monkeypatch.setattr(recipe_task, "worker_command", lambda path: [sys.executable, "-c", CHILD, str(path)])
    made = RecipeQueue(tmp_path / "trainings")
    yield made
    for task in made.tasks:
        (task.folder / "go").touch()
    settle(made, lambda: made.active is None)


def settle(queue: RecipeQueue, reached: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        queue.poll()
        if reached():
            return
        time.sleep(0.02)
    raise AssertionError([(task.title, task.state, task.message) for task in queue.tasks])


def spec(tmp_path: Path, name: str) -> TrainingSpec:
    return TrainingSpec(kind="recipe", data=tmp_path, output=tmp_path / name, name=name, recipe="microcalc-hypermodel")


def let_go(task: RecipeTask) -> None:
    (task.folder / "go").touch()


def test_tasks_run_one_after_the_other_and_are_told(queue: RecipeQueue, tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    ended: list[str] = []
    queue.told.connect(lambda task, event: told.append((task.spec.name, event.kind)))
    queue.finished.connect(lambda task: ended.append(task.spec.name))
    first, second = queue.add(spec(tmp_path, "one")), queue.add(spec(tmp_path, "two"))
    settle(queue, lambda: len(first.events) == 2)
    assert (first.state, second.state) == (TaskState.RUNNING, TaskState.QUEUED)
    assert (first.fraction, first.message) == (0.5, "epoch 1/2, loss 0.500, 7 s left")
    let_go(first)
    settle(queue, lambda: second.state is TaskState.RUNNING)
    assert first.state is TaskState.DONE
    assert first.metrics["auc"] == 0.9
    let_go(second)
    settle(queue, lambda: second.state is TaskState.DONE)
    assert ended == ["one", "two"]
    assert told == [(name, kind) for name in ("one", "two") for kind in ("started", "epoch", "done")]


def test_one_training_at_a_time_makes_a_model(queue: RecipeQueue, tmp_path: Path) -> None:
    first = queue.add(spec(tmp_path, "one"))
    with pytest.raises(TrainingError, match="in line already"):
        queue.add(spec(tmp_path, "one"))
    settle(queue, lambda: len(first.events) == 2)
    first.interrupt()
    settle(queue, lambda: first.state is TaskState.INTERRUPTED)
    second = queue.add(spec(tmp_path, "one"))
    with pytest.raises(TrainingError, match="another training of one"):
        queue.resume(first)
    settle(queue, lambda: len(second.events) == 2)
    assert first.state is TaskState.INTERRUPTED
    assert queue.is_awaited(tmp_path / "one")
    let_go(second)
    settle(queue, lambda: second.state is TaskState.DONE)
    assert not queue.is_awaited(tmp_path / "one")


def test_another_program_finds_the_run_at_work_and_reads_on(queue: RecipeQueue, tmp_path: Path) -> None:
    task = queue.add(spec(tmp_path, "one"))
    settle(queue, lambda: len(task.events) == 2)
    queue.close(go_on=True)
    other = RecipeQueue(queue.root)
    assert other.active is not None
    assert [event.kind for event in other.tasks[0].events] == ["started", "epoch"]
    let_go(task)
    settle(other, lambda: other.tasks[0].state is TaskState.DONE)


def test_a_run_that_is_not_to_go_on_can_be_resumed(queue: RecipeQueue, tmp_path: Path) -> None:
    task = queue.add(spec(tmp_path, "one"))
    settle(queue, lambda: len(task.events) == 2)
    queue.close(go_on=False)
    settle(queue, lambda: task.state is TaskState.INTERRUPTED)
    assert "Resume" in task.message or "Resume" in task.reason
    queue.resume(task)
    let_go(task)
    settle(queue, lambda: task.state is TaskState.DONE)
    assert task.metrics["resumed"] is True
    assert [event.kind for event in task.events] == ["started", "epoch", "done"]


def test_a_killed_program_leaves_the_run_to_the_next(queue: RecipeQueue, tmp_path: Path) -> None:
    task = queue.add(spec(tmp_path, "crash"))
    settle(queue, lambda: len(task.events) == 2)
    let_go(task)
    settle(queue, lambda: task.state is TaskState.INTERRUPTED)
    assert "no memory" in task.log_tail()
    assert RecipeQueue(queue.root).tasks[0].state is TaskState.INTERRUPTED


def test_a_run_that_fails_says_why(queue: RecipeQueue, tmp_path: Path) -> None:
    task = queue.add(spec(tmp_path, "wrong"))
    let_go(task)
    settle(queue, lambda: task.state is TaskState.FAILED)
    assert task.message == "no such data -> choose another folder"


def test_pausing_stopping_and_removing(queue: RecipeQueue, tmp_path: Path) -> None:
    task, waiting = queue.add(spec(tmp_path, "one")), queue.add(spec(tmp_path, "two"))
    settle(queue, lambda: len(task.events) == 2)
    task.spec.checkpoints.mkdir()
    task.pause()
    settle(queue, lambda: task.state is TaskState.PAUSED)
    task.unpause()
    settle(queue, lambda: task.state is TaskState.RUNNING)
    assert not is_paused(task.spec)
    with pytest.raises(TrainingError, match="at work"):
        queue.remove(task)
    queue.stop(waiting)
    assert waiting.state is TaskState.STOPPED
    queue.stop(task)
    assert task.message == "stopping" or task.state is TaskState.STOPPED
    settle(queue, lambda: task.state is TaskState.STOPPED)
    assert not task.spec.checkpoints.exists()
    queue.remove(task)
    assert queue.tasks == (waiting,)
    assert RecipeQueue(queue.root).tasks[0].state is TaskState.STOPPED


def test_a_damaged_folder_is_left_alone(queue: RecipeQueue) -> None:
    (queue.root / "bad").mkdir(parents=True)
    (queue.root / "bad" / "spec.json").write_text("{", encoding="utf-8")
    assert RecipeQueue(queue.root).tasks == ()
    assert (queue.root / "bad" / "spec.json").is_file()


def test_a_folder_that_went_away_is_told_and_leaves_the_line(queue: RecipeQueue, tmp_path: Path) -> None:
    told: list[str] = []
    queue.notice.connect(lambda notice: told.append(notice.text))
    first, second = queue.add(spec(tmp_path, "one")), queue.add(spec(tmp_path, "two"))
    shutil.rmtree(second.folder)
    let_go(first)
    settle(queue, lambda: first.state is TaskState.DONE and second not in queue.tasks)
    assert told == ["the training of two.1 cannot be started: No such file or directory"]
