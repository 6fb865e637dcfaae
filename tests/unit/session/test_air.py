"""Air is found where it is, and never covers skin or what lies behind it."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from helpers.images import make_image

from mammoviewer.imaging.breast_mask import breast_mask
from mammoviewer.imaging.voi import Padding
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.air import AirMasks, find_air

ROWS, COLUMNS = 1200, 900


def half_breast(skin: float = 12.0):
    """Return a breast at the right edge with skin of some pixels, and where it is."""
    row, column = np.mgrid[0:ROWS, 0:COLUMNS]
    depth = 430.0 * (1.0 - np.sqrt(((row - 600) / 430.0) ** 2 + ((COLUMNS - 1 - column) / 620.0) ** 2))
    noise = np.random.default_rng(2).normal(0.0, 1.0, (ROWS, COLUMNS))
    values = np.where(depth > skin, 1800.0, 1100.0) + 90.0 * noise
    return np.where(depth > 0, values, 20.0 + 4.0 * noise).clip(0, 4095).astype(np.uint16), depth


def until_idle(runner):
    deadline = time.monotonic() + 20.0
    while runner.jobs:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def covered(pixels, **changes):
    found = find_air(make_image("RMLO", pixels=pixels, **changes))
    return cv2.resize(found, (COLUMNS, ROWS), interpolation=cv2.INTER_LINEAR) > 127


def test_a_dark_pocket_behind_thin_skin_is_not_covered():
    pixels, depth = half_breast()
    row, column = np.mgrid[0:ROWS, 0:COLUMNS]
    nipple = int(np.nonzero(depth[600] > 0)[0][0])
    pocket = ((row - 600) ** 2 + (column - nipple - 34) ** 2 < 22**2) & (depth > 8.0)
    pixels[pocket] = 25
    air = covered(pixels)
    assert not (air & (depth > 2.0)).any()
    assert air[depth < -30.0].mean() > 0.99
    assert breast_mask(pixels)[(depth > 12.0)].all()


@pytest.mark.parametrize("dark", [30, 45])
def test_skin_before_fat_as_dark_as_air_is_not_covered(dark):
    pixels, depth = half_breast()
    pixels[(depth > 15.0) & (depth < 60.0)] = dark
    pixels[(depth > 0.0) & (depth <= 15.0)] = 400
    air = covered(pixels)
    assert not (air & (depth > 2.0)).any()
    assert air[depth < -30.0].mean() > 0.97


def test_skin_that_the_mask_lost_is_not_covered():
    pixels, depth = half_breast()
    row, _ = np.mgrid[0:ROWS, 0:COLUMNS]
    fold = (np.abs(row - 600) < 9) & (depth > -34.0) & (depth <= 0.0)
    pixels[fold] = 900
    assert not breast_mask(pixels)[fold].all(), "a thin fold is cut off the mask"
    assert not covered(pixels)[fold].any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_changes_nothing(value):
    pixels, depth = half_breast()
    row, _ = np.mgrid[0:ROWS, 0:COLUMNS]
    fold = (np.abs(row - 600) < 9) & (depth > -34.0) & (depth <= 0.0)
    pixels = pixels.astype(np.float32)
    pixels[fold] = 900
    for place in ((5, 5), (600, 800)):
        pixels[place] = value
    assert not covered(pixels)[fold].any()


def test_no_more_masks_are_kept_than_fit():
    with ThreadRunner(1, "test") as runner:
        masks = AirMasks(runner)
        images = [make_image("RMLO", uid=str(n), pixels=np.full((20, 20), 7, np.uint16)) for n in range(70)]
        for image in images:
            masks.of(image)
            until_idle(runner)
        assert len(masks._masks) == len(masks._asked) == 64
        assert masks.of(images[0]) is None
        until_idle(runner)
        assert masks.of(images[0]) is not None


def test_a_label_in_the_air_stays_covered():
    pixels, depth = half_breast()
    pixels[60:140, 60:260] = 4000
    air = covered(pixels)
    assert air[62:138, 62:258].all()
    assert air[depth < -30.0].mean() > 0.99


@pytest.mark.parametrize("bright", [False, True])
def test_air_may_be_bright(bright):
    pixels, depth = half_breast()
    air = covered(4095 - pixels if bright else pixels, inverse=bright)
    assert not (air & (depth > 0.0)).any()
    assert air[depth < -30.0].mean() > 0.99


def test_a_mask_that_was_looked_for_ahead_is_there_when_it_is_asked_for():
    image, padded = make_image("RMLO", pixels=half_breast()[0]), make_image("LMLO", padding=Padding(0, 10))
    told: list[int] = []
    with ThreadRunner(1, "test") as runner:
        masks = AirMasks(runner)
        masks.changed.connect(lambda: told.append(1))
        masks.look_ahead(image)
        masks.look_ahead(padded)
        until_idle(runner)
        assert not told, "nobody waited for it"
        assert masks.of(image) is not None
        assert masks.of(padded) is None
        until_idle(runner)
        assert told == [1]
        assert masks.of(padded) is not None
