"""CLAHE against scikit-image, the median against SciPy, and what all filters promise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.exposure import equalize_adapthist

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.filters import clahe, median, unsharp

FILTERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "clahe": lambda image: clahe(image, 8, 0.02),
    "unsharp": lambda image: unsharp(image, 2.0, 1.5),
    "wide unsharp": lambda image: unsharp(image, 20.0, 1.0),
    "median 3": lambda image: median(image, 3),
    "median 7": lambda image: median(image, 7),
}


def _scene(shape: tuple[int, int] = (320, 256)) -> np.ndarray:
    generator = np.random.default_rng(8)
    texture = ndimage.gaussian_filter(generator.standard_normal(shape), 3) * 6
    rows = np.linspace(0, 1, shape[0])[:, None]
    image = 0.2 + 0.5 * rows + 0.08 * texture
    image -= image.min()
    return (image / image.max()).astype(np.float32)


@pytest.mark.parametrize("name", FILTERS)
@settings(max_examples=25, deadline=None)
@given(
    image=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40),
        elements=st.one_of(st.floats(-2, 3, width=32), st.sampled_from([float("nan"), float("inf"), -float("inf")])),
    )
)
def test_any_image_comes_out_within_0_and_1(name: str, image: np.ndarray):
    before = image.copy()
    result = FILTERS[name](image)
    assert result.shape == image.shape
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    assert result.min() >= 0
    assert result.max() <= 1
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (60, 60)])
def test_a_constant_image_stays_as_it_is(name: str, shape: tuple[int, int]):
    image = np.full(shape, 0.375, np.float32)
    np.testing.assert_allclose(FILTERS[name](image), image, atol=1e-6)


@pytest.mark.parametrize("name", FILTERS)
def test_an_empty_image_is_no_error(name: str):
    assert FILTERS[name](np.zeros((0, 5), np.float32)).shape == (0, 5)


@pytest.mark.parametrize("name", FILTERS)
def test_filters_are_deterministic(name: str):
    np.testing.assert_array_equal(FILTERS[name](_scene()), FILTERS[name](_scene()))


@pytest.mark.parametrize("clip", [0.01, 0.02, 0.05])
def test_clahe_agrees_with_scikit_image(clip: float):
    image = _scene((640, 512))
    expected = equalize_adapthist(image, kernel_size=(160, 128), clip_limit=clip)
    result = clahe(image, 4, clip)
    # scikit-image deals out the excess in whole pixels and to 253 levels: single pixels differ by a few of them.
    assert np.abs(result - expected).mean() < 0.01
    assert np.abs(result - expected).max() < 0.05
    assert np.corrcoef(result.ravel(), expected.ravel())[0, 1] > 0.999


def test_clahe_raises_local_contrast_more_with_a_higher_limit():
    image = _scene()
    spread = [ndimage.generic_gradient_magnitude(clahe(image, 8, clip), ndimage.sobel).mean() for clip in (0.005, 0.02)]
    plain = ndimage.generic_gradient_magnitude(image, ndimage.sobel).mean()
    assert plain < spread[0] < spread[1]


def test_clahe_does_not_quantise_to_its_bins():
    ramp = np.tile(np.linspace(0, 1, 2048, dtype=np.float32), (64, 1))
    assert len(np.unique(clahe(ramp, 2, 0.01)[20])) > 1500


def test_clahe_has_no_seams_between_tiles():
    ramp = np.tile(np.linspace(0, 1, 512, dtype=np.float32), (512, 1))
    result = clahe(ramp, 8, 0.02)
    assert np.abs(np.diff(result, axis=0)).max() < 1e-6
    assert np.abs(np.diff(result, axis=1)).max() < 0.03


def test_clahe_without_limit_on_one_tile_is_plain_equalisation():
    image = _scene() ** 2
    result = clahe(image, 1, 1.0)
    ranks = np.searchsorted(np.sort(image.ravel()), image) / image.size
    assert np.abs(result - ranks).max() < 0.02


def test_unsharp_is_what_the_gaussian_leaves():
    image = _scene() * np.float32(0.5) + np.float32(0.25)
    soft = ndimage.gaussian_filter(image.astype(np.float64), 3.0, mode="reflect")
    np.testing.assert_allclose(unsharp(image, 3.0, 0.8), np.clip(image + 0.8 * (image - soft), 0, 1), atol=2e-4)


@pytest.mark.parametrize("radius", [8.0, 20.0, 33.5])
def test_a_wide_unsharp_differs_from_the_exact_one_by_about_a_grey_level(radius: float):
    image = _scene((500, 420)) * np.float32(0.4) + np.float32(0.3)
    soft = ndimage.gaussian_filter(image.astype(np.float64), radius, mode="reflect")
    assert np.abs(unsharp(image, radius, 1.0) - np.clip(2 * image - soft, 0, 1)).max() < 1.5 / 255


@pytest.mark.parametrize(("radius", "amount"), [(0.0, 1.0), (3.0, 0.0)])
def test_unsharp_with_nothing_to_do_changes_nothing(radius: float, amount: float):
    np.testing.assert_array_equal(unsharp(_scene(), radius, amount), _scene())


@pytest.mark.parametrize("size", [3, 5, 7, 9, 11])
@pytest.mark.parametrize("shape", [(75, 53), (16, 20), (3, 4)])
def test_the_median_is_exact(size: int, shape: tuple[int, int]):
    image = np.random.default_rng(size).random(shape).astype(np.float32)
    np.testing.assert_array_equal(median(image, size), ndimage.median_filter(image, size=size, mode="nearest"))


def test_the_median_of_one_pixel_changes_nothing():
    np.testing.assert_array_equal(median(_scene(), 1), _scene())


@pytest.mark.parametrize("size", [0, 2, -3])
def test_only_odd_sizes_have_a_median(size: int):
    with pytest.raises(ArgumentError):
        median(_scene(), size)
