"""Greys that are written straight into the window are those that a painter would draw."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.images import make_image
from helpers.viewports import Exposed, on_screen, pixels, shown
from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QRegion
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.canvas import viewport_painter
from mammoviewer.gui.canvas.corner_text import OFF
from mammoviewer.gui.canvas.gestures import place_view
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.canvas.window_pixels import GREY_WORDS, exposed_words
from mammoviewer.imaging.voi import Window
from mammoviewer.session.workspace import Workspace

RGB32, GREY = QImage.Format.Format_RGB32, QImage.Format.Format_Grayscale8


def painted(viewport: Viewport, ratio: float = 1.0, region: QRegion | None = None) -> np.ndarray:
    """Return a viewport, or a region of it on white, as it paints itself."""
    image = QImage(viewport.size() * ratio, RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.white)
    viewport.render(image, region.boundingRect().topLeft() if region else QPoint(), region or QRegion())
    return pixels(image)


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("zoom", [0.7, 1.0, 2.3])
def test_written_and_drawn_pictures_are_the_same(
    qtbot: QtBot, four_views: Workspace, monkeypatch: pytest.MonkeyPatch, zoom: float, ratio: float
) -> None:
    viewport = shown(qtbot, four_views, "RMLO", (230, 310))
    # Half of it is as on a screen of that ratio, half a screenshot that Qt scales up.
    if zoom != 1.0:
        monkeypatch.setattr(viewport, "devicePixelRatioF", lambda: ratio)
    viewport.zoom_by(zoom / viewport.view.zoom)
    written = painted(viewport, ratio)
    monkeypatch.setattr(viewport_painter, "exposed_words", lambda *_: None)
    drawn = painted(viewport, ratio)
    assert np.unique(written).size > 20
    np.testing.assert_array_equal(written, drawn)


def test_only_what_is_exposed_is_written(qtbot: QtBot, four_views: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    viewport = shown(qtbot, four_views, "RMLO", (230, 310))
    region = QRegion(100, 20, 90, 50) + QRegion(120, 90, 30, 200)
    written = painted(viewport, region=region)
    assert (written[75:85] == 0xFFFFFFFF).all()
    assert (written[30:60, 195:] == 0xFFFFFFFF).all()
    monkeypatch.setattr(viewport_painter, "exposed_words", lambda *_: None)
    np.testing.assert_array_equal(written, painted(viewport, region=region))


def test_a_window_drag_paints_what_it_changes_and_no_more(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views, "RMLO", (620, 300))
    viewport.shown.voi = Window(1.0, 2.0)
    qtbot.wait(30)
    exposed = Exposed(viewport)
    # The second line is longer than the first, the third shorter.
    for voi in (Window(1000.0, 2000.0, explanation="a longer name"), Window(9.0, 9.0)):
        viewport.shown.voi = voi
        qtbot.wait(30)
        by_parts = on_screen(viewport)
        assert not (QRegion(viewport.rect()) - exposed.region).isEmpty(), "the black beside the picture stays"
        viewport.update()
        qtbot.wait(30)
        np.testing.assert_array_equal(by_parts, on_screen(viewport))


def test_no_pixel_is_left_unpainted_at_any_place(qtbot: QtBot, workspace: Workspace) -> None:
    workspace.add(OpenResult((make_image(pixels=np.full((300, 45), 3000, np.uint16)),), ()))
    viewport = shown(qtbot, workspace, "RCC", (300, 300))
    # The greys are 45 x 0.7 = 31.499999999999996 pixels wide, wherever they begin.
    place_view(viewport.shown, 0.7, (150.0, 22.0))
    qtbot.waitUntil(lambda: viewport._painter.grey.size[0] == 210 and not viewport._painter.grey.rough)
    for column in range(-40, 80, 3):
        place_view(viewport.shown, 0.7, (150.0, float(column)))
        left_white = (painted(viewport)[60:240] == 0xFFFFFFFF).all(axis=0)
        assert not left_white.any(), column


@pytest.mark.parametrize("size", [(64, 64), (80, 200), (620, 300)])
def test_words_that_are_out_of_sight_are_not_asked_for_again_and_again(
    qtbot: QtBot, four_views: Workspace, size: tuple[int, int]
) -> None:
    viewport = shown(qtbot, four_views, "RMLO", size)
    if size == (620, 300):
        cover = QWidget(viewport)
        cover.setAutoFillBackground(True)
        cover.setGeometry(0, 0, 100, 60)
        cover.show()
    qtbot.wait(30)
    exposed = Exposed(viewport)
    viewport.update()
    qtbot.wait(60)
    assert exposed.times == 1
    # Words of which only a part was exposed are painted whole, once.
    viewport.update(QRect(0, 30, 300, 20))
    qtbot.wait(60)
    assert exposed.times <= 3


def test_a_window_drag_reaches_pixels_that_were_moved_onto_the_grid(
    qtbot: QtBot, four_views: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewport = shown(qtbot, four_views, "RMLO", (400, 300))
    monkeypatch.setattr(viewport, "devicePixelRatioF", lambda: 1.5)
    four_views.desk.corner_text = OFF

    def moved(voi: Window) -> np.ndarray:
        """Return a view that begins between two device pixels."""
        viewport.shown.voi = voi
        image = QImage(602, 452, RGB32)
        image.setDevicePixelRatio(1.5)
        image.fill(Qt.GlobalColor.black)
        viewport.render(image, QPoint(1, 1))
        return pixels(image)

    for zoom in (1.6, 2.3):
        viewport.zoom_by(zoom / viewport.view.zoom)
        before = moved(Window(1000.0, 500.0))
        windowed = viewport._painter.redraws.of("voi")
        assert windowed is not None
        rows, columns = np.nonzero(before != moved(Window(2000.0, 900.0)))
        edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        left, top, right, bottom = (float(edge) / 1.5 - 1.0 for edge in edges)
        changed = QRectF(left, top, right - left, bottom - top)
        assert QRectF(windowed.boundingRect()).contains(changed)


@pytest.mark.parametrize("kind", [RGB32, GREY])
@pytest.mark.parametrize("turn", ["none", "moved", "scaled", "rotated", "between"])
def test_a_painter_that_is_turned_or_not_of_32_bits_draws(kind: QImage.Format, turn: str) -> None:
    image = QImage(40, 30, kind)
    image.fill(Qt.GlobalColor.black)
    painter = QPainter(image)
    if turn == "moved":
        painter.translate(3.0, 4.0)
    elif turn == "scaled":
        painter.scale(1.0, 2.0)
    elif turn == "rotated":
        painter.rotate(90.0)
    elif turn == "between":
        painter.translate(0.5, 0.0)
    parts = exposed_words(painter, QRect(5, 6, 10, 8), QRegion(0, 0, 12, 100), 1.0)
    direct = kind == RGB32 and turn in {"none", "moved"}
    assert (parts is not None) == direct
    if parts is not None:
        ((words, part),) = parts
        words[:] = GREY_WORDS[200]
        assert part == QRect(0, 0, 7, 8)
    painter.end()
    if direct:
        left, top = (8, 10) if turn == "moved" else (5, 6)
        changed = np.argwhere(pixels(image) == 0xFFC8C8C8)
        assert changed.min(axis=0).tolist() == [top, left]
        assert (changed.max(axis=0) + 1).tolist() == [top + 8, left + 7]


def test_what_lies_beside_the_window_is_left_alone() -> None:
    image = QImage(40, 30, RGB32)
    image.fill(Qt.GlobalColor.black)
    painter = QPainter(image)
    parts = exposed_words(painter, QRect(-5, 20, 100, 100), QRegion(-50, -50, 500, 500), 1.0)
    assert parts is not None
    ((words, part),) = parts
    assert words.shape == (10, 40)
    assert part == QRect(5, 0, 40, 10)
    painter.end()
