from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mammoviewer.base.errors import TrainingError
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.training.spec import (
    TrainingSpec,
    parse_event,
    read_patches,
    worker_command,
    write_patches,
)


def make_spec(**changes: object) -> TrainingSpec:
    values: dict[str, object] = {
        "kind": "patches",
        "data": Path("patches.npz"),
        "output": Path("models/mine"),
        "name": "mine",
        "base_model": Path("models/base"),
        "classes": ("normal", "mass"),
        "positive_class": "mass",
        "pixel_size_mm": 0.085,
        "preprocessing": ({"op": "voi", "window": "default"},),
    }
    return TrainingSpec(**{**values, **changes})  # type: ignore[arg-type]


def test_round_trips_through_json(tmp_path: Path) -> None:
    spec = make_spec(parameters={"epochs": 3}, time_limit_s=4.5)
    path = spec.write(tmp_path / "spec.json")
    assert TrainingSpec.from_json(path.read_text(encoding="utf-8")) == spec


@pytest.mark.parametrize(
    "changes",
    [
        {"base_model": None},
        {"classes": ("normal",)},
        {"classes": ("normal", "normal")},
        {"positive_class": "cyst"},
        {"epochs": -1},
        {"batch": 1},
        {"learning_rate": float("nan")},
        {"time_limit_s": 0.0},
    ],
)
def test_refuses_what_cannot_run(changes: dict[str, object]) -> None:
    with pytest.raises(TrainingError):
        make_spec(**changes)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "patches"}', '{"unknown": 1}'])
def test_refuses_json_that_is_no_spec(text: str) -> None:
    with pytest.raises(TrainingError):
        TrainingSpec.from_json(text)


def make_recipe_spec() -> TrainingSpec:
    return TrainingSpec(
        kind="recipe", data=Path("d"), output=Path("models/new"), name="new", recipe="microcalc-hypermodel"
    )


def test_settings_go_to_the_recipe_except_seed_and_threads() -> None:
    spec = make_recipe_spec().with_parameters({"seed": "7", "epochs": "3", "films": "1e3"})
    assert spec.seed == 7
    assert spec.epochs == make_recipe_spec().epochs
    assert spec.parameters == {"epochs": 3, "films": "1e3"}
    assert spec.checkpoints == Path("models/.new.training")


@pytest.mark.parametrize("settings", [{"threads": "many"}, {"epochs": "0"}, {"speed": "3"}])
def test_a_setting_that_is_none_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(TrainingError):
        make_recipe_spec().with_parameters(settings)


def test_patches_round_trip_without_pickle(tmp_path: Path, make_patches: Callable[..., PatchSet]) -> None:
    patches = make_patches(2)
    path = write_patches(tmp_path / "patches.npz", patches)
    read = read_patches(path, patches.classes)
    assert np.array_equal(read.images, patches.images)
    assert (read.labels, read.groups, read.names) == (patches.labels, patches.groups, patches.names)


def test_an_archive_with_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "patches.npz"
    np.savez(path, images=np.array([{"a": 1}], dtype=object), labels=[0], groups=["a"], names=["a"])
    with pytest.raises(TrainingError):
        read_patches(path, ("a", "b"))


def test_patches_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "patches.npz"
    np.savez(path, images=np.full((1, 4, 4), np.nan), labels=[0], groups=["a"], names=["a"])
    with pytest.raises(TrainingError, match="no numbers"):
        read_patches(path, ("a", "b"))


def test_events_are_told_in_one_line() -> None:
    event = parse_event(
        {"event": "epoch", "epoch": 2, "epochs": 9, "fold": 1, "folds": 3, "loss": 0.5, "auc": None, "seconds_left": 4}
    )
    assert event is not None
    assert event.message == "fold 1/3, epoch 2/9, loss 0.500, 4 s left"
    assert event.fraction == 0.0


@pytest.mark.parametrize("values", [{}, {"event": 3}, {"event": "shout"}])
def test_foreign_json_is_no_event(values: dict[str, object]) -> None:
    assert parse_event(values) is None


def test_command_names_this_interpreter() -> None:
    assert worker_command(Path("a.json")) == [sys.executable, "-m", "mammoviewer.training.worker", "a.json"]


def test_the_spec_needs_no_torch() -> None:
    code = "import sys, json, mammoviewer.training.spec; print(json.dumps('torch' in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) is False
