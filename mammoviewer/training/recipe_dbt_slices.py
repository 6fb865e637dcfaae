"""The recipe ``dbt-slices`` (S0): slices of tomosynthesis, negative or with a lesion, by one of ten networks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.base.errors import TrainingError
from mammoviewer.datasets.slices import THREE_CLASSES, TWO_CLASSES
from mammoviewer.datasets.splits import Fold, write_split
from mammoviewer.training.architectures import Network
from mammoviewer.training.bundle import published_folder, write_bundle
from mammoviewer.training.dbt_card import bundle_facts
from mammoviewer.training.epoch_event import epoch_event
from mammoviewer.training.fold_tasks import ONE_AT_A_TIME, FoldTask, judged_folds
from mammoviewer.training.int8_step import AN_INNER_PART, add_int8, evenly
from mammoviewer.training.loop import Epoch, Schedule, fit, probabilities_of
from mammoviewer.training.losses import CrossEntropy, inverse_frequencies
from mammoviewer.training.networks.dbt_cnn import SLICE_PX
from mammoviewer.training.networks.memory import estimate_memory
from mammoviewer.training.networks.pretrained import load_backbone, read_state_dict
from mammoviewer.training.networks.zoo import ZooClassifier, slice_network
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.report_html import write_report
from mammoviewer.training.search import Dimension, Probe, SearchResult, chosen_parameters, digest_of
from mammoviewer.training.slice_augment import SliceAugmentation
from mammoviewer.training.slice_data import SliceData, StreamedSlices, load_slices
from mammoviewer.training.slice_report import figures_of, report_of, scored_slices
from mammoviewer.training.validation import random_splits, repeated_folds

_PARTS = ("train", "validation", "test")


def run_dbt_slices(run: RecipeRun) -> Mapping[str, Any]:
    """Prepare the slices, search, validate, train, count on the test patients and publish; return the metrics."""
    classes = THREE_CLASSES if run.integer("classes") == 3 else TWO_CLASSES
    with load_slices(run, classes) as data:
        training = SliceTraining(run, data, classes)
        found = training.search()
        areas = training.cross_validate(found.parameters)
        network, epochs = training.final(found.parameters)
        scored = {part: scored_slices(data, part, predict(network, data.part(part)), classes) for part in _PARTS}
        metrics = training.metrics(scored, found, areas)
        with published_folder(run.spec.output, replace=True) as folder:
            manifest = write_bundle(folder, network, bundle_facts(run, classes, network, metrics))
            write_split(folder / "split.json", data.split)
            write_report(folder, report_of(run, data, manifest, scored, epochs=epochs, metrics=metrics))
            training.add_int8(folder)
    return metrics


class SliceTraining:
    """The fits of one run over one set of slices."""

    def __init__(self, run: RecipeRun, data: SliceData, classes: Sequence[str]) -> None:
        self._run, self._data, self._classes = run, data, classes
        self._started = time.monotonic()
        self._memory = estimate_memory(self._network({}), (1, SLICE_PX, SLICE_PX), run.integer("batch"))
        run.tell(
            f"{run.text('network')}: {self._memory.weights:,} weights, "
            f"about {self._memory.total_bytes / 2**20:,.0f} MiB for a batch of {run.integer('batch')}",
            0.1,
        )

    def search(self) -> SearchResult:
        """Return the best hyperparameters on the validation part; those of the settings where no search is wanted."""
        method = self._run.text("search_method")
        if method == "none":
            return SearchResult({}, None)
        dimensions = [
            Dimension("learning_rate", choices=(3e-4, 1e-3, 3e-3)),
            Dimension("dropout", choices=(0.2, 0.5)),
            Dimension("dense", choices=(8, 16, 32)),
        ]

        def objective(parameters: Mapping[str, Any], probe: Probe) -> float:
            losses: list[float] = []

            def on_epoch(epoch: Epoch) -> bool:
                losses.append(epoch.validation_loss or epoch.loss)
                probe.report(epoch.number, losses[-1])
                return True

            self._fit(
                self._network(parameters),
                self._data.part("train"),
                self._data.part("validation"),
                parameters,
                epochs=self._run.integer("search_epochs"),
                on_epoch=on_epoch,
                name="trial " + " ".join(f"{name}={value}" for name, value in sorted(parameters.items())),
            )
            return min(losses)

        return chosen_parameters(self._run, dimensions, objective)

    def cross_validate(self, parameters: Mapping[str, Any]) -> list[float | None]:
        """Return the area on each fold of the patients outside the test part; empty where no folds are wanted.

        From other machines where a scheduler is named.
        """
        found = judged_folds(
            self._run,
            len(slice_folds(self._run, self._data)),
            lambda number: {"auc": self.judge(number, parameters)},
            judge_elsewhere,
            {"classes": tuple(self._classes), "parameters": dict(parameters)},
            chosen=digest_of(parameters),
        )
        return [result["auc"] for result in found]

    def judge(self, number: int, parameters: Mapping[str, Any]) -> float | None:
        """Train without a fold, by its number from 0, and return the area on it after the last epoch, if it has one."""
        folds = slice_folds(self._run, self._data)
        train, held_out = (self._data.of(part.tolist()) for part in (folds[number].train, folds[number].test))
        told = {"fold": number + 1, "folds": len(folds), "classes": list(self._classes)}
        epochs = self._run.integer("epochs")
        last: list[float | None] = [None]

        def on_epoch(epoch: Epoch) -> bool:
            event = epoch_event(epoch, epochs, held_out.labels, **told)
            last.append(event["auc"])
            self._run.emit(event)
            return True

        # the last epoch counts, for the fold that is judged must not choose which
        network = self._network(parameters)
        name = _fit_name(f"fold {number + 1}", parameters)
        self._fit(network, train, held_out, parameters, epochs=epochs, on_epoch=on_epoch, name=name, judged=True)
        return last[-1]

    def final(self, parameters: Mapping[str, Any]) -> tuple[Network, list[dict[str, Any]]]:
        """Train on the training part; return the network of its best epoch on the validation part, and all epochs."""
        network = self._network(parameters)
        held_out = self._data.part("validation")
        epochs = self._run.integer("epochs")
        told: list[dict[str, Any]] = []

        def on_epoch(epoch: Epoch) -> bool:
            done = epoch.number / epochs
            left = (time.monotonic() - self._started) * (1 - done) / done
            event = epoch_event(
                epoch,
                epochs,
                held_out.labels,
                classes=list(self._classes),
                fraction=0.1 + 0.85 * done,
                seconds_left=left,
            )
            told.append(event)
            self._run.emit(event)
            return True

        name = _fit_name("final", parameters)
        self._fit(network, self._data.part("train"), held_out, parameters, epochs=epochs, on_epoch=on_epoch, name=name)
        return network, told

    def metrics(self, scored: Mapping[str, Any], found: SearchResult, areas: Sequence[float | None]) -> dict[str, Any]:
        """Return the figures of the test part, and how they came about."""
        return {
            **figures_of(self._data, scored["test"], self._run.spec.seed),
            "network": self._run.text("network"),
            "weights": self._memory.weights,
            "memory_mib": round(self._memory.total_bytes / 2**20),
            "chosen": dict(found.parameters),
            "trials": len(found.trials),
            "fold_auc": [None if area is None else round(area, 4) for area in areas],
            "slices": {part: len(self._data.part(part).places) for part in _PARTS},
            "patients": {part: len(self._data.split.part(part)) for part in _PARTS},
            "problems": list(self._data.problems),
            "leak_overridden": self._data.leaks is not None and self._data.leaks.overridden,
        }

    def add_int8(self, folder: Path) -> None:
        """Add the int8 form to the bundle, calibrated and measured on slices of the validation part."""
        aside = self._data.part("validation")
        some = evenly(len(aside.places))
        patients = [aside.patients[place] for place in some]
        pictures = aside.batch(torch.tensor(some)).numpy()
        add_int8(self._run, folder, pictures, aside.labels[some].tolist(), patients, data=AN_INNER_PART)

    def _fit(
        self,
        network: Network,
        train: StreamedSlices,
        held_out: StreamedSlices,
        parameters: Mapping[str, Any],
        *,
        epochs: int,
        on_epoch: Any,
        name: str,
        judged: bool = False,
    ) -> None:
        """Train, going on from the checkpoint of that name; ``judged``, the held-out slices choose nothing."""
        run = self._run
        weights = inverse_frequencies(train.labels, len(self._classes)) if run.flag("class_weights") else None
        schedule = Schedule(
            epochs,
            batch=run.integer("batch"),
            learning_rate=float(parameters.get("learning_rate", run.number("learning_rate"))),
            weight_decay=run.number("l2"),
            policy=run.text("schedule"),
            optimiser=run.text("optimiser"),
            keep_best=not judged,
            stop_after=0 if judged else run.integer("patience"),
            frozen=("backbone",) if run.flag("freeze_backbone") else (),
            unfreeze_at=run.integer("unfreeze_at"),
            average=run.number("average"),
        )
        fit(
            network,
            train,
            schedule=schedule,
            augmentation=SliceAugmentation(share=run.number("augmentation")),
            seed=run.spec.seed,
            validation=held_out,
            on_epoch=on_epoch,
            loss=CrossEntropy(class_weights=weights),
            checkpoint=run.checkpoint(name),
        )

    def _network(self, parameters: Mapping[str, Any]) -> Network:
        torch.manual_seed(self._run.spec.seed)
        rate = float(parameters.get("dropout", self._run.number("dropout")))
        dense = int(parameters.get("dense", self._run.integer("dense")))
        network = slice_network(self._run.text("network"), len(self._classes), rate=rate, dense=dense)
        path = self._run.text("pretrained")
        if path and not isinstance(network, ZooClassifier):
            raise TrainingError(f"{self._run.text('network')} has no backbone that weights of others would fit")
        if path and isinstance(network, ZooClassifier):
            load_backbone(network.backbone, read_state_dict(Path(path)))
        return network


def _fit_name(name: str, parameters: Mapping[str, Any]) -> str:
    """Return what the checkpoint of a fit is called: none goes on from a network of other parameters."""
    return f"{name} {digest_of(parameters)}".rstrip()


def judge_elsewhere(task: FoldTask) -> Mapping[str, Any]:
    """Judge one fold on a machine that knows nothing of the run yet but finds its prepared slices."""
    run, classes = task.run(), task.more["classes"]
    with ONE_AT_A_TIME, load_slices(run, classes) as data:
        return {"auc": SliceTraining(run, data, classes).judge(task.number, task.more["parameters"])}


def slice_folds(run: RecipeRun, data: SliceData) -> tuple[Fold, ...]:
    """Return the folds that the settings ask for, of all slices outside the test part; indices are places."""
    whole = np.asarray(sorted((*data.part("train").places, *data.part("validation").places)))
    labels = [int(data.reader.labels[place]) for place in whole]
    groups = [data.reader.groups[place] for place in whole]
    folds, repeats, seed = run.integer("folds"), run.integer("repeats"), run.spec.seed
    if folds >= 2:
        made = tuple(chain(*repeated_folds(labels, groups, folds, repeats=repeats, seed=seed)))
    elif repeats > 1:
        made = random_splits(labels, groups, share=run.number("validation"), repeats=repeats, seed=seed)
    else:
        made = ()
    return tuple(Fold(whole[fold.train], whole[fold.test]) for fold in made)


def predict(network: Network, data: StreamedSlices, batch: int = 16) -> DoubleArray:
    """Return the probabilities (n, classes) of slices, read batch by batch."""
    network.eval()
    with torch.no_grad():
        parts = [network(data.batch(part))[0] for part in torch.split(torch.arange(len(data.places)), batch)]
    return probabilities_of(torch.cat(parts))
