from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoviewer.annotations.mask_outline import region_of_mask
from mammoviewer.annotations.outline_patch import outline_patch, packed_points, patched, unpacked_points
from mammoviewer.base.errors import AnnotationError

PLACES = st.tuples(st.integers(0, 4), st.integers(0, 4))
OUTLINES = st.lists(PLACES, max_size=30).map(lambda points: np.array(points, np.float64).reshape(-1, 2))


@settings(max_examples=300, deadline=None)
@given(OUTLINES, OUTLINES)
def test_a_patch_makes_the_one_of_the_other_whatever_they_are(source, target):
    assert np.array_equal(patched(source, outline_patch(source, target)), target)


@settings(max_examples=50, deadline=None)
@given(OUTLINES)
def test_packed_points_come_back(points):
    assert np.array_equal(unpacked_points(packed_points(points)), points)


def ragged() -> np.ndarray:
    mask, generator, place = np.zeros((700, 700), np.uint8), np.random.default_rng(0), (350, 350)
    for _ in range(30):
        there = tuple(int(value) for value in generator.integers(30, 670, 2))
        cv2.line(mask, place, there, 1, 12)
        place = there
    return mask


@pytest.mark.parametrize("erase", [False, True])
def test_a_stroke_on_a_large_region_takes_a_part_of_its_outline(erase):
    mask = ragged()
    before = region_of_mask(mask.astype(bool)).outline()
    # Where the outline begins, too, and through its holes: loops are joined anew there.
    cv2.line(mask, (20, 20), (90, 60), 0 if erase else 1, 25)
    cv2.line(mask, (340, 300), (380, 330), 0 if erase else 1, 25)
    after = region_of_mask(mask.astype(bool)).outline()
    assert len(before) > 2000
    back, forth = outline_patch(after, before), outline_patch(before, after)
    assert np.array_equal(patched(after, back), before)
    assert np.array_equal(patched(before, forth), after)
    assert max(len(back), len(forth)) < len(packed_points(before)) / 4 < before.nbytes / 16


def test_a_patch_for_another_outline_is_refused():
    square = np.array([(0, 0), (0, 9), (9, 9), (9, 0)], np.float64)
    patch = outline_patch(square, square[::-1])
    with pytest.raises(AnnotationError, match="elsewhere"):
        patched(square + 1e-9, patch)


def test_zeros_of_either_sign_are_the_same_place():
    square = np.array([(0, 0), (0, 9), (9, 9), (9, 0)], np.float64)
    other = np.array([(-0.0, 0), (0, 9), (9, -0.0)])
    forth, back = outline_patch(square, other), outline_patch(other, square)
    assert np.array_equal(patched(patched(square, forth), back), square)


@pytest.mark.parametrize("spoilt", [b"", b"x", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_what_is_no_patch_is_refused(spoilt):
    with pytest.raises(AnnotationError, match="cannot be read"):
        patched(np.zeros((3, 2)), spoilt)


@pytest.mark.parametrize("spoilt", [b"", b"x", packed_points(np.zeros((3, 2)))[:-5]])
def test_what_are_no_points_is_refused(spoilt):
    with pytest.raises(AnnotationError, match="cannot be read"):
        unpacked_points(spoilt)
