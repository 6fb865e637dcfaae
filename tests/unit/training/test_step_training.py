"""The loop of freshly drawn batches: schedules, early stop, and going on after an interruption."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mammoviewer.base.errors import TrainingError  # noqa: E402
from mammoviewer.training.recipe_run import RecipeRun  # noqa: E402
from mammoviewer.training.spec import TrainingSpec  # noqa: E402
from mammoviewer.training.step_training import EarlyStop, Plateau, StepPlan, train_steps  # noqa: E402

pytestmark = pytest.mark.torch


def _run(folder: Path, told: list[Mapping[str, Any]] | None = None) -> RecipeRun:
    folder.mkdir(parents=True, exist_ok=True)
    spec = TrainingSpec(kind="recipe", data=folder, output=folder / "out", name="model", recipe="cnni-bcc")
    return RecipeRun(spec, {}, (told if told is not None else []).append, folder)


def _network() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(4, 1)


def _loss(network: torch.nn.Linear):
    def loss(_epoch: int, generator: np.random.Generator) -> tuple[torch.Tensor, int]:
        inputs = torch.from_numpy(generator.normal(size=(8, 4)).astype(np.float32))
        return (network(inputs) - inputs.sum(dim=1, keepdim=True)).square().mean(), len(inputs)

    return loss


def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(tmp_path: Path) -> None:
    plan = StepPlan(6, 5, 0.05)
    whole = _network()
    train_steps(whole, _loss(whole), plan, _run(tmp_path / "whole"))

    class Stopped(Exception):
        pass

    told: list[Mapping[str, Any]] = []
    run = _run(tmp_path / "parts", told)

    def emit(event: Mapping[str, Any]) -> None:
        told.append(event)
        if len(told) == 4:
            raise Stopped

    first = _network()
    with pytest.raises(Stopped):
        train_steps(first, _loss(first), plan, RecipeRun(run.spec, {}, emit, run.checkpoints))
    second = torch.nn.Linear(4, 1)
    curves = train_steps(second, _loss(second), plan, run)
    assert [row["epoch"] for row in curves] == [1, 2, 3, 4, 5, 6]
    assert torch.equal(second.weight, whole.weight)
    assert [event["epoch"] for event in told if event.get("replayed")] == [1, 2, 3]


def test_the_weights_that_count_may_be_a_running_mean(tmp_path: Path) -> None:
    def ended(average: float, name: str, steps: int) -> tuple[torch.Tensor, list[float]]:
        network = _network()
        judged: list[float] = []

        def validate() -> Mapping[str, float | None]:
            judged.append(float(network.weight.detach()[0, 0]))
            return {"validation_loss": 0.0}

        plan = StepPlan(1, steps, 0.05, average=average)
        train_steps(network, _loss(network), plan, _run(tmp_path / name), validate)
        return network.weight.detach(), judged

    first, last = ended(0.0, "one", 1)[0], ended(0.0, "two", 2)[0]
    assert not torch.equal(first, last)
    mean, judged = ended(0.75, "mean", 2)
    assert judged[-1] == float(mean[0, 0])


def test_an_interrupted_run_keeps_its_running_mean(tmp_path: Path) -> None:
    plan = StepPlan(4, 3, 0.05, average=0.9)
    whole = _network()
    train_steps(whole, _loss(whole), plan, _run(tmp_path / "whole"))
    told: list[Mapping[str, Any]] = []
    run = _run(tmp_path / "parts", told)

    def emit(event: Mapping[str, Any]) -> None:
        told.append(event)
        if len(told) == 3:
            raise InterruptedError

    first = _network()
    with pytest.raises(InterruptedError):
        train_steps(first, _loss(first), plan, RecipeRun(run.spec, {}, emit, run.checkpoints))
    second = torch.nn.Linear(4, 1)
    train_steps(second, _loss(second), plan, run)
    assert torch.equal(second.weight, whole.weight)


def test_a_plateau_lowers_the_learning_rate_down_to_its_least(tmp_path: Path) -> None:
    network = _network()
    plan = StepPlan(6, 1, 0.001, plateau=Plateau(0, factor=0.1, minimum=1e-5))
    curves = train_steps(network, _loss(network), plan, _run(tmp_path), lambda: {"validation_loss": 1.0, "auc": None})
    assert [row["learning_rate"] for row in curves] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-5, 1e-5, 1e-5])


def test_it_stops_when_the_validation_loss_stays(tmp_path: Path) -> None:
    network = _network()
    losses = iter([1.0, 0.5, 0.499, 0.498, 0.497, 0.4])
    plan = StepPlan(6, 1, 0.001, stop=EarlyStop(3, 0.01))
    curves = train_steps(network, _loss(network), plan, _run(tmp_path), lambda: {"validation_loss": next(losses)})
    assert len(curves) == 5


def test_a_run_that_had_stopped_early_learns_nothing_more_when_it_is_resumed(tmp_path: Path) -> None:
    network, plan = _network(), StepPlan(6, 1, 0.001, stop=EarlyStop(2, 0.01))
    first = train_steps(network, _loss(network), plan, _run(tmp_path), lambda: {"validation_loss": 1.0})
    again = _network()
    second = train_steps(again, _loss(again), plan, _run(tmp_path), lambda: {"validation_loss": 0.0})
    assert second == first
    assert len(first) == 3
    assert torch.equal(again.weight, network.weight)


def test_a_confusion_matrix_is_told_and_not_kept(tmp_path: Path) -> None:
    told: list[Mapping[str, Any]] = []
    network = _network()
    seen = {"validation_loss": 1.0, "confusion": [[1, 0], [0, 2]], "classes": ["plain", "specks"]}
    rows = train_steps(network, _loss(network), StepPlan(1, 1, 0.001), _run(tmp_path, told), lambda: seen)
    assert (told[0]["confusion"], told[0]["classes"]) == ([[1, 0], [0, 2]], ["plain", "specks"])
    assert set(rows[0]) == {"epoch", "loss", "learning_rate", "validation_loss"}


def test_every_epoch_is_told_with_what_is_left(tmp_path: Path) -> None:
    told: list[Mapping[str, Any]] = []
    network = _network()
    train_steps(network, _loss(network), StepPlan(2, 1, 0.001, share=(0.5, 1.0)), _run(tmp_path, told))
    assert [event["fraction"] for event in told] == [0.75, 1.0]
    assert told[-1]["seconds_left"] == 0.0


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    network = _network()
    with pytest.raises(TrainingError, match="no number any more"):
        train_steps(
            network, lambda _epoch, _draw: (network.weight.sum() * float("nan"), 1), StepPlan(2, 2, 0.1), _run(tmp_path)
        )
    assert torch.isfinite(network.weight).all()
