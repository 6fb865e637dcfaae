"""The dense microcalcification network: judged in folds of whole cases, then trained on all development cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.datasets.splits import Fold
from mammoviewer.training.assessment import nested_thresholds
from mammoviewer.training.augment import Augmentation
from mammoviewer.training.kept_fits import Fitted, KeptFits
from mammoviewer.training.loop import logits_of, probabilities_of
from mammoviewer.training.metrics import best_threshold
from mammoviewer.training.microcalc_data import MicrocalcData, WaveletOption, read_microcalc_data
from mammoviewer.training.microcalc_settings import augmentation_of
from mammoviewer.training.networks.dense_microcalc import DenseMicrocalc
from mammoviewer.training.recipe_run import RecipeRun

_LOWEST, _HIGHEST = 0.2, 0.8
_FINAL_SEED = 100


@dataclass(frozen=True, eq=False)
class DenseOutcome:
    """What the run made.

    Attributes
    ----------
    folds, fitted
        Of the development patches, and the network of each fold.
    held_out, thresholds
        Probability of each development patch by a network that had not seen its case, and the threshold chosen on the
        other folds; NaN elsewhere.
    final, threshold
        The published network, trained on all development patches, and its threshold, chosen on ``held_out``.
    tested
        Its probabilities for the test patches.
    """

    data: MicrocalcData
    augmentation: Augmentation | None
    folds: tuple[Fold, ...]
    fitted: tuple[Fitted[DenseMicrocalc], ...]
    held_out: DoubleArray
    thresholds: DoubleArray
    final: Fitted[DenseMicrocalc]
    threshold: float
    tested: DoubleArray


def run_dense_training(run: RecipeRun) -> DenseOutcome:
    """Train and judge."""
    data = read_microcalc_data(run.spec.data, WaveletOption())
    augmentation = augmentation_of(run)
    epochs, count = run.integer("epochs"), run.integer("folds")
    fits = KeptFits(run, augmentation, count * epochs * len(data.development), data.patches.classes)
    folds = data.folds(data.development, count, run.spec.seed)
    held_out = np.full(len(data.patches), np.nan)
    fold_of = np.full(len(data.patches), -1, dtype=np.intp)
    fitted = []
    for number, fold in enumerate(folds):
        text = f"fold {number + 1} of {count}"
        run.emit({"event": "fold", "fold": number + 1, "folds": count, "text": text, "fraction": fits.fraction})
        aside = data.part(fold.test)
        fitted.append(
            fits.fit(
                f"fold-{number}",
                DenseMicrocalc,
                data.part(fold.train),
                epochs=epochs,
                seed=number,
                validation=aside,
            )
        )
        held_out[fold.test] = probabilities_of(logits_of(fitted[-1].network, aside.pictures))[:, 1]
        fold_of[fold.test] = number
    run.tell("training on all development cases", fits.fraction)
    known, tested = data.development, data.part(data.test)
    final = fits.fit("final", DenseMicrocalc, data.part(known), epochs=epochs, seed=_FINAL_SEED, validation=tested)
    thresholds = np.full(len(data.patches), np.nan)
    thresholds[known] = nested_thresholds(data.truth[known], held_out[known], fold_of[known])
    return DenseOutcome(
        data=data,
        augmentation=augmentation,
        folds=folds,
        fitted=tuple(fitted),
        held_out=held_out,
        thresholds=thresholds,
        final=final,
        threshold=float(np.clip(best_threshold(data.truth[known], held_out[known]), _LOWEST, _HIGHEST)),
        tested=probabilities_of(logits_of(final.network, tested.pictures))[:, 1],
    )
