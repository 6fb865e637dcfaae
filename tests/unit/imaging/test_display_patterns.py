"""Exact pixel values of the test patterns, at the sizes of real screens and at odd ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.display_patterns import Pattern, level, smpte_pattern, tg18_pattern

SIZES = [(1080, 1920), (2560, 2048), (2048, 2560), (3840, 2160), (720, 1281), (241, 387), (240, 240)]
BOTH = pytest.mark.parametrize("make", [smpte_pattern, tg18_pattern])
EVERY_SIZE = pytest.mark.parametrize(("rows", "columns"), SIZES)
Maker = Callable[[int, int], Pattern]


@pytest.mark.parametrize(("percent", "grey"), [(0, 0), (5, 13), (10, 26), (50, 128), (90, 230), (95, 242), (100, 255)])
def test_shares_of_white(percent: float, grey: int) -> None:
    assert level(percent) == grey


@BOTH
@EVERY_SIZE
def test_the_array_has_just_the_pixels_of_the_screen(make: Maker, rows: int, columns: int) -> None:
    greys = make(rows, columns).greys
    assert (greys.dtype, greys.shape) == (np.uint8, (rows, columns))


@EVERY_SIZE
def test_smpte_has_eleven_steps_of_ten_percent(rows: int, columns: int) -> None:
    pattern = smpte_pattern(rows, columns)
    assert len(pattern.steps) == 11
    for number, step in enumerate(pattern.steps):
        inside = pattern.greys[step.part][1:-1, 1:-1]
        assert set(np.unique(inside)) == {level(10 * number)}


@EVERY_SIZE
def test_tg18_has_sixteen_patches_with_low_contrast_corners(rows: int, columns: int) -> None:
    pattern = tg18_pattern(rows, columns)
    assert len(pattern.steps) == 16
    for number, step in enumerate(pattern.steps):
        value = 8 + 16 * number
        patch = pattern.greys[step.part]
        assert set(np.unique(patch)) == {value - 4, value, value + 4}
        middle = patch[step.side // 3 : -(step.side // 3), step.side // 3 : -(step.side // 3)]
        assert set(np.unique(middle)) == {value}
        assert [int(patch[corner]) - value for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1))] == [-4, 4, 4, -4]


@BOTH
@EVERY_SIZE
def test_five_percent_lies_in_black_and_ninety_five_in_white(make: Maker, rows: int, columns: int) -> None:
    pattern = make(rows, columns)
    for box, outside, inside in ((pattern.low, 0, 13), (pattern.high, 255, 242)):
        patch = pattern.greys[box.part]
        middle = box.side // 2
        assert patch[middle, middle] == inside
        assert (patch == inside).mean() == pytest.approx(0.25, abs=0.06)
        rim = np.concatenate([patch[0], patch[-1], patch[:, 0], patch[:, -1]])
        assert set(np.unique(rim)) == {outside}


@BOTH
@EVERY_SIZE
def test_line_pairs_are_one_and_two_device_pixels_wide(make: Maker, rows: int, columns: int) -> None:
    pattern = make(rows, columns)
    assert len(pattern.fine) == len(pattern.coarse) >= 4
    for width, pairs in ((1, pattern.fine), (2, pattern.coarse)):
        for upright, lying in pairs:
            lines = (np.arange(upright.side) // width % 2 * 255).astype(np.uint8)
            np.testing.assert_array_equal(pattern.greys[upright.part], np.tile(lines, (upright.side, 1)))
            np.testing.assert_array_equal(pattern.greys[lying.part], np.tile(lines[:, None], (1, lying.side)))


@BOTH
@EVERY_SIZE
def test_line_pairs_stand_in_all_four_corners(make: Maker, rows: int, columns: int) -> None:
    corners = {(upright.top < rows / 2, upright.left < columns / 2) for upright, _ in make(rows, columns).fine[:4]}
    assert corners == {(True, True), (True, False), (False, True), (False, False)}


@BOTH
@EVERY_SIZE
def test_the_outermost_pixels_are_white_within_them_black(make: Maker, rows: int, columns: int) -> None:
    greys = make(rows, columns).greys
    for edge in (greys[0], greys[-1], greys[:, 0], greys[:, -1]):
        assert set(np.unique(edge)) == {255}
    for edge in (greys[1, 1:-1], greys[-2, 1:-1], greys[1:-1, 1], greys[1:-1, -2]):
        assert set(np.unique(edge)) == {0}


@BOTH
@EVERY_SIZE
def test_no_part_covers_another(make: Maker, rows: int, columns: int) -> None:
    pattern = make(rows, columns)
    taken = np.zeros((rows, columns), int)
    lines = [box for pair in (*pattern.fine, *pattern.coarse) for box in pair]
    for box in (*pattern.steps, pattern.low, pattern.high, *lines):
        assert 2 <= box.top <= rows - 2 - box.side
        assert 2 <= box.left <= columns - 2 - box.side
        taken[box.part] += 1
    assert taken.max() == 1


def test_the_grid_is_even_and_square() -> None:
    greys = smpte_pattern(1080, 1920).greys
    unit = 90
    lines = np.flatnonzero(greys[:, 45] == level(75))
    np.testing.assert_array_equal(np.diff(lines), np.full(len(lines) - 1, unit))
    across = np.flatnonzero(greys[20] == level(75))
    np.testing.assert_array_equal(np.diff(across), np.full(len(across) - 1, unit))
    assert 960 in across
    assert 540 in lines


def test_smpte_has_low_contrast_lines_about_the_middle_grey() -> None:
    greys = smpte_pattern(1080, 1920).greys
    for share in (1, 2, 3, 5):
        dark, bright = level(50 - share), level(50 + share)
        rows = [row for row in greys if ((row[:-2] == dark) & (row[2:] == bright)).sum() > 10]
        assert len(rows) >= 80


def test_the_letters_come_nearer_to_their_ground_one_by_one() -> None:
    greys = tg18_pattern(1080, 1920).greys
    strip = greys[540 + 4 * 90 : 540 + 4 * 90 + 45, 960 - 3 * 90 : 960 + 3 * 90]
    dark, middle, bright = strip[:, :180], strip[:, 180:360], strip[:, 360:]
    letters = 14  # of which the space between is one that is not seen
    assert set(np.unique(dark)) == {0, *range(1, letters + 2)} - {8}
    assert set(np.unique(middle)) == {128, *range(129, 128 + letters + 2)} - {136}
    assert set(np.unique(bright)) == {255, *range(255 - letters - 1, 255)} - {247}


def test_a_ramp_has_every_grey() -> None:
    for pattern in (smpte_pattern(2048, 2560), tg18_pattern(2048, 2560)):
        assert len(np.unique(pattern.greys)) == 256


@BOTH
def test_a_screen_that_is_too_small_is_refused(make: Maker) -> None:
    with pytest.raises(ArgumentError):
        make(239, 1000)
