from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mammoviewer.imaging.grow import brightest_near, grown, prepared_surroundings


def blob(contrast=600.0, noise=20.0):
    row, column = np.mgrid[0:160, 0:160]
    inside = np.hypot(row - 80, column - 70) < 25
    values = 1000 + contrast * inside + np.random.default_rng(3).normal(0, noise, inside.shape)
    return values.astype(np.uint16), inside


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


def test_a_region_grows_to_its_edge_and_stops_there():
    values, inside = blob()
    smooth, edges = prepared_surroundings(values, 1.5)
    region = grown(smooth, edges, (80, 70), 250.0)
    assert overlap(region, inside) > 0.85
    assert not region[0].any()


def test_more_tolerance_takes_in_no_less():
    values, _ = blob()
    smooth, edges = prepared_surroundings(values, 1.5)
    sizes = [grown(smooth, edges, (80, 70), tolerance).sum() for tolerance in (5.0, 40.0, 250.0, 900.0)]
    assert sizes == sorted(sizes)


def test_the_seed_is_always_inside():
    values, _ = blob()
    smooth, edges = prepared_surroundings(values, 1.0)
    for seed in ((80, 95), (0, 0), (159, 159)):
        assert grown(smooth, edges, seed, 0.0)[seed]


@pytest.mark.parametrize("dark", [False, True])
def test_a_click_goes_to_the_middle_of_the_spot(dark):
    row, column = np.mgrid[0:60, 0:60]
    spot = 800 * np.exp(-((row - 30.3) ** 2 + (column - 24.6) ** 2) / 3.0)
    image = (2000 - spot if dark else 1000 + spot).astype(np.uint16)
    found = brightest_near(image, (33.0, 22.0), (6.0, 6.0), dark_is_bright=dark)
    assert found == pytest.approx((30.3, 24.6), abs=0.35)


def test_beyond_the_reach_nothing_attracts():
    image = np.full((40, 40), 100, np.uint16)
    image[5, 5] = 4000
    row, column = brightest_near(image, (30.0, 30.0), (4.0, 4.0))
    assert abs(row - 30) <= 4.5
    assert abs(column - 30) <= 4.5


def test_beside_the_image_the_click_stays():
    assert brightest_near(np.zeros((10, 10), np.uint16), (50.0, 50.0), (3.0, 3.0)) == (50.0, 50.0)


@pytest.mark.parametrize("seed", range(40))
def test_it_grows_as_by_the_operations_of_mathematical_morphology(seed):
    chance = np.random.default_rng(seed)
    shape = tuple(int(side) for side in chance.integers(3, 50, 2))
    smooth = ndimage.gaussian_filter(chance.normal(0, 10, shape), chance.choice([0.5, 1.5, 3])).astype(np.float32)
    edges = chance.random(shape) < chance.choice([0, 0.05, 0.3])
    place = (int(chance.integers(shape[0])), int(chance.integers(shape[1])))
    tolerance, reach = float(chance.choice([0.5, 2, 8])), int(chance.integers(1, 6))
    alike = np.abs(smooth - float(smooth[place])) <= tolerance
    free = alike & ~edges
    free[place] = True
    labels, _ = ndimage.label(free)
    region = ndimage.binary_dilation(labels == labels[place], iterations=reach, mask=alike | (labels == labels[place]))
    closed = ndimage.binary_closing(np.pad(region, 2), iterations=2)[2:-2, 2:-2]
    wanted = ndimage.binary_fill_holes(closed | region)
    np.testing.assert_array_equal(grown(smooth, edges, place, tolerance, edge_px=reach), wanted)
