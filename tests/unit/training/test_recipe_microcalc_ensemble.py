"""The recipe on a tiny made-up set with the form of the real one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.base.errors import TrainingError  # noqa: E402
from mammoviewer.datasets.splits import read_split  # noqa: E402
from mammoviewer.inference.check import check_model  # noqa: E402
from mammoviewer.inference.manifest import load_manifest  # noqa: E402
from mammoviewer.training.kept_fits import KeptFits  # noqa: E402
from mammoviewer.training.microcalc_ensemble import (  # noqa: E402
    SAVED_HYPERPARAMETERS,
    EnsembleOutcome,
    EnsembleRecipe,
)
from mammoviewer.training.recipe_files import load_recipe  # noqa: E402
from mammoviewer.training.recipe_microcalc_ensemble import publish  # noqa: E402
from mammoviewer.training.recipe_run import RecipeRun  # noqa: E402
from mammoviewer.training.spec import TrainingSpec  # noqa: E402

torch.set_num_threads(1)
FAST = {
    "dims": "2", "depths": "1", "rates": "0,0.1", "searching_fraction": 1, "search_epochs": 1, "epochs": 2,
    "folds": 3, "committee_steps": 20, "leaky_comparison": True, "leaky_epochs": 1, "explained": 2, "int8": False,
}  # fmt: skip


def make_run(data: Path, output: Path, events: list[Mapping[str, Any]], **parameters: Any) -> RecipeRun:
    spec = TrainingSpec(
        kind="recipe",
        data=data,
        output=output,
        name="committee",
        recipe="microcalc-ensemble",
        parameters={**FAST, **parameters},
    )
    spec.checkpoints.mkdir(parents=True, exist_ok=True)
    return RecipeRun(spec, load_recipe(spec.recipe).settings(spec.parameters), events.append, spec.checkpoints)


@pytest.fixture(scope="module")
def trained(
    make_infn: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[RecipeRun, EnsembleOutcome, list[tuple[str, torch.Tensor]], list[Mapping[str, Any]]]:
    folder = tmp_path_factory.mktemp("ensemble")
    events: list[Mapping[str, Any]] = []
    run = make_run(make_infn(folder / "data"), folder / "out" / "committee", events)
    learnt: list[tuple[str, torch.Tensor]] = []
    patch = pytest.MonkeyPatch()
    original = KeptFits.fit

    def fit(self: KeptFits, name: str, make: Any, data: Any, **rest: Any) -> Any:
        learnt.append((name, data.pictures))
        return original(self, name, make, data, **rest)

    patch.setattr(KeptFits, "fit", fit)
    outcome = EnsembleRecipe(run).run()
    patch.undo()
    return run, outcome, learnt, events


def same_picture_in(pictures: torch.Tensor, others: torch.Tensor) -> bool:
    known = {picture.numpy().tobytes() for picture in others}
    return any(picture.numpy().tobytes() in known for picture in pictures)


def test_no_network_learns_from_what_it_votes_on_or_from_the_test_cases(trained: Any) -> None:
    _, outcome, learnt, _ = trained
    data = outcome.data
    assert not set(data.groups_of(data.development)) & set(data.groups_of(data.test))
    kept_aside = data.part(data.test).pictures
    names = [name for name, _ in learnt]
    assert [name for name in names if name.startswith("expert")] == ["expert-0", "expert-1", "expert-2"]
    assert sum(name.startswith("stand-in") for name in names) == 3
    assert sum(name.startswith("trial") for name in names) == (3 + 3) * 2, "each stand-in is searched for as well"
    for name, pictures in learnt:
        assert not same_picture_in(pictures, kept_aside)
        whole, alone = re.search(r"stand-in-(\d)-(\d)", name), re.match(r"(?:expert|trial)-(\d)", name)
        for fold in [int(one) for found in (whole, alone) if found for one in found.groups()]:
            assert not same_picture_in(pictures, data.part(outcome.folds[fold].test).pictures)
    assert np.isfinite(outcome.votes[data.development]).all()
    assert np.isnan(outcome.votes[data.test]).all()


def test_committee_is_stacked_and_the_threshold_comes_from_unseen_votes(trained: Any) -> None:
    _, outcome, _, events = trained
    weights = outcome.committee.weights
    assert weights.sum() == pytest.approx(1.0)
    assert weights.min() >= 0.01
    mean = outcome.tested_experts @ weights
    assert np.allclose(outcome.tested, mean, atol=1e-5)
    assert 0.2 <= outcome.threshold <= 0.8
    assert events[-1]["fraction"] <= 1.0
    assert len(outcome.leaky["auc_per_fold"]) == 3


def test_the_published_model_is_sound_small_and_says_how_it_was_made(trained: Any) -> None:
    run, outcome, _, _ = trained
    metrics = publish(run, outcome)
    manifest = load_manifest(run.spec.output)
    assert all(result.passed for result in check_model(manifest))
    assert dict(manifest.metrics) == json.loads(json.dumps(metrics))
    assert manifest.outputs.operating_threshold == round(outcome.threshold, 3)
    assert set(read_split(run.spec.output / "split.json").test) == set(outcome.data.groups_of(outcome.data.test))
    card = (run.spec.output / "CARD.md").read_text(encoding="utf-8")
    assert f"| AUC, test | {metrics['test']['auc']:.3f} (" in card
    assert "mammoviewer train --recipe microcalc-ensemble --data DIR --out DIR --set dims=2" in card
    assert "With the leaks of the source's protocol" in card
    report = json.loads((run.spec.output / "report.json").read_text(encoding="utf-8"))
    assert len(report["folds"]) == 3
    assert len(report["committee"]["losses"]) == 20


def test_an_interrupted_run_goes_on_behind_what_was_finished(trained: Any) -> None:
    run, outcome, _, _ = trained
    events: list[Mapping[str, Any]] = []
    again = EnsembleRecipe(RecipeRun(run.spec, run.settings, events.append, run.checkpoints)).run()
    # every epoch is told again for the curves, and none is run again
    assert all(event["replayed"] for event in events if event["event"] == "epoch")
    assert np.array_equal(again.tested, outcome.tested)
    assert again.chosen == outcome.chosen
    assert again.experts[0].curve == outcome.experts[0].curve


def test_saved_hyperparameters_need_no_search_and_the_wavelet_filter_may_be_on(
    make_infn: Callable[[Path], Path], tmp_path: Path
) -> None:
    events: list[Mapping[str, Any]] = []
    changed = {"fast_execution": True, "leaky_comparison": False, "epochs": 1, "wavelet": "sym3", "wavelet_q": 2.5}
    run = make_run(make_infn(tmp_path / "data"), tmp_path / "out", events, **changed)
    outcome = EnsembleRecipe(run).run()
    assert outcome.trials == ((), (), ())
    assert outcome.chosen == SAVED_HYPERPARAMETERS[:3]
    assert any("2 standard deviations" in str(event.get("text")) for event in events)
    assert [step["op"] for step in outcome.wavelet.steps()][-2:] == ["wavelet", "scale"]


@pytest.mark.parametrize("wrong", [{"dims": "fifteen"}, {"depths": ""}, {"rates": "2"}, {"dims": "0"}])
def test_a_space_that_is_none_is_refused(
    make_infn: Callable[[Path], Path], tmp_path: Path, wrong: dict[str, str]
) -> None:
    with pytest.raises(TrainingError):
        EnsembleRecipe(make_run(make_infn(tmp_path / "data"), tmp_path / "out", [], **wrong))
