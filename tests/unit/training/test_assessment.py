from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.datasets.splits import workable_folds
from mammoviewer.training.assessment import HeldOut, amounts, assess, compare, nested_thresholds, why_not_assessable
from mammoviewer.training.independence import with_same_pictures_joined
from mammoviewer.training.metrics import best_threshold
from mammoviewer.training.spec import TrainingSpec


def make_case(patients: int = 24, *, gain: float = 0.3, seed: int = 0) -> tuple[TrainingSpec, PatchSet, HeldOut]:
    """Every patient has one region, seen as two patches; ``gain`` is how far the classes lie apart."""
    generator = np.random.default_rng(seed)
    labels = tuple(int(i % 2) for i in range(patients) for _ in range(2))
    groups = tuple(f"patient {i}" for i in range(patients) for _ in range(2))
    pictures = generator.random((2 * patients, 8, 8)).astype(np.float32)
    patches = PatchSet(pictures, labels, groups, groups, ("Normal", "Mass"))
    spec = TrainingSpec(
        kind="patches",
        data=Path("x"),
        output=Path("y"),
        name="m",
        base_model=Path("b"),
        classes=patches.classes,
        positive_class="Mass",
        group_unit="patient",
        patients=patients,
    )
    tuned = _columns(0.35 + gain * np.array(labels) + 0.3 * np.repeat(generator.random(patients), 2))
    probe = _columns(np.repeat(generator.random(patients), 2))
    return spec, patches, HeldOut(tuned, probe, None, workable_folds(labels, groups, 3, 0))


def _columns(scores: DoubleArray) -> DoubleArray:
    return np.column_stack([1 - scores, scores])


def test_each_fold_is_judged_by_a_threshold_of_the_others() -> None:
    truth = np.array([0, 1, 0, 1, 0, 1])
    folds = np.array([0, 0, 1, 1, 2, 2])
    scores = np.array([0.2, 0.3, 0.4, 0.6, 0.5, 0.7])
    thresholds = nested_thresholds(truth, scores, folds)
    for fold in range(3):
        others = folds != fold
        assert set(thresholds[folds == fold]) == {best_threshold(truth[others], scores[others])}
    changed = np.where(folds == 1, 1 - scores, scores)
    assert np.array_equal(nested_thresholds(truth, changed, folds)[folds == 1], thresholds[folds == 1])
    assert set(nested_thresholds(truth, scores, np.zeros(6, dtype=np.intp))) == {best_threshold(truth, scores)}


@pytest.mark.parametrize("patients", [6, 24])
@pytest.mark.parametrize("seed", range(3))
def test_accuracy_sensitivity_and_specificity_are_of_one_decision(patients: int, seed: int) -> None:
    spec, patches, held_out = make_case(patients, gain=0.1, seed=seed)
    metrics, _ = assess(spec, patches, held_out, from_own_model=False)
    half = patients / 2
    right = metrics["sensitivity"] * half + metrics["specificity"] * half
    assert metrics["accuracy"] == pytest.approx(right / patients)
    assert "held_out_accuracy" not in metrics
    assert metrics["majority_accuracy"] == 0.5
    assert ("chosen on the other folds" in metrics["decision_rule"]) == (patients == 24)


def test_a_good_model_of_enough_patients_is_said_to_be_better() -> None:
    spec, patches, held_out = make_case()
    metrics, threshold = assess(spec, patches, held_out, from_own_model=False)
    assert metrics["assessable"] is True
    assert metrics["better_than_before"] is True
    assert metrics["compared_with"] == "chance and probe"
    assert 0.5 < threshold < 0.8
    as_good = replace(held_out, before=held_out.tuned[:, 1])
    metrics, _ = assess(spec, patches, as_good, from_own_model=False)
    assert metrics["better_than_before"] is False
    assert metrics["compared_with"] == "model before"
    assert metrics["verdict"].startswith("Not shown to be better than the model before")


def test_chance_is_not_better_than_chance() -> None:
    generator = np.random.default_rng(2)
    truth = np.array([0, 1] * 15)
    groups = [str(i) for i in range(30)]
    found = [compare(truth, generator.random(30), np.full(30, 0.5), None, groups) for _ in range(8)]
    assert sum(result["better_than_before"] for result in found) <= 1
    found = [compare(truth, generator.random(30), np.full(30, 0.5), generator.random(30), groups) for _ in range(8)]
    assert sum(result["better_than_before"] for result in found) <= 1


@pytest.mark.parametrize(
    ("changes", "own", "said"),
    [
        ({}, False, ""),
        ({"patients": 0}, False, "do not say which patients"),
        ({"patients": 1}, False, "1 patient, 10 are needed"),
        ({"patients": 9}, False, "9 patients, 10 are needed"),
        ({"unit": "breast"}, False, "a class comes from a single patient"),
        ({"smallest_class_groups": 9}, False, "a class comes from 9 patients"),
        ({"smallest_class_groups": 1}, False, "single independent region"),
        ({}, True, "learnt from these regions"),
    ],
)
def test_what_may_not_be_claimed(changes: dict[str, Any], own: bool, said: str) -> None:
    counts = {"unit": "patient", "patients": 20, "smallest_class_groups": 10, **changes}
    reason = why_not_assessable(counts, from_own_model=own)
    assert said in reason
    assert bool(reason) == bool(said)


def test_figures_below_ten_patients_carry_the_unit_and_a_warning() -> None:
    spec, patches, held_out = make_case(6)
    metrics, threshold = assess(replace(spec, group_unit="breast"), patches, held_out, from_own_model=False)
    assert (metrics["unit"], metrics["patients"], metrics["groups"]) == ("breast", 6, 6)
    assert metrics["assessable"] is False
    assert metrics["better_than_before"] is None
    assert metrics["note"] == "not assessable: 6 patients, 10 are needed; the figures only show that training ran"
    assert threshold == 0.5


def test_the_same_picture_is_one_group_whatever_it_is_called() -> None:
    spec, patches, _ = make_case(12)
    assert with_same_pictures_joined(patches).groups == patches.groups
    copied = patches.images.copy()
    copied[2] = np.rot90(copied[0]) * 0.8 + 0.1
    joined = with_same_pictures_joined(replace(patches, images=copied))
    assert joined.groups[2] == joined.groups[3] == joined.groups[0] == "patient 0"
    assert amounts(spec, joined)["patients"] == 11
