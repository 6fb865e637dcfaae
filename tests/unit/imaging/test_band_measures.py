from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.imaging.band_measures import band_measures

LIGHT_MAXIMUM, DARK_MAXIMUM = 3, 7


@pytest.fixture
def patches():
    return (0.4 + 0.02 * np.random.default_rng(3).standard_normal((3, 64, 64))).astype(np.float32)


@pytest.mark.parametrize(("side", "levels"), [(8, 1), (60, 2), (128, 4), (256, 5)])
def test_larger_patches_have_more_levels(side, levels):
    assert band_measures(np.zeros((2, side, side), dtype=np.float32)).shape == (2, 8 * levels)


def test_brightness_does_not_matter_nor_how_a_patch_is_turned_or_mirrored(patches):
    plain = band_measures(patches)
    np.testing.assert_allclose(band_measures(patches + 0.3), plain, atol=1e-3)
    np.testing.assert_allclose(band_measures(np.ascontiguousarray(patches[:, :, ::-1])), plain, atol=0.4)
    np.testing.assert_allclose(band_measures(np.ascontiguousarray(np.rot90(patches, axes=(1, 2)))), plain, atol=0.4)


def test_a_speck_shows_in_the_light_detail_and_a_hole_in_the_dark(patches):
    specks, holes = patches.copy(), patches.copy()
    specks[:, 30, 30], holes[:, 30, 30] = 0.9, 0.0
    plain = band_measures(patches)
    assert (band_measures(specks)[:, LIGHT_MAXIMUM] > plain[:, LIGHT_MAXIMUM] + 1).all()
    assert (band_measures(holes)[:, DARK_MAXIMUM] > plain[:, DARK_MAXIMUM] + 1).all()


def test_coarse_detail_shows_in_a_later_level():
    across = np.linspace(0, 4 * np.pi, 64, dtype=np.float32)
    wave = np.broadcast_to(0.5 + 0.2 * np.sin(across), (1, 64, 64)).astype(np.float32)
    levels = band_measures(wave).reshape(3, 8)
    assert levels[2, 1] > levels[0, 1] + 1
