from __future__ import annotations

import math

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.voi import (
    Padding,
    Rescale,
    VoiFunction,
    VoiLut,
    Window,
    apply_lut,
    auto_window,
    display_lut,
    whole_window,
)

LUT = VoiLut(np.array([0, 100, 1000, 4095], np.uint16), first_mapped=10, bits=12, explanation="STEEP")


def standard_linear(x: int, center: float, width: float) -> float:
    """The pseudo code of PS3.3 C.11.2.1.2.1 with an output from 0 to 255."""
    if x <= center - 0.5 - (width - 1) / 2:
        return 0.0
    if x > center - 0.5 + (width - 1) / 2:
        return 255.0
    return ((x - (center - 0.5)) / (width - 1) + 0.5) * 255


@pytest.mark.parametrize(("center", "width"), [(2048, 4096), (2048, 1), (0, 100), (0, 1), (100.5, 17.25)])
def test_linear_is_the_standards_formula(center: float, width: float) -> None:
    lut = display_lut(-200, 4400, voi=Window(center, width))
    expected = [math.floor(standard_linear(x, center, width) + 0.5) for x in range(-200, 4200)]
    np.testing.assert_array_equal(lut, expected)


@pytest.mark.parametrize(("x", "grey"), [(0, 0), (1, 64), (2, 128), (3, 191), (4, 255), (9, 255), (-5, 0)])
def test_linear_exact_has_its_half_at_the_centre(x: int, grey: int) -> None:
    lut = display_lut(-10, 30, voi=Window(2, 4, VoiFunction.LINEAR_EXACT))
    assert lut[x + 10] == grey


@pytest.mark.parametrize(("x", "value"), [(50, 0.5), (60, 1 / (1 + math.exp(-2))), (-1e6, 0.0), (1e6, 1.0)])
def test_sigmoid_is_the_standards_formula_and_never_overflows(x: float, value: float) -> None:
    assert Window(50, 20, VoiFunction.SIGMOID).values(np.array([x]))[0] == pytest.approx(value, abs=1e-12)


def test_a_lut_clamps_below_and_above_its_entries() -> None:
    lut = display_lut(8, 8, voi=LUT)
    np.testing.assert_array_equal(lut, [0, 0, 0, 6, 62, 255, 255, 255])


def test_sixteen_bits_use_the_whole_range() -> None:
    lut = display_lut(0, 4096, voi=Window(2048, 4096), bits=16)
    assert lut.dtype == np.uint16
    assert (lut[0], lut[-1]) == (0, 65535)


@pytest.mark.parametrize("voi", [Window(100, 50), Window(100, 50, VoiFunction.SIGMOID), LUT])
def test_inversion_comes_after_the_voi(voi: Window | VoiLut) -> None:
    plain = display_lut(0, 256, voi=voi).astype(int)
    inverse = display_lut(0, 256, voi=voi, inverse=True).astype(int)
    assert np.abs(plain + inverse - 255).max() <= 1


@pytest.mark.parametrize("inverse", [False, True])
def test_padding_is_black_whatever_the_polarity(inverse: bool) -> None:
    lut = display_lut(0, 256, voi=Window(20, 30), inverse=inverse, padding=Padding(200, 255))
    assert not lut[200:].any()
    assert lut[:200].any()


def test_padding_is_compared_before_the_rescale() -> None:
    lut = display_lut(0, 64, voi=Window(0, 1000), rescale=Rescale(1, -1024), padding=Padding(3, 5), inverse=True)
    assert lut[2] == lut[6] == 255
    assert not lut[3:6].any()


def test_the_window_is_in_units_after_the_rescale() -> None:
    lut = display_lut(0, 200, voi=Window(300, 1), rescale=Rescale(2, 100))
    assert (lut[99], lut[100]) == (0, 255)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.uint32])
@pytest.mark.parametrize(("first", "count"), [(-40, 120), (5, 20), (0, 256)])
def test_apply_lut_clamps_outside_the_table(dtype: type, first: int, count: int) -> None:
    rng = np.random.default_rng(1)
    low = 0 if np.dtype(dtype).kind == "u" else -100
    stored = rng.integers(low, 101, (31, 17)).astype(dtype)
    lut = display_lut(first, count, voi=Window(20, 70))
    expected = lut[np.clip(stored.astype(int) - first, 0, count - 1)]
    np.testing.assert_array_equal(apply_lut(stored, lut, first), expected)
    np.testing.assert_array_equal(apply_lut(stored[::-1, ::2], lut, first), expected[::-1, ::2])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32])
