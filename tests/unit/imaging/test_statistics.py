"""Figures about a region."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.statistics import region_statistics


def test_figures_of_known_values():
    values = np.array([[1, 2, 3], [4, 5, 900]], np.uint16)
    mask = values < 900
    found = region_statistics(values, mask, pixel_area_mm2=0.01)
    assert found.count == 5
    assert found.area_mm2 == pytest.approx(0.05)
    assert (found.mean, found.median, found.minimum, found.maximum) == (3.0, 3.0, 1.0, 5.0)
    assert found.deviation == pytest.approx(math.sqrt(2.5))
    assert (found.percentile_5, found.percentile_95) == pytest.approx((1.2, 4.8))


def test_precision_does_not_suffer_from_large_offsets():
    values = (1e6 + np.random.default_rng(0).random((300, 300))).astype(np.float64)
    found = region_statistics(values, np.ones(values.shape, bool))
    assert found.deviation == pytest.approx(values.std(ddof=1), rel=1e-9)
    assert found.area_mm2 is None


def test_one_pixel_has_no_spread():
    found = region_statistics(np.array([[7, 9]]), np.array([[True, False]]))
    assert (found.count, found.mean, found.deviation) == (1, 7.0, 0.0)


def test_nothing_finite_gives_no_figures():
    found = region_statistics(np.array([[np.nan, np.inf]]), np.ones((1, 2), bool), pixel_area_mm2=1.0)
    assert (found.count, found.area_mm2) == (0, 0.0)
    assert math.isnan(found.mean)
    assert math.isnan(found.maximum)


def test_a_region_of_another_size_is_refused():
    with pytest.raises(ArgumentError):
        region_statistics(np.zeros((2, 2)), np.ones((2, 3), bool))
