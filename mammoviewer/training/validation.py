"""Splits of splits: repeated and nested cross-validation. Groups are never torn apart, at no stage. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammoviewer.base.errors import TrainingError
from mammoviewer.datasets.splits import Fold, IndexArray, grouped_folds


@dataclass(frozen=True, eq=False)
class NestedFold:
    """One outer split, and the inner ones of its training part; all indices are of the whole set."""

    outer: Fold
    inner: tuple[Fold, ...]


def repeated_folds(
    labels: Sequence[int], groups: Sequence[str], folds: int, *, repeats: int, seed: int
) -> tuple[tuple[Fold, ...], ...]:
    """Return ``repeats`` cross-validations that differ in who is held out together."""
    return tuple(grouped_folds(labels, groups, folds, seed + 1000 * number) for number in range(repeats))


def random_splits(
    labels: Sequence[int], groups: Sequence[str], *, share: float, repeats: int, seed: int
) -> tuple[Fold, ...]:
    """Return ``repeats`` splits that each hold about ``share`` of the groups out.

    Raises
    ------
    TrainingError
        The share is not between 0 and .5.
    """
    if not 0 < share <= 0.5:
        raise TrainingError("the share held out is above 0 and at most .5")
    return tuple(part[0] for part in repeated_folds(labels, groups, round(1 / share), repeats=repeats, seed=seed))


def folds_within(
    indices: IndexArray, labels: Sequence[int], groups: Sequence[str], folds: int, seed: int
) -> tuple[Fold, ...]:
    """Return splits of a part of the set, in indices of the whole set."""
    chosen = indices.tolist()
    parts = grouped_folds([labels[i] for i in chosen], [groups[i] for i in chosen], folds, seed)
    return tuple(Fold(indices[part.train], indices[part.test]) for part in parts)


def nested_folds(
    labels: Sequence[int], groups: Sequence[str], *, outer: int, inner: int, seed: int
) -> tuple[NestedFold, ...]:
    """Return outer splits, each with inner splits of its training part: what is chosen inside never saw the outside.

    Raises
    ------
    TrainingError
        A group would stand on both sides.
    """
    result = []
    names = np.asarray(groups)
    for number, fold in enumerate(grouped_folds(labels, groups, outer, seed)):
        parts = folds_within(fold.train, labels, groups, inner, seed + 100 + number)
        held_out = set(names[fold.test])
        if any(held_out & set(names[np.concatenate([part.train, part.test])]) for part in parts):
            raise TrainingError("a group stands on both sides of a nested split")
        result.append(NestedFold(fold, parts))
    return tuple(result)