@pytest.mark.parametrize("first", [-40, 0, 5])
def test_apply_lut_writes_into_a_part_of_an_array(dtype: type, first: int) -> None:
    stored = np.random.default_rng(1).integers(0, 101, (31, 17)).astype(dtype)
    lut = -np.arange(120, dtype=np.int32)
    canvas = np.ones((40, 30), np.int32)
    apply_lut(stored, lut, first, canvas[3:34, 5:22])
    np.testing.assert_array_equal(canvas[3:34, 5:22], -np.clip(stored.astype(int) - first, 0, 119))
    canvas[3:34, 5:22] = 1
    assert (canvas == 1).all()


@pytest.mark.parametrize("out", [np.ones((31, 18), np.int32), np.ones((30, 17), np.int32), np.ones((31, 17), np.uint8)])
@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_apply_lut_refuses_to_write_into_what_does_not_fit(dtype: type, out: np.ndarray) -> None:
    with pytest.raises(ArgumentError, match="cannot take int32 of shape"):
        apply_lut(np.zeros((31, 17), dtype), np.arange(120, dtype=np.int32), 0, out)


def test_apply_lut_takes_extreme_words() -> None:
    stored = np.array([[-32768, -1, 0, 32767]], np.int16)
    lut = display_lut(-32768, 65536, voi=Window(0, 65536), bits=16)
    np.testing.assert_array_equal(apply_lut(stored, lut, -32768), [[0, 32767, 32768, 65535]])


def test_auto_window_leaves_padding_and_undeclared_air_out() -> None:
    stored = np.zeros((100, 100), np.uint16)
    stored[:, 50:] = np.linspace(1000, 2000, 5000).reshape(100, 50)
    for padding in (None, Padding(0, 30)):
        window = auto_window(stored, padding=padding)
        assert window.center == pytest.approx(1500, abs=15)
        assert window.width == pytest.approx(1000, abs=20)


def test_auto_window_follows_a_negative_slope() -> None:
    stored = np.arange(10_000, dtype=np.uint16).reshape(100, 100)
    window = auto_window(stored, rescale=Rescale(-1, 0))
    assert window.center == pytest.approx(-5000, abs=30)
    assert window.width > 0


@pytest.mark.parametrize("padding", [None, Padding(7, 7)])
def test_auto_window_of_a_flat_image_is_a_window(padding: Padding | None) -> None:
    stored = np.full((20, 30), 7, np.uint16)
    window = auto_window(stored, padding=padding)
    assert math.isfinite(window.center)
    shown = apply_lut(stored, display_lut(0, 4096, voi=window, padding=padding), 0)
    assert shown.max() == (0 if padding else shown.min())


@pytest.mark.parametrize(("center", "width"), [(math.nan, 1), (0, 0), (0, -5), (0, math.inf), (math.inf, 1)])
def test_a_window_that_is_none_is_refused(center: float, width: float) -> None:
    with pytest.raises(ArgumentError):
        Window(center, width)


@pytest.mark.parametrize(("entries", "bits"), [(0, 12), (4, 0), (4, 17)])
def test_a_lut_that_is_none_is_refused(entries: int, bits: int) -> None:
    with pytest.raises(ArgumentError):
        VoiLut(np.zeros(entries, np.uint16), 0, bits)


def test_display_of_more_than_sixteen_bits_is_refused() -> None:
    with pytest.raises(ArgumentError):
        display_lut(0, 10, voi=Window(5, 5), bits=17)


def test_values_are_brought_to_the_units_of_another_rescale() -> None:
    stored = np.array([[0, 100, 4000, 60000]], np.uint16)
    own, other = Rescale(0.5, 10.0), Rescale(2.0, -30.0)
    alike = own.in_units_of(other, stored)
    assert alike.tolist() == [[20, 45, 1020, 15020]]
    np.testing.assert_allclose(other.apply(alike), own.apply(stored), atol=other.slope / 2)
    assert other.in_units_of(own, stored).tolist() == [[0, 320, 15920, 65535]]  # both ends are kept within the type
    assert own.in_units_of(own, stored) is stored
    assert own.in_units_of(other, stored, Padding(0, 0)).tolist() == [[0, 45, 1020, 15020]]


@pytest.mark.parametrize(("rescale", "center", "width"), [
    (Rescale(), 2048, 4096), (Rescale(2.0, -100.0), 3996, 8192), (Rescale(-1.0, 4095.0), 2047, 4096),
])  # fmt: skip
def test_a_window_over_all_values_is_in_units_after_rescaling(rescale: Rescale, center: float, width: float) -> None:
    window = whole_window(0, 4096, rescale)
    assert (window.center, window.width) == (center, width)
    ends = window.values(np.sort(rescale.apply(np.array([0, 4095]))))
    assert ends.tolist() == pytest.approx([0.0, 1.0], abs=1 / 2000)
