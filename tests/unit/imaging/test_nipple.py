from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.imaging.nipple import nipple_place


def half_ellipse(rows=200, columns=150, tip=(90, 120), height=70):
    row, column = np.mgrid[0:rows, 0:columns]
    return ((row - tip[0]) / height) ** 2 + (column / tip[1]) ** 2 <= 1


@pytest.mark.parametrize("chest_on_left", [True, False])
def test_the_tip_of_a_breast_is_found_on_either_side(chest_on_left):
    mask = half_ellipse()
    place = nipple_place(mask if chest_on_left else mask[:, ::-1], chest_on_left=chest_on_left)
    assert place is not None
    assert place[0] == pytest.approx(90, abs=1)
    assert place[1] == pytest.approx(120 if chest_on_left else 29, abs=1)


def test_a_nipple_in_profile_is_taken_before_the_middle():
    mask = half_ellipse()
    mask[60:66, :128] = True
    row, column = nipple_place(mask, chest_on_left=True)
    assert row == pytest.approx(63, abs=6)
    assert column > 116


def test_no_breast_has_no_nipple():
    assert nipple_place(np.zeros((9, 9), bool), chest_on_left=True) is None
