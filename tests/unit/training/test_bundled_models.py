"""Every model that comes with the program: whole, small, described, and able to run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mammoviewer.base.paths import bundled_models_dir
from mammoviewer.inference.manifest import CARD_NAME, load_manifest, verify_files
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.training.recipe_files import recipe_names

FOLDERS = sorted(path.parent for path in bundled_models_dir().glob("*/manifest.json"))
MOST_BYTES = 20_000_000


def test_there_are_models_for_patches_films_and_slices() -> None:
    tasks = {load_manifest(folder).task for folder in FOLDERS}
    assert {"patch-classification", "detection"} <= tasks


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_bundled_model_is_whole_small_and_described(folder: Path) -> None:
    manifest = load_manifest(folder)
    verify_files(manifest)
    assert manifest.name == folder.name
    assert sum(path.stat().st_size for path in folder.iterdir()) < MOST_BYTES
    assert "not for diagnosis" in manifest.intended_use.lower()
    assert manifest.training_data
    card = (folder / CARD_NAME).read_text(encoding="utf-8")
    assert any(f"mammoviewer train --recipe {name} " in card for name in recipe_names())
    for heading in ("## Network", "## Data", "## Limits", "## Made by"):
        assert heading in card


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_bundled_model_runs_and_gives_the_same_twice(folder: Path) -> None:
    manifest = load_manifest(folder)
    model = OnnxModel(manifest, threads=1)
    shape = (1, *(int(side or 1) for side in manifest.input.shape[1:]))
    low, high = manifest.input.value_range
    picture = np.random.default_rng(1).uniform(max(low, -1.0), min(high, 1.0), shape).astype(np.float32)
    if manifest.task == "detection":
        boxes, scores = model.boxes(picture)
        assert boxes.shape[-1] == 4
    else:
        scores = model.scores(picture)
        np.testing.assert_array_equal(scores, model.scores(picture))
    assert np.isfinite(scores).all()
    assert scores.shape[-1] == len(manifest.outputs.classes)
