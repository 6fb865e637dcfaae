"""The pictures of a detector's report: hits, misses and false marks, each beside the scores of its scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mammoviewer.datasets.cases import Case  # noqa: E402
from mammoviewer.inference.detections import Detection  # noqa: E402
from mammoviewer.inference.froc import FrocImage, TruthBox  # noqa: E402
from mammoviewer.training.films import Film  # noqa: E402
from mammoviewer.training.networks.ssd import SsdNetwork  # noqa: E402
from mammoviewer.training.ssd_gallery import score_maps, ssd_gallery, strongest  # noqa: E402

pytestmark = pytest.mark.torch


def _mark(row: float, column: float, score: float) -> Detection:
    return Detection(row, column, 0, score, (row - 20, column - 20, row + 20, column + 20))


def test_each_outcome_has_its_pictures_and_captions() -> None:
    network = SsdNetwork(width=4, readers=1, shape=(64, 64))
    values = np.random.default_rng(1).random((1, 64, 64), dtype=np.float32)
    case = Case(path=Path("mdb001.pgm"), patient="p1", labels=("benign",))
    film = Film(case, values, np.ones((64, 64), np.bool_), (), ((10.0, 10.0, 15.0, 15.0), (50.0, 50.0, 55.0, 55.0)))
    truths = (TruthBox((162.0, 162.0, 242.0, 242.0)), TruthBox((802.0, 802.0, 882.0, 882.0)))
    marks = (_mark(205, 200, 0.9), _mark(600, 300, 0.8), _mark(840, 840, 0.1))
    pictures = ssd_gallery(network, [film], [FrocImage("p1", truths, marks)], threshold=0.5)
    assert [picture["caption"].split(" (")[0] for picture in pictures][::2] == [
        f"hit, {case.name}: 0.900",
        f"false mark, {case.name}: 0.800",
    ]
    assert pictures[1]["caption"].startswith("miss, "), "its mark is below the threshold"
    assert all(len(picture["png"]) > 100 for picture in pictures)


def test_score_maps_hold_the_highest_score_of_each_place() -> None:
    network = SsdNetwork(width=4, readers=1, shape=(64, 64))
    values = np.random.default_rng(1).random((1, 64, 64), dtype=np.float32)
    maps = score_maps(network, values)
    assert [one.shape for one in maps] == [(8, 8), (4, 4), (2, 2)]
    with torch.no_grad():
        logits = network(torch.from_numpy(values)[None])[0]
    highest = float(torch.softmax(logits[0], dim=1)[:, 1].max())
    assert max(float(one.max()) for one in maps) == pytest.approx(highest, abs=1e-5)


def test_the_scale_that_says_most_within_a_box_is_shown() -> None:
    maps = [np.zeros((32, 32), np.float32), np.zeros((16, 16), np.float32), np.zeros((8, 8), np.float32)]
    maps[0][0, 0], maps[1][5, 6], maps[2][3, 3] = 0.9, 0.7, 0.2
    scale, score = strongest(maps, (84.0, 100.0, 95.0, 110.0))
    assert scale == 1
    assert score == pytest.approx(0.7)
    assert strongest(maps, (-9.0, -9.0, 3.0, 3.0))[0] == 0
