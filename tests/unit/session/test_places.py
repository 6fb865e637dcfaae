"""Where a place of one image lies in another; positions are compared in millimetres, by hand."""

from __future__ import annotations

import threading
from itertools import product

import numpy as np
import pytest
from helpers.images import breast_like, make_image

from mammoviewer.dicom.attributes import PixelSpacing
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.landmarks import Nipples, find_nipple
from mammoviewer.session.places import Anatomy, NippleArc, linked_mark, nipple_arc, same_place

RIGHT = make_image("RCC", pixel_spacing=PixelSpacing(0.1, 0.1, "mm"))  # chest wall at the right of 160 x 120
LEFT = make_image("LCC", pixels=breast_like()[:, ::-1].copy(), pixel_spacing=PixelSpacing(0.1, 0.1, "mm"))
LARGE = make_image("RCC", pixels=breast_like(320, 480), uid="9", pixel_spacing=PixelSpacing(0.05, 0.05, "mm"))
OBLIQUE = make_image("RMLO", pixel_spacing=PixelSpacing(0.1, 0.1, "mm"))


def anatomy(image, nipple=None, orientation=None):
    return Anatomy(image.attributes, orientation or image.attributes.orientation, nipple)


def test_the_other_breast_is_mirrored():
    # 3.05 mm from the chest wall at the right edge, 2 mm above the middle.
    place = same_place(anatomy(RIGHT), anatomy(LEFT), (59.5, 89.0))
    assert place == pytest.approx((59.5, 30.0))


def test_millimetres_count_and_not_pixels():
    place = same_place(anatomy(RIGHT), anatomy(LARGE), (79.5, 119.0))
    # Half a pixel of .1 mm from the wall is one pixel of .05 mm: its outer edge is that of pixel 479.
    assert place == pytest.approx((159.5, 478.5))


def test_heights_are_measured_from_the_nipple_where_both_are_known():
    source, target = anatomy(RIGHT, (80.0, 30.0)), anatomy(LEFT, (100.0, 90.0))
    assert same_place(source, target, (80.0, 60.0))[0] == pytest.approx(100.0)
    assert same_place(source, anatomy(LEFT), (80.0, 60.0))[0] == pytest.approx(80.0)


@pytest.mark.parametrize("flags", list(product((False, True), repeat=3)))
def test_turning_the_picture_does_not_move_the_place(flags):
    turned = anatomy(LARGE, (150.0, 30.0), Orientation(*flags))
    point = (141.25, 377.5)
    measured = turned.measured(point, by_nipple=True)
    assert turned.stored(measured, by_nipple=True) == pytest.approx(point)


def test_a_finding_in_cc_is_an_arc_in_mlo_of_the_same_breast():
    source, target = anatomy(RIGHT, (80.0, 20.0)), anatomy(OBLIQUE, (100.0, 25.0))
    arc = linked_mark(source, target, (110.0, 60.0))
    assert isinstance(arc, NippleArc)
    assert arc.nipple == (100.0, 25.0)
    assert arc.radius_mm == pytest.approx(np.hypot(3.0, 4.0))


def test_an_arc_needs_both_nipples_and_pixel_sizes():
    assert nipple_arc(anatomy(RIGHT), anatomy(OBLIQUE, (1.0, 1.0)), (5.0, 5.0)) is None
    unsized = make_image("RMLO", uid="8", pixel_spacing=None)
    assert nipple_arc(anatomy(RIGHT, (1.0, 1.0)), anatomy(unsized, (1.0, 1.0)), (5.0, 5.0)) is None


def test_what_cannot_be_compared_shows_nothing():
    other_side = make_image("LMLO", uid="7")
    assert linked_mark(anatomy(RIGHT, (1.0, 1.0)), anatomy(other_side, (1.0, 1.0)), (5.0, 5.0)) is None
    unknown = make_image("", uid="6")
    assert linked_mark(anatomy(RIGHT), anatomy(unknown), (5.0, 5.0)) is None


def test_nipples_are_found_in_the_background_once():
    with ThreadRunner(1, "test") as runner:
        nipples = Nipples(runner)
        known = threading.Event()
        nipples.changed.connect(known.set)
        assert nipples.of(RIGHT) is None
        assert known.wait(10)
        found = nipples.of(RIGHT)
    assert found == find_nipple(RIGHT)
    row, column = found
    assert row == pytest.approx(79.5, abs=3)
    assert column == pytest.approx(120 - 0.8 * 120, abs=4)


def test_an_image_that_cannot_be_decoded_has_no_nipple():
    assert find_nipple(make_image("RCC", uid="5", bad=(0,))) is None
    assert find_nipple(make_image("", uid="4")) is None
