"""Fine tuning of a region classifier in every fold, within a time limit, to learn how many epochs help."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.datasets.splits import Fold, IndexArray
from mammoviewer.training.architectures import RegionClassifier
from mammoviewer.training.augment import Augmentation
from mammoviewer.training.epoch_event import epoch_event
from mammoviewer.training.loop import Epoch, Labelled, Schedule, fit, logits_of, probabilities_of
from mammoviewer.training.metrics import Truth, log_loss
from mammoviewer.training.spec import Emit, TrainingSpec

_AUGMENTATION = Augmentation(contrast=(0.75, 1.35), brightness=0.1, gamma=0.15, noise=0.01)
_SHARE_OF_TIME = 0.75
_FIRST_FRACTION, _LAST_FRACTION = 0.05, 0.85


class Curves:
    """Held-out probabilities of every patch after each epoch, gathered over the folds; epoch 0 is the probe."""

    def __init__(self, epochs: int, truth: Truth, classes: int) -> None:
        self._truth = truth
        self.probabilities = [np.full((len(truth), classes), np.nan) for _ in range(epochs + 1)]

    def best(self) -> int:
        """Return the epoch with the lowest held-out loss among those that every fold reached."""
        return self._best(np.arange(len(self._truth)))

    def nested(self, splits: Sequence[Fold], probe: DoubleArray) -> DoubleArray:
        """Return held-out probabilities, of each fold after the number of epochs that was best in the other folds.

        ``probe`` stands for epoch 0, where nothing has been tuned.
        """
        steps = [probe, *self.probabilities[1:]]
        result = np.full_like(probe, np.nan)
        for split in splits:
            result[split.test] = steps[self._best(split.train)][split.test]
        return result

    def _best(self, among: IndexArray) -> int:
        reached = [not np.isnan(p).any() for p in self.probabilities]
        losses = [
            log_loss(self._truth[among], p[among]) if whole else np.inf
            for p, whole in zip(self.probabilities, reached, strict=True)
        ]
        return int(np.argmin(losses))


class FoldTuning:
    """One fold: trains, records held-out probabilities, tells of each epoch and stops when its time is up."""

    def __init__(
        self,
        spec: TrainingSpec,
        everything: Labelled,
        split: Fold,
        *,
        place: tuple[int, int],
        curves: Curves,
        emit: Emit,
    ) -> None:
        self._spec = spec
        self._split = split
        self._number, self._folds = place
        self._curves = curves
        self._emit = emit
        self._train = everything.subset(torch.from_numpy(split.train))
        self._held_out = everything.subset(torch.from_numpy(split.test))
        self._end = 0.0

    def run(self, network: RegionClassifier) -> None:
        """Fine tune ``network``, which comes with the probe of this fold as its head."""
        self._record(0, probabilities_of(logits_of(network, self._held_out.pictures)))
        self._end = time.monotonic() + _SHARE_OF_TIME * self._spec.time_limit_s / self._folds
        fit(
            network,
            self._train,
            schedule=schedule_of(self._spec, self._spec.epochs),
            augmentation=_AUGMENTATION,
            seed=self._spec.seed + self._number,
            validation=self._held_out,
            on_epoch=self._after_epoch,
        )

    def _record(self, epoch: int, probabilities: DoubleArray) -> None:
        self._curves.probabilities[epoch][self._split.test] = probabilities

    def _after_epoch(self, epoch: Epoch) -> bool:
        assert epoch.probabilities is not None
        self._record(epoch.number, epoch.probabilities)
        done = (self._number - 1 + epoch.number / self._spec.epochs) / self._folds
        # the final fit on all regions is about one more fold
        epochs_left = self._spec.epochs * (self._folds + 1 - self._number + 1) - epoch.number
        more = {
            "classes": list(self._spec.classes),
            "fold": self._number,
            "folds": self._folds,
            "fraction": _fraction(done),
            "seconds_left": min(epochs_left * epoch.seconds, self._spec.time_limit_s),
        }
        self._emit(epoch_event(epoch, self._spec.epochs, self._held_out.labels, **more))
        return time.monotonic() + epoch.seconds < self._end


def tune_folds(
    spec: TrainingSpec,
    patches: PatchSet,
    splits: Sequence[Fold],
    start: Callable[[Fold], RegionClassifier],
    emit: Emit,
) -> Curves:
    """Fine tune in every fold from the network that ``start`` gives for it; return the held-out curves."""
    curves = Curves(spec.epochs, np.asarray(patches.labels, dtype=np.int64), len(patches.classes))
    everything = as_tensors(patches)
    for number, split in enumerate(splits, start=1):
        text, done = f"fold {number} of {len(splits)}", (number - 1) / len(splits)
        emit({"event": "fold", "fold": number, "folds": len(splits), "text": text, "fraction": _fraction(done)})
        place = (number, len(splits))
        FoldTuning(spec, everything, split, place=place, curves=curves, emit=emit).run(start(split))
    return curves


def tune_on_everything(network: RegionClassifier, spec: TrainingSpec, patches: PatchSet, epochs: int) -> None:
    """Fine tune on all patches for a known number of epochs."""
    fit(
        network,
        as_tensors(patches),
        schedule=schedule_of(spec, epochs),
        augmentation=_AUGMENTATION,
        seed=spec.seed,
        on_epoch=lambda _: True,
    )


def schedule_of(spec: TrainingSpec, epochs: int) -> Schedule:
    """Return the gentle schedule of fine tuning: small steps, the trunk's batch statistics left alone."""
    return Schedule(epochs, spec.batch, spec.learning_rate, weight_decay=0.01, freeze_statistics=True)


def as_tensors(patches: PatchSet) -> Labelled:
    """Return float patches (n, h, w) as pictures (n, 1, h, w)."""
    return Labelled(torch.from_numpy(patches.images)[:, None], torch.tensor(patches.labels))


def _fraction(done: float) -> float:
    """Return the share of the whole run when that share of the fine tuning is done."""
    return _FIRST_FRACTION + (_LAST_FRACTION - _FIRST_FRACTION) * done
