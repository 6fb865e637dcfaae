"""The marking threshold: how it is chosen, and how it gets into a model folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mammoviewer.base.errors import ModelError, TrainingError
from mammoviewer.inference.manifest import load_manifest, verify_files
from mammoviewer.training.marking import UNMEASURED, WHOLE_IMAGES, MarkFigures, lowest_threshold, write_marking

FIGURES = MarkFigures(
    threshold=0.91,
    phantom_views=16,
    phantom_false_marks=0.75,
    phantom_clusters=32,
    phantom_clusters_found=0.75,
    normal_films=5,
    normal_film_marks=2.4,
    calcifications=11,
    calcifications_found=0.5,
    unknown_images=5,
    unknown_image_marks=0.8,
)


def test_the_lowest_threshold_with_one_false_mark_or_fewer_is_chosen() -> None:
    assert lowest_threshold((0.5, 0.7, 0.9), {0.5: 4.0, 0.7: 1.0, 0.9: 0.0}) == 0.7
    with pytest.raises(TrainingError, match="no threshold"):
        lowest_threshold((0.5, 0.9), {0.5: 4.0, 0.9: 1.1})


@pytest.fixture
def folder(base_model: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "model"
    shutil.copytree(base_model, copy)
    (copy / "CARD.md").write_text(f"# Base\n\n{UNMEASURED}\n## Limits\nMany.\n", encoding="utf-8")
    return copy


@pytest.mark.torch
def test_threshold_and_figures_get_into_manifest_and_card_once(folder: Path) -> None:
    before = load_manifest(folder)
    assert before.outputs.marks_from == before.outputs.operating_threshold
    for threshold in (0.5, 0.91):
        write_marking(folder, replace(FIGURES, threshold=threshold), command="count --write")
    after = load_manifest(folder)
    verify_files(after)
    assert after.files == before.files
    assert after.outputs == replace(before.outputs, marking_threshold=0.91)
    assert after.metrics[WHOLE_IMAGES]["phantom_false_marks"] == 0.75
    card = (folder / "CARD.md").read_text(encoding="utf-8")
    assert card.count("## On whole images") == 1
    assert "Marks begin at 0.91" in card
    assert "| 16 phantom mammograms | 0.75 | 75% of 32 clusters |" in card
    assert "`count --write`" in card
    assert "not been measured" not in card
    assert card.startswith("# Base\n\n## On")
    assert card.endswith("\n\n## Limits\nMany.\n")


@pytest.mark.torch
def test_a_folder_without_card_or_model_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "CARD.md").unlink()
    with pytest.raises(TrainingError, match="card"):
        write_marking(folder, FIGURES, command="count")
    with pytest.raises(ModelError):
        write_marking(tmp_path, FIGURES, command="count")
