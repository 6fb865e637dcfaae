"""Enlarged regions against sums in double precision, and what happens beside padding."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage.transform import resize

from mammoviewer.imaging.enlarging import enlarge

Edges = tuple[float, float]


def _cubic_weights(edges: Edges, count: int, length: int) -> np.ndarray:
    """Return the weights of the cubic convolution with a = -0.75 (Keys, 1981), edges repeated."""
    a = -0.75
    centres = edges[0] + (np.arange(count) + 0.5) * (edges[1] - edges[0]) / count - 0.5
    weights = np.zeros((count, length))
    for i, centre in enumerate(centres):
        for k in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            t = abs(centre - k)
            near = (a + 2) * t**3 - (a + 3) * t**2 + 1
            far = a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
            weights[i, min(max(k, 0), length - 1)] += near if t <= 1 else far if t < 2 else 0.0
    return weights


def _cubic(image: np.ndarray, rows: Edges, columns: Edges, size: tuple[int, int]) -> np.ndarray:
    down = _cubic_weights(rows, size[0], image.shape[0])
    across = _cubic_weights(columns, size[1], image.shape[1])
    return down @ image.astype(np.float64) @ across.T


def _tissue(shape: tuple[int, int] = (60, 50), dtype: Any = np.uint16) -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, 400, shape)
    return (2000 + ndimage.gaussian_filter(noise, 1.5) * 4).clip(100, 4000).astype(dtype)


REGIONS = [
    ((0.0, 60.0), (0.0, 50.0), (240, 200)),
    ((3.25, 40.5), (7.1, 31.9), (149, 99)),
    ((10, 30), (10, 30), (50, 50)),
]


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
@pytest.mark.parametrize(("rows", "columns", "size"), REGIONS)
def test_cubic_is_the_cubic_convolution(rows: Edges, columns: Edges, size: tuple[int, int], dtype: type) -> None:
    image = _tissue(dtype=dtype)
    result = enlarge(image, rows, columns, size, interpolation="cubic")
    assert (result.dtype, result.shape) == (dtype, size)
    # OpenCV rounds places to 1/32 of a pixel: at most 1/64 of the steepest slope away.
    slope = max(np.abs(np.diff(image.astype(float), axis=axis)).max() for axis in (0, 1))
    assert np.abs(result - _cubic(image, rows, columns, size)).max() <= 1.0 + 2 * 1.5 * slope / 64


def test_the_whole_image_is_enlarged_as_opencv_does() -> None:
    image = _tissue()
    for name, flag in (("linear", cv2.INTER_LINEAR), ("cubic", cv2.INTER_CUBIC)):
        expected = cv2.resize(image, (200, 240), interpolation=flag)
        result = enlarge(image, (0, 60), (0, 50), (240, 200), interpolation=name)
        np.testing.assert_array_equal(result, expected)


def test_linear_and_nearest_agree_with_scikit_image() -> None:
    image = _tissue().astype(np.float64)
    for name, order in (("nearest", 0), ("linear", 1)):
        expected = resize(image, (180, 150), order=order, mode="edge", anti_aliasing=False, preserve_range=True)
        result = enlarge(image.astype(np.uint16), (0, 60), (0, 50), (180, 150), interpolation=name)
        assert np.abs(result - expected).max() <= 0.51


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize(
    ("value", "limits", "dtype"),
    [(0, (0, 4095), np.uint16), (4095, (0, 4095), np.uint16), (-2000, (-2048, 2047), np.int16)],
)
def test_padding_is_neither_mixed_in_nor_does_it_ring(
    interpolation: Any, value: int, limits: tuple[int, int], dtype: type
) -> None:
    image = np.full((40, 40), 1500, dtype)
    image[:, 17:] = value
    result = enlarge(
        image, (0, 40), (5.0, 30.0), (160, 100), interpolation=interpolation, padding=(value, value), limits=limits
    )
    assert set(np.unique(result)) == {value, 1500}
    np.testing.assert_array_equal(result == value, np.arange(100)[None, :].repeat(160, 0) >= (17 - 5) * 4)


def test_without_care_the_cubic_kernel_would_ring() -> None:
    image = np.full((40, 40), 1500, np.uint16)
    image[:, 17:] = 0
    assert enlarge(image, (0, 40), (0, 40), (160, 160), interpolation="cubic").max() > 1550


def test_every_value_of_padding_comes_back_as_it_was() -> None:
    image = _tissue()
    image[20:, 25:] = np.arange(3, dtype=np.uint16).repeat(14)[:25]
    result = enlarge(image, (0, 60), (0, 50), (120, 100), interpolation="cubic", padding=(0, 2))
    stored = image.repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(result[stored <= 2], stored[stored <= 2])
    assert result[stored > 2].min() > 2


@pytest.mark.parametrize(("value", "moved"), [(0, 1), (4095, 4094)])
def test_a_wave_is_not_taken_for_padding(value: int, moved: int) -> None:
    image = np.full((20, 20), 60 if value == 0 else 4035, np.uint16)
    image[10:, :] = 3000 if value == 0 else 1000
    result = enlarge(image, (0, 20), (0, 20), (80, 80), interpolation="cubic", padding=(value, value), limits=(0, 4095))
    assert (result == moved).any()
    assert not (result == value).any()


def test_limits_cut_the_waves_off() -> None:
    image = np.full((20, 20), 100, np.uint16)
    image[10:, :] = 4095
    result = enlarge(image, (0, 20), (0, 20), (80, 80), interpolation="cubic", limits=(0, 4095))
    assert result.max() == 4095


def test_at_one_to_one_nothing_is_changed() -> None:
    image = _tissue()
    result = enlarge(image, (5, 25), (6, 36), (20, 30), interpolation="cubic", padding=(0, 0))
    np.testing.assert_array_equal(result, image[5:25, 6:36])


def test_an_image_of_padding_alone_stays_one() -> None:
    image = np.zeros((10, 10), np.uint16)
    result = enlarge(image, (0, 10), (0, 10), (30, 30), interpolation="cubic", padding=(0, 0))
    assert not result.any()
