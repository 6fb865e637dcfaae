"""Cross-validation among the films that are not for the test: what a configuration is chosen by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any, TypeAlias

import numpy as np

from mammoviewer.base.errors import TrainingError
from mammoviewer.datasets.cases import SEVERITIES
from mammoviewer.datasets.splits import Split, fixed_split
from mammoviewer.training.films import Film, FilmSets
from mammoviewer.training.fold_tasks import FoldTask, fold_figures, judged_folds
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.step_training import StepPlan

Judge: TypeAlias = Callable[[RecipeRun, FilmSets, int], Mapping[str, Any]]
"""Trains on a fold's training part, by its number from 0; tells ``auc``, ``n`` and ``n_patients`` of its test part."""
Load: TypeAlias = Callable[[RecipeRun], FilmSets]
"""Prepares and splits the films of a run."""
_APART = 1000
"""Between the seeds of repeated cross-validations."""


def patient_folds(films: Sequence[Film], folds: int, seed: int) -> list[int]:
    """Return the fold, from 0, of each film; patients stay whole, and each fold has its share of every severity."""
    worst: dict[str, int] = {}
    for film in films:
        severity = film.case.severity
        rank = SEVERITIES.index(severity) if severity else 0
        worst[film.case.patient] = max(worst.get(film.case.patient, 0), rank)
    generator = np.random.default_rng(seed)
    numbers = count()
    fold_of: dict[str, int] = {}
    for rank in range(len(SEVERITIES)):
        patients = sorted(patient for patient, own in worst.items() if own == rank)
        generator.shuffle(patients)
        fold_of.update((patient, next(numbers) % folds) for patient in patients)
    return [fold_of[film.case.patient] for film in films]


def cross_validation(
    films: FilmSets, folds: int, seed: int, repeats: int = 1
) -> Iterator[tuple[tuple[Film, ...], tuple[Film, ...]]]:
    """Yield, fold by fold, the films to learn from and those to judge by, all of the training and validation parts.

    ``repeats`` cross-validations differ in who is held out together.
    """
    if folds < 1:
        return
    every = films.train + films.validation
    for repeat in range(repeats):
        numbers = patient_folds(every, folds, seed + _APART * repeat)
        for fold in range(folds):
            learnt = tuple(film for film, own in zip(every, numbers, strict=True) if own != fold)
            judged = tuple(film for film, own in zip(every, numbers, strict=True) if own == fold)
            yield learnt, judged


def fold_sets(films: FilmSets, run: RecipeRun) -> tuple[FilmSets, ...]:
    """Return the folds that the settings ask for, each as a run of its own would see it: its test part is the fold.

    Of the films to learn from the share ``validation`` of the patients is set aside for the schedule of the learning
    rate and the end, so that what is judged chooses nothing. Without folds, but with several ``repeats``, there are so
    many random splits that hold that share out.

    Raises
    ------
    TrainingError
        A part of a fold has no films.
    """
    folds, repeats, share, seed = run.integer("folds"), run.integer("repeats"), run.number("validation"), run.spec.seed
    if folds >= 2:
        made = list(cross_validation(films, folds, seed, repeats))
    elif repeats > 1:
        parts = max(2, round(1 / share))
        made = list(cross_validation(films, parts, seed, repeats))[::parts]
    else:
        return ()
    return tuple(_as_sets(films, learnt, judged, share, seed) for learnt, judged in made)


def cross_validated(run: RecipeRun, films: FilmSets, load: Load, judge: Judge) -> dict[str, Any] | None:
    """Return the figures of the folds of a run, see :func:`mammoviewer.training.fold_tasks.fold_figures`.

    ``load`` and ``judge`` are functions of a module, for other machines, which prepare the films anew.
    """
    sets = fold_sets(films, run)
    elsewhere = partial(judge_fold, load, judge)
    return fold_figures(judged_folds(run, len(sets), lambda number: judge(run, sets[number], number), elsewhere))


def judge_fold(load: Load, judge: Judge, task: FoldTask) -> Mapping[str, Any]:
    """Judge one fold on a machine that knows nothing of the run yet."""
    run = task.run()
    return judge(run, fold_sets(load(run), run)[task.number], task.number)


def fit_plan(run: RecipeRun, plan: StepPlan, number: int | None = None) -> StepPlan:
    """Return the plan of the fit of a fold, by its number from 0, or of the published network (None), which is last.

    ``plan.share`` is that of all fits together.
    """
    count = fold_count(run)
    first, last = plan.share
    each = (last - first) / (count + 1)
    if number is None:
        return replace(plan, share=(last - each, last))
    share = (first + each * number, first + each * (number + 1))
    return replace(plan, name=f"fold {number + 1}", share=share, fold=(number + 1, count))


def fold_count(run: RecipeRun) -> int:
    """Return how many fits the settings ask for beside that of the published network."""
    folds, repeats = run.integer("folds"), int(run.settings.get("repeats", 1))
    if folds >= 2:
        return folds * repeats
    return repeats if repeats > 1 else 0


def _as_sets(films: FilmSets, learnt: Sequence[Film], judged: tuple[Film, ...], share: float, seed: int) -> FilmSets:
    patients, severities = [film.case.patient for film in learnt], [film.case.severity for film in learnt]
    inner = fixed_split(patients, (1 - share, share, 0.0), seed, strata=severities, layout=films.split.layout)
    train, aside = (
        tuple(film for film in learnt if film.case.patient in names) for names in (inner.train, inner.validation)
    )
    if not (train and aside and judged):
        raise TrainingError("a part of a fold has no films", hint="ask for fewer folds, or add patients")
    held_out = tuple(sorted({film.case.patient for film in judged}))
    split = Split(inner.train, inner.validation, held_out, seed, films.split.layout)
    return replace(films, split=split, train=train, validation=aside, test=judged)
