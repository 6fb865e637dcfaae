"""Search for hyperparameters with Optuna: grid, random, TPE; pruning; one study shared by several processes.

A study that is kept in a journal is gone on with when the run is resumed. Lower values are better. No torch here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import platform
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from mammoviewer.base.errors import TrainingError
from mammoviewer.jobs.detached import is_running
from mammoviewer.training.control import holder
from mammoviewer.training.recipe_files import Value
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.search_samplers import SeededForEachTrial, ShuffledGrid

METHODS = ("grid", "random", "tpe")
PRUNING = ("none", "median", "hyperband")
_TRIED_BY, _SEARCHED_FOR = "process", "of"
_NOT_OF_A_TRIAL = ("study", "trials", "searching_fraction", "search_method", "pruning", "folds", "repeats", "int8")
"""Settings that change nothing of what a trial comes to."""
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_OVER = (ValueError, optuna.exceptions.UpdateFinishedTrialError)
"""What Optuna raises when a trial is told that is over."""
_LOOK_S = 1.0
"""How often those that wait for the trials of others look."""


@dataclass(frozen=True)
class Dimension:
    """One hyperparameter: one of ``choices``, or a number from ``low`` to ``high``, ``whole`` or on a ``log`` scale."""

    name: str
    choices: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    log: bool = False

    def distribution(self) -> BaseDistribution:
        """Return it as Optuna takes it."""
        if self.choices:
            return CategoricalDistribution(self.choices)
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def values(self) -> tuple[Value, ...]:
        """Return every value, for a grid.

        Raises
        ------
        TrainingError
            There are endlessly many.
        """
        if self.choices:
            return self.choices
        if self.whole:
            return tuple(range(int(self.low), int(self.high) + 1))
        raise TrainingError(f"a grid needs the values of {self.name}, not a range")


@dataclass(frozen=True)
class SearchPlan:
    """How to search.

    Attributes
    ----------
    method, pruning
        One of :data:`METHODS` and of :data:`PRUNING`.
    trials
        How many there are to be, those of earlier runs of the study included.
    journal
        File of the study; ``None`` keeps it in memory.
    shared
        Whether other processes work on the same journal now.
    longest
        Epochs of a whole trial, which hyperband needs to know.
    of
        What is searched for, in a word that tells it from other searches: a journal takes only those of the same.
    """

    method: str = "tpe"
    trials: int = 20
    seed: int = 1
    pruning: str = "none"
    journal: Path | None = None
    shared: bool = False
    longest: int = 100
    of: str = ""

    def __post_init__(self) -> None:
        """Refuse what is not known."""
        if self.method not in METHODS or self.pruning not in PRUNING or self.trials < 1:
            raise TrainingError(f"a search is one of {', '.join(METHODS)}, pruning one of {', '.join(PRUNING)}")


@dataclass(frozen=True)
class TrialOutcome:
    """One trial; ``value`` is ``None`` when it was pruned before it had any."""

    number: int
    parameters: Mapping[str, Value]
    value: float | None
    pruned: bool


@dataclass(frozen=True)
class SearchResult:
    """The best parameters, their value, and every trial."""

    parameters: Mapping[str, Value]
    value: float | None
    trials: tuple[TrialOutcome, ...] = field(default=())

    def report(self) -> dict[str, Any]:
        """Return it for a report in JSON."""
        return asdict(self)


class Probe:
    """What an objective tells its epochs to."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial

    def report(self, epoch: int, value: float) -> None:
        """Tell the value after an epoch; does not come back when the trial is not worth going on with."""
        try:
            self._trial.report(value, epoch)
        except _OVER as error:
            # another process has given it up
            raise optuna.TrialPruned from error
        if self._trial.should_prune():
            raise optuna.TrialPruned


def grid_size(dimensions: Sequence[Dimension]) -> int:
    """Return the number of combinations."""
    return math.prod(len(dimension.values()) for dimension in dimensions)


def trials_of_fraction(dimensions: Sequence[Dimension], fraction: float) -> int:
    """Return how many trials a fraction of all combinations is: .25 of 27 are 7."""
    return max(1, min(round(fraction * grid_size(dimensions)), grid_size(dimensions)))


