"""Marks of the two projections of a breast, matched by their distance from the nipple; counted by hand."""

from __future__ import annotations

import math

import pytest
from helpers.images import make_image

from mammoviewer.dicom.attributes import PixelSpacing
from mammoviewer.inference.detections import Detection
from mammoviewer.session.matched_marks import match_marks
from mammoviewer.session.places import Anatomy

CC = make_image("RCC", pixel_spacing=PixelSpacing(0.5, 0.5, "mm"))
MLO = make_image("RMLO", pixel_spacing=PixelSpacing(0.5, 0.5, "mm"))
OTHER = make_image("LMLO", pixel_spacing=PixelSpacing(0.5, 0.5, "mm"))


def anatomy(image, nipple=(80.0, 20.0)):
    return Anatomy(image.attributes, image.attributes.orientation, nipple)


def mark(column, score=0.8, name="", row=80.0):
    return Detection(row, column, 0, score, (row - 5, column - 5, row + 5, column + 5), name)


def test_marks_as_far_from_the_nipple_are_a_pair():
    near, far = mark(40.0, 0.9), mark(100.0, 0.4)  # 10 mm and 40 mm
    same, other = mark(42.0, 0.4), mark(60.0, 0.99)  # 11 mm and 20 mm
    (pair,) = match_marks(anatomy(CC), (near, far), anatomy(MLO), (same, other))
    assert pair.first == (CC.attributes.identity, near)
    assert pair.second == (MLO.attributes.identity, same)
    assert pair.apart_mm == pytest.approx(1.0)
    assert pair.score == pytest.approx(math.sqrt(0.9 * 0.4) * math.exp(-0.5 * (1.0 / 7.5) ** 2))
    assert pair.other(CC.attributes.identity, near) == pair.second
    assert pair.other(MLO.attributes.identity, same) == pair.first
    assert pair.other(CC.attributes.identity, far) is None


def test_the_distance_is_that_in_the_plane():
    above = mark(20.0 + 40.0 * 0.6, row=80.0 - 40.0 * 0.8)
    (pair,) = match_marks(anatomy(CC), (above,), anatomy(MLO), (mark(60.0),))
    assert pair.apart_mm == pytest.approx(0.0)


def test_a_mark_is_in_one_pair_at_most_and_the_best_pairs_stay():
    first, second = mark(40.0, 0.9), mark(44.0, 0.8)
    theirs = (mark(41.0, 0.9), mark(47.0, 0.3))
    pairs = match_marks(anatomy(CC), (first, second), anatomy(MLO), theirs)
    assert [(pair.first[1], pair.second[1]) for pair in pairs] == [(first, theirs[0]), (second, theirs[1])]
    assert pairs[0].score > pairs[1].score


def test_the_tolerance_and_the_class_decide():
    assert match_marks(anatomy(CC), (mark(40.0),), anatomy(MLO), (mark(70.0),)) != ()
    assert match_marks(anatomy(CC), (mark(40.0),), anatomy(MLO), (mark(70.1),)) == ()
    assert match_marks(anatomy(CC), (mark(40.0),), anatomy(MLO), (mark(70.1),), tolerance_mm=20.0) != ()
    assert match_marks(anatomy(CC), (mark(40.0, name="mass"),), anatomy(MLO), (mark(40.0, name="cluster"),)) == ()


def test_nothing_is_matched_without_nipple_pixel_size_or_in_the_other_breast():
    marks = (mark(40.0),)
    assert match_marks(anatomy(CC, None), marks, anatomy(MLO), marks) == ()
    assert match_marks(anatomy(CC), marks, anatomy(OTHER), marks) == ()
    assert match_marks(anatomy(CC), marks, anatomy(CC), marks) == ()
    unknown = anatomy(make_image("RMLO", pixel_spacing=None))
    assert match_marks(anatomy(CC), marks, unknown, marks) == ()
