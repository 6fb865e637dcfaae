"""The training loop of recipes that draw every batch anew: schedules, early stop, and a checkpoint after each epoch.

All randomness of an epoch comes from (seed, epoch), so that a run that goes on from its checkpoint ends with the very
weights of one that was never interrupted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mammoviewer.base.errors import TrainingError
from mammoviewer.training.checkpoint import Checkpoint
from mammoviewer.training.distributed import present_group
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.weight_average import WeightAverage

BatchLoss = Callable[[int, np.random.Generator], tuple[Tensor, int]]
"""Epoch (from 1) and generator to the mean loss of one fresh batch and how many pictures it is of.

Of several processes each draws the same batch and takes its share of it, see :func:`share_of`.
"""
Validate = Callable[[], Mapping[str, Any]]
"""``validation_loss`` and ``auc`` of the network as it stands; ``confusion`` and its ``classes`` are told, not kept."""


@dataclass(frozen=True)
class Plateau:
    """Multiply the learning rate by ``factor`` after ``patience`` epochs without a better validation loss."""

    patience: int
    factor: float = 0.1
    minimum: float = 1e-6


@dataclass(frozen=True)
class EarlyStop:
    """End after ``patience`` epochs in which the validation loss fell by less than ``least`` in all."""

    patience: int
    least: float


@dataclass(frozen=True)
class StepPlan:
    """Length and step sizes; without a plateau the rate rises over ``warm_up`` of the steps, then falls to nothing.

    With ``average`` above 0 the weights that count, in validation and in the end, are a running mean of those after
    each step, of which the earlier ones weigh less by that factor a step: steadier than the last ones where few
    examples pull to and fro. ``name`` is that of the checkpoint, ``share`` from where to where the run is done
    meanwhile; ``fold`` is the number of the fold, from 1, and of folds, where it is one.
    """

    epochs: int
    steps: int
    learning_rate: float
    weight_decay: float = 0.01
    warm_up: float = 0.15
    plateau: Plateau | None = None
    stop: EarlyStop | None = None
    name: str = "epoch"
    share: tuple[float, float] = (0.0, 0.9)
    average: float = 0.0
    fold: tuple[int, int] | None = None


@dataclass(eq=False)
class _State:
    network: nn.Module
    optimizer: torch.optim.Optimizer
    rates: torch.optim.lr_scheduler.LRScheduler
    averaged: WeightAverage
    curves: list[dict[str, Any]] = field(default_factory=list)

    def settle(self) -> None:
        """Leave the network with the weights that count, in evaluation mode."""
        self.averaged.settle()
        self.network.eval()


def train_steps(
    network: nn.Module, loss: BatchLoss, plan: StepPlan, run: RecipeRun, validate: Validate | None = None
) -> list[dict[str, Any]]:
    """Train in place, leave the network in evaluation mode and return one row per epoch for learning curves.

    Raises
    ------
    TrainingError
        The loss is no number any more, a batch is too small for all processes, or the state of an interrupted run
        cannot be read.
    """
    group = present_group()
    state, kept = _start(network, plan), run.checkpoint(plan.name)
    _resume(state, kept)
    group.begin_alike(network)
    for row in state.curves:
        run.emit(_event(row, plan) | {"replayed": True})
    if plan.stop is not None and _stalled(state.curves, plan.stop):
        # it had ended when the run was interrupted
        state.settle()
        return state.curves
    begun, before = time.monotonic(), len(state.curves)
    for epoch in range(before + 1, plan.epochs + 1):
        row = _epoch(state, loss, plan, (run.spec.seed, epoch), kept.hold)
        group.align(network)
        with state.averaged.judged():
            seen: dict[str, Any] = dict(validate()) if validate is not None else {}
        told: dict[str, Any] = {name: seen.pop(name) for name in ("confusion", "classes") if name in seen}
        row.update(seen)
        if plan.plateau is not None:
            state.rates.step(row.get("validation_loss", row["loss"]))
        state.curves.append(row)
        pace = (time.monotonic() - begun) / (epoch - before)
        run.emit(_event(row, plan) | told | {"seconds_left": pace * (plan.epochs - epoch)})
        if group.is_first:
            _keep(state, kept)
        if plan.stop is not None and _stalled(state.curves, plan.stop):
            break
    state.settle()
    return state.curves


def _event(row: Mapping[str, Any], plan: StepPlan) -> dict[str, Any]:
    """Return what is told of an epoch."""
    first, last = plan.share
    done = first + (last - first) * row["epoch"] / plan.epochs
    place = {} if plan.fold is None else {"fold": plan.fold[0], "folds": plan.fold[1]}
    return {"event": "epoch", "epochs": plan.epochs, **row, **place, "fraction": done}


def share_of(*batch: Tensor) -> tuple[Tensor, ...]:
    """Return this process's part of the tensors of a batch, all of them where it is alone.

    Raises
    ------
    TrainingError
        There are more processes than pictures.
    """
    group = present_group()
    chosen = group.share(torch.arange(len(batch[0])))
    if not len(chosen):
        raise TrainingError("a batch has fewer pictures than there are processes", hint="raise batch")
    return batch if group.size == 1 else tuple(tensor[chosen] for tensor in batch)


def _start(network: nn.Module, plan: StepPlan) -> _State:
    learnt = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learnt, plan.learning_rate, weight_decay=plan.weight_decay)
    rates: torch.optim.lr_scheduler.LRScheduler
    if plan.plateau is not None:
        p = plan.plateau
        rates = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=p.factor, patience=p.patience, min_lr=p.minimum
        )
    else:
        rates = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, plan.learning_rate, total_steps=plan.epochs * plan.steps + 1, pct_start=plan.warm_up
        )
    return _State(network, optimizer, rates, WeightAverage(network, plan.average))


def _epoch(
    state: _State, loss: BatchLoss, plan: StepPlan, place: tuple[int, int], hold: Callable[[], None]
) -> dict[str, Any]:
    (seed, epoch), group = place, present_group()
    generator = np.random.default_rng(place)
    torch.manual_seed(seed * 100_003 + epoch)
    state.network.train()
    losses = []
    rate = float(state.optimizer.param_groups[0]["lr"])
    for _ in range(plan.steps):
        hold()
        error, count = loss(epoch, generator)
        share = count / group.total(count)
        mean = group.total(float(error.detach()) * share)
        if not math.isfinite(mean):
            raise TrainingError("the loss is no number any more", hint="try a lower learning rate")
        state.optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        group.average_gradients(state.network, share)
        nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
        state.optimizer.step()
        if plan.plateau is None:
            state.rates.step()
        state.averaged.update()
        losses.append(mean)
    state.network.eval()
    return {"epoch": epoch, "loss": math.fsum(losses) / len(losses), "learning_rate": rate}


def _keep(state: _State, kept: Checkpoint) -> None:
    kept.save(
        {
            "network": state.network.state_dict(),
            "optimizer": state.optimizer.state_dict(),
            "rates": state.rates.state_dict(),
            "curves": state.curves,
            "averaged": state.averaged.state(),
        }
    )


def _resume(state: _State, kept: Checkpoint) -> None:
    before = kept.load()
    if before is not None:
        state.network.load_state_dict(before["network"])
        state.optimizer.load_state_dict(before["optimizer"])
        state.rates.load_state_dict(before["rates"])
        state.curves = before["curves"]
        state.averaged.restore(before.get("averaged"))


def _stalled(curves: list[dict[str, Any]], stop: EarlyStop) -> bool:
    losses = [float(row.get("validation_loss") or row["loss"]) for row in curves]
    if len(losses) <= stop.patience:
        return False
    return min(losses[: -stop.patience]) - min(losses[-stop.patience :]) < stop.least