def search(
    dimensions: Sequence[Dimension],
    objective: Callable[[Mapping[str, Value], Probe], float],
    plan: SearchPlan,
    on_trial: Callable[[TrialOutcome], None] = lambda _: None,
    on_wait: Callable[[Sequence[str]], None] = lambda _: None,
) -> SearchResult:
    """Run trials until the study has as many as planned; return the best.

    Combinations that were tried before are not tried again: they have the value they had. In a shared study the trials
    that others are at are waited for, so that all choose the same; those of a process of this machine that ends are
    taken over.

    Parameters
    ----------
    dimensions, objective, plan
        What is searched, what is to be least, and how it is searched.
    on_trial
        Is told every trial of this process.
    on_wait
        Is called about once a second while others are at their last trials, with the names of their machines.

    Raises
    ------
    TrainingError
        No trial was finished, the journal cannot be used, or a grid has a range without end.
    """
    study = _study(dimensions, plan)
    distributions = {dimension.name: dimension.distribution() for dimension in dimensions}
    trials = min(plan.trials, grid_size(dimensions)) if plan.method == "grid" else plan.trials
    while True:
        _take_up_again(study, plan.shared)
        while (trial := _next(study, distributions, trials)) is not None:
            on_trial(_outcome(_tried(study, trial, objective)))
        others = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        if not plan.shared or not others:
            break
        on_wait([_tried_by(other)[0] for other in others])
        time.sleep(_LOOK_S)
    finished = [_outcome(trial) for trial in study.get_trials(deepcopy=False, states=_FINISHED)]
    whole = [outcome for outcome in finished if not outcome.pruned and outcome.value is not None]
    if not whole:
        raise TrainingError("no trial of the search was finished", hint="try more trials or no pruning")
    best = min(whole, key=lambda outcome: (outcome.value, outcome.number))
    return SearchResult(best.parameters, best.value, tuple(finished))


def chosen_parameters(
    run: RecipeRun,
    dimensions: Sequence[Dimension],
    objective: Callable[[Mapping[str, Value], Probe], float],
    *,
    name: str = "search",
    saved: Mapping[str, Value] | None = None,
) -> SearchResult:
    """Search as the settings of a recipe say, or with ``fast_execution`` take the parameters saved before.

    Of the settings, those that the recipe has are looked at: ``search_method``, ``searching_fraction`` or ``trials``,
    ``pruning``, ``fast_execution``, ``epochs`` and ``study`` (a journal that other processes share). Every trial is
    told as an event; an interrupted search is gone on with.
    """
    settings = run.settings
    if settings.get("fast_execution"):
        if saved is None:
            raise TrainingError("there are no saved hyperparameters for a fast execution")
        return SearchResult(dict(saved), None)
    fraction = float(settings.get("searching_fraction", 0.0))
    trials = trials_of_fraction(dimensions, fraction) if fraction else int(settings.get("trials", 20))
    shared = str(settings.get("study", ""))
    together = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if shared and together:
        raise TrainingError("processes that train one network together cannot share a study with others")
    journal = Path(f"{shared}.{name}") if shared else run.checkpoints / f"{name}.journal"
    plan = SearchPlan(
        method=str(settings.get("search_method", "tpe")),
        trials=trials,
        seed=run.spec.seed,
        pruning=str(settings.get("pruning", "none")),
        # processes that train together must try the same, so each asks a study of its own with the same seed
        journal=None if together else journal,
        shared=bool(shared),
        of=_searched_for(run),
        longest=int(settings.get("search_epochs", settings.get("epochs", 100))),
    )

    def tell(outcome: TrialOutcome) -> None:
        text = f"trial {outcome.number + 1} of {trials}"
        values = {"trial": outcome.number + 1, "trials": trials, "value": outcome.value, "text": text}
        run.emit({"event": "trial", "parameters": dict(outcome.parameters), **values})

    return search(dimensions, objective, plan, tell, _waiting(run))


def digest_of(parameters: Mapping[str, Value]) -> str:
    """Return a short text that other parameters do not have; empty where nothing was chosen."""
    if not parameters:
        return ""
    return hashlib.sha256(json.dumps(dict(parameters), sort_keys=True).encode()).hexdigest()[:8]


def _waiting(run: RecipeRun) -> Callable[[Sequence[str]], None]:
    """Return what tells, once for each change, whose trials are waited for, and stays while the run is paused."""
    hold, told = holder(run.checkpoints, run.emit), [""]

    def wait(machines: Sequence[str]) -> None:
        hold()
        names = ", ".join(sorted({name for name in machines if name}))
        text = f"waiting for trials of other processes to end: {len(machines)}" + (f" on {names}" if names else "")
        if text != told[0]:
            told[0] = text
            run.emit({"event": "log", "text": text})

    return wait


