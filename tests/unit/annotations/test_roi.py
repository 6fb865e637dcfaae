import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import draw

from mammoviewer.annotations.roi import MEASURES, Roi, RoiKind
from mammoviewer.base.errors import AnnotationError

SHAPE = (24, 31)
grid = st.integers(-8, 72).map(lambda value: value / 2)
points = st.tuples(grid, grid)


def _skimage_polygon(vertices: list[tuple[float, float]]) -> np.ndarray:
    expected = np.zeros(SHAPE, dtype=bool)
    rows, columns = draw.polygon([r for r, _ in vertices], [c for _, c in vertices], SHAPE)
    expected[rows, columns] = True
    return expected


@settings(max_examples=300, deadline=None)
@given(st.lists(points, min_size=3, max_size=9))
def test_polygon_mask_is_that_of_skimage_and_holds_its_outline(vertices):
    # skimage leaves out parts of an outline that touches or retraces itself; inside and outside are the same.
    kind = RoiKind.POLYGON if len(vertices) % 2 else RoiKind.FREEHAND
    mask = Roi(kind, tuple(vertices)).mask(SHAPE)
    for row, column in np.argwhere(mask != _skimage_polygon(vertices)):
        assert mask[row, column]
        assert _distance_to_outline(vertices, row, column) < 1e-12


@settings(max_examples=150, deadline=None)
@given(st.lists(points, min_size=3, max_size=7))
def test_every_pixel_centre_on_the_outline_belongs_to_the_polygon(vertices):
    mask = Roi(RoiKind.POLYGON, tuple(vertices)).mask(SHAPE)
    for row, column in np.argwhere(~mask):
        assert _distance_to_outline(vertices, row, column) > 1e-9


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.floats(-5, 35), st.floats(-5, 35)), min_size=3, max_size=12))
def test_polygon_mask_with_any_coordinates_differs_from_skimage_at_most_on_the_outline(vertices):
    mask = Roi(RoiKind.POLYGON, tuple(vertices)).mask(SHAPE)
    for row, column in np.argwhere(mask != _skimage_polygon(vertices)):
        assert _distance_to_outline(vertices, row, column) < 1e-6


def _distance_to_outline(vertices, row, column) -> float:
    distances = []
    for (r0, c0), (r1, c1) in zip(vertices, [*vertices[1:], vertices[0]], strict=True):
        length = (r1 - r0) ** 2 + (c1 - c0) ** 2
        along = (
            0.0 if length == 0 else max(0.0, min(1.0, ((row - r0) * (r1 - r0) + (column - c0) * (c1 - c0)) / length))
        )
        distances.append(math.hypot(row - r0 - along * (r1 - r0), column - c0 - along * (c1 - c0)))
    return min(distances)


@settings(max_examples=150, deadline=None)
@given(points, points)
def test_rectangle_mask_holds_the_pixels_whose_centre_is_inside(first, second):
    expected = np.zeros(SHAPE, dtype=bool)
    top, bottom = sorted((first[0], second[0]))
    left, right = sorted((first[1], second[1]))
    if math.ceil(top) <= math.floor(bottom) and math.ceil(left) <= math.floor(right):
        start, end = (math.ceil(top), math.ceil(left)), (math.floor(bottom), math.floor(right))
        rows, columns = draw.rectangle(start, end=end)
        inside = (rows >= 0) & (rows < SHAPE[0]) & (columns >= 0) & (columns < SHAPE[1])
        expected[rows[inside], columns[inside]] = True
    np.testing.assert_array_equal(Roi(RoiKind.RECTANGLE, (first, second)).mask(SHAPE), expected)


@settings(max_examples=150, deadline=None)
@given(points, points)
def test_ellipse_mask_is_that_of_skimage_and_its_outline_belongs_to_it(first, second):
    (r0, c0), (r1, c1) = first, second
    centre, radii = ((r0 + r1) / 2, (c0 + c1) / 2), (abs(r1 - r0) / 2, abs(c1 - c0) / 2)
    if not all(radii):
        return
    mask = Roi(RoiKind.ELLIPSE, (first, second)).mask(SHAPE)
    expected = np.zeros(SHAPE, dtype=bool)
    expected[draw.ellipse(*centre, *radii, shape=SHAPE)] = True
    row, column = np.indices(SHAPE)
    distance = ((row - centre[0]) / radii[0]) ** 2 + ((column - centre[1]) / radii[1]) ** 2
    outline = np.abs(distance - 1) < 1e-9
    np.testing.assert_array_equal(mask[~outline], expected[~outline])


def test_ellipse_includes_the_ends_of_its_axes():
    mask = Roi(RoiKind.ELLIPSE, ((2.0, 3.0), (8.0, 13.0))).mask(SHAPE)
    assert mask[2, 8]
    assert mask[8, 8]
    assert mask[5, 3]
    assert mask[5, 13]
    assert not mask[2, 9]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(RoiKind)), st.lists(points, min_size=3, max_size=6))
def test_contains_agrees_with_the_mask_at_pixel_centres(kind, vertices):
    fixed = {RoiKind.POINT: 1, RoiKind.TEXT: 1, RoiKind.ANGLE: 3}
    outlined = {RoiKind.POLYGON, RoiKind.FREEHAND}
    count = len(vertices) if kind in outlined else fixed.get(kind, 2)
    roi = Roi(kind, tuple(vertices[:count]))
    mask = roi.mask(SHAPE)
    for row in range(0, SHAPE[0], 3):
        for column in range(0, SHAPE[1], 3):
            assert roi.contains(row, column) == mask[row, column]


