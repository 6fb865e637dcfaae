from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mammoviewer.training.control import forget, holder, interrupted_runs, is_paused, pause, unpause
from mammoviewer.training.spec import SPEC_NAME, TrainingSpec


def make_spec(folder: Path, name: str = "mine") -> TrainingSpec:
    return TrainingSpec(kind="recipe", data=folder, output=folder / name, name=name, recipe="microcalc-hypermodel")


def test_a_paused_run_waits_until_it_may_go_on(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    events: list[Mapping[str, Any]] = []
    told = threading.Event()

    def emit(event: Mapping[str, Any]) -> None:
        events.append(event)
        told.set()

    hold = holder(spec.checkpoints, emit)
    hold()
    assert not events
    pause(spec)
    assert is_paused(spec)
    waiting = threading.Thread(target=hold)
    waiting.start()
    assert told.wait(10)
    assert waiting.is_alive()
    unpause(spec)
    waiting.join(10)
    assert not waiting.is_alive()
    assert [event["event"] for event in events] == ["paused", "unpaused"]
    assert not is_paused(spec)


def test_interrupted_runs_are_found_and_forgotten(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    spec.write(spec.checkpoints / SPEC_NAME)
    damaged = tmp_path / ".other.training"
    damaged.mkdir()
    (damaged / SPEC_NAME).write_text("{", encoding="utf-8")
    assert interrupted_runs(tmp_path) == (spec,)
    forget(spec)
    assert interrupted_runs(tmp_path) == ()
    assert interrupted_runs(tmp_path / "none") == ()
