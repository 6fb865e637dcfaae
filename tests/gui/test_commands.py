"""The table of commands, its shortcuts, the palette and the cheat sheet."""

from collections import Counter
from pathlib import Path
from unittest.mock import Mock

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.actions.commands import COMMANDS, with_bindings
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.actions.held_keys import HeldKeys
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.dialogs.cheat_sheet import CheatSheet
from mammoviewer.gui.dialogs.command_palette import CommandPalette, find_commands
from mammoviewer.gui.dialogs.command_row import HEIGHT
from mammoviewer.session.hands_settings import HandsSettings
from mammoviewer.session.settings import Settings, SettingsFile
from mammoviewer.session.viewer_state import Tool
from mammoviewer.session.workspace import Workspace

BY_ID = {command.id: command for command in COMMANDS}


def test_ids_titles_and_keys_are_unique() -> None:
    for values in (
        [command.id for command in COMMANDS],
        [command.title for command in COMMANDS],
        [key for command in COMMANDS for key in command.keys],
    ):
        assert [value for value, count in Counter(values).items() if count > 1] == []
    assert all(command.title and command.group for command in COMMANDS)


@pytest.mark.parametrize("key", [key for command in COMMANDS for key in command.keys])
def test_every_key_is_one_that_qt_knows(key: str, qapp: object) -> None:
    sequence = QKeySequence(key)
    assert sequence.count() == 1
    assert sequence[0].key() != Qt.Key.Key_unknown


@pytest.mark.parametrize(
    "key",
    [*"1234567890", "Up", "Down", "PgUp", "PgDown", "Home", "End", "Space", "+", "-", "F", "A", "T", "I", "H", "[", "]"]
    + ["G", "N", "Shift+N", "J", "K", "R", "E", "P", "D", "X", "W", "Tab", "Shift+Tab", "Z", "Ctrl+Z"]
    + ["Ctrl+Shift+Z", "C", "Ctrl+O", "Ctrl+E", "?", "Ctrl+K", "Return", ",", "."],
)
def test_the_hands_of_the_design_are_there(key: str) -> None:
    assert sum(key in command.keys for command in COMMANDS) == 1


def test_keys_of_the_reader_replace_the_defaults() -> None:
    bound = {command.id: command for command in with_bindings(COMMANDS, {"view.fit": "Ctrl+F", "window.invert": ""})}
    assert bound["view.fit"].keys == ("Ctrl+F",)
    assert bound["window.invert"].keys == ()
    assert bound["view.one_to_one"] == BY_ID["view.one_to_one"]


@pytest.fixture
def desk(four_views: Workspace, qtbot: QtBot) -> Desk:
    grid = ViewportGrid(four_views)
    qtbot.addWidget(grid)
    return Desk(four_views, grid, Mock())


def run(desk: Desk, command_id: str) -> None:
    BY_ID[command_id].handler(desk)


def test_tools_are_chosen(desk: Desk) -> None:
    run(desk, "tool.ellipse")
    assert desk.workspace.desk.tool is Tool.ELLIPSE


def test_invert_flip_and_back(desk: Desk) -> None:
    state = desk.workspace.active
    assert state is not None
    hung = state.orientation
    run(desk, "window.invert")
    run(desk, "view.flip")
    assert state.inverted
    assert state.orientation != hung
    run(desk, "view.hang_again")
    assert state.orientation == hung


def test_zoom_and_fit(desk: Desk) -> None:
    state = desk.workspace.active
    assert state is not None
    run(desk, "view.one_to_one")
    assert state.zoom == pytest.approx(1.0)
    run(desk, "view.zoom_in")
    assert state.zoom == pytest.approx(1.25)
    run(desk, "view.fit")
    assert state.zoom == 0.0


def test_opacity_stays_between_0_and_1(desk: Desk) -> None:
    for _ in range(12):
        run(desk, "ai.opacity_up")
    assert desk.workspace.style.opacity == 1.0
    for _ in range(15):
        run(desk, "ai.opacity_down")
    assert desk.workspace.style.opacity == 0.0


def test_corner_text_goes_round(desk: Desk) -> None:
    seen = []
    for _ in range(3):
        run(desk, "view.corner_text")
        seen.append(desk.workspace.desk.corner_text)
    assert seen == ["minimal", "off", "full"]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.id)
