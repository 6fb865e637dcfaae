from __future__ import annotations

import numpy as np

from mammoviewer.datasets.splits import grouped_folds
from mammoviewer.training.baselines import (
    STATISTICS,
    intensity_statistics,
    majority_out_of_fold,
    statistics_out_of_fold,
)
from mammoviewer.training.metrics import area_under_curve


def test_nine_statistics_of_known_patches() -> None:
    ramp = np.arange(101, dtype=np.uint8).reshape(1, 101)
    values = dict(zip(STATISTICS, intensity_statistics(ramp[None])[0].tolist(), strict=True))
    assert values["mean"] == values["median"] == 50
    assert (values["minimum"], values["5 %"], values["95 %"], values["maximum"]) == (0, 5, 95, 100)
    assert abs(values["skewness"]) < 1e-9


def test_flat_patches_have_no_shape() -> None:
    assert intensity_statistics(np.full((1, 4, 4), 7))[0, 7:].tolist() == [0.0, 0.0]


def test_regression_sorts_bright_from_dark_and_majority_does_not() -> None:
    generator = np.random.default_rng(0)
    truth = np.arange(60) % 2
    images = generator.normal(100, 5, (60, 8, 8)) + truth[:, None, None] * 20
    folds = grouped_folds(truth.tolist(), [str(i) for i in range(60)], 3, seed=0)
    scores = statistics_out_of_fold(images, truth, folds)
    assert area_under_curve(truth, scores) > 0.95
    assert np.allclose(majority_out_of_fold(truth, folds), 0.5, atol=0.05)
