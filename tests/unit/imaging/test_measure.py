from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.measure import profile_line

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.measure import angle_degrees, length, profile


def test_lengths_take_both_pixel_sizes():
    assert length((0.0, 0.0), (3.0, 4.0)) == 5.0
    assert length((10.0, 5.0), (13.0, 1.0), (0.2, 0.1)) == pytest.approx(math.hypot(0.6, 0.4))


@pytest.mark.parametrize(
    ("first", "vertex", "last", "pixel", "degrees"),
    [
        ((0.0, 1.0), (0.0, 0.0), (1.0, 0.0), (1.0, 1.0), 90.0),
        ((0.0, 1.0), (0.0, 0.0), (0.0, -2.0), (1.0, 1.0), 180.0),
        ((0.0, 1.0), (0.0, 0.0), (1.0, 1.0), (1.0, 1.0), 45.0),
        ((0.0, 1.0), (0.0, 0.0), (1.0, 1.0), (math.sqrt(3), 1.0), 60.0),
        ((0.0, 0.0), (0.0, 0.0), (1.0, 1.0), (1.0, 1.0), 0.0),
    ],
)
def test_angles(first, vertex, last, pixel, degrees):
    assert angle_degrees(first, vertex, last, pixel) == pytest.approx(degrees)
    assert angle_degrees(last, vertex, first, pixel) == pytest.approx(degrees)


def test_a_profile_agrees_with_skimage():
    image = np.random.default_rng(1).integers(0, 4096, (90, 70)).astype(np.uint16)
    found = profile(image, (10.0, 5.0), (70.0, 50.0), (0.1, 0.2))
    expected = profile_line(image.astype(float), (10, 5), (70, 50), order=1, mode="nearest")
    np.testing.assert_allclose(found.values, expected[: len(found.values)], atol=1e-6)
    assert found.distance[-1] == pytest.approx(math.hypot(6.0, 9.0))


def test_a_profile_beyond_the_edge_goes_on_with_its_last_value():
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    found = profile(image, (1.0, 2.0), (1.0, 6.0))
    assert found.values.tolist() == [6.0, 7.0, 7.0, 7.0, 7.0]


def test_a_point_has_no_profile():
    with pytest.raises(ArgumentError, match="length"):
        profile(np.zeros((3, 3), np.uint16), (1.0, 1.0), (1.0, 1.0))
