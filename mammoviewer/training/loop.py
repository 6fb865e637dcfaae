"""The training loop, the same for the bundled model and for the user's regions."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.training.architectures import Network
from mammoviewer.training.augment import Augmentation


@dataclass(frozen=True)
class Schedule:
    """Length and step sizes of a fit; the learning rate rises over ``warm_up`` of the steps, then falls to nothing."""

    epochs: int
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    smoothing: float = 0.04
    warm_up: float = 0.15
    freeze_statistics: bool = False


@dataclass(frozen=True, eq=False)
class Labelled:
    """Pictures float32 (n, 1, rows, columns) in [0, 1] and their classes int64 (n,)."""

    pictures: Tensor
    labels: Tensor

    def subset(self, indices: Tensor) -> Labelled:
        """Return the chosen pictures."""
        return Labelled(self.pictures[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Epoch:
    """What one pass over the data gave; ``probabilities`` (n, k) of the validation pictures when there are any."""

    number: int
    loss: float
    learning_rate: float
    seconds: float
    validation_loss: float | None = None
    probabilities: DoubleArray | None = None


def fit(
    network: Network,
    data: Labelled,
    *,
    schedule: Schedule,
    augmentation: Augmentation,
    seed: int,
    validation: Labelled | None = None,
    on_epoch: Callable[[Epoch], bool],
) -> None:
    """Train ``network`` in place and leave it in evaluation mode.

    ``on_epoch`` is called after every epoch; the fit ends early when it returns False.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay)
    # A last batch of one picture is left out: batch norm has nothing to average over.
    steps = max(1, schedule.epochs * (len(data.labels) // schedule.batch + (len(data.labels) % schedule.batch > 1)))
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.learning_rate, total_steps=steps + 1, pct_start=schedule.warm_up
    )
    for number in range(1, schedule.epochs + 1):
        started = time.monotonic()
        _training_mode(network, schedule.freeze_statistics)
        losses = []
        for chosen in torch.split(torch.randperm(len(data.labels), generator=generator), schedule.batch):
            if len(chosen) < 2:
                continue
            pictures = augmentation(data.pictures[chosen], generator).contiguous(memory_format=torch.channels_last)
            error = loss_of(network(pictures)[0], data.labels[chosen], schedule.smoothing)
            optimizer.zero_grad()
            error.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rates.step()
            losses.append(float(error.detach()))
        network.eval()
        loss = math.fsum(losses) / max(len(losses), 1)
        epoch = Epoch(number, loss, float(rates.get_last_lr()[0]), time.monotonic() - started)
        if not on_epoch(_validated(epoch, network, validation)):
            break
    network.eval()


def loss_of(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the mean cross entropy: one column is a sigmoid, several are a softmax."""
    if logits.shape[1] == 1:
        wanted = labels.float()[:, None] * (1 - smoothing) + smoothing / 2
        return functional.binary_cross_entropy_with_logits(logits, wanted)
    return functional.cross_entropy(logits, labels, label_smoothing=smoothing)


def logits_of(network: nn.Module, pictures: Tensor, batch: int = 64) -> Tensor:
    """Return the logits (n, k) of a network in evaluation mode."""
    with torch.no_grad():
        return torch.cat([network(part)[0] for part in torch.split(pictures, batch)])


def probabilities_of(logits: Tensor) -> DoubleArray:
    """Return probabilities float64 (n, classes); one sigmoid column becomes two."""
    if logits.shape[1] == 1:
        positive = torch.sigmoid(logits.double())
        result: DoubleArray = torch.cat([1 - positive, positive], dim=1).numpy()
        return result
    softmax: DoubleArray = torch.softmax(logits.double(), dim=1).numpy()
    return softmax


def _validated(epoch: Epoch, network: Network, validation: Labelled | None) -> Epoch:
    if validation is None or len(validation.labels) == 0:
        return epoch
    logits = logits_of(network, validation.pictures)
    held_out = float(loss_of(logits, validation.labels))
    return dataclasses.replace(epoch, validation_loss=held_out, probabilities=probabilities_of(logits))


def _training_mode(network: nn.Module, freeze_statistics: bool) -> None:
    network.train()
    if freeze_statistics:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
