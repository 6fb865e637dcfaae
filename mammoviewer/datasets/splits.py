"""Splits that keep a group (case, patient, finding) on one side, and the search for near-duplicate patches.

Folds are made anew for each run; a :class:`Split` is made once, by patient, and written down.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.errors import ArgumentError, ExportError, InputError
from mammoviewer.base.paths import write_text_atomically

IndexArray = NDArray[np.intp]
SCHEMA_VERSION = 1
PARTS = ("train", "validation", "test")
PROJECT_SEED = 20
PROJECT_TEST_FRACTION = 0.2
_ATTEMPTS = 5
_BLOCK = 1024


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
        turned = _standardised(variant)
        for start in range(0, len(flat), _BLOCK):
            similar = flat[start : start + _BLOCK] @ turned[start:].T >= correlation
            found = zip(*np.nonzero(np.triu(similar, 1)), strict=True)
            pairs.update((start + int(i), start + int(j)) for i, j in found)
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


@dataclass(frozen=True)
class Split:
    """Names of patients by part, sorted; no name stands in two parts.

    ``seed`` and ``layout`` tell where it comes from and are written along.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    seed: int = 0
    layout: str = ""

    def __post_init__(self) -> None:
        """Refuse a patient on two sides."""
        names = [*self.train, *self.validation, *self.test]
        if len(set(names)) != len(names):
            raise ArgumentError("a patient stands in two parts of the split")

    def part(self, name: str) -> tuple[str, ...]:
        """Return the patients of "train", "validation" or "test".

        Raises
        ------
        ArgumentError
            There is no such part.
        """
        if name not in PARTS:
            raise ArgumentError(f"a split has no part {name!r}", hint="parts: " + ", ".join(PARTS))
        members: tuple[str, ...] = getattr(self, name)
        return members

    def indices(self, name: str, patients: Sequence[str]) -> tuple[int, ...]:
        """Return the places in ``patients`` (one name per item) of the items that belong to a part."""
        members = set(self.part(name))
        return tuple(index for index, patient in enumerate(patients) if patient in members)


def fixed_split(
    patients: Sequence[str],
    fractions: Sequence[float],
    seed: int,
    *,
    strata: Sequence[str] = (),
    layout: str = "",
) -> Split:
    """Return a split of the different names in ``patients``, the same for the same names, strata and seed.

    Parameters
    ----------
    patients
        One name per item (image, patch); a name may come often.
    fractions
        Of train, validation and test; they add up to 1.
    strata
        One name per item, such as its class. Patients with the same set of these are dealt out in proportion.

    Raises
    ------
    ArgumentError
        The fractions are no shares of a whole, there are no patients, or strata and patients differ in number.
    """
    shares = np.asarray(fractions, dtype=np.float64)
    if shares.shape != (3,) or not (shares >= 0).all() or abs(float(shares.sum()) - 1) > 1e-6:
        raise ArgumentError("the fractions of train, validation and test must add up to 1")
    if not patients or (strata and len(strata) != len(patients)):
        raise ArgumentError("a split needs patients, and one stratum for each")
    generator = np.random.default_rng(seed)
    given = np.zeros(3)
    parts: tuple[list[str], ...] = ([], [], [])
    for names in _by_stratum(patients, strata):
        owed = shares * len(names)
        counts = _whole_numbers(owed, given)
        given += owed - counts
        shuffled = [names[i] for i in generator.permutation(len(names))]
        for part, count in zip(parts, counts.tolist(), strict=True):
            part.extend(shuffled[:count])
            del shuffled[:count]
    train, validation, test = (tuple(sorted(part)) for part in parts)
    return Split(train, validation, test, seed, layout)


def project_split(layout: str, patients: Sequence[str], strata: Sequence[str]) -> Split:
    """Return the split by which this project judges its own models: 20 % of the patients for test, seed 20.

    ``strata`` are one class per item, as :meth:`CaseList.classes` has them: normal or microcalcification for INFN,
    normal, benign or malignant for mini-MIAS. The rest is for training; validation parts are cut from it by folds.
    """
    fractions = (1 - PROJECT_TEST_FRACTION, 0.0, PROJECT_TEST_FRACTION)
    return fixed_split(patients, fractions, PROJECT_SEED, strata=strata, layout=layout)


def write_split(path: Path, split: Split) -> Path:
    """Write a split as JSON and return ``path``.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    document = {"schema_version": SCHEMA_VERSION, "layout": split.layout, "seed": split.seed}
    text = json.dumps({**document, **{name: list(split.part(name)) for name in PARTS}}, indent=2, ensure_ascii=False)
    try:
        write_text_atomically(path, text + "\n")
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror or error}", path=path) from error
    return path


def read_split(path: Path) -> Split:
    """Return what :func:`write_split` wrote.

    Raises
    ------
    InputError
        The file cannot be read, is no split, or has a patient in two parts.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
            raise InputError("is no split of patients of this version", path=path)
        parts = [_names(document, name) for name in PARTS]
        return Split(parts[0], parts[1], parts[2], int(document.get("seed", 0)), str(document.get("layout", "")))
    except OSError as error:
        raise InputError("the split cannot be read", hint=error.strerror or "", path=path) from error
    except (ValueError, TypeError, KeyError) as error:
        raise InputError("is no split: it needs lists train, validation and test", path=path) from error
    except ArgumentError as error:
        raise InputError(error.reason, path=path) from error


def _standardised(images: StoredArray) -> NDArray[np.float32]:
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    result: NDArray[np.float32] = np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 0)
    return result


def _symmetries(images: StoredArray) -> tuple[StoredArray, ...]:
    turned = [np.rot90(images, quarter, axes=(1, 2)) for quarter in range(4)]
    return (*turned, *(variant[:, :, ::-1] for variant in turned))


def _names(document: Mapping[str, object], part: str) -> tuple[str, ...]:
    names = document[part]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError(part)
    return tuple(sorted(names))


def _by_stratum(patients: Sequence[str], strata: Sequence[str]) -> list[list[str]]:
    """Return the names of each stratum, sorted, the largest stratum first: small ones even out what those left."""
    seen: dict[str, set[str]] = {}
    for patient, stratum in zip(patients, strata or [""] * len(patients), strict=True):
        seen.setdefault(patient, set()).add(stratum)
    members: dict[tuple[str, ...], list[str]] = {}
    for patient in sorted(seen):
        members.setdefault(tuple(sorted(seen[patient])), []).append(patient)
    return [members[key] for key in sorted(members, key=lambda key: (-len(members[key]), key))]


def _whole_numbers(owed: np.ndarray, carried: np.ndarray) -> np.ndarray:
    """Return whole numbers near ``owed`` with the same sum; what earlier strata fell short of is made up first."""
    counts = np.floor(owed + 1e-9).astype(np.int64)
    lacking = np.where(owed > 0, owed - counts + carried, -np.inf)
    for _ in range(round(float(owed.sum())) - int(counts.sum())):
        best = int(np.argmax(lacking))
        counts[best] += 1
        lacking[best] -= 1
    return counts
