"""Cross-validation among the films that are not for the test: what a configuration is chosen by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any, TypeAlias

import numpy as np

from mammoviewer.base.errors import TrainingError
from mammoviewer.datasets.cases import SEVERITIES
from mammoviewer.datasets.leaks import SAME_IMAGE, LeakReport, thumbnails
from mammoviewer.datasets.splits import Split, fixed_split, merged_groups, near_duplicates
from mammoviewer.training.films import Film, FilmSets
from mammoviewer.training.fold_tasks import ONE_AT_A_TIME, FoldTask, fold_figures, judged_folds
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.step_training import StepPlan

Judge: TypeAlias = Callable[[RecipeRun, FilmSets, int], Mapping[str, Any]]
"""Trains on a fold's training part, by its number from 0; tells ``auc``, ``n`` and ``n_patients`` of its test part."""
Load: TypeAlias = Callable[[RecipeRun], FilmSets]
"""Prepares and splits the films of a run."""
_APART = 1000
"""Between the seeds of repeated cross-validations."""


@dataclass(frozen=True)
class Alike:
    """Which films must stay together, and which are almost the same picture.

    Attributes
    ----------
    groups
        Of each film its patient; patients who share almost the same picture are one, unless ``allow_leak`` is set.
    pairs
        Places of two films that are almost the same picture.
    """

    groups: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]


def alike(films: Sequence[Film], run: RecipeRun) -> Alike:
    """Return what must stay together of films that are dealt out to folds."""
    patients = tuple(film.case.patient for film in films)
    pairs = near_duplicates(thumbnails([film.values[0] for film in films]), correlation=SAME_IMAGE)
    return Alike(patients if run.settings.get("allow_leak") else merged_groups(patients, pairs), pairs)


def leaks_between(films: FilmSets, found: Alike, judged: Sequence[Film]) -> LeakReport:
    """Return which films that are not for the test are almost the same as one on the other side of a fold."""
    every, held_out = films.train + films.validation, {id(film) for film in judged}
    across = tuple(
        (every[first].case.name, every[second].case.name)
        for first, second in found.pairs
        if (id(every[first]) in held_out) != (id(every[second]) in held_out)
    )
    return LeakReport((), across, len(every), pictures_compared=True, overridden=bool(across))


def patient_folds(films: Sequence[Film], folds: int, seed: int, groups: Sequence[str] = ()) -> list[int]:
    """Return the fold, from 0, of each film; groups stay whole, and each fold has its share of every severity.

    Without ``groups``, one name for each film, the patients stay whole.
    """
    groups = groups or [film.case.patient for film in films]
    worst: dict[str, int] = {}
    for film, group in zip(films, groups, strict=True):
        severity = film.case.severity
        rank = SEVERITIES.index(severity) if severity else 0
        worst[group] = max(worst.get(group, 0), rank)
    generator = np.random.default_rng(seed)
    numbers = count()
    fold_of: dict[str, int] = {}
    for rank in range(len(SEVERITIES)):
        names = sorted(group for group, own in worst.items() if own == rank)
        generator.shuffle(names)
        fold_of.update((group, next(numbers) % folds) for group in names)
    return [fold_of[group] for group in groups]


def cross_validation(
    films: FilmSets, folds: int, seed: int, repeats: int = 1, groups: Sequence[str] = ()
) -> Iterator[tuple[tuple[Film, ...], tuple[Film, ...]]]:
    """Yield, fold by fold, the films to learn from and those to judge by, all of the training and validation parts.

    ``repeats`` cross-validations differ in who is held out together; ``groups`` see :func:`patient_folds`.
    """
    if folds < 2:
        return
    every = films.train + films.validation
    for repeat in range(repeats):
        numbers = patient_folds(every, folds, seed + _APART * repeat, groups)
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
    if folds < 2 and repeats <= 1:
        return ()
    found = alike(films.train + films.validation, run)
    if folds >= 2:
        made = list(cross_validation(films, folds, seed, repeats, found.groups))
    else:
        parts = max(2, round(1 / share))
        made = list(cross_validation(films, parts, seed, repeats, found.groups))[::parts]
    return tuple(_as_sets(films, judged, found, share, seed) for _, judged in made)


def cross_validated(run: RecipeRun, films: FilmSets, load: Load, judge: Judge) -> dict[str, Any] | None:
    """Return the figures of the folds of a run, see :func:`mammoviewer.training.fold_tasks.fold_figures`.

    ``load`` and ``judge`` are functions of a module, for other machines, which prepare the films anew.
    """
    sets = fold_sets(films, run)
    elsewhere = partial(judge_fold, load, judge)
    found = judged_folds(run, len(sets), lambda number: judge(run, sets[number], number), elsewhere)
    figures = fold_figures(found)
    if figures is not None and any(one.leaks.duplicates for one in sets):
        figures["pictures_on_two_sides"] = [len(one.leaks.duplicates) for one in sets]
    return figures


def judge_fold(load: Load, judge: Judge, task: FoldTask) -> Mapping[str, Any]:
    """Judge one fold on a machine that knows nothing of the run yet."""
    with ONE_AT_A_TIME:
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


def _as_sets(films: FilmSets, judged: tuple[Film, ...], found: Alike, share: float, seed: int) -> FilmSets:
    held = {id(film) for film in judged}
    every = zip(films.train + films.validation, found.groups, strict=True)
    learnt = [(film, group) for film, group in every if id(film) not in held]
    groups, severities = [group for _, group in learnt], [film.case.severity for film, _ in learnt]
    inner = fixed_split(groups, (1 - share, share, 0.0), seed, strata=severities, layout=films.split.layout)
    train, aside = (
        tuple(film for film, group in learnt if group in names) for names in (inner.train, inner.validation)
    )
    if not (train and aside and judged):
        raise TrainingError("a part of a fold has no films", hint="ask for fewer folds, or add patients")
    names = [tuple(sorted({film.case.patient for film in part})) for part in (train, aside, judged)]
    split = Split(names[0], names[1], names[2], seed, films.split.layout)
    leaks = leaks_between(films, found, judged)
    return replace(films, split=split, train=train, validation=aside, test=judged, leaks=leaks)
