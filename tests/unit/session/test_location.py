"""Quadrants and hours of the clock, worked out by hand for both breasts."""

from __future__ import annotations

from itertools import product

import pytest
from helpers.images import make_image

from mammoviewer.dicom.attributes import PixelSpacing
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.session.location import Location, ViewLocation, combined, locate
from mammoviewer.session.places import Anatomy

MM = PixelSpacing(0.5, 0.5, "mm")


def anatomy(label, nipple, **changes):
    image = make_image(label, pixel_spacing=MM, **changes)  # 160 x 120 pixels of half a millimetre
    return Anatomy(image.attributes, image.attributes.orientation, nipple)


def test_one_view_tells_half():
    # Right CC, chest wall at the right edge, nipple 54.75 mm from it; the place is 20 mm above, 10 mm behind it.
    found = locate(anatomy("RCC", (80.0, 10.0)), (40.0, 30.0))
    assert found.across_mm == pytest.approx(20.0)
    assert found.up_mm is None
    assert found.depth == "anterior"
    assert found.nipple_mm == pytest.approx((20.0**2 + 10.0**2) ** 0.5)
    assert combined([found]).text == "right, lateral, anterior depth, 22 mm from nipple"
    oblique = locate(anatomy("RMLO", (80.0, 10.0)), (120.0, 110.0))
    assert combined([oblique]).region == "lower"
    assert oblique.depth == "posterior"


@pytest.mark.parametrize(
    ("side", "across", "up", "region", "clock"),
    [
        ("R", 20.0, 20.0, "upper outer quadrant", 10),
        ("R", -20.0, 20.0, "upper inner quadrant", 2),
        ("R", 20.0, -20.0, "lower outer quadrant", 8),
        ("L", 20.0, 20.0, "upper outer quadrant", 2),
        ("L", -20.0, -20.0, "lower inner quadrant", 8),
        ("L", 30.0, 0.0, "outer central", 3),
        ("R", 30.0, 0.0, "outer central", 9),
        ("R", 0.0, 30.0, "upper central", 12),
        ("L", 0.0, -30.0, "lower central", 6),
        ("L", 1.0, -1.0, "central, behind the nipple", 0),
    ],
)
def test_both_views_tell_quadrant_and_hour(side, across, up, region, clock):
    found = combined([ViewLocation(side, across_mm=across), ViewLocation(side, up_mm=up)])
    assert (found.region, found.clock) == (region, clock) or (region, abs(found.clock - clock)) == (found.region, 1)
    assert found.side == {"R": "right", "L": "left"}[side]


def test_the_diagonals_are_between_two_hours():
    clocks = {combined([ViewLocation("R", across_mm=20.0), ViewLocation("R", up_mm=up)]).clock for up in (19.0, 21.0)}
    assert clocks <= {10, 11}


def test_views_of_two_breasts_tell_nothing():
    assert combined([ViewLocation("R", across_mm=1.0), ViewLocation("L", up_mm=1.0)]) == Location()
    assert combined([]) == Location()


def test_depths_that_disagree_are_left_out():
    found = combined(
        [ViewLocation("R", across_mm=9.0, depth="middle"), ViewLocation("R", up_mm=9.0, depth="posterior")]
    )
    assert found.depth == ""


@pytest.mark.parametrize("flags", list(product((False, True), repeat=2)))
def test_how_the_pixels_are_stored_makes_no_difference(flags):
    """The same picture stored flipped, with its orientation to match, has its places where they were."""
    plain = anatomy("LCC", (80.0, 109.0))
    flip_rows, flip_columns = flags
    orientation = Orientation(flip_rows=flip_rows, flip_columns=flip_columns)

    def stored(point):
        return (159.0 - point[0] if flip_rows else point[0], 119.0 - point[1] if flip_columns else point[1])

    image = make_image("LCC", pixel_spacing=MM, orientation=orientation)
    turned = Anatomy(image.attributes, orientation, stored((80.0, 109.0)))
    assert locate(turned, stored((60.0, 50.0))) == locate(plain, (60.0, 50.0))


def test_what_is_not_known_is_not_told():
    assert locate(anatomy("", (80.0, 10.0)), (1.0, 1.0)) is None
    image = make_image("RCC", pixel_spacing=None)
    assert locate(Anatomy(image.attributes, image.attributes.orientation, (80.0, 10.0)), (1.0, 1.0)) is None
    assert combined([locate(anatomy("RCC", None), (1.0, 1.0))]) == Location("right")
