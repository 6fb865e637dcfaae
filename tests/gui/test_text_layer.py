from dataclasses import replace

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QSize
from PySide6.QtGui import QColor, QFont, QImage, QPainter
from pytestqt.qtbot import QtBot

from mammoviewer.gui.canvas.corner_text import Badge, CornerText, ScaleBar
from mammoviewer.gui.canvas.haloed_text import paint_haloed
from mammoviewer.gui.canvas.text_layer import Sheet, Words, laid_out, paint_words
from mammoviewer.gui.theme import color

SIZE = (60, 260)
SHEET = Sheet(0.0, 0.0, 500.0, 500.0, on_left=True, reserve=0.0, font=QFont().toString(), ratio=1.0)
WORDS = CornerText(
    "R CC", ("DOE JANE", "1960-01-02"), ("kVp 29", "71 mAs"), ("2000/4000",), (Badge("FLIPPED"), Badge("RAW"))
)
GROUNDS = (0, 90, 200, 255)


def canvas(grey: int) -> QImage:
    image = QImage(SIZE[1], SIZE[0], QImage.Format.Format_Grayscale8)
    image.fill(QColor(grey, grey, grey))
    return image


def greys(image: QImage) -> np.ndarray:
    bits = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return bits[:, : image.width()].astype(np.float64)


def font() -> QFont:
    made = QFont()
    made.setPixelSize(12)
    return made


def on_sheet(**other: object) -> Sheet:
    plain = Sheet(0.0, 0.0, 500.0, 500.0, on_left=True, reserve=0.0, font=font().toString(), ratio=1.0)
    return replace(plain, **other)


def luminance(grey: np.ndarray) -> float:
    """Return the mean relative luminance (WCAG 2)."""
    share = grey / 255.0
    return float(np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4).mean())


def glyphs() -> np.ndarray:
    image = canvas(0)
    painter = QPainter(image)
    painter.setFont(font())
    painter.setPen(QColor(255, 255, 255))
    painter.drawText(QPointF(20.0, 35.0), "DOE JANE 1960-01-02")
    painter.end()
    return greys(image)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("name", ["bright", "text", "dim", "amber", "companion"])
def test_text_stands_out_on_dark_and_on_inverted_images(qtbot: QtBot, name: str, ground: int) -> None:
    image = canvas(ground)
    painter = QPainter(image)
    paint_haloed(painter, QPointF(20.0, 35.0), "DOE JANE 1960-01-02", font(), color(name))
    painter.end()
    drawn = glyphs()
    inside = drawn > 200
    near = cv2.dilate((drawn > 0).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & (drawn == 0)
    assert inside.sum() > 100
    light, dark = luminance(greys(image)[inside]), luminance(greys(image)[near])
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_the_halo_fades_and_leaves_the_rest_alone(qtbot: QtBot) -> None:
    image = canvas(255)
    painter = QPainter(image)
    paint_haloed(painter, QPointF(20.0, 35.0), "DOE JANE 1960-01-02", font(), color("text"))
    painter.end()
    touched = cv2.dilate((glyphs() > 0).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    assert (greys(image)[~touched] == 255).all()


def test_badges_and_scale_bar_stand_on_dark_ground(qtbot: QtBot) -> None:
    image = QImage(500, 500, QImage.Format.Format_Grayscale8)
    image.fill(QColor(255, 255, 255))
    painter = QPainter(image)
    text = CornerText("", (), (), (), (Badge("INVERTED"),))
    paint_words(painter, laid_out(text, ScaleBar(100.0, "", ""), on_sheet()))
    painter.end()
    shown = greys(image)
    badge = shown[11:22, 12:40]
    assert np.median(badge) < 60
    rows = np.nonzero((shown[400:, 20:100] < 80).all(axis=1))[0]
    assert rows.size >= 2


def written(text: CornerText = WORDS, **sheet: object) -> tuple[Words, np.ndarray]:
    image = QImage(QSize(500, 500), QImage.Format.Format_Grayscale8)
    image.fill(QColor(255, 255, 255))
    painter = QPainter(image)
    words = laid_out(text, ScaleBar(100.0, "20 mm", "at detector"), on_sheet(**sheet))
    paint_words(painter, words)
    painter.end()
    return words, greys(image) != 255


@pytest.mark.parametrize("on_left", [True, False])
def test_all_that_is_written_is_known_and_stands_at_its_edge(qtbot: QtBot, on_left: bool) -> None:
    words, touched = written(on_left=on_left)
    rows, columns = np.nonzero(touched)
    assert all(words.covered.contains(QPoint(int(x), int(y))) for y, x in zip(rows, columns, strict=True))
    assert (columns.min() in range(5, 11)) if on_left else (columns.max() in range(489, 495))
    assert not touched[:, 250:].any() if on_left else not touched[:, :250].any()
    assert not touched[int(words.free.top()) + 3 : int(words.free.bottom()) - 3].any()
    first, second = words.badges["FLIPPED"], words.badges["RAW"]
    assert first.right() < second.left() if on_left else second.right() < first.left()
    for badge in (first, second):
        assert touched[
            int(badge.top()) + 4 : int(badge.bottom()) - 4, int(badge.left()) + 4 : int(badge.right()) - 4
        ].all()


def test_facts_give_way_to_the_room_in_reserve(qtbot: QtBot) -> None:
    free, reserved = written()[0].free, written(reserve=390.0)[0].free
    assert reserved.height() > free.height()
    assert written(replace(WORDS, facts=()), reserve=390.0)[0].free.height() >= reserved.height()


def test_a_line_too_long_for_its_share_is_cut(qtbot: QtBot) -> None:
    _, touched = written(replace(WORDS, top=("a very long name indeed " * 20,)))
    assert 200 < np.nonzero(touched)[1].max() < 250
