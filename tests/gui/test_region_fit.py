import pytest

from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.gui.canvas.region_fit import is_fit, moved_within, on_image

SHAPE = (100, 80)
BOX = Roi(RoiKind.RECTANGLE, ((10.0, 20.0), (30.0, 50.0)))


@pytest.mark.parametrize(
    ("point", "wanted"),
    [((5.0, 6.0), (5.0, 6.0)), ((-9.0, 200.0), (-0.5, 79.5)), ((100.0, -1.0), (99.5, -0.5))],
)
def test_a_point_comes_onto_the_image(point: tuple[float, float], wanted: tuple[float, float]) -> None:
    assert on_image(point, SHAPE) == wanted


@pytest.mark.parametrize(
    ("kind", "points", "fit"),
    [
        (RoiKind.POINT, ((5.0, 5.0),), True),
        (RoiKind.RECTANGLE, ((5.0, 5.0), (6.0, 6.0)), True),
        (RoiKind.RECTANGLE, ((5.0, 5.0), (5.0, 60.0)), False),
        (RoiKind.FREEHAND, ((0.0, 0.0), (10.0, 10.0), (20.0, 20.0)), False),
        (RoiKind.POLYGON, ((0.0, 0.0), (0.0, 10.0), (10.0, 0.0)), True),
    ],
)
def test_a_region_needs_an_area_and_a_point_none(
    kind: RoiKind, points: tuple[tuple[float, float], ...], fit: bool
) -> None:
    assert is_fit(Roi(kind, points)) is fit


@pytest.mark.parametrize(
    ("step", "wanted"),
    [
        ((5.0, -5.0), (15.0, 15.0, 35.0, 45.0)),
        ((-50.0, -50.0), (-0.5, -0.5, 19.5, 29.5)),
        ((500.0, 500.0), (79.5, 49.5, 99.5, 79.5)),
    ],
)
def test_a_region_is_moved_as_far_as_the_image_reaches(
    step: tuple[float, float], wanted: tuple[float, float, float, float]
) -> None:
    assert moved_within(BOX, *step, SHAPE).bounding_box() == wanted


def test_a_region_partly_beside_the_image_comes_back_and_goes_no_further() -> None:
    beside = BOX.moved(-20.0, 0.0)
    assert moved_within(beside, -5.0, 0.0, SHAPE) == beside
    assert moved_within(beside, 20.0, 0.0, SHAPE) == BOX


def test_a_region_larger_than_the_image_stays_where_it_is() -> None:
    huge = Roi(RoiKind.RECTANGLE, ((-20.0, -20.0), (150.0, 150.0)))
    assert moved_within(huge, 0.0, 30.0, SHAPE) == huge
