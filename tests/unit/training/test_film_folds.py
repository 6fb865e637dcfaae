"""Folds of films: patients stay whole, severities are spread, and each film is judged once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mammoviewer.datasets.cases import Case
from mammoviewer.datasets.leaks import LeakReport
from mammoviewer.datasets.splits import Split
from mammoviewer.training.film_folds import cross_validation, patient_folds
from mammoviewer.training.films import Film, FilmSets


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
