"""Five experts of the microcalcification hypermodel, and a committee stacked on patches that none has seen (S1).

A fifth of the cases is kept aside before anything is chosen. The others make five folds of whole cases. In each,
hyperparameters are searched on an inner quarter of the training part, then one expert is trained on all of that part.
The committee's weights, and the threshold, come from votes on patches that no voting network has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.base.errors import TrainingError
from mammoviewer.datasets.splits import Fold, IndexArray
from mammoviewer.training.architectures import Hyperparameters
from mammoviewer.training.assessment import nested_thresholds
from mammoviewer.training.augment import Augmentation
from mammoviewer.training.committee import CommitteeFit, fit_committee
from mammoviewer.training.compact_onnx import Stored, round_matrices
from mammoviewer.training.kept_fits import KeptFits
from mammoviewer.training.leaky_protocol import leaky_figures
from mammoviewer.training.loop import logits_of, probabilities_of
from mammoviewer.training.metrics import best_threshold
from mammoviewer.training.microcalc_data import MicrocalcData, WaveletOption, read_microcalc_data
from mammoviewer.training.microcalc_experts import Expert, ExpertTrainer, Trial, covering_sets
from mammoviewer.training.microcalc_settings import augmentation_of
from mammoviewer.training.networks.weighted_committee import WeightedCommittee
from mammoviewer.training.recipe_run import RecipeRun

SAVED_HYPERPARAMETERS = (
    Hyperparameters(25, 5, 0.0),
    Hyperparameters(25, 5, 0.0),
    Hyperparameters(15, 5, 0.0),
    Hyperparameters(25, 5, 0.0),
    Hyperparameters(15, 1, 0.1),
)
"""What S1 found best in each of its folds; ``fast_execution`` takes them instead of searching."""
_LOWEST, _HIGHEST = 0.2, 0.8


@dataclass(frozen=True, eq=False)
class EnsembleOutcome:
    """What the run made.

    Attributes
    ----------
    folds
        Of the development patches.
    trials, chosen, experts
        Per fold: the trials of its search (none with fast_execution), the hyperparameters, the expert.
    votes
        Probabilities (patches, experts) for development patches by networks that had not seen them; NaN elsewhere.
    committee
        The weights and their course.
    held_out
        Probability of the committee for development patches, its weights learnt without the patch's fold.
    thresholds
        For each development patch, the one chosen on the other folds; ``threshold`` is chosen on all of them.
    network, matrices
        The committee as published, its matrices rounded to what is stored.
    tested
        Probabilities of ``network`` for the test patches, in the order of ``data.test``; (n, experts) in
        ``tested_experts``.
    leaky
        Figures of the leaky protocol, empty when it was not asked for.
    """

    data: MicrocalcData
    augmentation: Augmentation | None
    wavelet: WaveletOption
    folds: tuple[Fold, ...]
    trials: tuple[tuple[Trial, ...], ...]
    chosen: tuple[Hyperparameters, ...]
    experts: tuple[Expert, ...]
    votes: DoubleArray
    committee: CommitteeFit
    held_out: DoubleArray
    thresholds: DoubleArray
    threshold: float
    network: WeightedCommittee
    matrices: Mapping[bytes, Stored]
    tested: DoubleArray
    tested_experts: DoubleArray
    leaky: Mapping[str, Any]


class EnsembleRecipe:
    """One run of the recipe."""

    def __init__(self, run: RecipeRun) -> None:
        self._run = run
        self.wavelet = WaveletOption(run.text("wavelet"), run.integer("wavelet_levels"), run.number("wavelet_q"))
        self.augmentation = augmentation_of(run)
        self._space = hyperparameter_space(run)
        if run.integer("left_out") >= run.integer("folds"):
            raise TrainingError("left_out must be lower than folds: a stand-in has to learn from something")
        self._data = read_microcalc_data(run.spec.data, self.wavelet)
        self._fits = KeptFits(
            run, self.augmentation, self._passes() * len(self._data.development), self._data.patches.classes
        )
        self._trainer = ExpertTrainer(run, self._data, self._fits)

    def run(self) -> EnsembleOutcome:
        """Search, train, stack, test."""
        if self.wavelet.warning:
            self._run.tell(self.wavelet.warning, 0.0)
        data, seed = self._data, self._run.spec.seed
        folds = data.folds(data.development, self._run.integer("folds"), seed)
        trials, chosen, experts = self._experts(folds)
        self._run.tell("votes on patches that no voting network has seen", self._fits.fraction)
        votes = self._trainer.votes(experts, folds, self._of_stand_in)
        tables = round_matrices_of(experts)
        tested_experts = np.column_stack(
            [probabilities_of(logits_of(one.network, data.part(data.test).pictures))[:, 1] for one in experts]
        )
        steps = self._run.integer("committee_steps")
        known, truth = data.development, data.truth
        committee = fit_committee(votes[known], truth[known], steps=steps, others=(tested_experts, truth[data.test]))
        held_out, thresholds = self._judged(folds, votes, steps)
        network = WeightedCommittee([expert.network for expert in experts], committee.weights.tolist())
        return EnsembleOutcome(
            data=data,
            augmentation=self.augmentation,
            wavelet=self.wavelet,
            folds=folds,
            trials=trials,
            chosen=chosen,
            experts=experts,
            votes=votes,
            committee=committee,
            held_out=held_out,
            thresholds=thresholds,
            threshold=float(np.clip(best_threshold(truth[known], held_out[known]), _LOWEST, _HIGHEST)),
            network=network.eval(),
            matrices=tables,
            tested=probabilities_of(logits_of(network.eval(), data.part(data.test).pictures))[:, 1],
            tested_experts=tested_experts,
            leaky=self._leaky(chosen) if self._run.flag("leaky_comparison") else {},
        )

    def _experts(
        self, folds: Sequence[Fold]
    ) -> tuple[tuple[tuple[Trial, ...], ...], tuple[Hyperparameters, ...], tuple[Expert, ...]]:
        trials: list[tuple[Trial, ...]] = []
        chosen: list[Hyperparameters] = []
        experts: list[Expert] = []
        for number, fold in enumerate(folds):
            self._run.emit(
                {
                    "event": "fold",
                    "fold": number + 1,
                    "folds": len(folds),
                    "text": f"fold {number + 1} of {len(folds)}",
                    "fraction": self._fits.fraction,
                }
            )
            if self._run.flag("fast_execution"):
                trials.append(())
                chosen.append(SAVED_HYPERPARAMETERS[number % len(SAVED_HYPERPARAMETERS)])
            else:
                trials.append(self._trainer.search(fold.train, number, self._space))
                chosen.append(trials[-1][0].parameters)
            experts.append(self._trainer.expert(fold, number, chosen[-1]))
        return tuple(trials), tuple(chosen), tuple(experts)

    def _of_stand_in(self, seen: IndexArray, without: tuple[int, ...], number: int) -> Hyperparameters:
        """Return hyperparameters found on what the stand-in may see; those of an expert have seen other folds."""
        if self._run.flag("fast_execution"):
            return SAVED_HYPERPARAMETERS[without[0] % len(SAVED_HYPERPARAMETERS)]
        name = "stand-in-" + "-".join(map(str, without))
        return self._trainer.search(seen, number, self._space, name)[0].parameters

    def _judged(self, folds: Sequence[Fold], votes: DoubleArray, steps: int) -> tuple[DoubleArray, DoubleArray]:
        """Return, for every development patch, the committee's probability and the threshold to judge it by.

        Neither weights nor threshold have seen the patch's fold.
        """
        truth = self._data.truth
        held_out = np.full(len(truth), np.nan)
        fold_of = np.full(len(truth), -1, dtype=np.intp)
        for number, fold in enumerate(folds):
            fit = fit_committee(votes[fold.train], truth[fold.train], steps=steps)
            held_out[fold.test] = votes[fold.test] @ fit.weights
            fold_of[fold.test] = number
        known = self._data.development
        thresholds = np.full(len(truth), np.nan)
        thresholds[known] = nested_thresholds(truth[known], held_out[known], fold_of[known])
        return held_out, thresholds

    def _leaky(self, chosen: Sequence[Hyperparameters]) -> dict[str, Any]:
        self._run.tell("the leaky protocol, for comparison", self._fits.fraction)
        epochs = self._run.integer("leaky_epochs")
        return leaky_figures(
            KeptFits(
                self._run, None, 2 * len(self._data.development) * len(chosen) * epochs, self._data.patches.classes
            ),
            self._data,
            self.augmentation,
            chosen,
            epochs=epochs,
            seed=self._run.spec.seed,
        )

    def _passes(self) -> float:
        """Return how often the development patches pass in all."""
        folds, epochs = self._run.integer("folds"), self._run.integer("epochs")
        left_out = self._run.integer("left_out")
        expert = 1 - 1 / folds
        stand_ins = len(covering_sets(folds, left_out)) * (1 - left_out / folds)
        trials = 0.0
        if not self._run.flag("fast_execution"):
            trials = round(self._run.number("searching_fraction") * len(self._space)) * 0.75 * expert
        searches = folds + stand_ins / expert
        return searches * trials * self._run.integer("search_epochs") + epochs * (folds * expert + stand_ins)


def hyperparameter_space(run: RecipeRun) -> tuple[Hyperparameters, ...]:
    """Return every combination of the dims, depths and rates of the settings.

    Raises
    ------
    TrainingError
        A list is empty or holds something other than numbers in range.
    """
    dims, depths, rates = (_numbers(run, name) for name in ("dims", "depths", "rates"))
    whole = all(value.is_integer() and 1 <= value <= 64 for value in (*dims, *depths))
    if not whole or not all(0 <= rate < 0.9 for rate in rates):
        raise TrainingError("dims and depths are whole numbers from 1 to 64, rates numbers from 0 to 0.9")
    return tuple(Hyperparameters(int(dim), int(depth), rate) for dim, depth, rate in product(dims, depths, rates))


def _numbers(run: RecipeRun, name: str) -> list[float]:
    try:
        values = [float(part) for part in run.text(name).replace(",", " ").split()]
    except ValueError:
        values = []
    if not values:
        raise TrainingError(f"the setting {name} is a list of numbers", hint="for example 15,20,25")
    return values


def round_matrices_of(experts: Sequence[Expert]) -> dict[bytes, Stored]:
    """Round the matrices of all experts in place; see :mod:`mammoviewer.training.compact_onnx`."""
    tables: dict[bytes, Stored] = {}
    for expert in experts:
        tables.update(round_matrices(expert.network))
    return tables
