"""Folds are judged one after the other here, or elsewhere where a scheduler is named, with the same results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mammoviewer.training import cluster, recipe_run
from mammoviewer.training.fold_tasks import FoldTask, fold_figures, fold_text, judged_folds
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.spec import TrainingSpec


def judge_elsewhere(task: FoldTask) -> Mapping[str, Any]:
    run = task.run()
    assert run.checkpoints.is_dir()
    return {"number": task.number, "depth": task.more["depth"], "batch": run.integer("batch")}


def test_folds_are_judged_here_or_on_the_machines_of_a_scheduler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    spec = TrainingSpec(kind="recipe", data=tmp_path, output=tmp_path / "out", name="m", recipe="cnni-bcc")
    run = RecipeRun(spec, {"batch": 4}, told.append, tmp_path / "kept")
    here = judged_folds(run, 2, lambda number: {"number": number}, judge_elsewhere, {"depth": 3})
    assert here == [{"number": 0}, {"number": 1}]
    assert [(event["event"], event["fold"], event["folds"]) for event in told] == [("fold", 1, 2), ("fold", 2, 2)]
    asked = []

    def run_tasks(function: Any, items: Any, folder: Path, *, scheduler: str, progress: Any) -> Any:
        asked.append((scheduler, folder.name))
        return {name: json.loads(json.dumps(function(item))) for name, item in items.items()}, {}

    monkeypatch.setattr(recipe_run, "run_tasks", run_tasks)
    run = replace(run, spec=replace(spec, scheduler="tcp://there:8786"))
    found = judged_folds(run, 2, lambda _number: pytest.fail("judged here"), judge_elsewhere, {"depth": 3})
    assert found == [{"number": number, "depth": 3, "batch": 4} for number in range(2)]
    assert asked == [("tcp://there:8786", "folds")]

    def here_alone(function: Any, items: Any, folder: Path, **_: Any) -> Any:
        return cluster.run_tasks(function, items, folder)

    monkeypatch.setattr(recipe_run, "run_tasks", here_alone)
    for chosen, depth in (("one", 3), ("other", 4)):
        found = judged_folds(run, 1, lambda _: pytest.fail("here"), judge_elsewhere, {"depth": depth}, chosen=chosen)
        assert found[0]["depth"] == depth, "no result of other parameters is taken"


def test_the_figures_of_folds_leave_out_one_that_lacks_a_class() -> None:
    assert fold_figures([]) is None
    assert fold_text(None) == ""
    found = [{"auc": area, "n": 10, "n_patients": 2} for area in (0.7, None, 0.9)]
    figures = fold_figures(found)
    assert figures is not None
    assert figures["auc_per_fold"] == [0.7, None, 0.9]
    assert figures["auc_mean"] == pytest.approx(0.8)
    assert figures["auc_deviation"] == pytest.approx(0.1414, abs=1e-4)
    assert "AUC per fold 0.700, -, 0.900; mean 0.800, standard deviation 0.141." in fold_text(figures)
    alone = fold_figures(found[1:2])
    assert alone is not None
    assert alone["auc_mean"] is None
    assert "AUC per fold -." in fold_text(alone)


@pytest.mark.torch
def test_a_fold_of_a_cancelled_run_that_ends_late_is_not_taken_for_one_of_other_settings(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    spec = TrainingSpec(kind="recipe", data=tmp_path, output=tmp_path / "out", name="m", recipe="cnni-bcc")
    late, again, other = (FoldTask(spec, {"learning_rate": rate}, 0).run() for rate in (0.1, 0.1, 0.2))
    late.checkpoint("fold 1").save({"curves": [1]})
    assert again.checkpoint("fold 1").load() == {"curves": [1]}
    assert other.checkpoint("fold 1").load() is None
    assert replace(late, spec=replace(spec, seed=2)).checkpoint("fold 1").load() is None
