from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.base.arrays import FloatArray
from mammoviewer.imaging.phantom.breast import Grid, Pectoral, ViewGeometry
from mammoviewer.imaging.phantom.exam import PhantomExam, PhantomRequest
from mammoviewer.imaging.phantom.muscle import Muscle
from mammoviewer.imaging.phantom.tissue import slice_positions

PECTORAL = Pectoral(46.0, 120.0, 0.08)
MLO = ViewGeometry("MLO", 45.0, 92.0, 205.0, 80.0, 48.0, 140.0, (0.01, -0.006, 0.004), PECTORAL)
GRID = Grid(230, 80, 1.0, 140.0)


@pytest.fixture(scope="module")
def slices() -> FloatArray:
    muscle = Muscle(MLO, PECTORAL, GRID, 3)
    return np.stack([muscle.fraction(float(height)) for height in slice_positions(MLO)])


def test_muscle_thins_out_towards_its_edge_and_its_lower_end(slices: FloatArray) -> None:
    thickness = slices.sum(axis=0)
    across = [float(np.median(thickness[5:25, column : column + 3])) for column in (3, 20, 33, 50)]
    down = [float(np.median(thickness[row : row + 10, 2:8])) for row in (5, 40, 75, 105, 125)]
    assert across == sorted(across, reverse=True)
    assert down == sorted(down, reverse=True)
    assert across[-1] == down[-1] == 0
    assert 0.5 < across[0] / MLO.thickness_mm < 0.75


def test_muscle_leaves_room_for_other_tissue_and_its_edge_moves_back_towards_the_tube(slices: FloatArray) -> None:
    assert slices.min() >= 0
    assert slices.max() <= 1
    assert not slices[:3].any()
    assert not slices[-6:].any()
    reach = [int((slices[index][5:60] > 0.5).sum()) for index in (8, 16, 24, 32)]
    assert reach == sorted(reach, reverse=True)
    assert reach[0] > 1.5 * reach[-1]


@pytest.mark.parametrize("seed", [1, 7])
def test_muscle_of_an_exam_ends_above_the_nipple(seed: int) -> None:
    exam = PhantomExam(PhantomRequest(seed=seed, scale=0.125))
    for view in ("RMLO", "LMLO"):
        edge = exam.geometries[view].pectoral_edge_mm(np.array([60.0, 0.0, -10.0], dtype=np.float32))
        assert edge[0] > 10 > 0 > edge[1] > edge[2]
