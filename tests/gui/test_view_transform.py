from itertools import product

import numpy as np
import pytest
from helpers.images import make_image

from mammoviewer.dicom.attributes import View
from mammoviewer.gui.canvas.view_transform import (
    LARGEST_ZOOM,
    device_length,
    kept_near,
    view_transform,
    zoomed,
)
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.session.places import chest_side

ORIENTATIONS = [Orientation(*flags) for flags in product((False, True), repeat=3)]
SHAPE = (300, 200)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("dpr", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("zoom", [0.0, 0.37, 1.0, 5.5])
def test_a_place_on_screen_and_its_stored_pixel_are_one(orientation: Orientation, dpr: float, zoom: float) -> None:
    view = view_transform(SHAPE, orientation, size=(640, 480), dpr=dpr, zoom=zoom, centre=(140.0, 90.0))
    points = np.array([(0.0, 0.0), (299.0, 199.0), (12.25, 180.5)])
    for point, place in zip(points, view.to_widget(points), strict=True):
        assert view.to_stored(*place) == pytest.approx(tuple(point), abs=1e-9)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_centre_of_a_zoomed_view_is_in_the_middle_within_half_a_pixel(orientation: Orientation) -> None:
    view = view_transform(SHAPE, orientation, size=(641, 479), dpr=2.0, zoom=3.0, centre=(140.0, 90.0))
    assert view.centre == pytest.approx((140.0, 90.0), abs=0.5 / 3.0 + 1e-9)


@pytest.mark.parametrize(("chest", "edge"), [("right", 800.0), ("left", 0.0)])
def test_a_fitted_breast_stands_flush_at_the_chest_wall(chest: str, edge: float) -> None:
    view = view_transform(SHAPE, Orientation(), size=(800, 600), dpr=1.0, chest=chest)
    column = 199.5 if chest == "right" else -0.5
    assert view.to_widget(np.array([(0.0, column)]))[0, 0] == pytest.approx(edge, abs=1.0)
    assert view.zoom == pytest.approx(2.0)


def test_flush_leaves_no_dark_line_at_odd_sizes() -> None:
    for width in range(400, 440):
        view = view_transform((307, 211), Orientation(), size=(width, 333), dpr=1.0, chest="right")
        region = view.visible()
        assert region is not None
        assert region.right == width


def test_without_a_known_side_a_fitted_image_is_centred() -> None:
    view = view_transform(SHAPE, Orientation(), size=(800, 600), dpr=1.0)
    assert (view.left, view.top) == (200, 0)


def test_fit_leaves_the_inset_free() -> None:
    view = view_transform((100, 400), Orientation(), size=(420, 600), dpr=1.0, chest="right", inset=20.0)
    assert view.zoom == pytest.approx(1.0)
    assert view.left == 20


def test_the_visible_region_is_what_lies_in_the_viewport() -> None:
    view = view_transform(SHAPE, Orientation(), size=(100, 80), dpr=1.0, zoom=1.0, centre=(149.5, 99.5))
    region = view.visible()
    assert region is not None
    assert region.size == (80, 100)
    assert region.rows == (110.0, 190.0)
    assert region.columns == (50.0, 150.0)


def test_the_visible_region_follows_the_orientation() -> None:
    turned = Orientation(transpose=True, flip_rows=True)
    view = view_transform(SHAPE, turned, size=(100, 80), dpr=1.0, zoom=1.0, centre=(149.5, 99.5))
    region = view.visible()
    assert region is not None
    assert (region.rows, region.columns) == ((100.0, 200.0), (60.0, 140.0))


def test_the_length_on_screen_does_not_depend_on_the_place() -> None:
    # 45 x 0.7 is 31.499999999999996; where it begins must not decide between 31 and 32.
    for column in range(-40, 80):
        centre = (150.0, float(column))
        view = view_transform((300, 45), Orientation(), size=(300, 300), dpr=1.0, zoom=0.7, centre=centre)
        region = view.visible()
        assert region is not None
        assert region.size[1] == device_length(45, 0.7) == 31


def test_an_image_out_of_sight_has_no_visible_region() -> None:
    view = view_transform(SHAPE, Orientation(), size=(100, 80), dpr=1.0, zoom=1.0, centre=(-500.0, 0.0))
    assert view.visible() is None


@pytest.mark.parametrize("factor", [0.5, 1.3, 4.0])
def test_zooming_keeps_the_place_under_the_cursor(factor: float) -> None:
    view = view_transform(SHAPE, Orientation(flip_columns=True), size=(640, 480), dpr=2.0, zoom=2.0, centre=(150, 100))
    at = (400.0, 200.0)
    zoom, centre = zoomed(view, factor, at)
    after = view_transform(SHAPE, view.orientation, size=view.size, dpr=view.dpr, zoom=zoom, centre=centre)
    assert after.to_stored(*at) == pytest.approx(view.to_stored(*at), abs=1.0 / min(zoom, view.zoom))


def test_zoom_has_limits() -> None:
    view = view_transform(SHAPE, Orientation(), size=(640, 480), dpr=1.0, zoom=2.0, centre=(150, 100))
    assert zoomed(view, 1e9)[0] == LARGEST_ZOOM
    assert zoomed(view, 1e-9)[0] > 0.1


def test_a_pan_never_loses_the_image() -> None:
    view = view_transform(SHAPE, Orientation(), size=(640, 480), dpr=1.0, zoom=2.0, centre=(150, 100))
    centre = kept_near(view, (1e6, -1e6), view.zoom)
    moved = view_transform(SHAPE, Orientation(), size=(640, 480), dpr=1.0, zoom=2.0, centre=centre)
    assert moved.visible() is not None


def test_the_side_of_the_chest_wall_follows_side_and_flips() -> None:
    right, left = make_image("RCC").attributes, make_image("LMLO").attributes
    assert chest_side(right, right.orientation) == "right"
    assert chest_side(left, left.orientation) == "left"
    assert chest_side(right, right.orientation.flipped_horizontally()) == "left"
    assert chest_side(right, right.orientation.flipped_vertically()) == "right"
    assert chest_side(right, right.orientation.rotated(1)) == ""
    assert chest_side(make_image("", view=View()).attributes, Orientation()) == ""
