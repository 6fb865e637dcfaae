"""The window comes back as it was, and never out of reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QRect, QSettings
from pytestqt.qtbot import QtBot

from mammoviewer.gui.main_window import MainWindow
from mammoviewer.gui.panels.details_panel import DetailsPanel
from mammoviewer.gui.window_layout import within_reach
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.workspace import Workspace

SCREEN = QRect(0, 0, 1920, 1080)
RIGHT = QRect(1920, 0, 2560, 1440)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(tmp_path / "qt"))


def upright(window: MainWindow) -> tuple[int, int]:
    """Return top and height; the screen of the tests is narrower than the window may be."""
    return window.geometry().top(), window.geometry().height()


def start(workspace: Workspace, qtbot: QtBot, folder: Path) -> MainWindow:
    window = MainWindow(workspace, SettingsFile(folder / "settings.json"))
    qtbot.addWidget(window)
    window.show()
    return window


@pytest.mark.parametrize(
    "frame",
    [
        QRect(100, 100, 1200, 800),
        QRect(2000, 50, 1200, 800),
        QRect(1700, 100, 1600, 900),
        QRect(-300, 0, 1200, 800),
    ],
)
def test_a_window_that_can_be_taken_hold_of_stays_where_it_is(frame: QRect) -> None:
    assert within_reach(frame, [SCREEN, RIGHT]) == frame


@pytest.mark.parametrize(
    "frame",
    [
        QRect(2000, 50, 1200, 800),
        QRect(100, -500, 1200, 800),
        QRect(100, 1075, 1200, 800),
        QRect(-1190, 0, 1200, 800),
        QRect(5000, 5000, 4000, 3000),
    ],
)
def test_a_window_on_a_screen_that_is_gone_comes_to_the_middle(frame: QRect) -> None:
    found = within_reach(frame, [SCREEN])
    assert SCREEN.contains(found)
    assert found.size() == frame.size().boundedTo(SCREEN.size())


def test_panel_folding_and_place_outlive_the_window(four_views: Workspace, qtbot: QtBot, tmp_path: Path) -> None:
    first = start(four_views, qtbot, tmp_path)
    assert not first.has_place
    first.setGeometry(40, 50, 1150, 720)
    first.show_panel("Details")
    first.toggle_panels()
    first.close()
    again = start(four_views, qtbot, tmp_path)
    assert again.has_place
    assert upright(again) == (50, 720)
    assert again.panels.current == "Details"
    assert not again.panels.isVisible()
    assert not again.findChildren(DetailsPanel), "what is not seen is not made"
    again.toggle_panels()
    assert again.panels.isVisible()
    assert len(again.findChildren(DetailsPanel)) == 1
    again.close()


def test_it_is_kept_without_closing_too(four_views: Workspace, qtbot: QtBot, tmp_path: Path) -> None:
    first = start(four_views, qtbot, tmp_path)
    first.window_layout._rest.setInterval(10)
    first.setGeometry(30, 40, 1130, 710)
    first.panels._group.button(2).click()
    file = tmp_path / "settings.json"
    qtbot.waitUntil(lambda: SettingsFile(file).settings.window.panel == "Filters")
    again = start(four_views, qtbot, tmp_path)
    assert upright(again) == (40, 710)
    for window in (first, again):
        window.close()


def test_a_maximised_window_comes_back_maximised(four_views: Workspace, qtbot: QtBot, tmp_path: Path) -> None:
    first = start(four_views, qtbot, tmp_path)
    first.showMaximized()
    qtbot.waitUntil(first.isMaximized)
    first.close()
    again = start(four_views, qtbot, tmp_path)
    assert again.isMaximized()
    again.close()


def test_a_place_out_of_reach_is_corrected(four_views: Workspace, qtbot: QtBot, tmp_path: Path) -> None:
    first = start(four_views, qtbot, tmp_path)
    first.move(9000, 9000)
    first.close()
    again = start(four_views, qtbot, tmp_path)
    screen = again.screen().availableGeometry()
    assert screen.intersects(again.geometry())
    again.close()


def test_a_panel_that_there_is_no_more_is_passed_over(four_views: Workspace, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"schema_version": 2, "window": {"panel": "Gone"}}')
    window = start(four_views, qtbot, tmp_path)
    assert window.panels.current == "Findings"
    window.close()
