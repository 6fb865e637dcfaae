"""The training loop of every recipe and of the user's regions.

What an epoch does depends on the seed and the number of the epoch alone: a fit that was interrupted and resumed ends
exactly as one that was not. Augmentation touches the pictures that are learnt from, never those held out.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.base.errors import TrainingError
from mammoviewer.training.architectures import Detector, Network
from mammoviewer.training.checkpoint import Checkpoint
from mammoviewer.training.distributed import present_group
from mammoviewer.training.examples import Examples, Labelled, derived_seed, epoch_order
from mammoviewer.training.losses import CrossEntropy, Loss
from mammoviewer.training.schedules import Rates, Schedule, learning, make_optimiser, set_mode
from mammoviewer.training.weight_average import WeightAverage

__all__ = ["Augment", "Epoch", "Labelled", "Schedule", "fit", "logits_of", "probabilities_of", "training_device"]

Augment: TypeAlias = Callable[[Tensor, torch.Generator], Tensor]
"""Changes pictures at random; such as :class:`mammoviewer.training.augment.Augmentation`."""


@dataclass(frozen=True, eq=False)
class Epoch:
    """What one pass over the data gave.

    ``probabilities`` (n, k) are those of the held-out pictures, where there are any and the network is no detector.
    ``replayed`` tells that the epoch was run before the fit was interrupted.
    """

    number: int
    loss: float
    learning_rate: float
    seconds: float
    validation_loss: float | None = None
    probabilities: DoubleArray | None = None
    replayed: bool = False


def fit(
    network: Network | Detector,
    data: Examples,
    *,
    schedule: Schedule,
    augmentation: Augment | None,
    seed: int,
    validation: Examples | None = None,
    on_epoch: Callable[[Epoch], bool],
    loss: Loss | None = None,
    sample_weights: Tensor | None = None,
    checkpoint: Checkpoint | None = None,
    device: torch.device | None = None,
) -> None:
    """Train ``network`` in place and leave it on the CPU in evaluation mode.

    Parameters
    ----------
    augmentation
        Changes the pictures that are learnt from; ``None`` takes them as they are.
    on_epoch
        Called after every epoch, also for those that a resumed fit had run before; the fit ends early when it returns
        False.
    loss
        By default cross entropy with the smoothing of the schedule. A detector's gets logits and boxes.
    sample_weights
        How often each picture is drawn, (n,), instead of once an epoch. Not to be had with weights of the classes.
    checkpoint
        Where the state is kept after every epoch; a fit that finds one there goes on from it.
    device
        By default :func:`training_device`.

    Raises
    ------
    TrainingError
        The loss is no number any more, classes are weighted twice, or a checkpoint cannot be read or written.
    """
    if sample_weights is not None and getattr(loss, "class_weights", None) is not None:
        raise TrainingError("weighted drawing and class weights are not to be used together")
    loss = loss or CrossEntropy(schedule.smoothing)
    run = _Fit(network, data, schedule=schedule, seed=seed, loss=loss, device=device or training_device())
    run.augmentation, run.validation, run.sample_weights = augmentation, validation, sample_weights
    try:
        first = 1 if checkpoint is None else run.restore(checkpoint, on_epoch)
        for number in range(first, schedule.epochs + 1):
            if run.ended:
                break
            epoch = run.epoch(number, checkpoint)
            wanted = bool(run.group.from_first(on_epoch(epoch)))
            run.ended = run.ended or not wanted or number == schedule.epochs
            if run.ended:
                run.finish()
            if checkpoint is not None and run.group.is_first:
                checkpoint.save(run.state(number))
    finally:
        network.cpu().eval()


def training_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def logits_of(network: nn.Module, pictures: Tensor, batch: int = 64) -> Tensor:
    """Return the logits (n, k) of a network in evaluation mode."""
    with torch.no_grad():
        return torch.cat([network(part)[0] for part in torch.split(pictures, batch)])


def probabilities_of(logits: Tensor, *, multi_label: bool = False) -> DoubleArray:
    """Return probabilities float64 (n, classes); one sigmoid column becomes two, unless labels may hold together."""
    if multi_label:
        each: DoubleArray = torch.sigmoid(logits.double()).numpy()
        return each
    if logits.shape[1] == 1:
        positive = torch.sigmoid(logits.double())
        result: DoubleArray = torch.cat([1 - positive, positive], dim=1).numpy()
        return result
    softmax: DoubleArray = torch.softmax(logits.double(), dim=1).numpy()
    return softmax


class _Fit:
    """The state of one fit between batches."""

    augmentation: Augment | None = None
    validation: Examples | None = None
    sample_weights: Tensor | None = None

    def __init__(
        self,
        network: Network | Detector,
        data: Examples,
        *,
        schedule: Schedule,
        seed: int,
        loss: Loss,
        device: torch.device,
    ) -> None:
        self.group = present_group()
        self.ended = False
        self._network, self._data, self._schedule = network, data, schedule
        self._seed, self._loss, self._device = seed, loss, device
        self._history: list[Epoch] = []
        self._lowest, self._since = math.inf, 0
        self._best: dict[str, Tensor] | None = None
        network.to(device)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._wrapped: nn.Module | None = None
        self._optimiser = make_optimiser(network, schedule)
        self._average = WeightAverage(network, schedule.average)
        self._half = schedule.mixed_precision and device.type == "cuda"
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._half)
        if device.type == "cuda":
            torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True
        # A last batch of one picture is left out: batch norm has nothing to average over.
        steps = len(data.labels) // schedule.batch + (len(data.labels) % schedule.batch >= self._fewest)
        self._rates = Rates(self._optimiser, schedule, max(1, schedule.epochs * steps))

    @property
    def _fewest(self) -> int:
        return min(2 * self.group.size, self._schedule.batch)

    def epoch(self, number: int, checkpoint: Checkpoint | None) -> Epoch:
        """Run one pass over the data and judge it."""
        started = time.monotonic()
        rank = self.group.rank
        torch.manual_seed(derived_seed(self._seed, number, rank, 1))
        generator = torch.Generator().manual_seed(derived_seed(self._seed, number, rank, 2))
        if set_mode(self._network, self._schedule, number) or self._wrapped is None:
            self._wrapped = self.group.wrap(self._network)
        order = epoch_order(len(self._data.labels), self._seed, number, self.sample_weights)
        losses = []
        for chosen in torch.split(order, self._schedule.batch):
            if len(chosen) < self._fewest:
                continue
            if checkpoint is not None:
                checkpoint.hold()
            losses.append(self._step(chosen, generator))
        self._network.eval()
        self.group.align(self._network)
        rate = self._rates.current
        loss = self.group.mean(math.fsum(losses) / max(len(losses), 1))
        with self._average.judged():
            self.group.align(self._network)
            epoch = self._judged(Epoch(number, loss, rate, time.monotonic() - started))
            self._after(epoch)
        return epoch

    def _step(self, chosen: Tensor, generator: torch.Generator) -> float:
        assert self._wrapped is not None
        mine = self.group.share(chosen)
        pictures, labels = self._data.batch(mine), self._data.labels[mine].to(self._device)
        if self.augmentation is not None:
            pictures = self.augmentation(pictures, generator)
        pictures = pictures.to(self._device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self._device.type, enabled=self._half):
            error = self._loss(self._scores(self._wrapped(pictures)), labels)
        # gradients are averaged over the processes, of which each counts by its share of the batch
        error = error * (len(mine) * self.group.size / len(chosen))
        value = float(error.detach())
        if not math.isfinite(value):
            raise TrainingError("the loss is no number any more", hint="try a lower learning rate, or a clip")
        self._optimiser.zero_grad()
        self._scaler.scale(error).backward()  # type: ignore[no-untyped-call]
        if self._schedule.clip > 0:
            self._scaler.unscale_(self._optimiser)
            nn.utils.clip_grad_norm_(learning(self._network), self._schedule.clip)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._average.update()
        self._rates.step()
        return value

    def _scores(self, outputs: tuple[Tensor, ...]) -> Any:
        return outputs[:2] if isinstance(self._network, Detector) else outputs[0]

    def _judged(self, epoch: Epoch) -> Epoch:
        """Return the epoch with loss and probabilities of what is held out."""
        held_out = self.validation
        if held_out is None or len(held_out.labels) == 0:
            return epoch
        total, logits = 0.0, []
        with torch.no_grad():
            for chosen in torch.split(torch.arange(len(held_out.labels)), 2 * self._schedule.batch):
                scores = self._scores(self._network(held_out.batch(chosen).to(self._device)))
                total += float(self._validation_loss(scores, held_out.labels[chosen].to(self._device))) * len(chosen)
                if isinstance(scores, Tensor):
                    logits.append(scores.float().cpu())
        several = held_out.labels.ndim == 2
        probabilities = probabilities_of(torch.cat(logits), multi_label=several) if logits else None
        return dataclasses.replace(epoch, validation_loss=total / len(held_out.labels), probabilities=probabilities)

    def _validation_loss(self, scores: Any, labels: Tensor) -> Tensor:
        """Return the loss without smoothing, which is there to hold the training back."""
        loss = self._loss
        return (dataclasses.replace(loss, smoothing=0.0) if isinstance(loss, CrossEntropy) else loss)(scores, labels)

    def _after(self, epoch: Epoch) -> None:
        """Take note of an epoch: the lowest loss so far, the learning rate, whether to end."""
        self._history.append(epoch)
        judged = self.group.from_first(epoch.loss if epoch.validation_loss is None else epoch.validation_loss)
        self._rates.end_epoch(judged)
        if judged < self._lowest - self._schedule.stop_delta:
            self._lowest, self._since = judged, 0
            if self._schedule.keep_best:
                self._best = {name: value.detach().cpu().clone() for name, value in self._network.state_dict().items()}
        else:
            self._since += 1
        self.ended = 0 < self._schedule.stop_after <= self._since

    def finish(self) -> None:
        """Leave the network with the weights that count: as it was at its best, where that is wanted."""
        self._average.settle()
        if self._best is not None:
            self._network.load_state_dict(self._best)

    def state(self, number: int) -> dict[str, Any]:
        """Return all that decides how the fit goes on after epoch ``number``; of one that ended, the result."""
        result = {
            "epoch": number,
            "ended": self.ended,
            "network": self._network.state_dict(),
            "history": [_epoch_state(epoch) for epoch in self._history],
        }
        if self.ended:
            return result
        return {
            **result,
            "optimiser": self._optimiser.state_dict(),
            "rates": self._rates.state(),
            "scaler": self._scaler.state_dict(),
            "lowest": self._lowest,
            "since": self._since,
            "best": self._best,
            "average": self._average.state(),
        }

    def restore(self, checkpoint: Checkpoint, on_epoch: Callable[[Epoch], bool]) -> int:
        """Go on from a checkpoint, tell of its epochs again, and return the number of the next."""
        state = checkpoint.load()
        if state is None:
            return 1
        try:
            self._network.load_state_dict(state["network"])
            self.ended = bool(state["ended"])
            if not self.ended:
                self._optimiser.load_state_dict(state["optimiser"])
                self._rates.restore(state["rates"])
                self._scaler.load_state_dict(state["scaler"])
                self._lowest, self._since, self._best = state["lowest"], state["since"], state["best"]
                self._average.restore(state.get("average"))
            self._history = [_epoch_of(entry) for entry in state["history"]]
            number = int(state["epoch"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise TrainingError("the interrupted run was of another network", path=checkpoint.path) from error
        for epoch in self._history:
            on_epoch(dataclasses.replace(epoch, replayed=True))
        return number + 1


def _epoch_state(epoch: Epoch) -> dict[str, Any]:
    values = {item.name: getattr(epoch, item.name) for item in dataclasses.fields(epoch)}
    if epoch.probabilities is not None:
        values["probabilities"] = torch.from_numpy(epoch.probabilities)
    return values


def _epoch_of(values: Mapping[str, Any]) -> Epoch:
    tensor = values["probabilities"]
    return Epoch(**{**values, "probabilities": None if tensor is None else tensor.numpy()})
