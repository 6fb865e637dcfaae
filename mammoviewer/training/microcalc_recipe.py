"""The bundled classifier: the microcalcification hypermodel on the INFN patches, judged case by case.

Five outer folds of whole cases. In each, hyperparameters and the decision threshold are chosen on a quarter of the
cases of that fold's training part, then a committee of equal experts (other seeds) is trained on the whole training
part and meets the held-out cases once. The published committee is made in the same way from all cases.
Near-duplicates join their cases before anything is split.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.base.errors import TrainingError
from mammoviewer.datasets.infn import load_infn
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.datasets.splits import Fold, IndexArray, grouped_folds, merged_groups, near_duplicates
from mammoviewer.training.architectures import Committee, Hyperparameters, MicrocalcHypermodel
from mammoviewer.training.augment import Augmentation
from mammoviewer.training.epoch_event import epoch_event
from mammoviewer.training.fold_tasks import ONE_AT_A_TIME
from mammoviewer.training.loop import Epoch, Labelled, Schedule, fit, logits_of, probabilities_of
from mammoviewer.training.metrics import Truth, best_threshold
from mammoviewer.training.recipe_files import Value
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.spec import TrainingSpec

CANDIDATES = (Hyperparameters(15, 1, 0.1), Hyperparameters(15, 1, 0.0), Hyperparameters(15, 3, 0.05))
AUGMENTATION = Augmentation()
_INNER_FOLDS = 4


@dataclass(frozen=True)
class RecipeSettings:
    """Epochs of the experts, epochs of each trial of the search, experts, outer folds."""

    epochs: int
    search_epochs: int
    experts: int
    outer_folds: int

    @classmethod
    def of(cls, run: RecipeRun) -> RecipeSettings:
        """Return the settings of a run."""
        return cls(*(run.integer(name) for name in ("epochs", "search_epochs", "experts", "outer_folds")))


@dataclass(frozen=True, eq=False)
class FoldOutcome:
    """What the search chose in one fold."""

    parameters: Hyperparameters
    threshold: float


@dataclass(frozen=True, eq=False)
class RecipeOutcome:
    """The committee, and every patch's probability (of class 1) by a committee that had not seen its case."""

    patches: PatchSet
    groups: tuple[str, ...]
    duplicates: int
    folds: tuple[Fold, ...]
    outcomes: tuple[FoldOutcome, ...]
    held_out: DoubleArray
    single_expert: DoubleArray
    final: FoldOutcome
    network: Committee

    @property
    def truth(self) -> Truth:
        """Return the labels as int64 (n,)."""
        return np.asarray(self.patches.labels, dtype=np.int64)

    @property
    def thresholds(self) -> DoubleArray:
        """Return for each patch the threshold that its fold chose without it."""
        result = np.empty(len(self.patches))
        for fold, outcome in zip(self.folds, self.outcomes, strict=True):
            result[fold.test] = outcome.threshold
        return result


