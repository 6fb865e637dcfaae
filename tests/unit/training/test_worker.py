"""The child process as the window meets it: real processes, stopped, killed and fed with nonsense."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.base.errors import Cancelled  # noqa: E402
from mammoviewer.datasets.patch_set import PatchSet  # noqa: E402
from mammoviewer.inference.manifest import load_manifest  # noqa: E402
from mammoviewer.jobs.process_runner import run_json_lines  # noqa: E402
from mammoviewer.training.spec import TrainingEvent, TrainingSpec, parse_event, worker_command, write_patches  # noqa: E402

Patches = Callable[..., PatchSet]


@pytest.fixture
def spec_path(base_model: Path, tmp_path: Path, make_patches: Patches) -> Path:
    """A run on few patches that would take hours if nobody stopped it, into a folder with one earlier model."""
    patches = make_patches(3)
    earlier = tmp_path / "models" / "earlier"
    earlier.mkdir(parents=True)
    (earlier / "manifest.json").write_text("{}", encoding="utf-8")
    spec = TrainingSpec(
        kind="patches",
        data=write_patches(tmp_path / "patches.npz", patches),
        output=tmp_path / "models" / "mine",
        name="mine",
        base_model=base_model,
        classes=patches.classes,
        positive_class=patches.classes[-1],
        pixel_size_mm=0.1,
        preprocessing=({"op": "voi"}, {"op": "resample_pixel_size"}, {"op": "scale", "divide_by": 255.0}),
        epochs=100_000,
        time_limit_s=36_000.0,
        threads=1,
    )
    return spec.write(tmp_path / "spec.json")


def models(spec_path: Path) -> list[str]:
    return sorted(path.name for path in (spec_path.parent / "models").iterdir())


def events_of(child: subprocess.Popen[str]) -> Iterator[TrainingEvent]:
    assert child.stdout is not None
    for line in child.stdout:
        event = parse_event(json.loads(line))
        assert event is not None
        yield event


def run_until_epoch(spec_path: Path, signal_number: int) -> int:
    with subprocess.Popen(worker_command(spec_path), stdout=subprocess.PIPE, text=True) as child:
        try:
            next(event for event in events_of(child) if event.kind == "epoch")
            child.send_signal(signal_number)
            return child.wait(30)
        finally:
            child.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_stopped_or_killed_run_leaves_the_models_as_they_were(spec_path: Path, number: int, code: int) -> None:
    assert run_until_epoch(spec_path, number) == code
    assert models(spec_path) == ["earlier"]


def test_cancelling_through_the_process_runner_ends_the_child(spec_path: Path) -> None:
    seen: list[str] = []

    def on_event(values: dict[str, object]) -> tuple[float, str] | None:
        event = parse_event(values)
        assert event is not None
        seen.append(event.kind)
        return event.fraction, event.message

    def progress(_fraction: float, _message: str) -> None:
        if "epoch" in seen:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_json_lines(worker_command(spec_path), on_event=on_event, progress=progress, log=spec_path.parent / "log")
    assert models(spec_path) == ["earlier"]


def test_a_whole_run_ends_with_a_model(spec_path: Path) -> None:
    values: dict[str, Any] = json.loads(spec_path.read_text(encoding="utf-8"))
    spec_path.write_text(json.dumps({**values, "epochs": 2}), encoding="utf-8")
    with subprocess.Popen(
        worker_command(spec_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        events = list(events_of(child))
        assert child.wait(60) == 0
        assert child.stderr is not None
        assert child.stderr.read() == ""
    assert events[0].kind == "started"
    assert events[-1].kind == "done"
    assert events[-1].fraction == 1.0
    folder = Path(events[-1].values["model_folder"])
    assert load_manifest(folder).metrics == events[-1].values["metrics"]
    assert models(spec_path) == ["earlier", "mine"]


@pytest.mark.parametrize("text", ["{}", "no json", '{"kind": "recipe", "data": "x", "output": "y", "name": "z"}'])
def test_what_cannot_run_is_told_as_failed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "spec.json"
    path.write_text(text, encoding="utf-8")
    result = subprocess.run(worker_command(path), capture_output=True, text=True, check=False)
    events = [parse_event(json.loads(line)) for line in result.stdout.splitlines()]
    assert result.returncode == 1
    assert events[-1] is not None
    assert events[-1].kind == "failed"
    assert events[-1].message
    assert "Traceback" not in result.stderr
