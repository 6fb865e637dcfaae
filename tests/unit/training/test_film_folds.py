"""Folds of films: patients stay whole, severities are spread, and each film is judged once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
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

torch = pytest.importorskip("torch")

from mammoviewer.training.film_folds import (  # noqa: E402
    cross_validated,
    cross_validation,
    fit_plan,
    fold_sets,
    judge_fold,
    patient_folds,
)
from mammoviewer.training.fold_tasks import FoldTask, fold_text  # noqa: E402
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
    assert not list(cross_validation(sets, 1, 1)), "one fold would leave nothing to learn from"


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


def _twins() -> FilmSets:
    """Patients of whom 0 and 2, 4 and 6, 8 and 10 show the same picture."""
    generator = np.random.default_rng(0)
    films = [replace(_film(2 * number), values=_picture(generator)) for number in range(15)]
    for number in (0, 4, 8):
        films[number + 2] = replace(films[number + 2], values=films[number].values)
    report = LeakReport((), (), 15, pictures_compared=True)
    return FilmSets(Split((), (), (), 1, "mini-mias"), tuple(films[:9]), tuple(films[9:12]), tuple(films[12:]), report)


def _picture(generator: np.random.Generator) -> Any:
    return cv2.GaussianBlur(generator.random((128, 128)).astype(np.float32), (0, 0), 4)[None]


def _alone(sets: FilmSets) -> bool:
    """Whether no picture stands in two parts of a fold."""
    parts = [{film.values.tobytes() for film in part} for part in (sets.train, sets.validation, sets.test)]
    return len(set.union(*parts)) == sum(map(len, parts))


def test_patients_who_share_a_picture_stay_together_in_folds_and_within_them() -> None:
    sets = _twins()
    made = fold_sets(sets, _run(folds=3, repeats=4, validation=0.3))
    assert all(_alone(fold) and fold.leaks.clean for fold in made)
    assert all(set(fold.split.train) == _patients(fold.train) for fold in made)
    leaking = fold_sets(sets, _run(folds=3, repeats=4, validation=0.3, allow_leak=True))
    assert not all(fold.leaks.clean for fold in leaking)


def test_folds_that_leak_with_leave_say_so() -> None:
    run, sets = _run(folds=3, validation=0.3, allow_leak=True), _twins()
    figures = cross_validated(run, sets, lambda _run: sets, lambda *_: {"auc": 0.5, "n": 4, "n_patients": 4})
    assert figures is not None
    told = [len(fold.leaks.duplicates) for fold in fold_sets(sets, run)]
    assert figures["pictures_on_two_sides"] == told
    assert f"The folds leak: {sum(told)} times" in fold_text(figures)


def test_threads_of_a_worker_judge_one_fold_at_a_time(tmp_path: Path) -> None:
    sets, run = _twins(), _run(folds=3, validation=0.3)

    def judge(_run: RecipeRun, _films: FilmSets, number: int) -> dict[str, Any]:
        torch.manual_seed(number)
        time.sleep(0.01)
        return {"auc": float(torch.rand(1))}

    tasks = [FoldTask(replace(run.spec, output=tmp_path / "out"), run.settings, number) for number in range(3)]
    judged = partial(judge_fold, lambda _run: sets, judge)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(judged, tasks)) == [judged(task) for task in tasks]
