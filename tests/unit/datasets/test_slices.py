"""Which slices of a volume are learnt from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.datasets.cases import Case, CaseFinding, CaseList
from mammoviewer.datasets.slices import THREE_CLASSES, TWO_CLASSES, choose_slices, merged_cases


def volume(*lesions: tuple[str, int, int]) -> Case:
    box = (0.0, 0.0, 9.0, 9.0)
    findings = tuple(CaseFinding(label, "mass", box, frames=(first, last)) for label, first, last in lesions)
    return Case(Path("volume.dcm"), "patient 1", findings=findings)


def chosen(case: Case, classes: tuple[str, ...], **options: int) -> list[tuple[int, int]]:
    settings = {"positives": 5, "negatives": 5, **options}
    return [(one.frame, one.label) for one in choose_slices(case, 40, classes, **settings)]


def test_positives_lie_in_the_lesion_and_negatives_beyond_its_shadow() -> None:
    pairs = chosen(volume(("malignant", 10, 14)), TWO_CLASSES)
    assert [frame for frame, label in pairs if label == 1] == [10, 11, 12, 13, 14]
    negatives = [frame for frame, label in pairs if label == 0]
    assert len(negatives) == 5
    assert all(frame < 8 or frame > 16 for frame in negatives)
    # evenly spaced over the 35 frames that are left
    assert negatives == [3, 17, 24, 31, 38] or np.ptp(np.diff(negatives)) <= 10


def test_a_healthy_breast_gives_negatives_from_end_to_end() -> None:
    assert chosen(volume(), TWO_CLASSES, negatives=4) == [(5, 0), (15, 0), (25, 0), (35, 0)]


def test_of_three_classes_malignant_wins_where_both_are() -> None:
    pairs = chosen(volume(("malignant", 10, 14), ("benign", 13, 18)), THREE_CLASSES, positives=9)
    assert [frame for frame, label in pairs if label == 1] == [10, 11, 12, 13, 14]
    assert [frame for frame, label in pairs if label == 2] == [15, 16, 17, 18]


def test_lesions_without_a_severity_shadow_nothing() -> None:
    assert {label for _, label in chosen(volume(("", 0, 39)), TWO_CLASSES)} == {0}


def listed(*patients: str) -> CaseList:
    return CaseList("phantom", Path(), tuple(Case(Path("x.dcm"), patient) for patient in patients))


def test_sets_of_different_patients_are_merged() -> None:
    assert [case.patient for case in merged_cases([listed("one", "one"), listed("two")])] == ["one", "one", "two"]


def test_a_patient_of_two_sets_is_not_merged() -> None:
    with pytest.raises(ArgumentError, match="same patient, one"):
        merged_cases([listed("one"), listed("two", "one")])
