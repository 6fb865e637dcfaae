"""Each recipe of films runs from a folder to a model folder, on small data in the true layouts."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from helpers import layout_makers  # noqa: E402

from mammoviewer.base.errors import TrainingError  # noqa: E402
from mammoviewer.base.paths import bundled_models_dir  # noqa: E402
from mammoviewer.datasets.layouts import load_cases  # noqa: E402
from mammoviewer.inference.froc import sensitivity_intervals  # noqa: E402
from mammoviewer.inference.manifest import load_manifest, verify_files  # noqa: E402
from mammoviewer.training import (  # noqa: E402
    evaluation_figures,
    film_agreement,
    film_scores,
    patch_figures,
    recipe_cnni_bcc,
    recipe_lesion_ssd,
)
from mammoviewer.training.fold_tasks import FoldTask  # noqa: E402
from mammoviewer.training.networks.breast_cnn import BreastCnn  # noqa: E402
from mammoviewer.training.networks.cnni import CnniBcc  # noqa: E402
from mammoviewer.training.recipe_files import load_recipe  # noqa: E402
from mammoviewer.training.recipe_findings_patches import focal_loss  # noqa: E402
from mammoviewer.training.recipe_rsna_breast import freeze_all_but_last  # noqa: E402
from mammoviewer.training.recipes import run_recipe  # noqa: E402
from mammoviewer.training.spec import TrainingSpec  # noqa: E402

pytestmark = pytest.mark.torch
BUNDLED = {
    "cnni-bcc": "cnni-bcc",
    "cnni-bcc-3x3": "cnni-bcc",
    "findings-patch": "findings-patches",
    "lesion-locator": "lesion-ssd",
    "rsna-small": "rsna-breast",
}
# Made-up films are much alike.
SHORT = {"epochs": 1, "steps": 1, "batch": 2, "validation": 0.3, "allow_leak": True, "int8": False}


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_figures, "_RESAMPLES", 40)
    monkeypatch.setattr(film_scores, "_RESAMPLES", dict.fromkeys(("train", "validation", "test"), 20))
    monkeypatch.setattr(film_scores, "MOST_TRAINING_PICTURES", 40)
    monkeypatch.setattr(evaluation_figures, "_BAND_DRAWS", 20)
    monkeypatch.setattr(film_agreement, "_FILMS", 1)
    quick = functools.partial(sensitivity_intervals, samples=40)
    monkeypatch.setattr(recipe_lesion_ssd, "sensitivity_intervals", quick)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layout_makers.mini_mias(tmp_path_factory.mktemp("films"), patients=8)


def _short(recipe: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    asked = {**SHORT, **settings}
    known = {parameter.name for parameter in load_recipe(recipe).parameters}
    return {name: value for name, value in asked.items() if name in known or name in settings}


def _trained(recipe: str, data: Path, output: Path, **settings: Any) -> tuple[Mapping[str, Any], list[Any]]:
    told: list[Any] = []
    spec = TrainingSpec(
        kind="recipe",
        data=data,
        output=output,
        name=recipe,
        recipe=recipe,
        parameters=_short(recipe, settings),
        threads=1,
    )
    return run_recipe(spec, told.append), told


def _elsewhere(judge: Any, recipe: str, data: Path, output: Path, **settings: Any) -> Any:
    """Return what another machine finds of the second fold, as it comes back."""
    spec = TrainingSpec(
        kind="recipe",
        data=data,
        output=output,
        name=recipe,
        recipe=recipe,
        parameters=_short(recipe, settings),
        threads=1,
    )
    checked = load_recipe(recipe).settings(spec.parameters)
    return json.loads(json.dumps(judge(FoldTask(spec, checked, 1)), allow_nan=False))


def _check_folds(metrics: Mapping[str, Any], told: list[Any], folder: Path) -> None:
    crossed = metrics["cross_validation"]
    assert crossed["folds"] == 2
    assert sum(crossed["n_patients"]) == 8 - len(json.loads((folder / "split.json").read_text())["test"])
    assert [event["fold"] for event in told if event["event"] == "fold"] == [1, 2]
    assert [event.get("fold") for event in told if event["event"] == "epoch"] == [1, 2, None]
    assert f"mean {crossed['auc_mean']:.3f}" in (folder / "CARD.md").read_text()
    assert _report(folder)["summary"]["cross_validation"] == crossed


def _report(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report


def test_cnni_bcc(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predict, looked_at = recipe_cnni_bcc.predict, []

    def counted(network: CnniBcc, images: Any) -> Any:
        looked_at.append(float(images.sum()))
        return predict(network, images)

    monkeypatch.setattr(recipe_cnni_bcc, "predict", counted)
    metrics, told = _trained("cnni-bcc", films, tmp_path / "model", kernels="3x3", int8=True)
    assert len(set(looked_at)) == len(looked_at) == 4, (
        "some and all of the validation part, test and some to learn from"
    )
    assert metrics["cross_validation"] is None
    manifest = load_manifest(tmp_path / "model")
    assert manifest.outputs.classes == ("normal", "benign", "malignant")
    assert metrics["n"] == 32 * metrics["films"]["test"]
    assert sum(map(sum, metrics["confusion"])) == metrics["n"]
    assert any(event["event"] == "epoch" for event in told)
    card = (tmp_path / "model" / "CARD.md").read_text()
    said = [event["text"] for event in told if str(event.get("text")).startswith("int8: ")]
    assert said[-1].endswith("kept") == ("int8" in manifest.files) == ("int8" in manifest.metrics)
    assert "## int8 form" in card
    assert "Made by `mammoviewer train --recipe cnni-bcc`" in " ".join(card.split())
    assert "15,683 weights" in card
    assert "--set epochs=1" in card
    report = _report(tmp_path / "model")
    assert report["learning"][0]["epochs"][0]["epoch"] == 1
    assert report["parts"]["train"]["metrics"]["n"] == 40, "a sample of the training part"
    assert report["parts"]["test"]["metrics"]["n"] == metrics["n"]
    assert report["parts"]["test"]["metrics"]["confusion"] == metrics["confusion"]
    assert report["parts"]["validation"]["metrics"]["calibration"]
    assert set(report["parts"]["test"]["curves"]) >= {"roc", "pr"}
    assert len(report["data"]["sha256"]) == 64
    assert "png" in report["gallery"][0]
    assert "<html" in (tmp_path / "model" / "report.html").read_text()
    split = json.loads((tmp_path / "model" / "split.json").read_text())
    assert tuple(split["test"]) == load_cases(films).project_split().test
    every = [name for part in ("train", "validation", "test") for name in split[part]]
    assert len(every) == len(set(every)) == 8


def test_lesion_ssd(films: Path, tmp_path: Path) -> None:
    metrics, _ = _trained("lesion-ssd", films, tmp_path / "model", width=4, readers=1, versions=3, folds=2)
    manifest = load_manifest(tmp_path / "model")
    assert manifest.task == "detection"
    assert manifest.outputs.boxes == "boxes"
    assert manifest.outputs.apart_px == 30
    assert set(metrics["sensitivity_at_fp"]) == {"0.25", "0.5", "1", "2", "4"}
    assert metrics["lesions"] >= 1
    crossed = metrics["cross_validation"]
    assert crossed["n"] == metrics["films"]["train"] + metrics["films"]["validation"]
    assert "Cross-validation" in (tmp_path / "model" / "CARD.md").read_text()
    gallery = _report(tmp_path / "model")["gallery"]
    assert {picture["caption"].split(",")[0] for picture in gallery} & {"hit", "miss"}
    assert all(picture["png"] for picture in gallery)


def test_marks_of_a_fold_come_whole_from_another_machine(films: Path, tmp_path: Path) -> None:
    settings = {"width": 4, "readers": 1, "versions": 1, "folds": 2}
    found = _elsewhere(recipe_lesion_ssd.judge_elsewhere, "lesion-ssd", films, tmp_path / "model", **settings)
    images = [recipe_lesion_ssd.froc_image(one) for one in found["images"]]
    assert sum(len(image.truths) for image in images) >= 1
    assert [dataclasses.asdict(image) for image in images] == [
        {**one, "truths": tuple(_tuples(one["truths"])), "marks": tuple(_tuples(one["marks"]))}
        for one in found["images"]
    ]


def _tuples(rows: Any) -> list[Any]:
    return [{**row, "box": tuple(row["box"])} for row in rows]


def test_findings_patches(films: Path, tmp_path: Path) -> None:
    metrics, told = _trained("findings-patches", films, tmp_path / "model", folds=2)
    _check_folds(metrics, told, tmp_path / "model")
    manifest = load_manifest(tmp_path / "model")
    assert manifest.channels == 3
    assert manifest.tiling is not None
    assert "dense" in manifest.tiling.modes
    assert metrics["dense_patch_agreement"]["spearman"] > 0.999
    assert metrics["per_class"]["circumscribed mass"]["n"] > 0
    assert manifest.training_data[0]["leaks"]["overridden"] is True
    test = _report(tmp_path / "model")["parts"]["test"]["metrics"]
    assert test["n"] == metrics["n"]
    assert test["classes"]["any finding"]["support"] == metrics["per_class"]["any finding"]["n"]


def test_almost_the_same_film_in_two_parts_stops_the_run(films: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="the split leaks: .* pictures stand on two sides") as caught:
        _trained("findings-patches", films, tmp_path / "model", allow_leak=False)
    assert "allow_leak=true" in caught.value.hint
    assert not (tmp_path / "model").exists()


def test_findings_patches_take_the_kinds_of_another_set(tmp_path: Path) -> None:
    data = layout_makers.vindr(tmp_path, studies=12)
    table = data / "finding_annotations.csv"
    lines = table.read_text().splitlines()
    for number, line in enumerate(lines):
        if "No Finding" in line:
            kind = "Mass" if number % 2 else "Suspicious Calcification"
            lines[number] = line.replace("['No Finding']", f"['{kind}']").replace(",,,,,,", ",BI-RADS 4,20,30,40,50,")
    table.write_text("\n".join(lines) + "\n")
    metrics, _ = _trained("findings-patches", data, tmp_path / "model", backbone="mobilenet_v2")
    manifest = load_manifest(tmp_path / "model")
    assert {"any finding", "Mass", "Suspicious Calcification"} <= set(manifest.outputs.classes)
    assert manifest.tiling is not None
    assert manifest.tiling.modes == ("patches",)
    assert "dense_patch_agreement" not in metrics


@pytest.mark.parametrize("layout", ["mini-mias", "rsna"])
def test_rsna_breast(films: Path, tmp_path: Path, layout: str) -> None:
    data = films if layout == "mini-mias" else layout_makers.rsna(tmp_path / "rsna", patients=12)
    settings = {"rows": 96, "columns": 64, "window": "full_width", "folds": 2 if layout == "mini-mias" else 0}
    metrics, told = _trained("rsna-breast", data, tmp_path / "model", **settings)
    if layout == "mini-mias":
        _check_folds(metrics, told, tmp_path / "model")
    manifest = load_manifest(tmp_path / "model")
    assert manifest.task == "image-classification"
    assert manifest.input.shape == (None, 1, 96, 64)
    assert set(metrics["auc_by_breast"]) == {"s3", "max", "mean", "noisy-or", "top-2"}
    parts = _report(tmp_path / "model")["parts"]
    assert {name: part["metrics"]["n"] for name, part in parts.items()} == metrics["films"]
    assert parts["test"]["metrics"]["unit"] == "image"


def test_a_film_that_cannot_be_read_is_left_out_told_and_counted(tmp_path: Path) -> None:
    data = layout_makers.mini_mias(tmp_path, patients=8)
    broken = load_cases(data).project_split().train[0]
    path = next(case.path for case in load_cases(data).cases if case.patient == broken)
    path.write_bytes(b"no picture")
    metrics, told = _trained("lesion-ssd", data, tmp_path / "out", width=4, readers=1, versions=1)
    assert any(path.stem in event.get("text", "") and "left out" in event["text"] for event in told)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["data"]["films left out"] == 1
    assert path.stem in report["problems"][0]
    assert "not a mini-MIAS film" in report["problems"][0]
    assert path.stem in load_manifest(tmp_path / "out").training_data[0]["left_out"][0]
    assert sum(metrics["films"].values()) == 15


def test_a_recipe_refuses_the_layout_of_another(tmp_path: Path) -> None:
    data = layout_makers.rsna(tmp_path / "rsna", patients=2)
    with pytest.raises(TrainingError, match="layout rsna"):
        _trained("cnni-bcc", data, tmp_path / "model")


def test_focal_loss_of_a_half_is_a_quarter_of_the_cross_entropy() -> None:
    logits, labels = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
    assert float(focal_loss(logits, labels, 2.0)) == pytest.approx(2 * 0.25 * np.log(2))
    assert float(focal_loss(logits, labels, 0.0)) == pytest.approx(2 * np.log(2))


def test_only_the_last_blocks_and_the_head_learn_where_asked() -> None:
    network = BreastCnn(width=4)
    freeze_all_but_last(network, "last-block")
    learning = [name for name, weight in network.named_parameters() if weight.requires_grad]
    assert {name.split(".")[0] + "." + name.split(".")[1] for name in learning} == {"trunk.6", "head.linear"}


def test_the_bundled_networks_are_whole_and_their_cards_give_their_figures() -> None:
    weights = {
        kernels: sum(weight.numel() for weight in CnniBcc(kernels).parameters())  # type: ignore[arg-type]
        for kernels in ("paper", "3x3")
    }
    for name, recipe in BUNDLED.items():
        manifest = load_manifest(bundled_models_dir() / name)
        verify_files(manifest)
        card = (manifest.folder / "CARD.md").read_text()
        assert f"mammoviewer train --recipe {recipe}" in card
        figure = manifest.metrics["sensitivity_at_fp"]["2"] if name == "lesion-locator" else manifest.metrics["auc"]
        assert any(f"{figure:.{digits}f}" in card for digits in (2, 3))
        if name.startswith("cnni-bcc"):
            assert f"{weights['3x3' if name.endswith('3x3') else 'paper']:,} weights" in card
