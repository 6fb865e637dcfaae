"""Colour tables and heatmaps over pictures."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab

from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.colormaps import COLORMAPS, colormap, heatmap_layer


@pytest.mark.parametrize("name", COLORMAPS)
def test_lightness_rises_evenly(name: str):
    table = colormap(name)
    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    lightness = rgb2lab(table[None])[0, :, 0]
    assert (np.diff(lightness) > -0.4).all()
    assert np.corrcoef(lightness, np.arange(256))[0, 1] > 0.99
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 0


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("inferno", (0, 0, 4), (252, 255, 164)),
        ("viridis", (68, 1, 84), (253, 231, 37)),
        ("cividis", (0, 34, 78), (254, 232, 56)),
        ("magma", (0, 0, 4), (252, 253, 191)),
    ],
)
def test_published_end_colours(name: str, first: tuple[int, ...], last: tuple[int, ...]):
    assert np.abs(colormap(name)[0].astype(int) - first).max() <= 1
    assert np.abs(colormap(name)[-1].astype(int) - last).max() <= 1


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ArgumentError, match="inferno, viridis"):
        colormap("../jet")


def test_alpha_grows_with_the_score():
    heat = np.linspace(0, 1, 101, dtype=np.float32)[None]
    layer = heatmap_layer(heat, opacity=0.6, threshold=0.4)
    alpha = layer[0, :, 3].astype(int)
    assert (alpha[:40] == 0).all()
    assert alpha[41] > 25
    assert (np.diff(alpha[41:]) >= 0).all()
    assert alpha[-1] == round(0.6 * 255)


def test_scores_have_any_range():
    heat = np.array([[-5.0, 0.0, 5.0]], np.float32)
    layer = heatmap_layer(heat, colormap_name="magma", threshold=-9, low=-5, high=5, opacity=1)
    np.testing.assert_array_equal(layer[0, :, :3], colormap("magma")[[0, 128, 255]])


def test_full_opacity_at_the_highest_score_is_the_last_colour():
    layer = heatmap_layer(np.array([[0.4, 1.0, 1.7, np.nan]], np.float32), colormap_name="viridis", opacity=1.0)
    assert layer[0, :, 3].tolist() == [0, 255, 255, 0]
    np.testing.assert_array_equal(layer[0, 1:3, :3], colormap("viridis")[[255, 255]])


def test_ranges_must_fit():
    with pytest.raises(ArgumentError):
        heatmap_layer(np.zeros((4, 4), np.float32), low=1.0, high=1.0)
