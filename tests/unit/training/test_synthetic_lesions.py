"""Drawn lesions are bright, where they should be, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.training.synthetic_lesions import draw_cluster, draw_mass


@pytest.mark.parametrize("spiculated", [False, True])
def test_a_mass_brightens_its_circle(spiculated: bool) -> None:
    picture = np.full((120, 140), 0.3, dtype=np.float32)
    draw_mass(picture, (60.0, 70.0, 15.0), np.random.default_rng(1), spiculated=spiculated)
    rows, columns = np.mgrid[0:120, 0:140]
    distance = np.hypot(rows - 60, columns - 70)
    assert picture[distance < 7].mean() > 0.34
    assert np.allclose(picture[distance > 50], 0.3)


def test_spicules_reach_farther_than_the_mass() -> None:
    def beyond(spiculated: bool) -> float:
        picture = np.zeros((120, 140), dtype=np.float32)
        for seed in range(6):
            draw_mass(picture, (60.0, 70.0, 15.0), np.random.default_rng(seed), spiculated=spiculated)
        rows, columns = np.mgrid[0:120, 0:140]
        distance = np.hypot(rows - 60, columns - 70)
        return float(picture[(distance > 22) & (distance < 28)].mean())

    assert beyond(True) > 1.1 * beyond(False)


def test_a_cluster_is_some_small_bright_specks() -> None:
    picture = np.zeros((80, 80), dtype=np.float32)
    draw_cluster(picture, (40.0, 40.0, 12.0), np.random.default_rng(1), speck_px=(0.6, 1.2))
    rows, columns = np.nonzero(picture > 0.1)
    assert len(rows) > 4
    assert np.hypot(rows - 40, columns - 40).max() < 16
    assert (picture > 0.1).mean() < 0.05


def test_the_same_generator_draws_the_same_and_edges_are_no_trouble() -> None:
    first, second = np.zeros((40, 40), dtype=np.float32), np.zeros((40, 40), dtype=np.float32)
    draw_mass(first, (0.0, 39.0, 12.0), np.random.default_rng(7))
    draw_mass(second, (0.0, 39.0, 12.0), np.random.default_rng(7))
    assert np.array_equal(first, second)
    assert first.max() > 0
