import numpy as np
import pytest
from PySide6.QtGui import QImage, QPainter
from pytestqt.qtbot import QtBot

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.gui.canvas.slice_strip import WIDTH, SliceStrip
from mammoviewer.gui.theme import color


def test_places_and_slices_are_one() -> None:
    strip = SliceStrip(48, (400, 600), on_left=False)
    assert [strip.frame_at(strip.top(frame) + 1.0) for frame in range(48)] == list(range(48))
    assert strip.frame_at(-50.0) == 0
    assert strip.frame_at(9999.0) == 47


def test_the_strip_stands_at_its_edge() -> None:
    assert SliceStrip(5, (400, 600), on_left=True).holds(2.0)
    assert not SliceStrip(5, (400, 600), on_left=True).holds(390.0)
    assert SliceStrip(5, (400, 600), on_left=False).holds(398.0)


def painted(strip: SliceStrip, frame: int, scores: tuple[float | None, ...], marked: int) -> np.ndarray:
    image = QImage(int(WIDTH), 600, QImage.Format.Format_RGB888)
    image.fill(0)
    painter = QPainter(image)
    finding = new_finding("1", marked, Roi(RoiKind.POINT, ((1.0, 1.0),)), "mass")
    strip.paint(painter, frame, scores, (finding,), "inferno")
    painter.end()
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(600, image.bytesPerLine())
    return flat[:, : int(WIDTH) * 3].reshape(600, int(WIDTH), 3).astype(int)


@pytest.mark.parametrize("on_left", [True, False])
def test_it_shows_the_slice_the_scores_and_the_findings(qtbot: QtBot, on_left: bool) -> None:
    strip = SliceStrip(10, (int(WIDTH), 600), on_left=on_left)
    scores = (None, 0.1, float("nan"), 0.9, *[None] * 6)
    pixels = painted(strip, 7, scores, 5)

    def row(frame: int) -> np.ndarray:
        return pixels[int(strip.top(frame) + 29.0)]

    lit = [int((row(frame).max(axis=1) > 90).sum()) for frame in range(10)]
    assert lit[0] == lit[2] == lit[9] == 0
    assert 0 < lit[1] < lit[3]
    assert lit[7] == WIDTH
    mark = row(5)[(row(5)[:, 0] > 150)]
    assert mark.size
    assert (mark[:, 0] > mark[:, 2] + 80).all()


@pytest.mark.parametrize("on_left", [True, False])
def test_slices_that_other_objects_speak_of_are_ticked_at_the_inner_edge(qtbot: QtBot, on_left: bool) -> None:
    strip = SliceStrip(10, (int(WIDTH), 600), on_left=on_left)
    image = QImage(int(WIDTH), 600, QImage.Format.Format_RGB888)
    image.fill(0)
    painter = QPainter(image)
    strip.paint(painter, 0, (), (), "inferno", companions=(4,))
    painter.end()
    inner = int(WIDTH) - 1 if on_left else 0
    lit = [image.pixelColor(inner, int(strip.top(frame) + 29.0)).lightness() > 120 for frame in range(1, 10)]
    assert lit == [frame == 4 for frame in range(1, 10)]


@pytest.mark.parametrize("on_left", [True, False])
def test_an_arrow_points_at_the_best_slice(qtbot: QtBot, on_left: bool) -> None:
    strip = SliceStrip(10, (int(WIDTH), 600), on_left=on_left)
    accent = np.array(color("accent").getRgb()[:3])

    def pointed(*scores: float | None) -> list[int]:
        pixels = painted(strip, 0, scores, 9)
        inner = pixels[:, -6:] if on_left else pixels[:, :6]
        rows = np.flatnonzero((np.abs(inner - accent).sum(axis=2) < 12).any(axis=1))
        return sorted({strip.frame_at(float(row)) for row in rows})

    assert pointed(*[None] * 10) == []
    assert pointed(None, 0.2, float("nan"), 0.01, 0.6, 0.3) == [4]
    assert pointed(0.0, 0.7, 0.7) == [2], "as the key that goes there has it"


@pytest.mark.parametrize("on_left", [True, False])
@pytest.mark.parametrize("frames", [7, 48, 73])
def test_bars_have_the_lengths_of_their_scores_and_no_seams(qtbot: QtBot, on_left: bool, frames: int) -> None:
    strip = SliceStrip(frames, (int(WIDTH), 600), on_left=on_left)
    image = QImage(int(WIDTH), 600, QImage.Format.Format_RGB888)
    image.fill(0)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    strip.paint(painter, 0, [1.0] * frames, (), "inferno")
    painter.end()
    outer = 0 if on_left else int(WIDTH) - 1
    rows = range(round(strip.top(1)) + 2, round(strip.top(frames)) - 1)
    assert len({image.pixel(outer, row) for row in rows}) == 1

    def guides(scores: list[float | None]) -> list[int]:
        row = painted(strip, 0, tuple(scores), 1)[int(strip.top(frames // 2)) + 2]
        across = row if on_left else row[::-1]
        return np.flatnonzero(across.max(axis=1) > 60).tolist()

    assert guides([0.0] * frames) == [0, 1, 7, 13], "the shortest bar, a half, and one"
    assert guides([0.5] * frames) == [*range(8), 13]
    assert guides([1.0] * frames) == [*range(14)]
    assert guides([None] * frames) == []
