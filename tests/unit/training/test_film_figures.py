"""Figures of several classes, of labels that hold together, and of breasts, against cases made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.training.breast_figures import breast_figures
from mammoviewer.training.findings_figures import label_figures
from mammoviewer.training.patch_figures import balanced_threshold, class_figures, interval, statistics_baseline


def test_areas_are_one_against_the_rest_and_their_mean() -> None:
    truth = np.array([0, 0, 1, 1, 2, 2])
    scores = np.array([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0, 0, 1], [0.1, 0.1, 0.8]])
    found = class_figures(truth, scores, ["a", "a", "b", "b", "c", "c"], ("n", "b", "m"))
    assert found["per_class"]["n"]["auc"] == pytest.approx(7 / 8)
    assert found["per_class"]["b"]["auc"] == 1.0
    assert found["auc"] == pytest.approx((7 / 8 + 2) / 3)
    assert found["accuracy"] == pytest.approx(5 / 6)
    assert found["confusion"] == [[1, 1, 0], [0, 2, 0], [0, 0, 2]]
    assert found["n_patients"] == 3


def test_an_interval_draws_whole_groups_and_is_none_without_figures() -> None:
    low, high = interval(["a"] * 5 + ["b"] * 5, lambda drawn: float(np.mean(drawn < 5)), 0) or (0, 0)
    assert (low, high) == (0.0, 1.0)
    assert interval(["a", "b"], lambda drawn: float("nan"), 0) is None


def test_the_balanced_threshold_lies_between_the_classes() -> None:
    truth = np.array([0] * 20 + [1] * 2)
    scores = np.concatenate([np.linspace(0.0, 0.3, 20), [0.5, 0.6]])
    assert 0.3 < balanced_threshold(truth, scores) < 0.5
    assert balanced_threshold(np.zeros(3, dtype=np.int64), np.array([0.1, 0.2, 0.3])) == 0.5


def test_grey_statistics_tell_bright_from_dark() -> None:
    generator = np.random.default_rng(0)
    images = generator.normal(0.3, 0.05, (30, 8, 8)) + np.repeat([0.0, 0.3], 15)[:, None, None]
    labels = np.repeat([0, 1], 15)
    found = statistics_baseline(images, labels, images)
    assert found.shape == (30, 2)
    assert np.mean(found.argmax(axis=1) == labels) == 1.0
    assert np.array_equal(statistics_baseline(images, np.ones(30, dtype=np.int64), images[:1], 3), [[0.0, 1.0, 0.0]])


def test_labels_that_hold_together() -> None:
    labels = np.array([[1, 1, 0], [1, 0, 1], [0, 0, 0], [0, 0, 0]], dtype=np.float32)
    scores = np.array([[0.9, 0.8, 0.1], [0.7, 0.1, 0.9], [0.8, 0.3, 0.2], [0.1, 0.2, 0.1]])
    found = label_figures(labels, scores, ["a", "b", "c", "d"], ("any", "x", "y"), threshold=0.75)
    assert found["auc"] == pytest.approx(3 / 4)
    assert found["sensitivity"] == found["specificity"] == 0.5
    assert found["macro_auc_of_kinds"] == 1.0
    assert found["per_class"]["any"]["best_f1"] == pytest.approx(0.8)


def test_breasts_are_scored_by_every_rule() -> None:
    truth = np.array([1, 1, 0, 0])
    scores = np.array([0.9, 0.1, 0.4, 0.4])
    breasts = [("a", "L"), ("a", "L"), ("b", "L"), ("b", "R")]
    found = breast_figures(truth, scores, breasts, threshold=0.5)
    assert found["auc"] == 0.5
    assert found["auc_by_breast"]["max"] == 1.0
    assert found["auc_by_patient"]["mean"] == 1.0
    assert found["precision"] == 1.0
    assert found["sensitivity"] == 0.5
    assert found["f1"] == pytest.approx(2 / 3)
