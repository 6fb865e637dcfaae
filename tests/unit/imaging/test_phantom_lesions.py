from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.imaging.phantom.breast import Grid
from mammoviewer.imaging.phantom.exam import PhantomExam, PhantomRequest
from mammoviewer.imaging.phantom.lesions import (
    Cluster,
    Mass,
    Strand,
    add_mass,
    earlier,
    make_lesions,
    speck_positions,
    spicule_strands,
    strands_in_slices,
    vessel_strands,
)
from mammoviewer.imaging.phantom.tissue import ADIPOSE_PER_MM, GLAND_PER_MM, slice_positions

EXAM = PhantomExam(PhantomRequest(seed=5, scale=0.25))
VIEWS = (EXAM.geometries["LCC"], EXAM.geometries["LMLO"])
LESIONS = EXAM.lesions[1]
MASSES = [lesion for lesion in LESIONS if isinstance(lesion, Mass)]
CLUSTERS = [lesion for lesion in LESIONS if isinstance(lesion, Cluster)]


def test_each_breast_has_masses_and_clusters_of_the_stated_sizes() -> None:
    radii = sorted(mass.radius_mm for side in EXAM.lesions for mass in side if isinstance(mass, Mass))
    assert radii == [5.0, 5.0, 7.0, 9.0]
    assert {mass.spiculated for mass in MASSES} == {True, False}
    assert all(1.0 <= mass.contrast <= 1.1 for mass in MASSES)
    for cluster in CLUSTERS:
        assert 5 <= len(cluster.offsets) <= 15
        assert 2 * cluster.radii_mm.min() >= 0.1
        assert 2 * cluster.radii_mm.max() <= 0.5
        assert np.abs(cluster.offsets).max() < 5


@pytest.mark.parametrize("seed", range(4))
def test_lesions_lie_well_inside_the_breast_in_every_view(seed: int) -> None:
    for lesion in make_lesions(seed, 1, VIEWS):
        for view in VIEWS:
            x, w, v = view.from_reference(lesion.centre)
            where = np.asarray(x, np.float32), np.asarray(w, np.float32)
            assert float(view.margin_mm(*where)) > 5
            assert abs(v) + 5 < view.thickness_mm / 2
            assert x > float(view.pectoral_edge_mm(where[1]))


def test_lesions_of_a_breast_keep_apart() -> None:
    centres = np.array([lesion.centre for lesion in LESIONS])
    distances = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    assert distances[~np.eye(len(centres), dtype=bool)].min() > 10


def test_mass_replaces_the_tissue_inside_and_leaves_the_rest() -> None:
    mass, view = MASSES[0], VIEWS[0]
    grid = EXAM.grid("LCC")
    x, w, v = view.from_reference(mass.centre)
    row, column = (round(value) for value in grid.pixel(x, w))
    middle = np.zeros(grid.shape, dtype=np.float32)
    add_mass(middle, mass, view, grid, v)
    assert middle[row, column] == pytest.approx(mass.contrast * GLAND_PER_MM - ADIPOSE_PER_MM, rel=1e-4)
    area = float((middle > 0.015).sum()) * grid.pixel_mm**2
    assert area == pytest.approx(np.pi * mass.radius_mm**2, rel=0.35)
    cap = np.zeros(grid.shape, dtype=np.float32)
    add_mass(cap, mass, view, grid, v + 0.8 * mass.radius_mm)
    assert 0 < (cap > 0.015).sum() < (middle > 0.015).sum()
    outside = np.zeros(grid.shape, dtype=np.float32)
    add_mass(outside, mass, view, grid, v + 2 * mass.radius_mm)
    assert not outside.any()


def test_spicules_start_at_the_surface_and_taper() -> None:
    for mass in MASSES:
        strands = spicule_strands(mass, VIEWS[1])
        assert bool(strands) is mass.spiculated
        centre = np.array(VIEWS[1].from_reference(mass.centre))
        for strand in strands:
            start, end = np.linalg.norm(strand.points[[0, -1]] - centre, axis=1)
            assert start == pytest.approx(mass.radius_mm, rel=1e-3)
            assert end > 1.4 * mass.radius_mm
            assert (np.diff(strand.radii_mm) < 0).all()


def test_specks_keep_their_distances_in_every_view() -> None:
    cluster = CLUSTERS[0]
    for view in VIEWS:
        positions = speck_positions(cluster, view)
        assert np.linalg.norm(positions[0] - positions[1]) == pytest.approx(
            float(np.linalg.norm(cluster.offsets[0] - cluster.offsets[1])), rel=1e-3
        )
        np.testing.assert_allclose(
            positions - speck_positions(cluster, view)[0], view.turn(cluster.offsets - cluster.offsets[0]), atol=1e-4
        )


def test_vessels_run_inside_the_breast_and_repeat() -> None:
    first, again = (vessel_strands(5, 1, VIEWS[0]) for _ in range(2))
    assert len(first) == 6
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.points, other.points)
        assert (VIEWS[0].margin_mm(one.points[:, 0], one.points[:, 1]) > 0).all()


def test_strands_are_drawn_in_the_slices_that_they_pass_through() -> None:
    heights = slice_positions(VIEWS[0])
    grid = Grid(60, 60, 0.5, 15.0)
    line = np.array([[5, 0, heights[10]], [25, 0, heights[10]]], dtype=np.float32)
    drawn = strands_in_slices([Strand(line, np.array([0.4, 0.4], np.float32))], grid, heights)
    assert set(drawn) == {10}
    row, column = (round(value) for value in grid.pixel(15, 0))
    assert drawn[10][row - 1 : row + 2, column].max() > 0.5
    assert not drawn[10][: row - 4].any()


def test_strands_outside_the_grid_are_left_out() -> None:
    heights = slice_positions(VIEWS[0])
    line = np.array([[200, 0, 0.5], [220, 0, 0.5]], dtype=np.float32)
    drawn = strands_in_slices([Strand(line, np.array([0.4, 0.4], np.float32))], Grid(60, 60, 0.5, 15.0), heights)
    assert not any(layer.any() for layer in drawn.values())


def test_a_tube_that_climbs_through_the_slices_has_no_beads() -> None:
    heights = np.arange(-10, 11, dtype=np.float32)
    points = np.array([(20, 20 - 8 * step, -8 + 4 * step) for step in range(5)], dtype=np.float32)
    strand = Strand(points, np.full(5, 1.0, dtype=np.float32))
    summed = sum(strands_in_slices([strand], Grid(300, 200, 0.2, 30.0), heights).values())
    middle = np.asarray(summed)[70:190, 100]
    assert middle.min() > 0.6 * middle.max()


def test_years_before_masses_were_smaller_and_specks_fewer():
    exam = PhantomExam(PhantomRequest(seed=5, scale=0.125))
    for today in exam.lesions:
        before = earlier(today, 2)
        assert {lesion.id for lesion in before} <= {lesion.id for lesion in today}
        now = {lesion.id: lesion for lesion in today}
        for lesion in before:
            assert lesion.centre == now[lesion.id].centre
            if isinstance(lesion, Mass):
                assert lesion.radius_mm == pytest.approx(0.6 * now[lesion.id].radius_mm)
            else:
                assert len(lesion.offsets) == round(len(now[lesion.id].offsets) / 2)
    assert earlier(today, 10) == ()
