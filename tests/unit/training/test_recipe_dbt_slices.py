"""The recipe for tomosynthesis slices on small made-up volumes in the layout of phantom exams."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.dicom_makers import save, tomo

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.base.errors import TrainingError  # noqa: E402
from mammoviewer.datasets.splits import read_split  # noqa: E402
from mammoviewer.dicom.reader import open_paths  # noqa: E402
from mammoviewer.inference.manifest import load_manifest  # noqa: E402
from mammoviewer.inference.preprocess import prepare  # noqa: E402
from mammoviewer.training import recipe_dbt_slices, slice_report  # noqa: E402
from mammoviewer.training.augmentation_preview import AugmentationPreview  # noqa: E402
from mammoviewer.training.dbt_card import bundle_facts  # noqa: E402
from mammoviewer.training.evaluation_figures import classification_figures  # noqa: E402
from mammoviewer.training.fold_tasks import FoldTask  # noqa: E402
from mammoviewer.training.loop import Epoch  # noqa: E402
from mammoviewer.training.networks.pretrained import read_state_dict  # noqa: E402
from mammoviewer.training.recipe_dbt_slices import (  # noqa: E402
    SliceTraining,
    judge_elsewhere,
    slice_folds,
)
from mammoviewer.training.recipe_files import load_recipe  # noqa: E402
from mammoviewer.training.recipe_run import RecipeRun  # noqa: E402
from mammoviewer.training.recipes import run_recipe  # noqa: E402
from mammoviewer.training.slice_augment import SliceAugmentation  # noqa: E402
from mammoviewer.training.slice_data import load_slices, prepared_slice  # noqa: E402
from mammoviewer.training.spec import TrainingSpec  # noqa: E402

FRAMES, ROWS, COLUMNS = 10, 40, 24
CLASSES = ("negative", "positive")


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw patients fifty times in place of two thousand: these tests look at no interval."""
    monkeypatch.setattr(slice_report, "classification_figures", partial(classification_figures, resamples=50))


def volume(path: Path, seed: int, lesions: Mapping[str, tuple[int, int]]) -> None:
    generator = np.random.default_rng(seed)
    pixels = generator.normal(400, 20, (FRAMES, ROWS, COLUMNS))
    pixels[:, :, 20:] = 0
    for number, (first, last) in enumerate(lesions.values()):
        pixels[first : last + 1, 10 + 12 * number : 18 + 12 * number, 6:14] += 300
    save(path, tomo(pixels.clip(0, 4095).astype(np.uint16)), pixels.clip(0, 4095).astype(np.uint16))


