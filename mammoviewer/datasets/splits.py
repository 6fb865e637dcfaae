"""Splits that keep a group (case, patient, finding) on one side, and the search for near-duplicate patches."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.errors import ArgumentError

IndexArray = NDArray[np.intp]
_ATTEMPTS = 5


@dataclass(frozen=True, eq=False)
class Fold:
    """One split: indices of the patches to learn from and of those held out."""

    train: IndexArray
    test: IndexArray


def grouped_folds(labels: Sequence[int], groups: Sequence[str], folds: int, seed: int) -> tuple[Fold, ...]:
    """Return ``folds`` splits, stratified by class as far as whole groups allow; every patch is held out once.

    Raises
    ------
    ArgumentError
        A class has fewer groups than there are folds, or all its patches would be held out at once, or there are
        fewer than two folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    classes = np.asarray(labels)
    names = np.asarray(groups)
    if folds < 2 or any(len(set(names[classes == value])) < folds for value in np.unique(classes)):
        raise ArgumentError(f"every class needs at least {max(folds, 2)} groups for {folds} folds")
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    result = tuple(Fold(train, test) for train, test in splitter.split(np.zeros(len(classes)), classes, names))
    for fold in result:
        if set(names[fold.train]) & set(names[fold.test]):
            raise ArgumentError("a group stands on both sides of a split")
        if len(np.unique(classes[fold.train])) < len(np.unique(classes)):
            raise ArgumentError("the groups are too uneven: a split would learn without one of the classes")
    return result


def workable_folds(labels: Sequence[int], groups: Sequence[str], folds: int, seed: int) -> tuple[Fold, ...]:
    """Return as many of ``folds`` grouped splits as the groups allow, at least two; empty when not even two work.

    Groups that hold several classes can be too uneven for one number of folds and fit another.
    """
    for count in range(min(folds, smallest_class_groups(labels, groups)), 1, -1):
        for attempt in range(_ATTEMPTS):
            with contextlib.suppress(ArgumentError):
                return grouped_folds(labels, groups, count, seed + attempt)
    return ()


def smallest_class_groups(labels: Sequence[int], groups: Sequence[str]) -> int:
    """Return the number of groups of the class that has the fewest."""
    seen: dict[int, set[str]] = {}
    for label, group in zip(labels, groups, strict=True):
        seen.setdefault(label, set()).add(group)
    return min((len(names) for names in seen.values()), default=0)


def near_duplicates(images: StoredArray, *, correlation: float = 0.98) -> tuple[tuple[int, int], ...]:
    """Return the pairs (i < j) of patches that are almost the same picture, turned or mirrored or not.

    Brightness and contrast are taken out first; patches are compared by Pearson correlation under the eight
    symmetries of the square. Patches without any contrast are never called duplicates.

    Parameters
    ----------
    images
        Shape (n, rows, columns), square.
    correlation
        Pairs at or above this are reported.
    """
    flat = _standardised(images)
    pairs: set[tuple[int, int]] = set()
    for variant in _symmetries(images):
        similar = flat @ _standardised(variant).T >= correlation
        pairs.update((int(i), int(j)) for i, j in zip(*np.nonzero(np.triu(similar, 1)), strict=True))
    return tuple(sorted(pairs))


def merged_groups(groups: Sequence[str], pairs: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Return the groups with those joined that share a near-duplicate; the first name in sorting order stays."""
    parent = {name: name for name in groups}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for first, second in pairs:
        low, high = sorted((root(groups[first]), root(groups[second])))
        parent[high] = low
    return tuple(root(name) for name in groups)


def _standardised(images: StoredArray) -> NDArray[np.float32]:
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    result: NDArray[np.float32] = np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 0)
    return result


def _symmetries(images: StoredArray) -> tuple[StoredArray, ...]:
    turned = [np.rot90(images, quarter, axes=(1, 2)) for quarter in range(4)]
    return (*turned, *(variant[:, :, ::-1] for variant in turned))
