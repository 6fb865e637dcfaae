"""What gives a trial of a search its values, whichever of several processes it runs in. No torch here."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from mammoviewer.training.recipe_files import Value


class ShuffledGrid(optuna.samplers.BaseSampler):
    """Gives trial n the n-th combination of a shuffled grid, whichever process it runs in."""

    def __init__(self, values: Mapping[str, Sequence[Value]], seed: int) -> None:
        self._names = list(values)
        self._points = list(itertools.product(*values.values()))
        random.Random(seed).shuffle(self._points)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return nothing: every value is given alone."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the value of the trial's combination."""
        return self._points[trial.number % len(self._points)][self._names.index(param_name)]


class SeededForEachTrial(optuna.samplers.BaseSampler):
    """Asks a sampler seeded for trial n alone: sharers with the same seed would otherwise all ask for the same."""

    def __init__(self, made: Callable[[int], optuna.samplers.BaseSampler], seed: int) -> None:
        self._made, self._seed = made, seed
        self._sampler = made(seed)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Seed the sampler for the trial."""
        self._sampler = self._made(random.Random(f"{self._seed} {trial.number}").getrandbits(32))
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what the sampler does."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what the sampler does."""
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return what the sampler does."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Let the sampler note the trial."""
        self._sampler.after_trial(study, trial, state, values)
