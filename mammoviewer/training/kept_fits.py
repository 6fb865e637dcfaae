"""The trainings of one run of a recipe: each is told of, and kept, so that an interrupted run goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch

from mammoviewer.training.architectures import Network
from mammoviewer.training.augment import Augmentation
from mammoviewer.training.epoch_event import epoch_event
from mammoviewer.training.loop import Epoch, Labelled, Schedule, fit
from mammoviewer.training.recipe_run import RecipeRun

N = TypeVar("N", bound=Network)
CurvePoint = tuple[float, float | None, float | None]
# what remains when every network is trained: counting and writing
_TRAINING_SHARE = 0.98


@dataclass(frozen=True, eq=False)
class Fitted(Generic[N]):
    """A trained network; per epoch loss, validation loss and AUC, the latter ``None`` without validation patches."""

    network: N
    curve: tuple[CurvePoint, ...]


class KeptFits:
    """Trains networks and tells of every epoch.

    Parameters
    ----------
    run
        Its settings say the size of a batch; its checkpoints are where networks are kept.
    augmentation
        Of training patches; ``None`` leaves them as they are.
    patches
        How many patches pass in all trainings together, for the share that is done.
    classes
        Their names, for the confusion matrix that is told.
    """

    def __init__(
        self, run: RecipeRun, augmentation: Augmentation | None, patches: float, classes: Sequence[str]
    ) -> None:
        self._classes = list(classes)
        self._run = run
        self._augmentation = augmentation
        self._patches = patches
        self._passed = 0.0
        self._started = time.monotonic()

    @property
    def fraction(self) -> float:
        """Return how much of the run is done, in [0, 1]."""
        return _TRAINING_SHARE * min(self._passed / max(self._patches, 1.0), 1.0)

    def fit(
        self,
        name: str,
        make: Callable[[], N],
        data: Labelled,
        *,
        epochs: int,
        seed: int,
        validation: Labelled | None = None,
    ) -> Fitted[N]:
        """Train the network that ``make`` makes, going on from its checkpoint where there is one.

        ``seed`` comes on top of the run's; ``validation`` is only for the curve that is shown.
        """
        seed += self._run.spec.seed
        torch.manual_seed(seed)
        network = make()
        curve: list[CurvePoint] = []

        def on_epoch(epoch: Epoch) -> bool:
            self._passed += len(data.labels)
            event = self._event(name, epoch, epochs, validation)
            curve.append((epoch.loss, epoch.validation_loss, event["auc"]))
            # those run before an interruption too: whoever goes on draws the whole curve
            self._run.emit(event)
            return True

        fit(
            network,
            data,
            schedule=Schedule(epochs, batch=self._run.integer("batch")),
            augmentation=self._augmentation,
            seed=seed,
            validation=validation,
            on_epoch=on_epoch,
            checkpoint=self._run.checkpoint(name),
        )
        return Fitted(network, tuple(curve))

    def _event(self, name: str, epoch: Epoch, epochs: int, validation: Labelled | None) -> dict[str, Any]:
        done = self.fraction
        left = (time.monotonic() - self._started) * (1 - done) / max(done, 1e-6)
        labels = None if validation is None else validation.labels
        return epoch_event(epoch, epochs, labels, classes=self._classes, text=name, fraction=done, seconds_left=left)