def test_no_command_fails_when_nothing_is_open(
    command: object, workspace: Workspace, qtbot: QtBot, tmp_path: Path
) -> None:
    grid = ViewportGrid(workspace)
    qtbot.addWidget(grid)
    window = Mock()
    window.keys.settings = SettingsFile(tmp_path / "settings.json")
    BY_ID[command.id].handler(Desk(workspace, grid, window))  # type: ignore[attr-defined]


@pytest.fixture
def held(desk: Desk, qtbot: QtBot) -> QWidget:
    """A widget that gets the keys while the original is watched for."""
    HeldKeys(desk, desk.grid)
    desk.grid.show()
    desk.grid.activateWindow()
    desk.grid.setFocus()
    qtbot.waitUntil(desk.grid.isActiveWindow)
    return desk.grid


@pytest.mark.parametrize("release", ["O", "Ctrl+O", "another window"])
def test_the_view_whose_original_was_shown_gets_its_filters_back(
    desk: Desk, held: QWidget, release: str, qtbot: QtBot
) -> None:
    first, second = (viewport.shown for viewport in desk.grid.viewports[:2])
    desk.workspace.desk.active_identity = first.image.attributes.identity
    QTest.keyPress(held.windowHandle(), Qt.Key.Key_O)
    assert (first.bypass_filters, second.bypass_filters) == (True, False)
    desk.workspace.desk.active_identity = second.image.attributes.identity
    if release == "O":
        QTest.keyRelease(held.windowHandle(), Qt.Key.Key_O)
    elif release == "Ctrl+O":
        QTest.keyRelease(held.windowHandle(), Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    else:
        other = QWidget()
        qtbot.addWidget(other)
        other.show()
        other.activateWindow()
        qtbot.waitUntil(other.isActiveWindow)
    assert (first.bypass_filters, second.bypass_filters) == (False, False)


def test_holding_o_leaves_a_view_as_it_was(desk: Desk, held: QWidget) -> None:
    state = desk.state
    assert state is not None
    state.bypass_filters = True
    QTest.keyClick(held.windowHandle(), Qt.Key.Key_O)
    assert state.bypass_filters
    QTest.keyPress(held.windowHandle(), Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    state.bypass_filters = False
    QTest.keyRelease(held.windowHandle(), Qt.Key.Key_O)
    assert not state.bypass_filters


def test_enter_of_the_keypad_accepts_a_mark_too(desk: Desk) -> None:
    assert BY_ID["ai.accept_mark"].keys == ("Return", "Enter")


def test_the_palette_finds_by_words_in_any_order() -> None:
    assert [c.id for c in find_commands(COMMANDS, "invert")] == ["window.invert"]
    assert "ai.run_all" in [c.id for c in find_commands(COMMANDS, "slices run")]
    assert find_commands(COMMANDS, "nothing like this") == []
    assert find_commands(COMMANDS, "") == list(COMMANDS)
    assert find_commands(COMMANDS, "fi")[0].title.casefold().startswith("fi")


def test_rows_of_the_palette_are_painted_with_their_keys_and_are_no_widgets(qtbot: QtBot) -> None:
    palette = CommandPalette(COMMANDS)
    qtbot.addWidget(palette)
    palette.show()
    assert len(palette.findChildren(QWidget)) < 20, "hundreds of widgets take half a second"
    assert palette._list.item(0).text() == " ".join((COMMANDS[0].title, COMMANDS[0].group, COMMANDS[0].key_text))
    drawn = palette._list.grab().toImage()

    def colours_at_the_right(row: int) -> set[str]:
        y = row * HEIGHT + HEIGHT // 2
        return {drawn.pixelColor(x, y).name() for x in range(drawn.width() * 3 // 4, drawn.width() - 30)}

    with_keys, without = (
        next(row for row in range(1, 9) if bool(palette.found[row].keys) is wanted) for wanted in (True, False)
    )
    assert len(colours_at_the_right(without)) == 1
    assert len(colours_at_the_right(with_keys)) > 5


def test_enter_in_the_palette_runs_what_is_chosen(qtbot: QtBot) -> None:
    palette = CommandPalette(COMMANDS)
    qtbot.addWidget(palette)
    palette.search("(cam)")
    first, second = palette.found[:2]
    field = palette._field
    with qtbot.waitSignal(palette.chosen) as chosen:
        qtbot.keyClick(field, Qt.Key.Key_Down)
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert chosen.args == [second]
    assert first != second


def test_the_cheat_sheet_shows_every_key(qtbot: QtBot) -> None:
    sheet = CheatSheet(COMMANDS, HandsSettings())
    qtbot.addWidget(sheet)
    rows = [row for column in sheet.columns for row in column.rows]
    shown = {row.name: row.keys for row in rows}
    wanted = [command for command in COMMANDS if command.keys and not command.id.startswith("window.preset_")]
    assert {command.title: command.key_text for command in wanted}.items() <= shown.items()
    assert shown["Windows of the file"] == "1 … 9"
    headings = [row.name for row in rows if not row.keys]
    assert headings == [*dict.fromkeys(command.group for command in COMMANDS if command.keys), "Mouse and held keys"]


def test_the_cheat_sheet_is_painted_and_can_be_read_out(qtbot: QtBot) -> None:
    sheet = CheatSheet(COMMANDS, HandsSettings())
    qtbot.addWidget(sheet)
    sheet.show()
    column = sheet.columns[0]
    assert not sheet.findChildren(QLabel), "a widget for each row would take half a second"
    spoken = QAccessible.queryAccessibleInterface(column)
    said = [spoken.child(n).text(QAccessible.Text.Name) for n in range(spoken.childCount())]
    assert said[:2] == ["File", f"Open files… {BY_ID['file.open'].key_text}"]
    picture = column.grab().toImage()
    scale = picture.devicePixelRatio()

    def inks(row: int, left: int, right: int) -> int:
        place = column.visualItemRect(column.item(row))
        across = range(round(left * scale), min(round(right * scale), picture.width()))
        down = range(round(place.top() * scale), round(place.bottom() * scale))
        return len({picture.pixel(x, y) for x in across for y in down})

    keys_left = column.rows[1].keys_left
    assert inks(0, 0, 60) > 5
    assert inks(0, keys_left, keys_left + 40) == 1, "a heading has no keys"
    assert inks(1, 0, 60) > 5
    assert inks(1, keys_left, keys_left + 40) > 5
    assert inks(1, keys_left - 12, keys_left) == 1, "keys stand below one another, away from the names"


def test_settings_of_the_models_are_turned_over_by_the_palette(desk: Desk, tmp_path: Path) -> None:
    kept = SettingsFile(tmp_path / "settings.json")
    desk.window.keys.settings = kept  # type: ignore[attr-defined]
    told: list[Notice] = []
    desk.workspace.notice.connect(told.append)
    for _ in range(2):
        BY_ID["ai.int8"].handler(desk)
        BY_ID["ai.plugins"].handler(desk)
    assert [notice.text.rpartition(": ")[2] for notice in told] == ["on", "on", "off", "off"]
    assert kept.settings == Settings()
    (tmp_path / "file").write_text("x")
    kept.path = tmp_path / "file" / "settings.json"
    BY_ID["ai.int8"].handler(desk)
    assert told[-1].severity is Severity.ERROR
    assert not kept.settings.models.int8


def test_the_cheat_sheet_fits_the_screen_and_scrolls(qtbot: QtBot) -> None:
    sheet = CheatSheet(COMMANDS, HandsSettings())
    qtbot.addWidget(sheet)
    sheet.show()
    qtbot.wait(10)
    room = sheet.screen().availableSize()
    assert sheet.height() <= room.height()
    assert sheet.width() <= room.width()
    area = sheet.findChild(QScrollArea)
    assert area.verticalScrollBar().maximum() > 0, "the screen of the tests is smaller than the sheet"
    assert area.hasFocus() or sheet.focusWidget() is area
    QTest.keyClick(area, Qt.Key.Key_PageDown)
    assert area.verticalScrollBar().value() > 0
    before = area.verticalScrollBar().value()
    on_a_column = sheet.columns[0].mapTo(sheet, QPoint(30, before + 30))
    QTest.wheelEvent(sheet.windowHandle(), on_a_column.toPointF(), QPoint(0, -120))
    assert area.verticalScrollBar().value() > before, "the wheel scrolls the sheet wherever it is turned"
    for _ in range(20):
        QTest.keyClick(area, Qt.Key.Key_PageDown)
    column = sheet.columns[-1]
    last = column.visualItemRect(column.item(column.count() - 1))
    assert column.rows[-1].keys == "hold M, wheel: larger"
    assert area.viewport().rect().contains(last.translated(column.mapTo(area.viewport(), QPoint())).bottomLeft())