@pytest.mark.parametrize("kind", [RoiKind.RECTANGLE, RoiKind.ELLIPSE])
def test_region_of_no_height_holds_only_places_on_its_line(kind):
    mask = Roi(kind, ((4.0, 2.0), (4.0, 6.0))).mask(SHAPE)
    assert np.argwhere(mask).tolist() == [[4, c] for c in range(2, 7)]
    assert not Roi(kind, ((4.5, 2.0), (4.5, 6.0))).mask(SHAPE).any()


def test_point_marks_the_pixel_it_falls_into():
    assert np.argwhere(Roi(RoiKind.POINT, ((4.4, 6.5),)).mask(SHAPE)).tolist() == [[4, 7]]
    assert not Roi(RoiKind.POINT, ((-3.0, 2.0),)).mask(SHAPE).any()


def test_region_outside_the_image_has_an_empty_mask():
    assert not Roi(RoiKind.RECTANGLE, ((100.0, 100.0), (200.0, 200.0))).mask(SHAPE).any()


def test_centre_area_and_box():
    assert Roi(RoiKind.RECTANGLE, ((8.0, 2.0), (4.0, 12.0))).centre == (6.0, 7.0)
    assert Roi(RoiKind.RECTANGLE, ((8.0, 2.0), (4.0, 12.0))).area_px == 40.0
    assert Roi(RoiKind.ELLIPSE, ((0.0, 0.0), (4.0, 6.0))).area_px == pytest.approx(math.pi * 6)
    corner = Roi(RoiKind.POLYGON, ((0.0, 0.0), (0.0, 10.0), (2.0, 10.0), (2.0, 2.0), (10.0, 2.0), (10.0, 0.0)))
    assert corner.area_px == pytest.approx(36.0)
    assert corner.centre == pytest.approx(((20 * 1 + 16 * 6) / 36, (20 * 5 + 16 * 1) / 36))
    assert corner.bounding_box() == (0.0, 0.0, 10.0, 10.0)
    assert Roi(RoiKind.POLYGON, ((1.0, 1.0), (3.0, 3.0), (5.0, 5.0))).centre == (3.0, 3.0)
    assert Roi(RoiKind.POINT, ((3.0, 4.0),)).area_px == 0.0


def test_outline_of_an_ellipse_lies_on_it():
    outline = Roi(RoiKind.ELLIPSE, ((0.0, 10.0), (8.0, 30.0))).outline(64)
    assert outline.shape == (64, 2)
    np.testing.assert_allclose(((outline[:, 0] - 4) / 4) ** 2 + ((outline[:, 1] - 20) / 10) ** 2, 1.0)


@given(st.lists(points, min_size=3, max_size=6), points)
def test_moving_there_and_back_gives_the_same_region(vertices, step):
    roi = Roi(RoiKind.POLYGON, tuple(vertices))
    moved = roi.moved(*step)
    assert moved.bounding_box()[0] == roi.bounding_box()[0] + step[0]
    assert moved.moved(-step[0], -step[1]) == roi


def test_with_point_changes_one_point():
    roi = Roi(RoiKind.POLYGON, ((0, 0), (0, 5), (5, 5)))
    assert roi.with_point(1, (1, 6)).points == ((0.0, 0.0), (1.0, 6.0), (5.0, 5.0))
    with pytest.raises(AnnotationError, match="no point 3"):
        roi.with_point(3, (0, 0))


@pytest.mark.parametrize(
    ("kind", "vertices", "message"),
    [
        (RoiKind.RECTANGLE, ((0, 0),), "needs 2"),
        (RoiKind.POLYGON, ((0, 0), (1, 1)), "at least 3"),
        (RoiKind.POINT, ((float("nan"), 0),), "coordinate"),
        (RoiKind.ELLIPSE, ((0, 0), (float("inf"), 1)), "coordinate"),
        ("star", ((0, 0), (1, 1)), "star"),
        (RoiKind.POINT, ((1, 2, 3),), "not a region"),
        (RoiKind.POINT, (("a", 2),), "not a region"),
    ],
)
def test_what_is_no_region_is_refused(kind, vertices, message):
    with pytest.raises(AnnotationError, match=message):
        Roi(kind, vertices)


@pytest.mark.parametrize("kind", sorted(MEASURES))
def test_measures_hold_pixels_only_where_they_have_an_area(kind):
    points = {1: ((3.0, 4.0),), 2: ((3.0, 4.0), (9.0, 12.0)), 3: ((3.0, 4.0), (9.0, 4.0), (9.0, 12.0))}
    roi = Roi(kind, points[3 if kind is RoiKind.ANGLE else 1 if kind is RoiKind.TEXT else 2])
    if kind is RoiKind.STATISTICS:
        ellipse = Roi(RoiKind.ELLIPSE, roi.points)
        np.testing.assert_array_equal(roi.mask((20, 20)), ellipse.mask((20, 20)))
        assert roi.area_px == ellipse.area_px
    else:
        assert roi.area_px == 0.0
        assert roi.mask((20, 20)).sum() == (1 if kind is RoiKind.TEXT else 0)
        assert not roi.contains(6.0, 8.0)


def test_a_line_goes_there_and_back():
    angle = Roi(RoiKind.ANGLE, ((0.0, 0.0), (5.0, 0.0), (5.0, 7.0)))
    assert angle.outline().tolist() == [[0.0, 0.0], [5.0, 0.0], [5.0, 7.0], [5.0, 0.0]]
    assert angle.centre == (2.5, 3.5)
