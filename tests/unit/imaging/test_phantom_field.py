from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.imaging.phantom.field import generator, power_law_field, sample
from mammoviewer.imaging.phantom.spectrum import power_law_exponent


def test_streams_of_other_purposes_are_independent_and_repeatable() -> None:
    first = generator(3, 1, 2).standard_normal(1000)
    assert np.array_equal(first, generator(3, 1, 2).standard_normal(1000))
    assert abs(np.corrcoef(first, generator(3, 1, 3).standard_normal(1000))[0, 1]) < 0.1
    assert abs(np.corrcoef(first, generator(4, 1, 2).standard_normal(1000))[0, 1]) < 0.1


def test_philox_stream_is_the_one_that_exams_were_made_with() -> None:
    assert generator(1, 10).integers(0, 1000, 5).tolist() == [607, 358, 671, 913, 45]


@pytest.mark.parametrize("beta", [2.0, 3.0])
def test_field_has_the_exponent_that_was_asked_for(beta: float) -> None:
    field = power_law_field(generator(1), (512, 512), beta=beta, pixel_mm=0.2)
    assert field.dtype == np.float32
    assert abs(float(field.mean())) < 1e-3
    assert float(field.std()) == pytest.approx(1, abs=1e-3)
    assert power_law_exponent(field, 0.2, size=256) == pytest.approx(beta, abs=0.15)


def test_band_limits_remove_the_wavelengths_outside() -> None:
    field = power_law_field(generator(2), (256, 256), beta=0, pixel_mm=1.0, longest_mm=20, shortest_mm=6)
    spectrum = np.abs(np.fft.fft2(field)) ** 2
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None, :])
    inside = spectrum[(frequency > 1 / 15) & (frequency < 1 / 9)].mean()
    assert spectrum[frequency < 1 / 80].mean() < 0.01 * inside
    assert spectrum[frequency > 1 / 3].mean() < 0.01 * inside


def test_sampling_interpolates_and_wraps() -> None:
    field = power_law_field(generator(3), (8, 8, 8), beta=2, pixel_mm=2.0)
    points = np.array([[2.0, 3.0, 2.0 + 16.0], [4.0, 4.0, 4.0], [6.0, 6.0, 6.0 - 16.0]], dtype=np.float32)
    values = sample(field, points, 2.0)
    assert values[0] == pytest.approx(float(field[1, 2, 3]), abs=1e-5)
    assert values[1] == pytest.approx(float(field[1, 2, 3] + field[2, 2, 3]) / 2, abs=1e-5)
    assert values[2] == pytest.approx(float(values[0]), abs=1e-5)


def test_exponent_of_an_image_without_a_whole_square_is_nan() -> None:
    assert np.isnan(power_law_exponent(np.full((300, 300), np.nan, dtype=np.float32), 0.1))
