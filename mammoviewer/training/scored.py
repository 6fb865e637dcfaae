"""What a model said of each unit of a data set, beside the truth, and how units are put together into larger ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.base.errors import ArgumentError

UNITS = ("patch", "image", "breast", "patient")


@dataclass(frozen=True)
class ScoredUnit:
    """One patch, image, breast or patient; ``image`` names the file it comes from.

    ``truth`` has one 0 or 1 per class, ``scores`` one probability; ``statistics`` describe its grey values (see
    :mod:`mammoviewer.training.baselines`) and may be empty.
    """

    name: str
    patient: str
    breast: str
    image: str
    truth: tuple[int, ...]
    scores: tuple[float, ...]
    strata: Mapping[str, str]
    statistics: tuple[float, ...] = ()


@dataclass(frozen=True)
class Scored:
    """The units of a data set with a model's scores.

    Parameters
    ----------
    classes, positive_class, threshold
        Those of the model; ``threshold`` decides where there are two classes, or several that may hold together.
    multi_label
        Whether several classes may hold together; else exactly one is true of each unit.
    normal_index
        The class that is left when no other holds; -1 where there is none.
    """

    classes: tuple[str, ...]
    positive_class: str
    threshold: float
    multi_label: bool
    unit: str
    units: tuple[ScoredUnit, ...]
    normal_index: int = -1

    def __len__(self) -> int:
        return len(self.units)

    @property
    def patients(self) -> tuple[str, ...]:
        """Return the patient of each unit."""
        return tuple(unit.patient for unit in self.units)

    @property
    def truth(self) -> NDArray[np.int64]:
        """Return int64 (n, classes) of 0 and 1."""
        return np.array([unit.truth for unit in self.units], dtype=np.int64).reshape(len(self.units), -1)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Return the index of the true class of each unit, int64 (n,)."""
        return np.asarray(self.truth.argmax(axis=1), dtype=np.int64)

    @property
    def scores(self) -> DoubleArray:
        """Return the probabilities, float64 (n, classes)."""
        return np.array([unit.scores for unit in self.units], dtype=np.float64).reshape(len(self.units), -1)

    @property
    def decided(self) -> NDArray[np.int64]:
        """Return what the model decides, int64 (n, classes) of 0 and 1.

        Of two classes the positive one from the threshold on; of several the most probable; of labels that may hold
        together each from the threshold on.
        """
        scores = self.scores
        if self.multi_label:
            return (scores >= self.threshold).astype(np.int64)
        if len(self.classes) == 2:
            positive = self.classes.index(self.positive_class)
            chosen = np.where(scores[:, positive] >= self.threshold, positive, 1 - positive)
        else:
            chosen = scores.argmax(axis=1)
        return np.eye(len(self.classes), dtype=np.int64)[chosen]


def grouped_units(scored: Scored, unit: str) -> Scored:
    """Return larger units: the images, breasts or patients that the units belong to.

    A class is true of the larger unit when it is true of a part, and has the highest score of the parts; the class that
    means that nothing is there is true when no other is, and has what the others leave. Of classes that exclude each
    other the last true one counts (normal < benign < malignant), and scores are brought to a sum of 1.

    Raises
    ------
    ArgumentError
        The units are larger already, or there is no such unit.
    """
    if unit not in UNITS or UNITS.index(unit) < UNITS.index(scored.unit):
        hint = "units: " + ", ".join(UNITS[UNITS.index(scored.unit) :])
        raise ArgumentError(f"{scored.unit} scores cannot be judged by the unit {unit!r}", hint=hint)
    if unit == scored.unit:
        return scored
    members: dict[tuple[str, ...], list[ScoredUnit]] = {}
    for one in scored.units:
        members.setdefault(_key(one, unit), []).append(one)
    units = tuple(_joined(" ".join(part for part in key if part), parts, scored) for key, parts in members.items())
    return replace(scored, unit=unit, units=units)


def _key(one: ScoredUnit, unit: str) -> tuple[str, ...]:
    if unit == "patient":
        return (one.patient,)
    return (one.patient, one.breast) if unit == "breast" else (one.patient, one.image)


def _joined(name: str, parts: Sequence[ScoredUnit], scored: Scored) -> ScoredUnit:
    truth = np.array([part.truth for part in parts]).max(axis=0)
    scores = np.array([part.scores for part in parts], dtype=np.float64).max(axis=0)
    normal = scored.normal_index
    if normal >= 0:
        others = [index for index in range(len(truth)) if index != normal]
        truth[normal] = int(not truth[others].any())
        scores[normal] = 1.0 - scores[others].max()
    if not scored.multi_label:
        last = int(np.flatnonzero(truth).max(initial=0)) if normal < 0 or not truth[normal] else normal
        truth = np.eye(len(truth), dtype=np.int64)[last]
        scores = scores / scores.sum() if len(scores) > 2 or normal < 0 else scores
    strata = {key: value for key, value in parts[0].strata.items() if all(p.strata.get(key) == value for p in parts)}
    return ScoredUnit(
        name,
        parts[0].patient,
        parts[0].breast,
        parts[0].image,
        tuple(truth.tolist()),
        tuple(scores.tolist()),
        strata,
        (),
    )
