import numpy as np
import pytest

from mammoviewer.training.metrics import area_under_curve
from mammoviewer.training.patient_bootstrap import WeightedRoc, draw_patients, weighted_share

TRUTH = np.array([1, 0, 1, 0, 1, 0])
SCORES = np.array([0.9, 0.8, 0.8, 0.3, 0.2, 0.1])
ONES = np.ones(6)


def test_the_area_is_that_of_the_pairs_won() -> None:
    # Pairs of (.9, .8, .2) with (.8, .3, .1): 3 + 2.5 + 1 of 9.
    assert WeightedRoc(TRUTH, SCORES).area(ONES) == pytest.approx(6.5 / 9)


def test_weights_are_the_same_as_repeated_items() -> None:
    weights = np.array([2.0, 1.0, 0.0, 3.0, 1.0, 1.0])
    repeated = np.repeat(np.arange(6), weights.astype(int))
    roc = WeightedRoc(TRUTH, SCORES)
    assert roc.area(weights) == pytest.approx(area_under_curve(TRUTH[repeated], SCORES[repeated]))
    plain = WeightedRoc(TRUTH[repeated], SCORES[repeated])
    assert roc.average_precision(weights) == pytest.approx(plain.average_precision(np.ones(len(repeated))))


def test_average_precision_by_hand() -> None:
    # Steps: .9 (1 of 1), .8 (2 of 3), .3 (2 of 4), .2 (3 of 5), .1: recall rises by a third at 1, 2/3 and 3/5.
    assert WeightedRoc(TRUTH, SCORES).average_precision(ONES) == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)


def test_curves_by_hand() -> None:
    roc = WeightedRoc(TRUTH, SCORES)
    np.testing.assert_allclose(roc.sensitivity_at(np.array([0.0, 1 / 3, 1.0]), ONES), [1 / 3, 2 / 3, 1.0])
    np.testing.assert_allclose(roc.precision_at(np.array([0.0, 0.5, 1.0]), ONES), [1.0, 2 / 3, 0.6])


def test_a_missing_class_has_no_figures() -> None:
    roc = WeightedRoc(np.zeros(3, np.int64), np.array([0.1, 0.2, 0.3]))
    assert np.isnan(roc.area(np.ones(3)))
    assert np.isnan(roc.average_precision(np.ones(3)))
    assert np.isnan(roc.sensitivity_at(np.array([0.5]), np.ones(3))).all()
    assert np.isnan(weighted_share(np.array([], bool))(np.array([])))


def test_whole_patients_are_drawn_and_the_seed_decides() -> None:
    patients = ["a", "a", "b", "c", "c", "c"]
    draws = draw_patients(patients, resamples=50, seed=3)
    assert draws.patients == 3
    assert draws.counts.shape == (50, 3)
    assert (draws.counts.sum(axis=1) == 3).all()
    assert np.array_equal(draws.counts, draw_patients(patients, resamples=50, seed=3).counts)
    assert not np.array_equal(draws.counts, draw_patients(patients, resamples=50, seed=4).counts)


def test_the_interval_of_a_mean_is_that_of_the_binomial_law() -> None:
    # 400 patients of one item each, half of them right: standard error .025, interval .5 +- .049.
    right = np.arange(400) % 2 == 0
    low, high = draw_patients([str(i) for i in range(400)], resamples=2000, seed=1).interval(weighted_share(right))
    assert low == pytest.approx(0.451, abs=0.006)
    assert high == pytest.approx(0.549, abs=0.006)


def test_items_of_one_patient_do_not_make_the_interval_narrower() -> None:
    right = np.repeat(np.arange(20) % 2 == 0, 50)
    names = [str(i) for i in range(20)]
    share = weighted_share(right)
    low, high = draw_patients(np.repeat(names, 50).tolist(), resamples=800).interval(share)
    low_alone, high_alone = draw_patients(names, resamples=800).interval(weighted_share(right[::50]))
    assert high - low == pytest.approx(high_alone - low_alone, abs=0.02)
    assert high - low > 0.3


def test_a_curve_that_no_draw_has_is_left_open_without_a_warning() -> None:
    roc = WeightedRoc(np.zeros(4, dtype=np.int64), np.linspace(0, 1, 4))
    draws = draw_patients(list("abcd"), resamples=20)
    low, high = draws.band(lambda weights: roc.sensitivity_at(np.array([0.1, 0.5]), weights))
    assert np.isnan(low).all()
    assert np.isnan(high).all()
