from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import find_contours

from mammoviewer.annotations.mask_outline import painted_mask, region_of_mask
from mammoviewer.annotations.roi import Roi, RoiKind


@settings(max_examples=200, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))), st.integers(0, 5), st.integers(0, 5))
def test_every_mask_comes_back_pixel_by_pixel(mask, row, column):
    roi = region_of_mask(mask, (row, column))
    whole = np.zeros((20, 20), bool)
    whole[row : row + mask.shape[0], column : column + mask.shape[1]] = mask
    if roi is None:
        assert not mask.any()
        return
    np.testing.assert_array_equal(roi.mask((20, 20)), whole)


def test_holes_and_separate_parts_have_the_right_area():
    mask = np.zeros((60, 60), bool)
    mask[5:30, 5:30] = True
    mask[12:20, 12:20] = False
    mask[40:50, 40:55] = True
    roi = region_of_mask(mask)
    np.testing.assert_array_equal(roi.mask((60, 60)), mask)
    assert roi.area_px == pytest.approx(mask.sum(), rel=0.02)


def test_a_region_is_cut_out_with_its_place():
    mask = np.zeros((40, 40), bool)
    mask[10:20, 25:33] = True
    part, (row, column) = painted_mask(region_of_mask(mask), mask.shape)
    again = np.zeros_like(mask)
    again[row : row + part.shape[0], column : column + part.shape[1]] = part
    np.testing.assert_array_equal(again, mask)
    assert part.size < mask.size / 4


def test_nothing_has_no_region():
    assert region_of_mask(np.zeros((3, 3), bool)) is None


def test_straight_edges_have_no_points_but_their_ends():
    mask = np.zeros((60, 60), bool)
    mask[5:30, 5:45] = True
    assert len(region_of_mask(mask).points) == 8, "corners are cut off"


def test_joined_outlines_come_apart_without_their_bridges():
    mask = np.zeros((60, 60), bool)
    mask[5:30, 5:30] = True
    mask[12:20, 12:20] = False
    mask[40:50, 40:55] = True
    roi = region_of_mask(mask, (3, 4)).moved(0.1, -0.7)
    loops = roi.loops
    assert len(loops) == 3
    apart = [np.hypot(*np.diff(np.concatenate([loop, loop[:1]]), axis=0).T).max() for loop in loops]
    assert max(apart) < 25, "no line leads from one to the other"
    line = np.array([(0.0, 0.0), (0.0, 5.0), (5.0, 5.0), (0.0, 0.0), (4.0, 1.0), (9.0, 9.0), (2.0, 3.0)])
    assert len(Roi.of_outline(RoiKind.FREEHAND, line).loops) == 1


@settings(max_examples=100, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_as_many_loops_come_apart_as_were_joined(mask):
    if mask.any():
        loops = region_of_mask(mask).loops
        assert len(loops) == len(find_contours(np.pad(mask, 1).astype(float), 0.5))
