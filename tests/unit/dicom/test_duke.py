from __future__ import annotations

import numpy as np
import pytest
from helpers.images import make_image

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.duke import duke_side, follow_duke_convention, stored_points
from mammoviewer.imaging.geometry import Orientation


def volume(side: str) -> np.ndarray:
    frame = np.zeros((20, 30), np.uint16)
    frame[2:9, 18:] = 60000  # the chest wall of a right breast is at the last column
    return np.stack([frame if side == "R" else frame[:, ::-1]] * 3)


@pytest.mark.parametrize("side", ["R", "L"])
def test_the_borders_tell_the_side(side: str) -> None:
    assert duke_side(volume(side)[0]) == side


@pytest.mark.parametrize("side", ["R", "L"])
def test_a_volume_that_disagrees_is_turned(side: str) -> None:
    other = "L" if side == "R" else "R"
    agreeing = make_image(f"{side}CC", kind=ImageKind.TOMO, pixels=volume(side))
    assert not follow_duke_convention(agreeing)
    image = make_image(f"{side}CC", kind=ImageKind.TOMO, pixels=volume(other))
    assert follow_duke_convention(image)
    shown = image.attributes.orientation.apply(image.frame(0))
    np.testing.assert_array_equal(shown, np.rot90(volume(other)[0], 2))
    assert duke_side(np.asarray(shown)) == side
    assert "180 degrees" in image.attributes.warnings[-1].text


def test_flat_mammograms_are_left_alone() -> None:
    assert not follow_duke_convention(make_image("LCC", pixels=volume("R")[0]))


@pytest.mark.parametrize("shown", ["R", "L"])
@pytest.mark.parametrize("hung", [Orientation(), Orientation(flip_columns=True), Orientation(True, True, False)])
def test_points_of_the_turned_volume_lie_on_the_same_pixels_of_the_picture(shown: str, hung: Orientation) -> None:
    pixels = volume(shown)
    pixels[0, 4, 11] = 65000
    image = make_image("RCC", kind=ImageKind.TOMO, pixels=pixels, orientation=hung)
    follow_duke_convention(image)
    turned = np.rot90(pixels[0], 2) if shown == "L" else pixels[0]
    (place,) = np.argwhere(turned == 65000)
    (stored,) = stored_points(np.array([place]), pixels[0], "R")
    assert pixels[0][tuple(stored.astype(int))] == 65000
    (drawn,) = image.attributes.orientation.to_display(np.array([stored]), pixels[0].shape)
    (expected,) = hung.to_display(np.array([place]), pixels[0].shape)
    np.testing.assert_array_equal(drawn, expected)


def test_the_first_frame_of_the_file_tells_the_side() -> None:
    pixels = np.stack([volume("L")[0], volume("R")[0]])
    image = make_image("RCC", kind=ImageKind.TOMO, pixels=pixels, frame_order=(1, 0))
    assert not follow_duke_convention(image)
