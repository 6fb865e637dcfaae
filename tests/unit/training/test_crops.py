"""Crops of films carry their lesions along."""

from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.training.crops import CropChange, breast_place, crop

STILL = CropChange(zoom=0.0, gamma=0.0, contrast=0.0, brightness=0.0, turn=False)


def test_an_unchanged_crop_is_the_part_of_the_film() -> None:
    film = np.random.default_rng(1).random((1, 80, 90)).astype(np.float32)
    part = crop(film, (39.5, 44.5), 20, np.random.default_rng(0), STILL, circles=[(40.0, 46.0, 3.0), (0.0, 0.0, 2.0)])
    assert np.allclose(part.values, film[:, 30:50, 35:55], atol=1e-5)
    assert part.circles == ((10.0, 11.0, 3.0),)


@pytest.mark.parametrize("seed", range(6))
def test_a_turned_and_zoomed_crop_keeps_the_circle_on_the_lesion(seed: int) -> None:
    film = np.zeros((1, 200, 200), dtype=np.float32)
    rows, columns = np.mgrid[0:200, 0:200]
    film[0] = np.exp(-((rows - 110) ** 2 + (columns - 90) ** 2) / (2 * 4.0**2))
    change = CropChange(zoom=0.3, gamma=0.0, contrast=0.0, brightness=0.0)
    part = crop(film, (100.0, 100.0), 96, np.random.default_rng(seed), change, circles=[(110.0, 90.0, 8.0)])
    brightest = np.unravel_index(int(part.values[0].argmax()), part.values[0].shape)
    assert len(part.circles) == 1
    row, column, radius = part.circles[0]
    assert brightest == pytest.approx((row, column), abs=1.5)
    assert 8 / np.exp(0.3) <= radius <= 8 * np.exp(0.3)


def test_places_lie_on_the_breast() -> None:
    mask = np.zeros((50, 60), dtype=np.bool_)
    mask[10:20, 30:40] = True
    generator = np.random.default_rng(0)
    places = [breast_place(mask, generator) for _ in range(20)]
    on_breast = [mask[int(row), int(column)] for row, column in places if (row, column) != (25.0, 30.0)]
    assert len(on_breast) > 10
    assert all(on_breast)
