from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.imaging.phantom.breast import SKIN_MM, Grid, Pectoral, ViewGeometry
from mammoviewer.imaging.phantom.exam import PhantomExam, PhantomRequest

CC = ViewGeometry("CC", 0.0, 90.0, 98.0, 92.0, 48.0, 115.2, (0.01, -0.006, 0.004))
MLO = ViewGeometry("MLO", 45.0, 92.0, 205.0, 86.0, 48.0, 132.0, (0.01, -0.006, 0.004), Pectoral(46.0, 150.0, 0.1))


def array(*values: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)


@pytest.mark.parametrize("geometry", [CC, MLO])
def test_normalised_coordinates_are_invertible(geometry: ViewGeometry) -> None:
    x, w = array(1, 20, 60, 80), array(-40, 30, 5, -3)
    back = geometry.from_normalised(*geometry.normalised(x, w))
    np.testing.assert_allclose(back, [x, w], atol=1e-3)


@pytest.mark.parametrize("geometry", [CC, MLO])
@pytest.mark.parametrize("point", [(20.0, 5.0, -12.0), (60.0, -20.0, 8.0), (75.0, 4.0, 4.0)])
def test_reference_points_return_from_a_view(geometry: ViewGeometry, point: tuple[float, float, float]) -> None:
    view = geometry.from_reference(point)
    back = geometry.to_reference(*(np.asarray(value, dtype=np.float32) for value in view))
    np.testing.assert_allclose(back, point, atol=0.05)


def test_both_views_put_the_nipple_side_to_the_front_and_lateral_or_upper_tissue_up() -> None:
    lateral, medial = CC.from_reference((40.0, 20.0, 0.0)), CC.from_reference((40.0, -20.0, 0.0))
    assert lateral[1] > 10 > -10 > medial[1]
    upper, lower = MLO.from_reference((40.0, 0.0, 20.0)), MLO.from_reference((40.0, 0.0, -20.0))
    assert upper[1] > 10 > -10 > lower[1]
    assert CC.from_reference((70.0, 0.0, 0.0))[0] > CC.from_reference((20.0, 0.0, 0.0))[0] + 30


def test_height_along_the_beam_follows_the_rotation_of_the_tube() -> None:
    assert CC.from_reference((40.0, 0.0, 20.0))[2] > 5
    assert MLO.from_reference((40.0, -15.0, 15.0))[2] > 5
    assert abs(MLO.from_reference((40.0, 15.0, 15.0))[2]) < 0.1


def test_margin_is_a_distance() -> None:
    w = array(0, 0, 0)
    edge = CC.depth_mm / 1.02 * 1.02
    inside = CC.margin_mm(array(edge - 30, edge - 20, edge + 30), w)
    assert inside[0] - inside[1] == pytest.approx(10, abs=1.0)
    assert inside[2] < -10


def test_thickness_grows_from_the_border_to_the_distance_of_the_plates() -> None:
    margin = array(-1, 0, 1, 5, 19.2, 40)
    half = CC.half_thickness_mm(margin)
    assert half[0] == half[1] == 0
    assert (np.diff(half) >= 0).all()
    assert half[-1] == half[-2] == pytest.approx(24)
    assert float((half - CC.half_thickness_mm(margin, SKIN_MM))[-1]) == pytest.approx(SKIN_MM)


def test_rigid_offsets_keep_their_length() -> None:
    offsets = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(MLO.turn(offsets), axis=1), np.linalg.norm(offsets, axis=1), rtol=1e-5)
    np.testing.assert_allclose(CC.turn(offsets), offsets, atol=1e-6)


def test_muscle_lies_in_the_upper_chest_wall_corner_of_the_oblique_view_alone() -> None:
    heights = array(130, 60, -60)
    edge = MLO.pectoral_edge_mm(heights)
    assert edge[0] > 40
    assert edge[0] > edge[1] > 5
    assert edge[2] < 0
    assert (CC.pectoral_edge_mm(heights) < 0).all()


@pytest.mark.parametrize("seed", [1, 7])
def test_oblique_outline_folds_back_at_the_chest_wall_and_lies_lowest_in_front_of_it(seed: int) -> None:
    exam = PhantomExam(PhantomRequest(seed=seed, scale=0.125))
    for view in ("RMLO", "LMLO"):
        geometry, grid = exam.geometries[view], exam.grid(view)
        lowest = np.array([np.flatnonzero(column).max(initial=0) for column in grid.inside(geometry).T])
        fold = 8 + int(lowest[8:45].argmin())
        assert lowest[0] > lowest[fold] + 8
        assert lowest[fold:70].max() > lowest[fold]
        x, w = grid.coordinates()
        inside = geometry.margin_mm(x, w) > 2
        back = geometry.from_normalised(*geometry.normalised(x[inside], w[inside]))
        np.testing.assert_allclose(back, [x[inside], w[inside]], atol=2e-3)


def test_grid_coordinates_and_pixels_agree() -> None:
    grid = Grid(40, 30, 0.5, 12.0)
    x, w = grid.coordinates()
    assert x.shape == w.shape == grid.shape == (40, 30)
    assert grid.pixel(float(x[7, 11]), float(w[7, 11])) == pytest.approx((7, 11))
    assert w[0, 0] > w[1, 0]
    assert grid.coarser(2) == Grid(20, 15, 1.0, 12.0)
    inside = Grid(200, 100, 1.15, 115.0).inside(CC)
    assert inside[100, 0]
    assert not inside[100, -1]
