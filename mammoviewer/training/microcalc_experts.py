"""The experts of the committee: hyperparameters searched on an inner hold-out, one expert for each fold of cases.

Stacking needs the votes of all experts on patches that none of them has seen. Each expert has that for its own fold
alone; for the others a stand-in votes, trained without either of the two folds (or without one more).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, permutations
from typing import TypeAlias

import numpy as np

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.datasets.splits import Fold, IndexArray
from mammoviewer.training.architectures import Hyperparameters, MicrocalcHypermodel
from mammoviewer.training.kept_fits import Fitted, KeptFits
from mammoviewer.training.loop import logits_of, probabilities_of
from mammoviewer.training.metrics import log_loss
from mammoviewer.training.microcalc_data import MicrocalcData
from mammoviewer.training.recipe_run import RecipeRun

Expert: TypeAlias = Fitted[MicrocalcHypermodel]

_INNER_FOLDS = 4
_MOST_TRIES = 6
_RANDOM_TRIALS = 3


@dataclass(frozen=True)
class Trial:
    """One trial of the search: hyperparameters and the log loss of the inner hold-out after it."""

    parameters: Hyperparameters
    loss: float


class ExpertTrainer:
    """Searches and trains the experts of one run on the folds of its development patches."""

    def __init__(self, run: RecipeRun, data: MicrocalcData, fits: KeptFits) -> None:
        self._run = run
        self._data = data
        self._fits = fits

    def search(
        self, indices: IndexArray, fold: int, space: Sequence[Hyperparameters], name: str = ""
    ) -> tuple[Trial, ...]:
        """Try a share of the space on a quarter of the groups of ``indices``; return the trials, the best first.

        ``fold`` seeds the search and, where there is no ``name``, names its trials.
        """
        import optuna

        inner = self._data.folds(indices, _INNER_FOLDS, self._run.spec.seed + 100 + fold)[0]
        sampler = optuna.samplers.TPESampler(seed=self._run.spec.seed + fold, n_startup_trials=_RANDOM_TRIALS)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=sampler)
        wanted = max(1, round(self._run.number("searching_fraction") * len(space)))
        tried: dict[Hyperparameters, float] = {}
        for _ in range(wanted * _MOST_TRIES):
            if len(tried) == wanted:
                break
            asked = study.ask()
            values = {
                name: asked.suggest_categorical(name, sorted({getattr(one, name) for one in space}))
                for name in ("dim", "depth", "rate")
            }
            parameters = Hyperparameters(**values)
            if parameters not in tried:
                tried[parameters] = self._trial_loss(inner, parameters, fold, name or str(fold))
            study.tell(asked, tried[parameters])
        return tuple(sorted((Trial(*item) for item in tried.items()), key=lambda trial: trial.loss))

    def expert(self, fold: Fold, number: int, parameters: Hyperparameters) -> Expert:
        """Train the expert of a fold; its held-out patches are only for the curve that is shown."""
        return self._fits.fit(
            f"expert-{number}",
            partial(MicrocalcHypermodel, parameters),
            self._data.part(fold.train),
            epochs=self._run.integer("epochs"),
            seed=number,
            validation=self._data.part(fold.test),
        )

    def votes(
        self, experts: Sequence[Expert], folds: Sequence[Fold], hyperparameters: Callable[..., Hyperparameters]
    ) -> DoubleArray:
        """Return the probabilities (patches, experts) of class 1 for the patches of all folds, none of them seen.

        Rows of patches that are in no fold are NaN.

        Parameters
        ----------
        hyperparameters
            Returns those of a stand-in from the patches that it may learn from, the folds that are left out, and a
            number of its own: nothing of it has seen what it votes on.
        """
        votes = np.full((len(self._data.patches), len(folds)), np.nan)
        for number, (expert, fold) in enumerate(zip(experts, folds, strict=True)):
            self._vote(votes, expert, number, fold)
        for without in covering_sets(len(folds), self._run.integer("left_out")):
            stand_in = self._stand_in(without, folds, hyperparameters)
            for column, held_out in permutations(without, 2):
                if np.isnan(votes[folds[held_out].test, column]).all():
                    self._vote(votes, stand_in, column, folds[held_out])
        return votes

    def _vote(self, votes: DoubleArray, voter: Expert, column: int, fold: Fold) -> None:
        logits = logits_of(voter.network, self._data.part(fold.test).pictures)
        votes[fold.test, column] = probabilities_of(logits)[:, 1]

    def _stand_in(
        self, without: tuple[int, ...], folds: Sequence[Fold], hyperparameters: Callable[..., Hyperparameters]
    ) -> Expert:
        """Train a network without some folds: it stands in for the expert of each of them on the others of them."""
        left_out = np.concatenate([folds[number].test for number in without])
        seen = np.setdiff1d(self._data.development, left_out)
        names, number = "-".join(map(str, without)), 1000 + int("".join(map(str, without)))
        return self._fits.fit(
            f"stand-in-{names}",
            partial(MicrocalcHypermodel, hyperparameters(seen, without, number)),
            self._data.part(seen),
            epochs=self._run.integer("epochs"),
            seed=number,
        )

    def _trial_loss(self, inner: Fold, parameters: Hyperparameters, fold: int, name: str) -> float:
        trial = self._fits.fit(
            f"trial-{name}-{parameters.dim}-{parameters.depth}-{parameters.rate:g}",
            partial(MicrocalcHypermodel, parameters),
            self._data.part(inner.train),
            epochs=self._run.integer("search_epochs"),
            seed=fold,
        )
        scores = probabilities_of(logits_of(trial.network, self._data.part(inner.test).pictures))
        return log_loss(self._data.truth[inner.test], scores)


def covering_sets(folds: int, size: int) -> tuple[tuple[int, ...], ...]:
    """Return few sets of ``size`` folds such that any two folds are together in one of them."""
    open_pairs = set(combinations(range(folds), 2))
    sets = []
    while open_pairs:
        best = max(combinations(range(folds), size), key=lambda one: len(open_pairs & set(combinations(one, 2))))
        open_pairs -= set(combinations(best, 2))
        sets.append(best)
    return tuple(sets)
