"""Slices of tomosynthesis volumes for training: which frames are chosen, and their classes.

As in the slice classifier of Paterno (INFN, next_AIM 2023): about ten slices a projection, those of positives around
the lesion; data sets that are prepared alike are merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammoviewer.base.errors import ArgumentError
from mammoviewer.datasets.cases import Case, CaseList

NEGATIVE, POSITIVE = "negative", "positive"
TWO_CLASSES = (NEGATIVE, POSITIVE)
THREE_CLASSES = (NEGATIVE, "malignant", "benign")


@dataclass(frozen=True)
class ChosenSlice:
    """One frame of a case, 0-based, and the index of its class."""

    case: Case
    frame: int
    label: int


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


def merged_cases(lists: Sequence[CaseList]) -> tuple[Case, ...]:
    """Return the volumes of several data sets, which are to be prepared alike, as one.

    Raises
    ------
    ArgumentError
        Two sets name the same patient: split apart, it would stand on both sides.
    """
    seen: set[str] = set()
    for one in lists:
        patients = set(one.patients)
        if seen & patients:
            reason = f"two of the data sets to merge name the same patient, {sorted(seen & patients)[0]}"
            raise ArgumentError(reason, hint="take its cases out of one of them")
        seen |= patients
    return tuple(case for one in lists for case in one.cases)


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
