from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mammoviewer.training.metrics import (
    area_under_curve,
    best_threshold,
    bootstrap_accuracy,
    bootstrap_interval,
    brier_score,
    calibration_error,
    confusion,
    decision_figures,
    finite_or_none,
    log_loss,
    macro_area,
)

TRUTH = np.array([0, 0, 1, 1, 0, 1])
SCORES = np.array([0.1, 0.4, 0.4, 0.8, 0.2, 0.9])


def test_area_agrees_with_scikit_learn_also_with_ties() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, 200)
    scores = np.round(truth * 0.3 + generator.random(200), 1)
    assert area_under_curve(truth, scores) == pytest.approx(roc_auc_score(truth, scores))
    assert area_under_curve(TRUTH, SCORES) == pytest.approx(8.5 / 9)


def test_interval_of_the_accuracy_is_drawn_over_groups() -> None:
    truth = np.repeat([0, 1], 50)
    decided = np.arange(100) % 50 >= 10
    alone = bootstrap_accuracy(truth, decided, [str(i) for i in range(100)])
    grouped = bootstrap_accuracy(truth, decided, [str(i // 10) for i in range(100)])
    right = float(np.mean(decided == (truth == 1)))
    assert alone[0] < right < alone[1]
    assert grouped[0] < alone[0] < alone[1] < grouped[1]


def test_area_of_one_class_is_not_a_number() -> None:
    assert math.isnan(area_under_curve(np.ones(3, dtype=np.int64), np.arange(3.0)))


def test_interval_is_wider_when_patches_share_groups() -> None:
    generator = np.random.default_rng(1)
    truth = np.repeat(generator.integers(0, 2, 30), 10)
    scores = np.repeat(generator.random(30), 10) + truth * 0.4 + generator.random(300) * 0.1
    alone = bootstrap_interval(truth, scores, [str(i) for i in range(300)], resamples=300)
    grouped = bootstrap_interval(truth, scores, [str(i // 10) for i in range(300)], resamples=300)
    assert grouped[1] - grouped[0] > 1.5 * (alone[1] - alone[0])
    assert grouped == bootstrap_interval(truth, scores, [str(i // 10) for i in range(300)], resamples=300)


def test_threshold_lies_in_the_gap() -> None:
    assert best_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.6, 0.9])) == pytest.approx(0.4)


def test_decisions() -> None:
    decided = SCORES >= 0.5
    assert confusion(TRUTH, decided) == {
        "true_positive": 2,
        "false_negative": 1,
        "false_positive": 0,
        "true_negative": 3,
    }
    figures = decision_figures(TRUTH, decided)
    assert figures == {"accuracy": pytest.approx(5 / 6), "sensitivity": pytest.approx(2 / 3), "specificity": 1.0}


def test_calibration_figures() -> None:
    assert brier_score(np.array([0, 1]), np.array([0.5, 0.5])) == 0.25
    assert calibration_error(np.array([0, 1]), np.array([0.5, 0.5])) == 0.0
    assert calibration_error(np.array([1, 1]), np.array([0.25, 0.25])) == pytest.approx(0.75)
    assert calibration_error(np.array([1]), np.array([1.0])) == 0.0


def test_macro_area_of_two_and_three_classes() -> None:
    two = np.column_stack([1 - SCORES, SCORES])
    assert macro_area(TRUTH, two) == area_under_curve(TRUTH, SCORES)
    three = np.eye(3)[[0, 1, 2, 0]]
    assert macro_area(np.array([0, 1, 2, 0]), three) == 1.0


def test_log_loss_and_numbers_for_json() -> None:
    assert log_loss(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]])) == pytest.approx(math.log(2))
    assert finite_or_none(math.nan) is None
    assert finite_or_none(0.5) == 0.5
