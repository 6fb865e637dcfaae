from __future__ import annotations

import numpy as np
import pytest
from helpers.images import make_image

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.duke import duke_side, follow_duke_convention


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