def _searched_for(run: RecipeRun) -> str:
    settings = {name: value for name, value in run.settings.items() if name not in _NOT_OF_A_TRIAL}
    decides = [run.spec.recipe, str(run.spec.data), run.spec.seed, settings]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def _sampler(dimensions: Sequence[Dimension], plan: SearchPlan) -> optuna.samplers.BaseSampler:
    if plan.method == "grid":
        return ShuffledGrid({each.name: each.values() for each in dimensions}, plan.seed)

    def made(seed: int) -> optuna.samplers.BaseSampler:
        if plan.method == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=5)

    return SeededForEachTrial(made, plan.seed) if plan.shared else made(plan.seed)


def _study(dimensions: Sequence[Dimension], plan: SearchPlan) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    sampler = _sampler(dimensions, plan)
    if plan.pruning == "median":
        pruner = optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1)
    elif plan.pruning == "hyperband":
        pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=plan.longest)
    try:
        with warnings.catch_warnings():
            # some parts of Optuna call themselves experimental
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            storage = _storage(plan.journal)
            study = optuna.create_study(
                storage=storage, sampler=sampler, pruner=pruner, study_name="search", load_if_exists=True
            )
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError("the journal of the search cannot be used", path=plan.journal) from error
    if study.user_attrs.get(_SEARCHED_FOR, plan.of) != plan.of:
        hint = "name a file of its own for each recipe, data set, seed and settings"
        raise TrainingError("the study is one of another search", hint=hint, path=plan.journal)
    study.set_user_attr(_SEARCHED_FOR, plan.of)
    return study


def _storage(journal: Path | None) -> BaseStorage:
    if journal is None:
        return InMemoryStorage()
    journal.parent.mkdir(parents=True, exist_ok=True)
    # links, the usual lock, are not to be had on every file system
    lock = JournalFileOpenLock(str(journal))
    return JournalStorage(JournalFileBackend(str(journal), lock_obj=lock))


def _take_up_again(study: optuna.Study, shared: bool) -> None:
    """Give trials up that a killed process left at work, and queue the same combinations once more.

    Of a shared study those of processes of this machine that are gone: others may be at work.
    """
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        node, process = _tried_by(trial)
        if shared and (node != platform.node() or is_running(process, "")):
            continue
        try:
            study.tell(trial.number, state=TrialState.FAIL)
        except _OVER:
            # another process has given it up at the same time
            continue
        study.enqueue_trial(trial.params, skip_if_exists=False)


def _next(study: optuna.Study, distributions: dict[str, BaseDistribution], trials: int) -> optuna.Trial | None:
    """Return the next trial of this process; ``None`` when all are done or others are at them."""
    if len(_counted(study)) >= trials:
        return None
    trial = study.ask(distributions)
    trial.set_user_attr(_TRIED_BY, [platform.node(), os.getpid()])
    failed = len(study.get_trials(deepcopy=False, states=(TrialState.FAIL,)))
    if trial.number - failed >= trials:
        # another process took the last one at the same time
        study.tell(trial, state=TrialState.FAIL)
        return None
    return trial


def _tried_by(trial: FrozenTrial) -> tuple[str, int]:
    """Return machine and process of a trial."""
    node, process = trial.user_attrs.get(_TRIED_BY, ("", 0))
    return node, process


def _counted(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(*_FINISHED, TrialState.RUNNING))


def _tried(
    study: optuna.Study, trial: optuna.Trial, objective: Callable[[Mapping[str, Value], Probe], float]
) -> FrozenTrial:
    """Run one trial to its end and write it down."""
    for earlier in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        if earlier.params == trial.params:
            return _told(study, trial, earlier.value)
    try:
        value = float(objective(trial.params, Probe(trial)))
    except optuna.TrialPruned:
        return _told(study, trial, None)
    return _told(study, trial, value if math.isfinite(value) else None)


def _told(study: optuna.Study, trial: optuna.Trial, value: float | None) -> FrozenTrial:
    """Write down what a trial came to, ``None`` for pruned, unless another process has given it up already."""
    with contextlib.suppress(*_OVER):
        study.tell(trial, value, TrialState.PRUNED if value is None else TrialState.COMPLETE)
    return study.get_trials(deepcopy=False)[trial.number]


def _outcome(trial: FrozenTrial) -> TrialOutcome:
    return TrialOutcome(trial.number, dict(trial.params), trial.value, trial.state is TrialState.PRUNED)
