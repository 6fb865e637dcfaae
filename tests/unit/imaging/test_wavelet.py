"""The wavelet filter against the same rule in double precision, level by level."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoviewer.base.errors import ArgumentError, Cancelled
from mammoviewer.imaging.wavelet import wavelet_families, wavelet_filter


def _reference(image: np.ndarray, wavelet: str, levels: int, q: float, keep: bool) -> np.ndarray:
    coefficients = pywt.wavedec2(image.astype(np.float64), wavelet, level=levels)
    kept = [coefficients[0] if keep else np.zeros_like(coefficients[0])]
    for bands in coefficients[1:]:
        sigma = np.std(np.concatenate([band.ravel() for band in bands]), ddof=1)
        kept.append(tuple(pywt.threshold(band, q * sigma, mode="hard") for band in bands))
    return pywt.waverec2(kept, wavelet)[: image.shape[0], : image.shape[1]]


def _noise(shape: tuple[int, int], seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).random(shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(60, 60), (97, 130), (256, 192)])
@pytest.mark.parametrize("wavelet", ["haar", "sym3", "db4", "coif1", "bior2.2"])
@pytest.mark.parametrize(("q", "keep"), [(0.0, True), (1.5, False), (2.0, True)])
def test_agrees_with_double_precision(shape, wavelet, q, keep):
    image = _noise(shape)
    levels = min(3, pywt.dwt_max_level(min(shape), wavelet))
    result = wavelet_filter(image, wavelet=wavelet, levels=levels, q=q, keep_approximation=keep)
    expected = _reference(image, wavelet, levels, q, keep)
    assert result.dtype == np.float32
    assert result.shape == shape
    # A coefficient within rounding of the threshold may fall on the other side of it: hardly any pixel shows that.
    assert np.quantile(np.abs(result - expected), 0.995) < 1e-5


def test_q_0_with_the_approximation_gives_the_image_back():
    image = _noise((61, 83))
    np.testing.assert_allclose(wavelet_filter(image, q=0.0, keep_approximation=True), image, atol=1e-5)


def test_specks_stay_and_the_slow_background_goes():
    rows, columns = np.mgrid[0:128, 0:128]
    background = (0.3 + 0.2 * np.sin(rows / 60) * np.cos(columns / 50)).astype(np.float32)
    image = background + np.random.default_rng(0).normal(0, 0.002, (128, 128)).astype(np.float32)
    image[40, 60] += 0.3
    result = wavelet_filter(image)
    assert np.unravel_index(result.argmax(), result.shape) == (40, 60)
    assert result[40, 60] > 0.2
    assert np.abs(np.median(result)) < 0.01


def test_a_higher_threshold_keeps_less():
    image = _noise((128, 128))
    energies = [float(np.square(wavelet_filter(image, q=q)).sum()) for q in (0.5, 1.5, 2.5)]
    assert energies == sorted(energies, reverse=True)
    assert energies[2] < 0.5 * energies[0]


@pytest.mark.parametrize("wavelet", wavelet_families()[::9])
def test_every_family_works_even_on_a_small_patch(wavelet: str):
    result = wavelet_filter(_noise((60, 60)), wavelet=wavelet, levels=3)
    assert np.isfinite(result).all()
    assert result.shape == (60, 60)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 17), columns=st.integers(1, 17), levels=st.integers(1, 8), keep=st.booleans())
def test_tiny_images_give_numbers(rows, columns, levels, keep):
    result = wavelet_filter(_noise((rows, columns)), levels=levels, keep_approximation=keep)
    assert result.shape == (rows, columns)
    assert np.isfinite(result).all()


def test_a_constant_has_no_details():
    image = np.full((40, 40), 0.7, np.float32)
    assert np.abs(wavelet_filter(image)).max() < 1e-5
    np.testing.assert_allclose(wavelet_filter(image, keep_approximation=True), image, atol=1e-5)


def test_not_finite_values_count_as_0():
    image = _noise((40, 40))
    holed, zeroed = image.copy(), image.copy()
    holed[5, 5], holed[9, 9] = np.nan, np.inf
    zeroed[5, 5] = zeroed[9, 9] = 0
    np.testing.assert_array_equal(wavelet_filter(holed), wavelet_filter(zeroed))


def test_it_can_be_cancelled_and_tells_how_far_it_is():
    seen: list[float] = []
    wavelet_filter(_noise((64, 64)), progress=lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen)
    assert len(seen) == 6

    def cancel(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        wavelet_filter(_noise((64, 64)), progress=cancel)


@pytest.mark.parametrize("bad", [{"wavelet": "morl"}, {"levels": 0}, {"q": -1.0}, {"q": float("nan")}])
def test_what_makes_no_sense_is_refused(bad: dict):
    with pytest.raises(ArgumentError):
        wavelet_filter(_noise((8, 8)), **bad)
