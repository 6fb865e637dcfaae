"""Cross-validation among the films that are not for the test: what a configuration is chosen by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np

from mammoviewer.datasets.cases import SEVERITIES
from mammoviewer.training.films import Film, FilmSets


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


def cross_validation(films: FilmSets, folds: int, seed: int) -> Iterator[tuple[tuple[Film, ...], tuple[Film, ...]]]:
    """Yield, fold by fold, the films to learn from and those to judge by, all of the training and validation parts."""
    if folds < 1:
        return
    every = films.train + films.validation
    numbers = patient_folds(every, folds, seed)
    for fold in range(folds):
        learnt = tuple(film for film, own in zip(every, numbers, strict=True) if own != fold)
        judged = tuple(film for film, own in zip(every, numbers, strict=True) if own == fold)
        yield learnt, judged
