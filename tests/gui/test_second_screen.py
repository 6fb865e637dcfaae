"""A stage spread over two screens is one stage: one scale, one active image, the same keys."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtTest import QTest
from shiboken6 import isValid

from mammoviewer.gui.canvas.grid import Part, _columns_of
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.gui.second_screen import ONE_SCREEN, other_screen
from mammoviewer.session.settings import SettingsFile


@pytest.fixture
def window(qtbot, four_views, tmp_path):
    made = MainWindow(four_views, SettingsFile(tmp_path / "settings.json"))
    qtbot.addWidget(made)
    made.resize(1300, 900)
    made.show()
    yield made
    made.close()


def labels(grid):
    return [viewport.shown.image.attributes.view.label for viewport in grid.viewports]


@pytest.mark.parametrize(
    ("columns", "left", "right"), [(1, [0], []), (2, [0], [1]), (3, [0, 1], [2]), (4, [0, 1], [2, 3])]
)
def test_columns_are_shared(columns, left, right):
    assert list(_columns_of(Part.LEFT, columns)) == left
    assert list(_columns_of(Part.RIGHT, columns)) == right
    assert list(_columns_of(Part.ALL, columns)) == left + right


def test_right_breasts_are_on_the_first_screen_and_left_ones_on_the_second(qtbot, window):
    window.toggle_second_screen()
    second = window._second
    assert labels(window.grid) == ["RCC", "RMLO"]
    assert labels(second.grid) == ["LCC", "LMLO"]
    second.grid.viewports[0].resize(100, 120)
    zooms = {round(v.view.zoom, 6) for v in window.grid.everywhere}
    assert len(zooms) == 1, "a millimetre is as long on both screens"
    window.toggle_second_screen()
    assert labels(window.grid) == ["RCC", "LCC", "RMLO", "LMLO"]
    assert window._second is None


def test_keys_count_on_the_second_screen_and_act_on_its_image(qtbot, window, four_views):
    window.toggle_second_screen()
    second = window._second
    viewport = second.grid.viewports[1]
    four_views.desk.active_identity = viewport.identity
    assert window.grid.active is viewport
    with qtbot.waitActive(second):
        second.activateWindow()
    viewport.setFocus()
    QTest.keyClick(viewport, Qt.Key.Key_I)
    assert viewport.shown.inverted
    QTest.keyClick(viewport, Qt.Key.Key_Tab)
    assert four_views.stage_index == 1
    assert labels(window.grid) == ["RCC"]
    assert labels(second.grid) == ["LCC"]


def test_one_screen_that_is_all_there_is_is_told(qtbot, window):
    viewport = window.grid.viewports[0]
    viewport.setFocus()
    QTest.keyClick(viewport, Qt.Key.Key_F8)
    assert window._second is not None
    assert "one screen" in window.notices.notices[0].text
    window.toggle_second_screen()
    assert ONE_SCREEN not in window.notices.notices


def test_an_image_dropped_on_the_second_screen_lands_in_its_cell(window, four_views):
    window.toggle_second_screen()
    identity = window.grid.viewports[0].identity
    second = window._second
    second.grid.viewports[1].image_dropped.emit(identity)
    assert four_views.stage.cells[3] == identity


def test_closing_the_second_screen_gives_its_images_back(window):
    window.toggle_second_screen()
    window._second.close()
    assert labels(window.grid) == ["RCC", "LCC", "RMLO", "LMLO"]
    window.toggle_second_screen()
    assert labels(window.grid) == ["RCC", "RMLO"]


def test_what_qt_has_deleted_hears_no_more_of_its_image(qtbot, window, four_views):
    window.toggle_second_screen()
    viewport = window._second.grid.viewports[0]
    state = viewport.shown
    window.toggle_second_screen()
    qtbot.waitUntil(lambda: not isValid(viewport))
    state.inverted = True
    assert state.inverted


def screen(left, width=1000):
    return Mock(geometry=lambda: QRect(left, 0, width, 800))


def test_the_screen_to_the_right_is_taken():
    first, left, right = screen(0), screen(-1000), screen(1000)
    assert other_screen(first, [first, left, right]) is right
    assert other_screen(right, [first, left, right]) is first
    assert other_screen(first, [first, left]) is left
    assert other_screen(first, [first]) is None


def test_a_viewport_that_was_maximised_does_not_leave_a_screen_black(window, four_views):
    four_views.desk.active_identity = window.grid.viewports[3].identity
    window.grid.toggle_maximised()
    window.toggle_second_screen()
    assert [v.isHidden() for v in window.grid.viewports] == [False, False]
    assert [v.isHidden() for v in window._second.grid.viewports] == [False, False]


def test_maximising_from_the_palette_fills_the_screen_that_shows_the_active_image(window, four_views):
    window.toggle_second_screen()
    second = window._second.grid
    four_views.desk.active_identity = second.viewports[1].identity
    maximise = next(command for command in window.keys.commands if command.id == "view.maximise")
    window.run_command(maximise)
    assert [v.isHidden() for v in window.grid.viewports] == [False, False]
    assert [v.isHidden() for v in second.viewports] == [True, False]
    window.run_command(maximise)
    assert [v.isHidden() for v in second.viewports] == [False, False]
