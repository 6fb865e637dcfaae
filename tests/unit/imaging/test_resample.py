"""Regions at another size, against a box average and an interpolation in double precision."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.resample import extract, halved, rescale_to_spacing, shrink

Edges = tuple[float, float]


def _box_weights(edges: Edges, count: int, length: int) -> np.ndarray:
    bounds = edges[0] + np.arange(count + 1) * (edges[1] - edges[0]) / count
    weights = np.zeros((count, length))
    for i in range(count):
        for k in range(int(np.floor(bounds[i])), int(np.ceil(bounds[i + 1]))):
            weights[i, min(max(k, 0), length - 1)] += max(0.0, min(k + 1, bounds[i + 1]) - max(k, bounds[i]))
    return weights / weights.sum(axis=1, keepdims=True)


def _box_average(image: np.ndarray, rows: Edges, columns: Edges, size: tuple[int, int]) -> np.ndarray:
    down, across = (
        _box_weights(edges, count, length)
        for edges, count, length in zip((rows, columns), size, image.shape, strict=True)
    )
    return down @ image.astype(np.float64) @ across.T


def _linear(image: np.ndarray, rows: Edges, columns: Edges, size: tuple[int, int]) -> np.ndarray:
    axes = [
        edges[0] + (np.arange(count) + 0.5) * (edges[1] - edges[0]) / count - 0.5
        for edges, count in zip((rows, columns), size, strict=True)
    ]
    return ndimage.map_coordinates(image.astype(np.float64), np.meshgrid(*axes, indexing="ij"), order=1, mode="nearest")


def _noise(shape: tuple[int, int], dtype: type, top: float = 250.0) -> np.ndarray:
    return (np.random.default_rng(4).random(shape) * top).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.uint32, np.float32, np.float64])
@pytest.mark.parametrize(
    ("rows", "columns", "size"),
    [
        ((0, 97), (0, 83), (40, 33)),
        ((0, 96), (0, 82), (48, 41)),
        ((3, 90.5), (2, 77.25), (40, 33)),
        ((3.3, 90.1), (2.7, 77.9), (41, 33)),
        ((-2.5, 99), (-1.0, 90), (20, 20)),
        ((10.25, 10.75), (0, 83), (1, 1)),
    ],
)
def test_shrinking_averages_exactly(dtype: type, rows: Edges, columns: Edges, size: tuple[int, int]):
    image = _noise((97, 83), dtype)
    result = extract(image, rows, columns, size)
    expected = _box_average(image, rows, columns, size)
    tolerance = 0.51 if np.issubdtype(dtype, np.integer) else 1e-4
    assert result.dtype == dtype
    assert result.shape == size
    if rows[1] - rows[0] >= size[0]:
        assert np.abs(result - expected).max() <= tolerance


@settings(max_examples=60, deadline=None)
@given(
    top=st.floats(-3, 20),
    left=st.floats(-3, 20),
    shrink=st.tuples(st.floats(1.0, 7.0), st.floats(1.0, 7.0)),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_any_shrinking_region_is_the_box_average(top, left, shrink, size):
    image = _noise((41, 37), np.float32, 1.0)
    rows, columns = (top, top + shrink[0] * size[0]), (left, left + shrink[1] * size[1])
    result = extract(image, rows, columns, size)
    # Edges of boxes are kept to a hundred-thousandth of a pixel.
    assert np.abs(result - _box_average(image, rows, columns, size)).max() < 5e-5


def test_a_whole_image_equals_opencv_area():
    image = _noise((200, 170), np.uint16, 4095)
    expected = cv2.resize(image, (85, 67), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(extract(image, (0, 200), (0, 170), (67, 85)), expected)


def test_one_pixel_specks_survive_shrinking():
    image = np.zeros((400, 400), np.uint16)
    image[10::20, 10::20] = 1000
    shrunk = extract(image, (0, 400), (0, 400), (160, 160))
    _, count = ndimage.label(shrunk > 100)
    assert count == 400


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("rows", "columns", "size"),
    [
        ((0, 97), (0, 83), (200, 170)),
        ((10.3, 20.8), (5.1, 17.7), (200, 170)),
        ((90, 97), (80, 83), (70, 30)),
        ((20.25, 60.25), (7.5, 57.5), (40, 50)),
        ((-4, 4), (79, 90), (31, 29)),
    ],
)
def test_enlarging_interpolates_linearly(dtype: type, rows: Edges, columns: Edges, size: tuple[int, int]):
    image = _noise((97, 83), dtype, 60000)
    result = extract(image, rows, columns, size, interpolation="linear")
    assert np.abs(result - _linear(image, rows, columns, size)).max() <= (0.55 if dtype == np.uint16 else 0.05)


def test_one_axis_may_grow_while_the_other_shrinks():
    image = _noise((60, 60), np.float32)
    result = extract(image, (0.5, 50.5), (10.25, 20.25), (20, 40))
    rows = _box_average(image, (0.5, 50.5), (0, 60), (20, 60))
    expected = _linear(rows, (0, 20), (10.25, 20.25), (20, 40))
    assert np.abs(result - expected).max() < 1e-3


def test_at_1_to_1_the_pixels_are_a_copy():
    image = _noise((30, 40), np.uint16)
    result = extract(image, (5, 25), (10, 40), (20, 30), interpolation="cubic")
    np.testing.assert_array_equal(result, image[5:25, 10:40])
    result[:] = 0
    assert image[5:25, 10:40].any()


def test_nearest_shows_each_pixel_as_a_block():
    image = np.array([[1, 2], [3, 4]], np.uint8)
    np.testing.assert_array_equal(
        extract(image, (0, 2), (0, 2), (4, 6), interpolation="nearest"), np.kron(image, np.ones((2, 3), np.uint8))
    )
    beyond = extract(image, (-2, 4), (-2, 4), (6, 6), interpolation="nearest")
    np.testing.assert_array_equal(beyond, np.pad(image, 2, mode="edge"))


def test_cubic_keeps_to_the_range_of_integers():
    image = np.zeros((8, 8), np.uint8)
    image[:, 4:] = 255
    result = extract(image, (0, 8), (0, 8), (64, 64), interpolation="cubic")
    assert (result[:, :8] < 3).all()
    assert (result[:, -8:] > 252).all()
    assert result.std() > 100


def test_cubic_is_smoother_than_linear_on_a_wave():
    wave = np.sin(np.arange(32) * 0.9).astype(np.float32)
    image = np.tile(wave, (32, 1))
    truth = np.sin(((np.arange(128) + 0.5) / 4 - 0.5) * 0.9)
    errors = [
        np.abs(extract(image, (0, 32), (0, 32), (128, 128), interpolation=kind)[64, 16:-16] - truth[16:-16]).max()
        for kind in ("cubic", "linear")
    ]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (3, 1)])
@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (2, 1)])
def test_a_constant_stays_constant_however_small(shape, interpolation, size):
    image = np.full(shape, 77, np.uint16)
    result = extract(image, (0.2, shape[0]), (0, shape[1] - 0.1), size, interpolation=interpolation)
    assert result.shape == size
    assert (result == 77).all()


@pytest.mark.parametrize(
    ("image", "rows", "columns", "size"),
    [
        (np.zeros((4, 4, 3), np.uint8), (0, 4), (0, 4), (2, 2)),
        (np.zeros((0, 4), np.uint8), (0, 4), (0, 4), (2, 2)),
        (np.zeros((4, 4), np.uint8), (2, 2), (0, 4), (2, 2)),
        (np.zeros((4, 4), np.uint8), (0, 4), (3, 1), (2, 2)),
        (np.zeros((4, 4), np.uint8), (0, float("nan")), (0, 4), (2, 2)),
        (np.zeros((4, 4), np.uint8), (0, 4), (0, 4), (0, 2)),
    ],
)
def test_what_cannot_be_cut_is_refused(image, rows, columns, size):
    with pytest.raises(ArgumentError):
        extract(image, rows, columns, size)


def test_rescaling_keeps_sizes_in_mm_and_the_mean():
    rows, columns = np.mgrid[0:210, 0:180]
    spot = np.exp(-(((rows - 90) * 0.07) ** 2 + ((columns - 60) * 0.1) ** 2) / 4).astype(np.float32)
    result = rescale_to_spacing(spot, (0.07, 0.1), 0.2)
    assert result.shape == (74, 90)
    assert result.dtype == np.float32
    peak = np.unravel_index(result.argmax(), result.shape)
    assert ((peak[0] + 0.5) * 0.2, (peak[1] + 0.5) * 0.2) == pytest.approx((90.5 * 0.07, 60.5 * 0.1), abs=0.11)
    assert result.sum() * 0.2 * 0.2 == pytest.approx(spot.sum() * 0.07 * 0.1, rel=0.01)


def test_rescaling_to_the_same_spacing_changes_nothing():
    image = _noise((21, 34), np.uint16, 4095)
    np.testing.assert_array_equal(rescale_to_spacing(image, 0.085, 0.085), image.astype(np.float32))


@pytest.mark.parametrize("bad", [0.0, -0.1, float("nan"), float("inf")])
def test_rescaling_needs_real_spacings(bad: float):
    with pytest.raises(ArgumentError):
        rescale_to_spacing(np.ones((4, 4)), bad, 0.1)
    with pytest.raises(ArgumentError):
        rescale_to_spacing(np.ones((4, 4)), (0.1, 0.1), bad)


@pytest.mark.parametrize(("value", "dtype"), [(65535, np.uint16), (0, np.uint16), (-2000, np.int16), (255, np.uint8)])
def test_padding_is_not_mixed_into_what_is_seen(value, dtype):
    image = np.full((200, 160), 100, dtype)
    image[:, :81] = value
    small = shrink(image, (100, 80), (value, value))
    assert small.dtype == dtype
    assert set(np.unique(small[:, :40])) == {value}
    assert set(np.unique(small[:, 40:])) == {100}, "half a pixel of padding takes nothing from the rest"
    np.testing.assert_array_equal(small, shrink(image.copy(), (100, 80), (value, value)))


def test_without_padding_shrinking_is_the_plain_average():
    image = np.arange(120 * 90, dtype=np.uint16).reshape(120, 90)
    expected = extract(image, (0.0, 120.0), (0.0, 90.0), (40, 30))
    np.testing.assert_array_equal(shrink(image, (40, 30)), expected)
    np.testing.assert_array_equal(shrink(image, (40, 30), (60000, 65000)), expected)


@pytest.mark.parametrize(("value", "top", "dtype"), [(0, 255, np.uint8), (-1, 32767, np.int16), (0, 4095, np.uint16)])
def test_the_brightest_pixels_stay_bright_beside_padding(value, top, dtype):
    rows, columns = np.mgrid[0:400, 0:400]
    inside = np.hypot(rows - 200, columns - 200) < 150
    image = np.where(inside, top, value).astype(dtype)
    for side in (200, 133, 101, 77):
        assert set(np.unique(shrink(image, (side, side), (value, value)))) == {value, top}


@pytest.mark.parametrize("shape", [(8, 6), (9, 6), (8, 7), (9, 7), (1, 1), (1, 8), (3, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_half_the_size_is_the_average_of_boxes(shape: tuple[int, int], dtype: type) -> None:
    image = np.random.default_rng(0).integers(0, 120, shape).astype(dtype)
    extended = np.pad(image, [(0, length % 2) for length in shape], mode="edge").astype(float)
    expected = (extended[::2, ::2] + extended[1::2, ::2] + extended[::2, 1::2] + extended[1::2, 1::2]) / 4
    found = halved(image)
    assert found.dtype == dtype
    assert np.abs(found - expected).max() <= 0.5


@pytest.mark.parametrize("shape", [(61, 41), (60, 41), (61, 40)])
@pytest.mark.parametrize("size", [(10, 7), (25, 19), (30, 20)])
@pytest.mark.parametrize("padding", [None, (5000, 5000)])
def test_the_last_pixel_of_half_the_size_counts_for_what_it_covers(
    shape: tuple[int, int], size: tuple[int, int], padding: tuple[int, int] | None
) -> None:
    image = np.random.default_rng(1).integers(0, 4096, shape).astype(np.uint16)
    covered = (shape[0] / 2, shape[1] / 2)
    half = halved(image, padding)
    again = shrink(half, size, padding, covered=covered)
    expected = _box_average(half.astype(float), (0.0, covered[0]), (0.0, covered[1]), size)
    assert again.shape == size
    assert np.abs(again - expected).max() <= 1.0
    whole = _box_average(half.astype(float), (0.0, covered[0]), (0.0, covered[1]), (1, 1))
    assert whole[0, 0] == pytest.approx(image.mean(), abs=0.5)


def test_half_the_size_keeps_padding_apart() -> None:
    image = np.full((9, 7), 1000, np.uint16)
    image[:, :3] = 0
    assert set(halved(image, (0, 0)).flat) == {0, 1000}
