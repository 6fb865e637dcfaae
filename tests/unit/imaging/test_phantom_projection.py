from __future__ import annotations

import math

import numpy as np
import pytest

from mammoviewer.base.arrays import FloatArray
from mammoviewer.imaging.phantom.breast import Grid
from mammoviewer.imaging.phantom.field import generator
from mammoviewer.imaging.phantom.projection import (
    ANGLES_DEG,
    add_shifted,
    add_specks,
    expose,
    filter_rows,
    project,
    ramp,
    reconstruct,
)
from mammoviewer.imaging.phantom.tissue import CALCIFICATION_PER_MM

HEIGHTS = (np.arange(41) - 20).astype(np.float32)


def point(row: int, column: int, shape: tuple[int, int] = (101, 31)) -> FloatArray:
    image = np.zeros(shape, dtype=np.float32)
    image[row, column] = 1
    return image


@pytest.mark.parametrize("shift", [0.0, 3.0, -2.0, 1.25, -0.75])
def test_shift_moves_the_centre_of_mass_and_keeps_the_sum(shift: float) -> None:
    total = np.zeros((101, 31), dtype=np.float32)
    add_shifted(total, point(50, 10), shift)
    assert float(total.sum()) == pytest.approx(1)
    assert float((total.sum(axis=1) * np.arange(101)).sum()) == pytest.approx(50 + shift, abs=1e-4)


def test_shift_beyond_the_edge_adds_nothing() -> None:
    total = np.zeros((101, 31), dtype=np.float32)
    add_shifted(total, point(50, 10), 200.0)
    assert not total.any()


def test_projection_moves_with_height_and_lengthens_with_the_angle() -> None:
    slices = [point(50, 10) if height == 20 else point(0, 0) * 0 for height in HEIGHTS]
    image = project(slices, HEIGHTS, 25.0, 1.0)
    rows = float((image.sum(axis=1) * np.arange(101)).sum() / image.sum())
    assert rows == pytest.approx(50 + 20 * math.tan(math.radians(25)), abs=1e-3)
    assert float(image.sum()) == pytest.approx(1 / math.cos(math.radians(25)), rel=1e-4)


def test_speck_projects_to_its_volume_at_its_place() -> None:
    grid = Grid(80, 80, 0.1, 4.0)
    image = np.zeros(grid.shape, dtype=np.float32)
    where, radii = np.array([[4.03, 0.02, 10.0]], np.float32), np.array([[0.2, 0.2]], np.float32)
    add_specks(image, grid, where, radii)
    assert float(image.sum()) * 0.01 == pytest.approx(CALCIFICATION_PER_MM * 4 / 3 * math.pi * 0.2**3, rel=0.03)
    row, column = np.unravel_index(int(image.argmax()), image.shape)
    assert (row, column) == pytest.approx(grid.pixel(4.03, 0.02), abs=1)
    oblique = np.zeros(grid.shape, dtype=np.float32)
    add_specks(oblique, grid, where, radii, 10.0)
    moved = np.unravel_index(int(oblique.argmax()), oblique.shape)[0] - row
    assert moved == pytest.approx(10 * math.tan(math.radians(10)) / 0.1, abs=1)


def test_speck_outside_the_grid_is_left_out() -> None:
    grid = Grid(80, 80, 0.1, 4.0)
    image = np.zeros(grid.shape, dtype=np.float32)
    add_specks(image, grid, np.array([[40.0, 0, 0]], np.float32), np.array([[0.2, 0.2]], np.float32))
    assert not image.any()


def test_noise_follows_the_dose() -> None:
    flat, path = np.full((200, 200), 0.5, np.float32), np.full((200, 200), 48.0, np.float32)
    full = expose(flat, path, generator(1), pixel_mm=0.1)
    low = expose(flat, path, generator(1), pixel_mm=0.1, dose=0.1)
    assert float(full.mean()) == pytest.approx(0.5, abs=2e-3)
    assert 2.5 < float(low.std() / full.std()) < 4.5
    assert 0.003 < float(full.std()) < 0.05


def test_ramp_keeps_some_of_the_mean_and_nothing_above_the_cut() -> None:
    response = ramp(512, 0.1)
    frequency = np.fft.rfftfreq(512, 0.1)
    assert 0.05 < response[0] < 0.5
    assert response.max() > 2 * response[0]
    assert (response[frequency > 2.6] == 0).all()
    flat = np.ones((100, 4), dtype=np.float32)
    np.testing.assert_allclose(filter_rows(flat, response, 512), response[0], atol=1e-4)


def test_reconstruction_is_sharp_in_focus_and_blurred_away_from_it() -> None:
    slices = [point(50, 10) if height == 5 else point(0, 0) * 0 for height in HEIGHTS]
    projections = [project(slices, HEIGHTS, angle, 1.0) for angle in ANGLES_DEG]
    seen: list[tuple[float, str]] = []
    frames = list(reconstruct(projections, ANGLES_DEG, HEIGHTS, 1.0, lambda *report: seen.append(report)))
    assert len(frames) == len(seen) == 41
    peaks = [float(frame[:, 10].max()) for frame in frames]
    assert int(np.argmax(peaks)) == 25
    assert int(np.argmax(frames[25][:, 10])) == 50
    assert peaks[25] > 4 * peaks[35]
    assert all(not frame[:, 20].any() for frame in frames)
