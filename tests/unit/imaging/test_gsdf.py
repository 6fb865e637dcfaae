"""The display function against values of PS3.14, and driving levels against what the eye would see."""

from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.gsdf import (
    LUMINANCE_MAX,
    DisplayResponse,
    contrast_deviation,
    driving_levels,
    jnd_index,
    luminance,
    response_of_curve,
    target_luminance,
)

# PS3.14 Table B-1: JND index and luminance in cd/m2 as printed.
TABLE = {1: 0.0500, 2: 0.0547, 3: 0.0594, 4: 0.0643, 5: 0.0696, 6: 0.0750, 7: 0.0807, 8: 0.0866, 9: 0.0927, 10: 0.0991}


def srgb(level: np.ndarray) -> np.ndarray:
    share = level / 255.0
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize(("jnd", "cd_m2"), TABLE.items())
def test_the_function_has_the_values_of_the_standard(jnd: int, cd_m2: float) -> None:
    assert float(luminance(jnd)) == pytest.approx(cd_m2, abs=0.5e-4 + 1e-6)


def test_the_ends_and_the_middle_of_the_function() -> None:
    # The printed coefficients have eight digits, the table was made with more.
    assert float(luminance(1023)) == pytest.approx(3993.404, rel=2e-5)
    assert float(luminance(512)) == pytest.approx(130.0653, abs=5e-5)


def test_both_directions_are_inverse_over_the_whole_range() -> None:
    jnd = np.linspace(1.0, 1023.0, 5000)
    np.testing.assert_allclose(jnd_index(luminance(jnd)), jnd, atol=1e-6)
    assert (np.diff(luminance(jnd)) > 0).all()


def test_beyond_the_function_its_ends_count() -> None:
    np.testing.assert_allclose(jnd_index([0.0, 0.01, 5000.0]), [1.0, 1.0, 1023.0], atol=1e-3)


@pytest.mark.parametrize("ambient", [0.0, 0.4])
@pytest.mark.parametrize(("darkest", "brightest"), [(0.5, 350.0), (0.3, 1000.0), (1.0, 120.0)])
def test_a_display_of_gamma_is_brought_to_the_standard(darkest: float, brightest: float, ambient: float) -> None:
    display = DisplayResponse(darkest, brightest, ambient)
    levels = driving_levels(display)
    assert (levels.dtype, levels.shape) == (np.uint8, (256,))
    assert (levels[0], levels[-1]) == (0, 255)
    assert (np.diff(levels.astype(int)) >= 0).all()
    # No other driving level would look more like what is asked for.
    wanted, have = jnd_index(target_luminance(display)), jnd_index(display.levels)
    best = np.abs(wanted[:, None] - have[None, :]).min(axis=1)
    np.testing.assert_allclose(np.abs(have[levels] - wanted), best, atol=1e-9)
    assert contrast_deviation(display, levels) < 0.10 < contrast_deviation(display)


def test_a_measured_curve_takes_the_place_of_the_gamma() -> None:
    level = np.arange(0, 256, 15)
    measured = 0.4 + 399.6 * srgb(level)
    display = response_of_curve(list(zip(level.tolist(), measured.tolist(), strict=True))[::-1], 0.2)
    np.testing.assert_allclose(display.levels[level], measured + 0.2)
    assert (display.darkest, display.brightest) == (pytest.approx(0.4), pytest.approx(400.0))
    assert contrast_deviation(display, driving_levels(display)) < 0.12 < contrast_deviation(display)


def test_a_display_that_follows_the_standard_already_is_left_as_it_is() -> None:
    values = luminance(np.linspace(float(jnd_index(0.5)), float(jnd_index(400.0)), 256))
    display = response_of_curve(list(enumerate(values.tolist())))
    np.testing.assert_array_equal(driving_levels(display), np.arange(256))
    assert contrast_deviation(display) < 1e-6


def test_finer_p_values_lose_fewer_driving_levels() -> None:
    display = DisplayResponse(0.5, 350.0)
    coarse, fine = driving_levels(display), driving_levels(display, 4096)
    assert len(np.unique(coarse)) < len(np.unique(fine))
    np.testing.assert_array_equal(fine[np.rint(np.arange(256) * 4095 / 255).astype(int)][[0, 255]], [0, 255])


def test_ambient_light_takes_contrast_from_the_dark_end() -> None:
    dark_room, lit = DisplayResponse(0.5, 350.0), DisplayResponse(0.5, 350.0, 2.0)
    span = [np.ptp(jnd_index(display.levels)) for display in (dark_room, lit)]
    assert span[1] < span[0] - 20


@pytest.mark.parametrize(
    ("darkest", "brightest", "ambient"),
    [(350.0, 0.5, 0.0), (0.5, 0.5, 0.0), (-1.0, 100.0, 2.0), (0.5, LUMINANCE_MAX, 1.0), (0.01, 100.0, 0.0)]
    + [(float("nan"), 100.0, 0.0), (0.5, float("inf"), 0.0), (0.5, 100.0, -0.1)],
)
def test_what_no_display_does_is_refused(darkest: float, brightest: float, ambient: float) -> None:
    with pytest.raises(ArgumentError):
        DisplayResponse(darkest, brightest, ambient)


@pytest.mark.parametrize(
    "curve",
    [
        [(0, 0.5)],
        [(0, 0.5), (128, 50.0)],
        [(10, 0.5), (255, 50.0)],
        [(0, 0.5), (100, 20.0), (100, 30.0), (255, 50.0)],
        [(0, 0.5), (100, 60.0), (255, 50.0)],
        [(0, 0.5), (100, float("nan")), (255, 50.0)],
        [(0, 5.0), (255, 5.0)],
        [],
    ],
)
def test_what_is_no_curve_of_a_display_is_refused(curve: list[tuple[float, float]]) -> None:
    with pytest.raises(ArgumentError):
        response_of_curve(curve)
