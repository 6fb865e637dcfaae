"""Changed versions of films carry their lesions along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mammoviewer.datasets.cases import Case
from mammoviewer.training.film_versions import FilmVersions
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


@pytest.fixture
def versions() -> FilmVersions:
    return FilmVersions([_film(()), _film(((64.0, 70.0, 9.0),))], drawn=0.5)


def test_version_0_is_the_film(versions: FilmVersions) -> None:
    film = _film(((64.0, 70.0, 9.0),))
    version = versions.version(film, 0, np.random.default_rng(1))
    np.testing.assert_array_equal(version.values, film.values[0])
    assert version.circles == film.circles


def test_a_lesion_moves_with_the_film(versions: FilmVersions) -> None:
    film = _film(((64.0, 70.0, 9.0),))
    for seed in range(4):
        version = versions.version(film, 1, np.random.default_rng(seed))
        ((row, column, radius),) = version.circles
        rows, columns = np.mgrid[:_SIDE, :_SIDE]
        inside = np.hypot(rows - row, columns - column) < 0.8 * radius
        ring = np.hypot(rows - row, columns - column) < 1.6 * radius
        assert version.values[inside].min() > version.values[ring & (version.values > 0)].min() + 0.1
        assert not version.laid_in


def test_every_second_version_of_a_normal_film_has_a_lesion_laid_in(versions: FilmVersions) -> None:
    made = [versions.version(_film(()), 2, np.random.default_rng(seed)) for seed in range(6)]
    assert all(version.laid_in for version in made)
    assert sum(len(version.circles) for version in made) >= 4
    assert not versions.version(_film(()), 3, np.random.default_rng(1)).circles