@pytest.fixture(scope="module")
def exams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("exams")
    for number in range(15):
        folder = root / f"exam-{number}"
        folder.mkdir()
        places = {} if number % 3 == 0 else {"malignant": (1, 3), "benign": (6, 8)}
        volume(folder / "LMLO-tomo.dcm", number, places)
        lesions = [
            {
                "type": "mass",
                "spiculated": severity == "malignant",
                "views": {},
                "tomo": {
                    "file": "LMLO-tomo.dcm",
                    "row": 14,
                    "column": 10,
                    "radius_px": 4,
                    "first_frame": first,
                    "last_frame": last,
                },
            }
            for severity, (first, last) in places.items()
        ]
        truth = {"schema_version": 1, "seed": number, "density": "B", "files": ["LMLO-tomo.dcm"], "lesions": lesions}
        (folder / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    return root


def spec(exams: Path, output: Path, **parameters: Any) -> TrainingSpec:
    small = {"network": "DBT_DCNN", "epochs": 2, "positives": 2, "negatives": 2, "margin": 0, "batch": 8, "int8": False}
    return TrainingSpec(
        kind="recipe",
        data=exams,
        output=output,
        name="slices",
        recipe="dbt-slices",
        parameters={**small, **parameters},
        threads=1,
    )


def test_a_run_ends_with_a_model_its_split_and_its_report(exams: Path, tmp_path: Path) -> None:
    told: list[Mapping[str, Any]] = []
    metrics = run_recipe(
        spec(exams, tmp_path / "model", classes=3, search_method="grid", trials=2, search_epochs=1, pruning="none"),
        told.append,
    )
    manifest = load_manifest(tmp_path / "model")
    assert manifest.task == "image-classification"
    assert manifest.outputs.classes == ("negative", "malignant", "benign")
    assert "Synthetic training data, demonstration only" in manifest.intended_use
    assert "Synthetic training data" in (tmp_path / "model" / "CARD.md").read_text(encoding="utf-8")
    split = read_split(tmp_path / "model" / "split.json")
    assert len(split.test) == 3
    assert metrics["n_patients"] == 3
    assert metrics["trials"] == 2
    assert set(metrics["chosen"]) == {"learning_rate", "dropout", "dense"}
    assert sum(event["event"] == "trial" for event in told) == 2
    assert [event["epoch"] for event in told if event["event"] == "epoch"] == [1, 2]
    report = json.loads((tmp_path / "model" / "report.json").read_text(encoding="utf-8"))
    assert set(report["parts"]) == {"train", "validation", "test"}
    assert "<svg" in (tmp_path / "model" / "report.html").read_text(encoding="utf-8")


def test_patients_of_a_fold_are_held_out_and_told(exams: Path, tmp_path: Path) -> None:
    told: list[Mapping[str, Any]] = []
    metrics = run_recipe(spec(exams, tmp_path / "model", folds=2, epochs=1), told.append)
    assert len(metrics["fold_auc"]) == 2
    assert [event["fold"] for event in told if event["event"] == "fold"] == [1, 2]
    assert metrics["patients"] == {"train": 9, "validation": 3, "test": 3}
    assert "optimistic" not in (tmp_path / "model" / "CARD.md").read_text(encoding="utf-8")
    network = torch.nn.Identity()
    searched = _run(spec(exams, tmp_path / "model", folds=2, search_method="grid"), tmp_path)
    card = bundle_facts(searched, CLASSES, network, {**metrics, "fold_auc": [0.75, None]}).card
    assert "AUC per fold: 0.750, -.\nThese figures are optimistic" in card


def test_a_fold_without_an_area_has_none(exams: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(*_: Any, on_epoch: Any, **__: Any) -> None:
        on_epoch(Epoch(1, 0.5, 0.1, 1.0))

    monkeypatch.setattr(recipe_dbt_slices, "fit", told)
    run = _run(spec(exams, tmp_path / "model", folds=2), tmp_path / "kept")
    with load_slices(run, CLASSES) as data:
        assert SliceTraining(run, data, CLASSES).cross_validate({}) == [None, None]


def test_no_network_goes_on_from_one_of_other_parameters(
    exams: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    def told(*_: Any, on_epoch: Any, checkpoint: Any, **__: Any) -> None:
        names.append(checkpoint.path.name)
        on_epoch(Epoch(1, 0.5, 0.1, 1.0))

    monkeypatch.setattr(recipe_dbt_slices, "fit", told)
    run = _run(spec(exams, tmp_path / "model", folds=2), tmp_path / "kept")
    with load_slices(run, CLASSES) as data:
        training = SliceTraining(run, data, CLASSES)
        for parameters in ({}, {"dense": 8}, {"dense": 16}, {"dense": 8}):
            training.judge(0, parameters)
            training.final(parameters)
    assert names[2:4] == names[6:8]
    assert len(set(names)) == 6
    assert names[:2] == [run.checkpoint(name).path.name for name in ("fold 1", "final")]


def test_repeats_hold_others_out_together_and_another_machine_finds_the_same(exams: Path, tmp_path: Path) -> None:
    asked = spec(exams, tmp_path / "model", repeats=3, validation=0.3, epochs=1)
    run = _run(asked, asked.checkpoints)
    with load_slices(run, CLASSES) as data:
        folds = slice_folds(run, data)
        assert len(folds) == 3
        held_out = [frozenset(data.of(fold.test.tolist()).patients) for fold in folds]
        assert len(set(held_out)) > 1
        for fold, names in zip(folds, held_out, strict=True):
            assert not names & set(data.of(fold.train.tolist()).patients)
            assert not names & set(data.part("test").patients)
        crossed = slice_folds(_run(spec(exams, tmp_path / "m", repeats=2, folds=2), tmp_path), data)
        assert len(crossed) == 4
        assert not set(crossed[0].test.tolist()) & set(crossed[1].test.tolist())
        assert set(crossed[0].test.tolist()) & set(crossed[2].test.tolist())
        here = SliceTraining(run, data, CLASSES).judge(1, {})
        told: list[Mapping[str, Any]] = []
        again = SliceTraining(replace(run, emit=told.append), data, CLASSES).judge(1, {})
        assert again == here
        assert [event["replayed"] for event in told if event["event"] == "epoch"] == [True], "it is not trained anew"
    for kept in asked.checkpoints.glob("fold 2.*.pt"):
        kept.unlink()
    elsewhere = judge_elsewhere(FoldTask(asked, dict(run.settings), 1, {"classes": CLASSES, "parameters": {}}))
    assert elsewhere["auc"] == pytest.approx(here)


def test_what_could_not_be_read_is_told_again_when_the_prepared_slices_are_used_again(
    exams: Path, tmp_path: Path
) -> None:
    root = tmp_path / "exams"
    shutil.copytree(exams, root)
    (root / "exam-3" / "LMLO-tomo.dcm").write_bytes(b"no volume")
    run = _run(spec(root, tmp_path / "model"), tmp_path / "kept")
    for _ in range(2):
        with load_slices(run, CLASSES) as data:
            assert len(data.problems) == 1
            assert "exam-3" in data.problems[0]


def _run(asked: TrainingSpec, folder: Path) -> RecipeRun:
    return RecipeRun(asked, load_recipe("dbt-slices").settings(asked.parameters), lambda _: None, folder)


def test_no_patient_stands_in_two_parts_and_slices_are_streamed(exams: Path, tmp_path: Path) -> None:
    with load_slices(_run(spec(exams, tmp_path / "m"), tmp_path / "kept"), CLASSES) as data:
        parts = {name: set(data.part(name).patients) for name in ("train", "validation", "test")}
        assert not parts["train"] & parts["test"]
        assert not parts["train"] & parts["validation"]
        train = data.part("train")
        batch = train.batch(torch.tensor([3, 0]))
        assert batch.shape == (2, 1, 300, 300)
        torch.testing.assert_close(batch[1], train.batch(torch.tensor([0]))[0])
        assert set(train.labels.tolist()) == {0, 1}


def test_the_model_is_shown_what_it_learnt_from(exams: Path, tmp_path: Path) -> None:
    run_recipe(spec(exams, tmp_path / "model", epochs=1), lambda _: None)
    image = open_paths([exams / "exam-1" / "LMLO-tomo.dcm"]).images[0]
    manifest = load_manifest(tmp_path / "model")
    prepared = prepare(image.frame(2), image.attributes, manifest, frame=2)
    np.testing.assert_allclose(prepared.values[0], prepared_slice(image, 2), atol=1e-5)
    image.close()


def test_what_cannot_be_run_is_said(exams: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no tomosynthesis volumes"):
        run_recipe(spec(exams, tmp_path / "one", projections="CC"), lambda _: None)
    weights = tmp_path / "weights.pth"
    torch.save({"w": torch.zeros(1)}, weights)
    assert read_state_dict(weights)
    with pytest.raises(TrainingError, match="no backbone"):
        run_recipe(spec(exams, tmp_path / "two", pretrained=str(weights)), lambda _: None)


def test_slices_of_training_volumes_are_previewed_with_and_without_lesions(exams: Path, tmp_path: Path) -> None:
    run = _run(spec(exams, tmp_path / "out"), tmp_path)
    pairs = AugmentationPreview().pairs(run, lambda: None)
    assert {pair[0].shape for pair in pairs} == {(192, 192)}
    assert any((before != after).any() for before, after in pairs)
    still = RecipeRun(run.spec, {**run.settings, "augmentation": 0.0}, run.emit, tmp_path)
    assert all((np.abs(b.astype(int) - a) <= 1).all() for b, a in AugmentationPreview().pairs(still, lambda: None))


def test_the_same_volume_in_two_parts_stops_the_run(exams: Path, tmp_path: Path) -> None:
    twins = tmp_path / "twins"
    shutil.copytree(exams, twins)
    for number in range(15):
        shutil.copy(exams / f"exam-{number % 3}" / "LMLO-tomo.dcm", twins / f"exam-{number}" / "LMLO-tomo.dcm")
    with pytest.raises(TrainingError, match="the split leaks") as caught:
        run_recipe(spec(twins, tmp_path / "model"), lambda _: None)
    assert "allow_leak" in caught.value.hint
    with load_slices(_run(spec(twins, tmp_path / "m", allow_leak=True), tmp_path / "kept"), CLASSES) as data:
        assert data.leaks is not None
        assert data.leaks.overridden


def test_augmentation_is_repeatable_and_leaves_the_others_alone() -> None:
    pictures = torch.rand(6, 1, 20, 20)
    change = SliceAugmentation()
    one, two = (change(pictures, torch.Generator().manual_seed(5)) for _ in range(2))
    torch.testing.assert_close(one, two)
    assert not torch.allclose(one, pictures)
    untouched = SliceAugmentation(share=0.0)(pictures, torch.Generator().manual_seed(5))
    torch.testing.assert_close(untouched, pictures, atol=1e-5, rtol=0)
