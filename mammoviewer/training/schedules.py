"""How a fit steps: length, optimiser, learning rate over time, what is frozen, when it ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mammoviewer.base.errors import TrainingError

POLICIES = ("one-cycle", "plateau", "constant")
OPTIMISERS = ("adamw", "adam", "amsgrad")


@dataclass(frozen=True)
class Schedule:
    """Length and steps of a fit.

    Attributes
    ----------
    epochs, batch, learning_rate, weight_decay
        As named; the learning rate is the largest there is.
    smoothing
        Of the labels, where no other loss is given.
    policy, warm_up, patience, factor, least_rate
        "one-cycle": the rate rises over ``warm_up`` of the steps, then falls to nothing; "plateau": it is multiplied
        by ``factor`` after ``patience`` epochs without a lower validation loss, not below ``least_rate``; "constant".
    optimiser
        "adamw", "adam" or "amsgrad" (Adam with the maximum of past squared gradients).
    stop_after, stop_delta
        End after so many epochs whose validation loss is not lower by ``stop_delta`` than the lowest; 0 is never.
    keep_best
        Leave the network as it was after the epoch with the lowest validation loss.
    clip
        Largest norm of the gradient; 0 is without limit.
    frozen, unfreeze_at
        Names of modules whose weights, and running statistics, stay as they are ("trunk.0"), and the epoch from
        which on they learn too; 0 is never.
    freeze_statistics
        Whether the running statistics of all batch norms stay as they are.
    mixed_precision
        Half precision where it is safe; on a GPU alone.
    average
        The weights that count, in validation and in the end, are a running mean of those after each step, in which the
        earlier ones weigh by this factor less a step; 0 takes the last ones.
    """

    epochs: int
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    smoothing: float = 0.04
    warm_up: float = 0.15
    freeze_statistics: bool = False
    policy: str = "one-cycle"
    patience: int = 5
    factor: float = 0.1
    least_rate: float = 1e-6
    optimiser: str = "adamw"
    stop_after: int = 0
    stop_delta: float = 0.0
    keep_best: bool = False
    clip: float = 0.0
    frozen: tuple[str, ...] = ()
    unfreeze_at: int = 0
    mixed_precision: bool = True
    average: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is not known."""
        if self.policy not in POLICIES or self.optimiser not in OPTIMISERS:
            raise TrainingError(f"a schedule is one of {', '.join(POLICIES)}, an optimiser {', '.join(OPTIMISERS)}")

    def is_frozen(self, epoch: int) -> bool:
        """Return whether the modules of ``frozen`` stay as they are in an epoch (from 1)."""
        return bool(self.frozen) and not 0 < self.unfreeze_at <= epoch


def make_optimiser(network: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """Return the optimiser of all weights; those without a gradient are left aside by it."""
    if schedule.optimiser == "adamw":
        return torch.optim.AdamW(network.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay)
    return torch.optim.Adam(
        network.parameters(),
        schedule.learning_rate,
        weight_decay=schedule.weight_decay,
        amsgrad=schedule.optimiser == "amsgrad",
    )


class Rates:
    """The learning rate over time; counted by steps for one-cycle, by epochs for plateau."""

    def __init__(self, optimiser: torch.optim.Optimizer, schedule: Schedule, steps: int) -> None:
        self._optimiser = optimiser
        self._by_step: Any = None
        self._by_epoch: Any = None
        if schedule.policy == "one-cycle":
            self._by_step = torch.optim.lr_scheduler.OneCycleLR(
                optimiser, schedule.learning_rate, total_steps=steps + 1, pct_start=schedule.warm_up
            )
        elif schedule.policy == "plateau":
            self._by_epoch = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimiser, factor=schedule.factor, patience=schedule.patience, min_lr=schedule.least_rate
            )

    @property
    def current(self) -> float:
        """Return the learning rate of the next step."""
        return float(self._optimiser.param_groups[0]["lr"])

    def step(self) -> None:
        """Go on after one batch."""
        if self._by_step is not None:
            self._by_step.step()

    def end_epoch(self, loss: float) -> None:
        """Go on after one epoch with this validation loss (the training loss where nothing is held out)."""
        if self._by_epoch is not None:
            self._by_epoch.step(loss)

    def state(self) -> dict[str, Any]:
        """Return what :meth:`restore` takes."""
        used = self._by_step or self._by_epoch
        return {} if used is None else dict(used.state_dict())

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier state."""
        used = self._by_step or self._by_epoch
        if used is not None:
            used.load_state_dict(state)


def set_mode(network: nn.Module, schedule: Schedule, epoch: int) -> bool:
    """Put ``network`` in training mode for an epoch; return whether any weight began or ceased to learn.

    Raises
    ------
    TrainingError
        A frozen module is not part of the network, or nothing is left to learn.
    """
    network.train()
    frozen = schedule.is_frozen(epoch)
    changed = False
    for name in schedule.frozen:
        module = _module(network, name)
        if frozen:
            module.eval()
        for weight in module.parameters():
            changed |= weight.requires_grad == frozen
            weight.requires_grad_(not frozen)
    if schedule.freeze_statistics:
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
    if not any(weight.requires_grad for weight in network.parameters()):
        raise TrainingError("every weight of the network is frozen")
    return changed


def learning(network: nn.Module) -> Iterable[nn.Parameter]:
    """Return the weights that learn."""
    return [weight for weight in network.parameters() if weight.requires_grad]


def _module(network: nn.Module, name: str) -> nn.Module:
    try:
        return network.get_submodule(name)
    except AttributeError:
        known = ", ".join(part for part, _ in network.named_children())
        raise TrainingError(f"the network has no part {name!r} to freeze", hint=f"its parts: {known}") from None
