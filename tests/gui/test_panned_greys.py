from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.base.arrays import ByteArray, StoredArray
from mammoviewer.gui.canvas import panned_greys
from mammoviewer.gui.canvas.panned_greys import Box, PannedGreys, write_greys
from mammoviewer.gui.canvas.window_pixels import GREY_WORDS
from mammoviewer.imaging.voi import apply_lut

TABLE = (np.arange(4096) // 16).astype(np.uint8)


@pytest.fixture
def source() -> StoredArray:
    return np.random.default_rng(3).integers(0, 4096, (300, 200)).astype(np.uint16)


def expected(source: StoredArray, table: ByteArray, box: Box) -> ByteArray:
    return table[source[box.place]]


def walk(steps: int) -> list[Box]:
    """Boxes of a window of 60 x 50 that is moved about, now and then far away."""
    generator, boxes, place = np.random.default_rng(4), [], np.array([100, 80])
    for step in range(steps):
        reach = 200 if step % 17 == 16 else 9
        place = np.clip(place + generator.integers(-reach, reach + 1, 2), 0, (240, 150))
        boxes.append(Box(int(place[0]), int(place[0]) + 60, int(place[1]), int(place[1]) + 50))
    return boxes


def test_the_greys_of_a_walk_are_those_of_each_place(source: StoredArray) -> None:
    panned = PannedGreys()
    other = TABLE[::-1].copy()
    for step, box in enumerate(walk(120)):
        table = other if 40 <= step < 80 else TABLE
        assert (panned.take(source, table, 0, box) == expected(source, table, box)).all()


def test_another_picture_is_not_taken_for_the_one_before(source: StoredArray) -> None:
    panned, box = PannedGreys(), Box(10, 40, 20, 60)
    panned.take(source, TABLE, 0, box)
    turned = source[::-1].copy()
    assert (panned.take(turned, TABLE, 0, box) == expected(turned, TABLE, box)).all()
    small = source[:50, :70].copy()
    assert (panned.take(small, TABLE, 0, box) == expected(small, TABLE, box)).all()


def test_only_what_comes_into_sight_is_looked_up(source: StoredArray, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def counted(part: StoredArray, table: ByteArray, first: int, out: ByteArray) -> ByteArray:
        made.append(part.size)
        return apply_lut(part, table, first, out)

    monkeypatch.setattr(panned_greys, "apply_lut", counted)
    panned = PannedGreys()
    panned.take(source, TABLE, 0, Box(100, 160, 80, 130))
    assert sum(made) == 60 * 50
    panned.take(source, TABLE, 0, Box(103, 163, 84, 134))
    assert sum(made[1:]) == 63 * 54 - 60 * 50
    made.clear()
    panned.take(source, TABLE, 0, Box(101, 161, 82, 132))
    assert not made
    panned.take(source, TABLE, 0, Box(0, 60, 0, 50))
    assert sum(made) == 60 * 50


def test_greys_are_written_as_the_window_has_them(source: StoredArray) -> None:
    greys = TABLE[source]
    words = np.zeros((310, 220), np.int32)
    write_greys(greys[5:105, 3:90], words[7:107, 11:98])
    assert (words[7:107, 11:98] == GREY_WORDS[greys[5:105, 3:90]]).all()
    words[7:107, 11:98] = 0
    assert not words.any()
