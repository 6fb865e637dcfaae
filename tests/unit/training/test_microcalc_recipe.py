"""The recipe on a tiny made-up set with the form of the real one."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.base.errors import ModelError, TrainingError  # noqa: E402
from mammoviewer.inference.manifest import load_manifest, verify_files  # noqa: E402
from mammoviewer.training.cluster import run_tasks  # noqa: E402
from mammoviewer.training.film_check import check_films  # noqa: E402
from mammoviewer.training.microcalc_hypermodel_page import without_curves  # noqa: E402
from mammoviewer.training.microcalc_recipe import MicrocalcRecipe, RecipeOutcome  # noqa: E402
from mammoviewer.training.microcalc_report import PREPROCESSING, bundle_facts  # noqa: E402
from mammoviewer.training.recipe_files import load_recipe, recipe_names  # noqa: E402
from mammoviewer.training.recipe_run import RecipeRun  # noqa: E402
from mammoviewer.training.recipes import RECIPES, run_recipe  # noqa: E402
from mammoviewer.training.spec import Emit, TrainingSpec  # noqa: E402

FAST = {"epochs": 2, "search_epochs": 1, "experts": 1, "outer_folds": 2}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("infn")
    generator = np.random.default_rng(0)
    lines = ["file,label,case"]
    for number in range(32):
        image = generator.normal(90, 4, (60, 60))
        if number % 2:
            image[tuple(generator.integers(5, 55, (2, 15)))] += 120
        name = f"{number % 2}_{number}.png"
        assert cv2.imwrite(str(folder / name), image.clip(0, 255).astype(np.uint8))
        lines.append(f"{name},{number % 2},case{number // 2}")
    # the same picture in another case
    repeated = cv2.imread(str(folder / "1_1.png"), cv2.IMREAD_UNCHANGED)
    assert cv2.imwrite(str(folder / "again.png"), np.ascontiguousarray(np.rot90(repeated)))
    lines.append("again.png,1,case9")
    (folder / "patches.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def make_spec(data: Path, output: Path, **parameters: Any) -> TrainingSpec:
    return TrainingSpec(
        kind="recipe",
        data=data,
        output=output,
        name="small",
        recipe="microcalc-hypermodel",
        parameters={**FAST, **parameters},
    )


def make_run(data: Path, output: Path, emit: Emit) -> RecipeRun:
    spec = make_spec(data, output)
    return RecipeRun(spec, load_recipe(spec.recipe).settings(spec.parameters), emit, spec.checkpoints)


@pytest.fixture(scope="module")
def judged_here(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RecipeOutcome, list[Mapping[str, Any]]]:
    events: list[Mapping[str, Any]] = []
    run = make_run(data, tmp_path_factory.mktemp("here") / "small", events.append)
    return MicrocalcRecipe(run).run(), events


def test_every_patch_is_judged_by_experts_that_never_saw_its_case(
    data: Path, tmp_path: Path, judged_here: tuple[RecipeOutcome, list[Mapping[str, Any]]]
) -> None:
    outcome, events = judged_here
    assert outcome.duplicates == 1
    assert len(set(outcome.patches.groups)) - len(set(outcome.groups)) == 1
    for fold in outcome.folds:
        assert not {outcome.groups[i] for i in fold.train} & {outcome.groups[i] for i in fold.test}
    assert not np.isnan(outcome.held_out).any()
    assert np.array_equal(outcome.held_out, outcome.single_expert)
    epochs = [event for event in events if event["event"] == "epoch"]
    assert epochs[-1]["fraction"] == pytest.approx(1.0, abs=0.1)
    facts = bundle_facts(make_run(data, tmp_path, events.append), outcome)
    assert facts.metrics["near_duplicate_pairs"] == 1
    assert f"AUC | {facts.metrics['auc']:.3f}" in facts.card
    assert "--set experts=1" in facts.card
    assert json.loads(json.dumps(facts.metrics, allow_nan=False))


def test_folds_judged_elsewhere_say_the_same(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    judged_here: tuple[RecipeOutcome, list[Mapping[str, Any]]],
) -> None:
    there = make_run(data, tmp_path / "there", lambda _: None)
    asked: list[str] = []

    def without_a_cluster(*arguments: Any, scheduler: str, **others: Any) -> Any:
        asked.append(scheduler)
        return run_tasks(*arguments, **others)

    monkeypatch.setattr("mammoviewer.training.recipe_run.run_tasks", without_a_cluster)
    there = replace(there, spec=replace(there.spec, scheduler="tcp://10.0.0.1:8786"))
    first, second = judged_here[0], MicrocalcRecipe(there).run()
    assert asked == ["tcp://10.0.0.1:8786"]
    assert np.array_equal(first.held_out, second.held_out)
    assert first.outcomes[0].parameters == second.outcomes[0].parameters
    assert sorted(path.name for path in (there.checkpoints / "folds").iterdir()) == ["fold1.json", "fold2.json"]


def test_the_recipe_writes_and_replaces_a_model(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ModelError("its graph has no such form")

    output = tmp_path / "small"
    for has_a_form in (True, False):
        if not has_a_form:
            monkeypatch.setattr("mammoviewer.training.int8_step.quantised", refuse)
        events: list[Mapping[str, Any]] = []
        metrics = run_recipe(make_spec(data, output), events.append)
        manifest = load_manifest(output)
        kept = str(events[-1]["text"]).endswith("kept")
        assert kept == ("int8" in manifest.files) == ("int8" in manifest.metrics)
        verify_files(manifest)
        assert dict(manifest.metrics) == metrics
    assert events[-1]["text"] == "int8: none is made: its graph has no such form"
    assert manifest.outputs.positive_class == "microcalcification"
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    assert report["parts"]["out of fold"]["metrics"]["n"] == sum(fold["n"] for fold in report["folds"]) == 33
    assert report["parts"]["out of fold"]["metrics"]["auc"] == pytest.approx(metrics["auc"])
    assert [run["name"] for run in report["learning"]] == [
        "fold 1, expert 1", "fold 2, expert 1", "all cases, expert 1",
    ]  # fmt: skip
    assert report["gallery"]
    assert report["problems"] == []
    assert without_curves(report["learning"][1:], folds=2, experts=2) == [
        f"no learning curve of {name}: trained on another machine or before the run was resumed"
        for name in ("fold 1, expert 1", "fold 1, expert 2", "fold 2, expert 2", "all cases, expert 2")
    ]
    assert "Folds" in (output / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("parameters", [{"speed": 3}, {"epochs": 0}, {"experts": 1.5}, {"outer_folds": 1}])
def test_settings_that_are_none_are_refused(data: Path, tmp_path: Path, parameters: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match=next(iter(parameters))):
        run_recipe(make_spec(data, tmp_path / "new", **parameters), lambda _: None)


def test_only_the_run_that_was_interrupted_is_resumed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def stop(run: RecipeRun) -> Mapping[str, Any]:
        seen.append(sorted(path.name for path in run.checkpoints.iterdir()))
        (run.checkpoints / "fold1.pt").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("mammoviewer.training.recipes.RECIPES", {"microcalc-hypermodel": stop})
    spec = make_spec(data, tmp_path / "new")
    for resume in (False, True, False):
        with pytest.raises(KeyboardInterrupt):
            run_recipe(replace(spec, resume=resume), lambda _: None)
    assert seen == [["claim", "spec.json"], ["claim", "fold1.pt", "spec.json"], ["claim", "spec.json"]]
    with pytest.raises(TrainingError, match="other settings"):
        run_recipe(replace(spec, resume=True, seed=9), lambda _: None)


def test_what_cannot_be_tidied_up_takes_nothing_from_a_model_that_is_published(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(path)

    def publish(run: RecipeRun) -> Mapping[str, Any]:
        (run.checkpoints / "fold1.pt").write_bytes(b"whole")
        patched.setattr(Path, "unlink", refuse)
        return {"auc": 1.0}

    monkeypatch.setattr("mammoviewer.training.recipes.RECIPES", {"microcalc-hypermodel": publish})
    monkeypatch.setattr("mammoviewer.training.recipes.claimed", lambda _folder: contextlib.nullcontext())
    spec = make_spec(data, tmp_path / "new")
    spec.checkpoints.mkdir()
    with pytest.MonkeyPatch.context() as patched:
        assert run_recipe(spec, lambda _: None) == {"auc": 1.0}
    assert (spec.checkpoints / "fold1.pt").is_file()


def test_a_cluster_that_has_nothing_to_do_is_told(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mammoviewer.training.recipes.RECIPES", dict.fromkeys(recipe_names(), lambda _run: {}))
    told: list[Mapping[str, Any]] = []
    spec = replace(make_spec(data, tmp_path / "new"), scheduler="tcp://127.0.0.1:9")
    run_recipe(spec, told.append)
    assert told == []
    for recipe, parameters, count in (
        ("cnni-bcc", {}, 1),
        ("cnni-bcc", {"folds": 2}, 1),
        ("dbt-slices", {"repeats": 2}, 1),
        ("microcalc-ensemble", {}, 2),
    ):
        run_recipe(replace(spec, recipe=recipe, parameters=parameters), told.append)
        assert len(told) == count, recipe
    assert "all is done here" in told[-1]["text"]


def test_every_recipe_file_can_be_carried_out() -> None:
    assert set(RECIPES) == set(recipe_names())
    for recipe in map(load_recipe, recipe_names()):
        assert ("int8" in recipe.settings({})) == (recipe.name != "lesion-ssd"), "classifiers alone have an int8 form"


def test_unknown_recipes_and_foreign_outputs_are_refused(data: Path, tmp_path: Path) -> None:
    unknown = TrainingSpec(kind="recipe", data=data, output=tmp_path / "x", name="x", recipe="soup")
    with pytest.raises(TrainingError, match="soup"):
        run_recipe(unknown, lambda _: None)
    with pytest.raises(TrainingError, match="exists"):
        run_recipe(make_spec(data, tmp_path), lambda _: None)


class BrightSpots(torch.nn.Module):
    """Calls a patch positive when it has a very bright pixel."""

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return (pictures.amax(dim=(1, 2, 3))[:, None] - 0.9) * 100, pictures


def test_films_are_counted_by_patch_and_by_place(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:1024, :1024]
    breast = ((rows - 512) / 400.0) ** 2 + (columns / 600.0) ** 2 < 1
    plain = np.where(breast, 100, 0).astype(np.uint8)
    marked = plain.copy()
    marked[500:503, 300:303] = 255
    for name, film in (("mdb001", plain), ("mdb003", marked)):
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), film)
    # y counts from the bottom: row 501 is y 523
    lines = "mdb001 G NORM\nmdb003 G CALC M 301 523 10\nmdb003 G CALC M 301 700 10\n"
    (tmp_path / "Info.txt").write_text(lines, encoding="latin-1")
    result = check_films(tmp_path, BrightSpots(), steps=PREPROCESSING, pixel_size_mm=0.085, threshold=0.5)  # type: ignore[arg-type]
    assert result == {
        "normal_films": 1,
        "normal_patches_marked": 0.0,
        "calcifications": 2,
        "calcifications_marked": 0.5,
    }


def test_a_fit_of_the_whole_set_never_goes_on_from_one_of_a_fold(data: Path, tmp_path: Path) -> None:
    told: list[Mapping[str, Any]] = []
    run = make_run(data, tmp_path / "small", told.append)
    everything = np.arange(33)
    recipe = MicrocalcRecipe(run)
    recipe._search(recipe.outer_folds()[0].train, 1)
    count = len(told)
    assert count > 0
    # as where the run is resumed and the folds are left to other machines
    MicrocalcRecipe(run)._search(everything, 0)
    assert not any(event["replayed"] for event in told)
    MicrocalcRecipe(run)._search(everything, 0)
    assert all(event["replayed"] for event in told[2 * count :])
