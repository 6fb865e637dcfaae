"""A millimetre of the image is a millimetre on the monitor."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from helpers.images import make_image
from helpers.mouse import drag
from helpers.viewports import place, shown
from PySide6.QtCore import QSize, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from mammoviewer.dicom.attributes import PixelSpacing
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.actions.commands import COMMANDS
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.canvas.true_size import true_size, true_size_text
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.dialogs.screen_size_dialog import CARD_MM, ScreenSizeDialog
from mammoviewer.gui.screens import pixel_size, screen_name, told_pixel_mm
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.session.screens import Screens
from mammoviewer.session.workspace import Workspace

BY_ID = {command.id: command for command in COMMANDS}
SCALES = [1.0, 1.5, 2.0]


def fake_screen(dpr: float, pixel_mm: float = 0.165, size: tuple[int, int] = (2048, 2560)) -> SimpleNamespace:
    """A monitor with pixels of a size, as Qt would describe it at a scale factor."""
    logical = QSize(round(size[0] / dpr), round(size[1] / dpr))
    return SimpleNamespace(
        manufacturer=lambda: "Maker",
        model=lambda: "5MP",
        serialNumber=lambda: "77",
        name=lambda: "DP-1",
        size=lambda: logical,
        physicalDotsPerInchX=lambda: 25.4 / pixel_mm / dpr,
    )


@pytest.fixture(params=SCALES)
def viewport(request: pytest.FixtureRequest, four_views: Workspace, qtbot: QtBot) -> Iterator[Viewport]:
    """A viewport on a monitor with pixels of 0.165 mm, at each scale factor."""
    made = shown(qtbot, four_views)
    made.devicePixelRatioF = lambda: request.param  # type: ignore[method-assign]
    made.screen = lambda: fake_screen(request.param)  # type: ignore[method-assign,assignment,return-value]
    yield made
    del made.devicePixelRatioF, made.screen  # Qt asks for them while it destroys the widget.


def desk_of(workspace: Workspace, viewport: Viewport) -> tuple[Desk, Mock]:
    window = Mock()
    workspace.desk.active_identity = viewport.identity
    desk = Desk(workspace, SimpleNamespace(active=viewport, maximised_changed=Mock()), window)  # type: ignore[arg-type]
    return desk, window


def on_monitor_mm(
    viewport: Viewport, pixel_mm: float, first: tuple[float, float], second: tuple[float, float]
) -> float:
    (x, y), (right, bottom) = place(viewport, *first), place(viewport, *second)
    return ((right - x) ** 2 + (bottom - y) ** 2) ** 0.5 * viewport.devicePixelRatioF() * pixel_mm


def test_key_t_shows_a_measured_length(viewport: Viewport, four_views: Workspace) -> None:
    four_views.screens.update("Maker 5MP 77", pixel_mm=0.17)
    desk, window = desk_of(four_views, viewport)
    BY_ID["display.true_size"].handler(desk)
    # 100 columns of 0.1 mm are a centimetre on a monitor whose pixels are 0.17 mm wide, by the reader's measure.
    assert on_monitor_mm(viewport, 0.17, (80.0, 10.0), (80.0, 110.0)) == pytest.approx(10.0)
    assert true_size_text(viewport) == "true size"
    window.offer.assert_not_called()


def test_without_a_measure_the_monitor_is_believed_and_doubted(viewport: Viewport, four_views: Workspace) -> None:
    desk, window = desk_of(four_views, viewport)
    BY_ID["display.true_size"].handler(desk)
    assert on_monitor_mm(viewport, 0.165, (10.0, 60.0), (110.0, 60.0)) == pytest.approx(10.0)
    assert true_size_text(viewport) == "true size (uncalibrated screen, EDID)"
    notice, words, act = window.offer.call_args.args
    assert "not been measured" in notice.text
    assert words == "Measure…"
    viewport.zoom_by(1.01)
    assert true_size_text(viewport) == ""


def test_a_turned_image_with_pixels_that_are_not_square(qtbot: QtBot, workspace: Workspace) -> None:
    spacing = PixelSpacing(0.2, 0.1, "mm at detector")
    workspace.add(OpenResult((make_image("RMLO", pixel_spacing=spacing),), ()))
    viewport = shown(qtbot, workspace)
    workspace.screens.update(screen_name(viewport.screen()), pixel_mm=0.1)
    found = true_size(viewport)
    assert found is not None
    assert (found.zoom, found.text) == (pytest.approx(1.0), "true width (pixels are not square)")
    viewport.shown.orientation = Orientation(transpose=True)
    turned = true_size(viewport)
    assert turned is not None
    assert turned.zoom == pytest.approx(2.0)


def test_an_image_without_a_pixel_size_keeps_its_zoom(qtbot: QtBot, workspace: Workspace) -> None:
    workspace.add(OpenResult((make_image("RMLO", pixel_spacing=None),), ()))
    viewport = shown(qtbot, workspace)
    desk, window = desk_of(workspace, viewport)
    before = viewport.shown.zoom
    BY_ID["display.true_size"].handler(desk)
    assert viewport.shown.zoom == before
    notice, _, act = window.offer.call_args.args
    assert "pixel size" in notice.text
    act()
    window.ask_pixel_size.assert_called_once()


def test_a_monitor_that_tells_nothing_is_to_be_measured(
    qtbot: QtBot, four_views: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewport = shown(qtbot, four_views)
    monkeypatch.setattr("mammoviewer.gui.screens.told_pixel_mm", lambda *_: None)
    desk, window = desk_of(four_views, viewport)
    before = viewport.shown.zoom
    BY_ID["display.true_size"].handler(desk)
    assert viewport.shown.zoom == before
    assert "does not tell" in window.offer.call_args.args[0].hint


def test_with_nothing_open_the_key_does_nothing(workspace: Workspace, qtbot: QtBot) -> None:
    grid = ViewportGrid(workspace)
    qtbot.addWidget(grid)
    window = Mock()
    BY_ID["display.true_size"].handler(Desk(workspace, grid, window))
    assert not window.method_calls


@pytest.mark.parametrize("dpr", SCALES)
def test_logical_dots_are_not_taken_for_device_pixels(dpr: float) -> None:
    assert told_pixel_mm(96.0 / dpr, dpr) == pytest.approx(25.4 / 96.0)


@pytest.mark.parametrize("dots", [0.0, -5.0, float("nan"), 5.0, 5000.0])
def test_an_absurd_size_is_no_size(dots: float) -> None:
    assert told_pixel_mm(dots, 1.0) is None


def test_a_monitor_without_facts_goes_by_its_plug() -> None:
    bare = SimpleNamespace(manufacturer=str, model=lambda: " ", serialNumber=str, name=lambda: "HDMI-1")
    assert screen_name(bare) == "HDMI-1"  # type: ignore[arg-type]
    assert screen_name(fake_screen(1.0)) == "Maker 5MP 77"  # type: ignore[arg-type]


@pytest.fixture
def dialog(qtbot: QtBot) -> ScreenSizeDialog:
    made = ScreenSizeDialog(Screens({}))
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_the_card_is_drawn_as_the_monitor_tells_until_it_is_dragged(dialog: ScreenSizeDialog) -> None:
    told = pixel_size(dialog, Screens({}))
    assert told is not None
    assert dialog.pixel_mm == pytest.approx(told.mm, rel=0.005)
    card = dialog.area.card
    drag(dialog.area, (card.right(), card.center().y()), (card.right() + 40, card.center().y()))
    assert dialog.area.card.width() == pytest.approx(card.width() + 40)
    assert dialog.area.card.height() / dialog.area.card.width() == pytest.approx(53.98 / 85.6)
    assert dialog.pixel_mm == pytest.approx(CARD_MM[0] / (card.width() + 40))


def test_arrow_keys_move_by_a_pixel_and_the_size_is_kept_for_this_screen(dialog: ScreenSizeDialog) -> None:
    before = dialog.area.card_width
    QTest.keyClick(dialog._slider, Qt.Key.Key_Right)
    QTest.keyClick(dialog._slider, Qt.Key.Key_Right)
    assert dialog.area.card_width == before + 2
    dialog.keep()
    kept = dialog._screens.get(screen_name(dialog.screen()))
    assert kept.pixel_mm == pytest.approx(85.6 / (before + 2))
    again = pixel_size(dialog, dialog._screens)
    assert again is not None
    assert again.measured


def test_a_measure_can_be_dropped(dialog: ScreenSizeDialog) -> None:
    name = screen_name(dialog.screen())
    dialog._screens.update(name, pixel_mm=0.5)
    dialog.forget()
    assert dialog._screens.get(name).pixel_mm == 0.0
    assert dialog.pixel_mm != pytest.approx(0.5)


def test_the_ruler_has_as_many_centimetres_as_have_room(dialog: ScreenSizeDialog) -> None:
    dialog.show_width(130)
    assert dialog.area.ruler_mm() == 100
    dialog.area.card_width = dialog.area.width()
    assert dialog.area.ruler_mm() in {70, 80}
