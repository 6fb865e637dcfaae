"""Changed versions of films carry their lesions along."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mammoviewer.datasets.cases import Case
from mammoviewer.training.film_versions import changed_version
from mammoviewer.training.films import Film

_SIDE = 128


def _film(circles: tuple[tuple[float, float, float], ...]) -> Film:
    values = np.full((1, _SIDE, _SIDE), 0.4, dtype=np.float32)
    values[:, :, :16] = 0.0
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    for row, column, radius in circles:
        values[0, np.hypot(rows - row, columns - column) < radius] = 0.8
    labels = ("benign",) if circles else ("normal",)
    case = Case(path=Path("film.png"), patient="one", labels=labels)
    return Film(case, values, values[0] > 0, circles, ())


def test_a_lesion_moves_with_the_film() -> None:
    film = _film(((64.0, 70.0, 9.0),))
    moved = set()
    for seed in range(4):
        version = changed_version(film, np.random.default_rng(seed))
        ((row, column, radius),) = version.circles
        moved.add((round(row), round(column)))
        rows, columns = np.mgrid[:_SIDE, :_SIDE]
        inside = np.hypot(rows - row, columns - column) < 0.8 * radius
        ring = np.hypot(rows - row, columns - column) < 1.6 * radius
        assert version.values[inside].min() > version.values[ring & (version.values > 0)].min() + 0.1
        assert version.values.max() <= 1.0
    assert len(moved) > 1
