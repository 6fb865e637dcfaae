"""Reliefs of lesions: what stands out is taken, and added elsewhere without touching what is not breast."""

from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.training.pasted_lesions import paste, relief_of


def _ramp() -> np.ndarray:
    rows, columns = np.mgrid[:80, :80].astype(np.float32)
    return (0.3 + 0.002 * rows + 0.001 * columns).astype(np.float32)


def _with_lesion() -> np.ndarray:
    picture = _ramp()
    rows, columns = np.mgrid[:80, :80]
    picture[np.hypot(rows - 30, columns - 50) < 8] += 0.2
    return picture


def test_a_relief_is_what_stands_out_of_a_plane() -> None:
    relief = relief_of(_with_lesion(), (30.0, 50.0, 8.0))
    assert relief is not None
    middle = relief.values.shape[0] // 2
    assert float(relief.values[middle, middle]) == pytest.approx(0.2, abs=0.02)
    assert float(np.abs(relief.values[0]).max()) < 0.01
    flat = relief_of(_ramp(), (30.0, 50.0, 8.0))
    assert flat is not None
    assert float(np.abs(flat.values).max()) < 1e-3


def test_without_surroundings_there_is_none() -> None:
    assert relief_of(np.zeros((80, 80), dtype=np.float32), (30.0, 50.0, 8.0)) is None


def test_a_pasted_lesion_is_where_its_circle_says_and_leaves_the_background_alone() -> None:
    relief = relief_of(_with_lesion(), (30.0, 50.0, 8.0))
    assert relief is not None
    picture = _ramp()
    picture[:, :20] = 0.0
    before = picture.copy()
    row, column, radius = paste(picture, (60.0, 24.0), relief, np.random.default_rng(1))
    assert (row, column) == (60.0, 24.0)
    assert 8 * np.exp(-0.3) <= radius <= 8 * np.exp(0.3)
    assert not picture[:, :20].any()
    assert float(picture[60, 24] - before[60, 24]) > 0.1
    np.testing.assert_array_equal(picture[:20], before[:20])