class MicrocalcRecipe:
    """One run of the recipe over a data set; tells of every epoch."""

    def __init__(self, run: RecipeRun) -> None:
        self._run = run
        self._spec = spec = run.spec
        self._settings = RecipeSettings.of(run)
        self._emit = run.emit
        self._data = load_infn(spec.data)
        pictures = torch.from_numpy(self._data.images.astype(np.float32) / 255.0)[:, None]
        self._tensors = Labelled(pictures, torch.tensor(self._data.labels))
        pairs = near_duplicates(self._data.images)
        self._duplicates = len(pairs)
        self._groups = merged_groups(self._data.groups, pairs)
        self._work_done = 0.0
        self._started = time.monotonic()

    def run(self) -> RecipeOutcome:
        """Run the outer folds, then train the committee on everything."""
        folds = self.outer_folds()
        held_out = np.full(len(self._data), np.nan)
        single = np.full(len(self._data), np.nan)
        outcomes = []
        for fold, result in zip(folds, self._judged(len(folds)), strict=True):
            held_out[fold.test], single[fold.test] = result["held_out"], result["single_expert"]
            outcomes.append(FoldOutcome(Hyperparameters(**result["parameters"]), result["threshold"]))
        self._emit({"event": "log", "text": "training on all cases", "fraction": self._done()})
        everything = np.arange(len(self._data))
        final = self._search(everything, 0)
        network = Committee(self._experts(everything, final.parameters, 0)).eval()
        return RecipeOutcome(
            self._data, self._groups, self._duplicates, folds, tuple(outcomes), held_out, single, final, network
        )

    def outer_folds(self) -> tuple[Fold, ...]:
        """Return the folds that the figures come from."""
        return self._split(np.arange(len(self._data)), self._settings.outer_folds, self._spec.seed)

    def judge(self, number: int) -> dict[str, Any]:
        """Search and train without the held-out cases of fold ``number`` (from 1), and tell what is said of them."""
        folds = self.outer_folds()
        fold, text = folds[number - 1], f"fold {number} of {len(folds)}"
        self._emit({"event": "fold", "fold": number, "folds": len(folds), "text": text, "fraction": self._done()})
        outcome = self._search(fold.train, number)
        experts = self._experts(fold.train, outcome.parameters, number, validation=fold.test)
        pictures = self._tensors.pictures[torch.from_numpy(fold.test)]
        return {
            "held_out": probabilities_of(logits_of(Committee(experts).eval(), pictures))[:, 1].tolist(),
            "single_expert": probabilities_of(logits_of(experts[0], pictures))[:, 1].tolist(),
            "parameters": asdict(outcome.parameters),
            "threshold": outcome.threshold,
        }

    def _judged(self, folds: int) -> list[dict[str, Any]]:
        """Return what :meth:`judge` tells of every fold, from other machines where a scheduler is named."""
        if not self._spec.scheduler:
            return [self.judge(number) for number in range(1, folds + 1)]
        items = {
            f"fold{number}": FoldTask(self._spec, dict(self._run.settings), number) for number in range(1, folds + 1)
        }
        return list(self._run.tasks("folds", judge_elsewhere, items).values())

    def _split(self, indices: IndexArray, folds: int, seed: int) -> tuple[Fold, ...]:
        labels = [self._data.labels[i] for i in indices.tolist()]
        groups = [self._groups[i] for i in indices.tolist()]
        return tuple(Fold(indices[f.train], indices[f.test]) for f in grouped_folds(labels, groups, folds, seed))

    def _search(self, indices: IndexArray, fold: int) -> FoldOutcome:
        """Choose hyperparameters by the validation loss of short trials, then the threshold by a full training.

        Both on a quarter of the cases of ``indices``, which the trainings do not see. ``fold`` is 0 for the whole set.
        """
        inner = self._split(indices, _INNER_FOLDS, self._spec.seed + 100 + fold)[0]
        short, long = self._settings.search_epochs, self._settings.epochs
        losses = [
            self._last_epoch(inner, candidate, short, fold, f"trial {number}")[0]
            for number, candidate in enumerate(CANDIDATES, start=1)
        ]
        chosen = CANDIDATES[int(np.argmin(losses))]
        scores = self._last_epoch(inner, chosen, long, fold, "threshold")[1]
        truth = np.asarray([self._data.labels[i] for i in inner.test.tolist()], dtype=np.int64)
        return FoldOutcome(chosen, float(np.clip(best_threshold(truth, scores), 0.2, 0.8)))

    def _last_epoch(
        self, split: Fold, parameters: Hyperparameters, epochs: int, fold: int, name: str
    ) -> tuple[float, DoubleArray]:
        """Return the validation loss, and the probabilities of class 1 of the validation patches, after training."""
        seen: list[Epoch] = []
        self._train(
            split.train,
            parameters,
            fit_name(fold, name),
            epochs=epochs,
            seed=fold,
            record=seen.append,
            validation=split.test,
        )
        last = seen[-1]
        if last.validation_loss is None or last.probabilities is None:
            raise TrainingError("there are too few cases to hold any out")
        return last.validation_loss, last.probabilities[:, 1]

    def _experts(
        self,
        train: IndexArray,
        parameters: Hyperparameters,
        fold: int,
        validation: IndexArray | None = None,
    ) -> list[MicrocalcHypermodel]:
        """Train the committee; ``validation`` is only for the curves that are shown."""
        return [
            self._train(
                train,
                parameters,
                fit_name(fold, f"expert {index + 1}"),
                epochs=self._settings.epochs,
                seed=fold + 1000 * index,
                record=lambda _: None,
                validation=validation,
            )
            for index in range(self._settings.experts)
        ]

    def _train(
        self,
        train: IndexArray,
        parameters: Hyperparameters,
        name: str,
        *,
        epochs: int,
        seed: int,
        record: Callable[[Epoch], None],
        validation: IndexArray | None,
    ) -> MicrocalcHypermodel:
        torch.manual_seed(self._spec.seed + seed)
        network = MicrocalcHypermodel(parameters)
        held_out = None if validation is None else self._tensors.subset(torch.from_numpy(validation))

        def on_epoch(epoch: Epoch) -> bool:
            record(epoch)
            self._work_done += len(train)
            self._tell(name, epoch, epochs, held_out)
            return True

        fit(
            network,
            self._tensors.subset(torch.from_numpy(train)),
            schedule=Schedule(epochs),
            augmentation=AUGMENTATION,
            seed=self._spec.seed + seed,
            validation=held_out,
            on_epoch=on_epoch,
            checkpoint=self._run.checkpoint(name),
        )
        return network

    def _tell(self, name: str, epoch: Epoch, epochs: int, held_out: Labelled | None) -> None:
        done = self._done()
        left = (time.monotonic() - self._started) * (1 - done) / max(done, 1e-6)
        labels = None if held_out is None else held_out.labels
        classes = list(self._data.classes)
        self._emit(epoch_event(epoch, epochs, labels, classes=classes, text=name, fraction=done, seconds_left=left))

    def _done(self) -> float:
        """Return the share of all pictures that are to pass that have passed."""
        count, settings = len(self._data), self._settings
        train_share = 1 - 1 / settings.outer_folds
        inner_share = 1 - 1 / _INNER_FOLDS
        inner = inner_share * (len(CANDIDATES) * settings.search_epochs + settings.epochs)
        one = settings.experts * settings.epochs + inner
        return min(self._work_done / (count * one * (settings.outer_folds * train_share + 1)), 1.0)


@dataclass(frozen=True)
class FoldTask:
    """What another machine needs to judge one fold; the data folder has the same name there."""

    spec: TrainingSpec
    settings: Mapping[str, Value]
    number: int


def fit_name(fold: int, name: str) -> str:
    """Return what a fit and its checkpoint are called: no fit of the whole set goes on from one of a fold.

    They are not numbered as they come, for a run that is resumed may leave its folds to other machines.
    """
    return f"fold {fold}, {name}" if fold else f"all cases, {name}"


def judge_elsewhere(task: FoldTask) -> Mapping[str, Any]:
    """Judge one fold on a machine that knows nothing of the run yet."""
    with ONE_AT_A_TIME, tempfile.TemporaryDirectory(prefix="mammoviewer-fold-") as folder:
        run = RecipeRun(task.spec, task.settings, lambda _: None, Path(folder))
        return MicrocalcRecipe(run).judge(task.number)


def thresholds_of(outcomes: Sequence[FoldOutcome]) -> list[float]:
    """Return the thresholds of the folds, rounded for reports."""
    return [round(outcome.threshold, 3) for outcome in outcomes]
