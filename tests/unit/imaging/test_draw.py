"""Outlines and text in a picture."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mammoviewer.imaging.colormaps import colormap
from mammoviewer.imaging.draw import (
    draw_cross,
    draw_label,
    draw_polygon,
    text_size,
)

GREEN = (0, 255, 0)


def _black(shape: tuple[int, int] = (200, 300)) -> np.ndarray:
    return np.zeros((*shape, 3), np.uint8)


def test_lines_are_drawn_at_fractions_of_a_pixel():
    picture = _black()
    draw_polygon(picture, [(50.5, 20), (50.5, 200)], GREEN, thickness=1, closed=False)
    assert picture[50, 100, 1] == pytest.approx(int(picture[51, 100, 1]), abs=40)
    assert picture[50, 100, 1] > 60
    assert not picture[48, 100].any()


@pytest.mark.parametrize(("style", "pieces"), [("solid", (1, 1)), ("dashed", (8, 12)), ("dotted", (20, 30))])
def test_the_style_tells_who_drew_it(style, pieces: tuple[int, int]):
    picture = _black()
    draw_polygon(picture, [(100, 20), (100, 220)], GREEN, style=style, closed=False)
    _, count = ndimage.label(picture[100, :, 1] > 60)
    assert pieces[0] <= count <= pieces[1]


def test_dashes_run_on_around_corners():
    picture = _black()
    draw_polygon(picture, [(50, 50), (50, 60), (60, 60), (60, 50)], GREEN, style="dashed")
    assert picture.any()


@pytest.mark.parametrize("points", [[], [(5, 5)], [(5, 5), (float("nan"), 9)]])
def test_what_is_no_line_draws_nothing(points):
    picture = _black()
    draw_polygon(picture, points, GREEN)
    assert not picture.any()


def test_lines_far_outside_are_harmless():
    picture = _black((20, 20))
    draw_polygon(picture, [(-1e6, 10), (1e6, 10)], GREEN, style="dashed", closed=False)
    assert picture.shape == (20, 20, 3)


def test_a_cross_marks_its_point():
    picture = _black()
    draw_cross(picture, (100, 150), GREEN, radius=8, thickness=1)
    assert picture[100, 150, 1] > 128
    assert picture[93, 150, 1] > 128
    assert picture[100, 157, 1] > 128
    assert not picture[93, 157].any()


def test_text_is_legible_on_black_and_on_white():
    for background in (0, 255):
        picture = np.full((60, 300, 3), background, np.uint8)
        draw_label(picture, "RMLO 0.93", (20, 20), (200, 200, 200), size_px=20)
        changed = (picture != background).any(axis=2)
        rows, columns = np.nonzero(changed)
        assert rows.min() >= 18
        assert columns.min() >= 18
        assert changed.sum() > 200
        assert int(picture.max()) - int(picture.min()) > 150


def test_a_label_at_the_edge_is_moved_inside():
    inside, outside = _black(), _black()
    height, width = text_size("edge", 18)
    draw_label(outside, "edge", (500, 900))
    draw_label(inside, "edge", (200 - height, 300 - width))
    np.testing.assert_array_equal(outside, inside)
    assert outside.any()


def _near(picture: np.ndarray, column: int) -> bool:
    return bool(np.abs(picture[300, column].astype(int) - colormap("viridis")[127]).max() < 6)
