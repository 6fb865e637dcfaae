"""Folds of films: patients stay whole, severities are spread, and each film is judged once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammoviewer.base.errors import TrainingError
from mammoviewer.datasets.cases import Case
from mammoviewer.datasets.leaks import LeakReport
from mammoviewer.datasets.splits import Split
from mammoviewer.training.films import Film, FilmSets
from mammoviewer.training.recipe_files import load_recipe
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.spec import TrainingSpec

pytest.importorskip("torch")

from mammoviewer.training.film_folds import cross_validation, fit_plan, fold_sets, patient_folds  # noqa: E402
from mammoviewer.training.step_training import StepPlan  # noqa: E402

pytestmark = pytest.mark.torch


def _film(number: int) -> Film:
    severity = ("normal", "benign", "malignant")[number // 2 % 3]
    case = Case(path=Path(f"{number}.png"), patient=f"p{number // 2}", labels=(severity,))
    return Film(case, np.zeros((1, 8, 8), np.float32), np.ones((8, 8), np.bool_), (), ())


def test_patients_stay_whole_and_each_fold_has_every_severity() -> None:
    films = [_film(number) for number in range(36)]
    folds = patient_folds(films, 3, 1)
    assert folds[0::2] == folds[1::2]
    assert all(folds.count(fold) == 12 for fold in range(3))
    for fold in range(3):
        assert len({film.case.severity for film, own in zip(films, folds, strict=True) if own == fold}) == 3
    assert patient_folds(films, 3, 1) == folds
    assert patient_folds(films, 3, 2) != folds


def test_each_film_that_is_not_for_the_test_is_judged_once() -> None:
    films = [_film(number) for number in range(36)]
    split = Split((), (), (), 1, "mini-mias")
    sets = FilmSets(split, tuple(films[:20]), tuple(films[20:30]), tuple(films[30:]), LeakReport((), (), 36, False))
    judged = []
    for learnt, held in cross_validation(sets, 3, 1):
        assert not {film.case.patient for film in learnt} & {film.case.patient for film in held}
        judged += [id(film) for film in held]
    assert sorted(judged) == sorted(id(film) for film in films[:30])
    assert not list(cross_validation(sets, 0, 1))


def _run(**settings: Any) -> RecipeRun:
    spec = TrainingSpec(kind="recipe", data=Path(), output=Path("out"), name="m", recipe="cnni-bcc")
    return RecipeRun(spec, load_recipe("cnni-bcc").settings(settings), lambda _event: None, Path("kept"))


def _patients(films: Sequence[Film]) -> set[str]:
    return {film.case.patient for film in films}


def test_what_a_fold_is_judged_by_chooses_nothing() -> None:
    films = [_film(number) for number in range(36)]
    split = Split((), (), (), 1, "mini-mias")
    sets = FilmSets(split, tuple(films[:20]), tuple(films[20:30]), tuple(films[30:]), LeakReport((), (), 36, False))
    made = fold_sets(sets, _run(folds=3, repeats=2, validation=0.2))
    assert len(made) == 6
    for fold in made:
        parts = [_patients(part) for part in (fold.train, fold.validation, fold.test)]
        assert len(set.union(*parts)) == sum(map(len, parts)) == 15
        assert not set.union(*parts) & _patients(sets.test)
        assert tuple(sorted(parts[2])) == fold.split.test
    assert set.union(*(_patients(fold.test) for fold in made[:3])) == _patients(films[:30])
    assert _patients(made[0].test) != _patients(made[3].test)
    assert not fold_sets(sets, _run())
    drawn = fold_sets(sets, _run(repeats=3, validation=0.2))
    assert [len(_patients(fold.test)) for fold in drawn] == [3, 3, 3]
    assert len({fold.split.test for fold in drawn}) > 1
    with pytest.raises(TrainingError, match="a part of a fold has no films"):
        fold_sets(replace(sets, train=tuple(films[:2]), validation=tuple(films[2:4])), _run(folds=2))


def test_the_fits_of_a_run_share_its_progress_and_have_names_of_their_own() -> None:
    plan, run = StepPlan(1, 1, 0.1, share=(0.1, 0.9)), _run(folds=3)
    plans = [fit_plan(run, plan, number) for number in (0, 1, 2, None)]
    assert [one.name for one in plans] == ["fold 1", "fold 2", "fold 3", "epoch"]
    assert [one.fold for one in plans] == [(1, 3), (2, 3), (3, 3), None]
    edges = [edge for one in plans for edge in one.share]
    assert edges == pytest.approx([0.1, 0.3, 0.3, 0.5, 0.5, 0.7, 0.7, 0.9])
    assert fit_plan(_run(), plan).share == pytest.approx((0.1, 0.9))
