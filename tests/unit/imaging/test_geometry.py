from __future__ import annotations

import itertools

import numpy as np
import pytest

from mammoviewer.imaging.geometry import Orientation

ALL = [Orientation(*flags) for flags in itertools.product((False, True), repeat=3)]
IMAGE = np.arange(12).reshape(3, 4)
POINTS = np.array([(row, column) for row in range(3) for column in range(4)], np.float64)


@pytest.mark.parametrize("orientation", ALL)
def test_marks_stay_on_their_pixels(orientation: Orientation) -> None:
    shown = orientation.apply(IMAGE)
    assert shown.shape == orientation.display_shape(IMAGE.shape)
    places = orientation.to_display(POINTS, IMAGE.shape).astype(int)
    np.testing.assert_array_equal(shown[places[:, 0], places[:, 1]], IMAGE.ravel())


@pytest.mark.parametrize("orientation", ALL)
def test_there_and_back_is_exact(orientation: Orientation) -> None:
    points = np.array([[0.25, 3.0], [-0.5, 1.75], [2.5, 3.5]])
    there = orientation.to_display(points, IMAGE.shape)
    np.testing.assert_array_equal(orientation.to_stored(there, IMAGE.shape), points)
    np.testing.assert_array_equal(orientation.inverse().apply(orientation.apply(IMAGE)), IMAGE)


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("turns", [-1, 0, 1, 2, 3, 4, 5])
def test_turns_are_clockwise_on_the_screen(orientation: Orientation, turns: int) -> None:
    np.testing.assert_array_equal(orientation.rotated(turns).apply(IMAGE), np.rot90(orientation.apply(IMAGE), -turns))


@pytest.mark.parametrize("orientation", ALL)
def test_flips_act_on_the_picture_as_it_is_seen(orientation: Orientation) -> None:
    shown = orientation.apply(IMAGE)
    np.testing.assert_array_equal(orientation.flipped_horizontally().apply(IMAGE), shown[:, ::-1])
    np.testing.assert_array_equal(orientation.flipped_vertically().apply(IMAGE), shown[::-1])


@pytest.mark.parametrize("orientation", ALL)
def test_a_mirror_image_stays_one_however_it_is_turned(orientation: Orientation) -> None:
    assert orientation.mirrors == (np.linalg.det(orientation.matrix(IMAGE.shape)) < 0)
    assert orientation.rotated(1).mirrors == orientation.mirrors
    assert orientation.flipped_vertically().mirrors != orientation.mirrors


@pytest.mark.parametrize("orientation", ALL)
def test_a_stack_is_turned_frame_by_frame_without_a_copy(orientation: Orientation) -> None:
    stack = np.stack([IMAGE, IMAGE + 100])
    shown = orientation.apply(stack)
    np.testing.assert_array_equal(shown[1], orientation.apply(stack[1]))
    assert np.shares_memory(shown, stack)


@pytest.mark.parametrize("orientation", ALL)
def test_the_matrix_is_the_same_mapping(orientation: Orientation) -> None:
    matrix = orientation.matrix(IMAGE.shape)
    homogeneous = np.column_stack([POINTS, np.ones(len(POINTS))])
    np.testing.assert_array_equal((homogeneous @ matrix.T)[:, :2], orientation.to_display(POINTS, IMAGE.shape))
    assert abs(np.linalg.det(matrix)) == pytest.approx(1.0)


def test_no_points_are_no_points() -> None:
    assert Orientation(True).to_display(np.empty((0, 2)), (3, 4)).shape == (0, 2)
