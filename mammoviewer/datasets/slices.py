"""Slices of tomosynthesis volumes for training: which frames are chosen, and their classes.

As in the slice classifier of Paterno (INFN, next_AIM 2023): about ten slices a projection, those of positives around
the lesion; the slices of several data sets that were prepared alike are merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ArgumentError
from mammoviewer.datasets.cases import Case

NEGATIVE, POSITIVE = "negative", "positive"
TWO_CLASSES = (NEGATIVE, POSITIVE)
THREE_CLASSES = (NEGATIVE, "malignant", "benign")
PROJECTIONS = ("CC", "MLO")


@dataclass(frozen=True)
class ChosenSlice:
    """One frame of a case, 0-based, and the index of its class."""

    case: Case
    frame: int
    label: int


@dataclass(frozen=True, eq=False)
class SliceSet:
    """Slices float32 (n, rows, columns) with class indices, patients, and names for reports; one entry per slice."""

    images: FloatArray
    labels: tuple[int, ...]
    patients: tuple[str, ...]
    names: tuple[str, ...]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        count = len(self.images)
        if self.images.ndim != 3 or not len(self.labels) == len(self.patients) == len(self.names) == count:
            raise ArgumentError("slices, labels, patients and names differ in number")

    def __len__(self) -> int:
        return len(self.labels)


def choose_slices(
    case: Case, frames: int, classes: Sequence[str], *, positives: int, negatives: int, margin: int = 2
) -> tuple[ChosenSlice, ...]:
    """Return the frames of a volume to learn from, in their order.

    Parameters
    ----------
    frames
        Number of frames of the volume.
    classes
        ``TWO_CLASSES`` or ``THREE_CLASSES``. Of three, a frame through a malignant and a benign lesion is malignant.
    positives, negatives
        At most so many frames of each lesion class, evenly spaced over those that its lesions reach, and at most so
        many without a lesion, evenly spaced over the others.
    margin
        Frames before and after a lesion that are left out: its shadow is in them.
    """
    malignant, benign = (_reached(case, frames, severity, 0) for severity in ("malignant", "benign"))
    shadowed = _reached(case, frames, "malignant", margin) | _reached(case, frames, "benign", margin)
    by_class = {0: ~shadowed}
    if len(classes) == len(TWO_CLASSES):
        by_class[1] = malignant | benign
    else:
        by_class[1], by_class[2] = malignant, benign & ~malignant
    chosen = []
    for label, inside in by_class.items():
        wanted = positives if label else negatives
        chosen += [ChosenSlice(case, frame, label) for frame in _spread(np.flatnonzero(inside), wanted)]
    return tuple(sorted(chosen, key=lambda one: one.frame))


def merged(sets: Sequence[SliceSet]) -> SliceSet:
    """Return the slices of several data sets that were prepared alike as one set.

    Raises
    ------
    ArgumentError
        There is none, or classes or sizes differ, or two sets name the same patient.
    """
    if not sets or len({part.classes for part in sets}) != 1 or len({part.images.shape[1:] for part in sets}) != 1:
        raise ArgumentError("the sets to merge have other classes or slices of other sizes")
    patients = [set(part.patients) for part in sets]
    if sum(map(len, patients)) != len(set().union(*patients)):
        raise ArgumentError("two of the sets to merge name the same patient", hint="take the case out of one of them")
    return SliceSet(
        np.concatenate([part.images for part in sets]),
        tuple(label for part in sets for label in part.labels),
        tuple(patient for part in sets for patient in part.patients),
        tuple(name for part in sets for name in part.names),
        sets[0].classes,
    )


def _reached(case: Case, frames: int, severity: str, margin: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    inside = np.zeros(frames, dtype=np.bool_)
    for finding in case.findings:
        if finding.label == severity:
            inside[max(0, finding.frames[0] - margin) : finding.frames[1] + 1 + margin] = True
    return inside


def _spread(frames: np.ndarray[tuple[int], np.dtype[np.intp]], count: int) -> list[int]:
    """Return at most ``count`` of ``frames``, evenly spaced, none at the very ends when there are more."""
    if len(frames) <= count:
        return [int(frame) for frame in frames]
    places = (np.arange(count) + 0.5) * len(frames) / count
    return [int(frames[int(place)]) for place in places]
