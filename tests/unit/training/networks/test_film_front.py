"""Measures of a film, against pictures of which the answer is known."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from mammoviewer.training.networks.film_front import FilmFront, blurred  # noqa: E402

pytestmark = pytest.mark.torch


def _blob(row: int, column: int, *, height: float = 0.2) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    squared = (rows - row) ** 2 + (columns - column) ** 2
    return (0.4 + height * torch.exp(-squared / (2 * 6.0**2)))[None, None]


def test_it_measures_every_eighth_pixel() -> None:
    front = FilmFront()
    measures = front(torch.rand(2, 1, 64, 96))
    assert measures.shape == (2, front.channels, 8, 12)
    assert front(torch.rand(1, 1, 60, 65)).shape[2:] == (8, 9)
    assert torch.isfinite(front(torch.zeros(1, 1, 64, 64))).all()


def test_some_measure_is_highest_in_a_blob_however_faint_it_is() -> None:
    front = FilmFront()
    for height in (0.2, 0.02):
        measures = front(_blob(62, 42, height=height))[0, :, 3:-3, 3:-3]
        places = [divmod(int(one.argmax()), measures.shape[-1]) for one in measures]
        near = [place for place in places if abs(place[0] + 3 - 7.3) < 1 and abs(place[1] + 3 - 4.8) < 1]
        assert len(near) >= 5


def test_measures_of_a_mirrored_film_are_mirrored() -> None:
    front = FilmFront()
    picture = _blob(40, 80) * torch.rand(1, 1, 128, 128)
    assert torch.allclose(front(picture.flip(-1)), front(picture).flip(-1), atol=1e-4)


def test_blurring_keeps_the_sum_away_from_edges() -> None:
    point = torch.zeros(1, 1, 41, 41)
    point[0, 0, 20, 20] = 1.0
    spread = blurred(point, 3.0)
    assert float(spread.sum()) == pytest.approx(1.0, abs=1e-5)
    assert float(spread[0, 0, 20, 23] / spread[0, 0, 20, 20]) == pytest.approx(0.6065, abs=1e-3)
