from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.annotations.interpolation import between
from mammoviewer.annotations.roi import Roi, RoiKind


def test_boxes_and_ellipses_keep_their_kind_whichever_corner_was_drawn_first():
    one = Roi(RoiKind.ELLIPSE, ((10.0, 10.0), (30.0, 50.0)))
    other = Roi(RoiKind.ELLIPSE, ((50.0, 30.0), (20.0, 90.0)))
    middle = between(one, other, 0.5)
    assert middle == Roi(RoiKind.ELLIPSE, ((15.0, 20.0), (40.0, 70.0)))


@pytest.mark.parametrize("kind", [RoiKind.POINT, RoiKind.DISTANCE])
def test_points_move_evenly(kind):
    count = 1 if kind is RoiKind.POINT else 2
    one = Roi(kind, ((0.0, 0.0), (2.0, 2.0))[:count])
    other = Roi(kind, ((10.0, 20.0), (2.0, 6.0))[:count])
    assert between(one, other, 0.25).points == ((2.5, 5.0), (2.0, 3.0))[:count]


def test_the_ends_are_the_regions_themselves():
    one = Roi(RoiKind.FREEHAND, tuple((50 + 20 * np.sin(a), 50 + 30 * np.cos(a)) for a in np.linspace(0, 6.2, 40)))
    other = Roi(RoiKind.RECTANGLE, ((40.0, 40.0), (80.0, 70.0)))
    shape = (120, 120)
    for share, roi in ((0.0, one), (1.0, other)):
        mask, wanted = between(one, other, share).mask(shape), roi.mask(shape)
        assert (mask & wanted).sum() / (mask | wanted).sum() > 0.95


@pytest.mark.parametrize("turn", [0, 7, 23])
@pytest.mark.parametrize("way", [1, -1])
def test_where_an_outline_begins_and_which_way_it_runs_makes_no_difference(turn, way):
    angles = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    circle = np.stack([50 + 20 * np.sin(angles), 50 + 20 * np.cos(angles)], axis=1)
    one = Roi(RoiKind.POLYGON, tuple(map(tuple, circle.tolist())))
    other = Roi(RoiKind.POLYGON, tuple(map(tuple, np.roll(circle[::way], turn, axis=0).tolist())))
    middle = between(one, other, 0.5)
    assert middle.area_px == pytest.approx(one.area_px, rel=0.02)


def test_a_region_between_a_small_and_a_large_one_is_of_middle_size():
    angles = np.linspace(0, 2 * np.pi, 50, endpoint=False)

    def circle(radius, count):
        return Roi(RoiKind.FREEHAND, tuple((60 + radius * np.sin(a), 60 + radius * np.cos(a)) for a in angles[:count]))

    middle = between(circle(10, 50), circle(30, 49), 0.5)
    assert middle.area_px == pytest.approx(np.pi * 20**2, rel=0.05)
