"""Keys and mouse set by real keys and choices, in force at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import mouse
from helpers.viewports import shown
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mammoviewer.gui.actions.commands import COMMANDS, format_keys, parse_keys
from mammoviewer.gui.actions.key_rules import HELD_KEYS, owners
from mammoviewer.gui.dialogs.cheat_sheet import CheatSheet
from mammoviewer.gui.dialogs.command_palette import CommandPalette
from mammoviewer.gui.dialogs.hands_dialog import HandsDialog
from mammoviewer.gui.dialogs.key_editor import KeyEditor
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.session.hands_settings import DRAGS, WHEELS, HandsSettings
from mammoviewer.session.settings import SettingsFile, load_settings
from mammoviewer.session.viewer_state import FIT, Tool
from mammoviewer.session.workspace import Workspace

CONTROL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
BY_ID = {command.id: command for command in COMMANDS}


@pytest.fixture
def window(
    four_views: Workspace, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MainWindow]:
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(tmp_path / "qt"))
    made = MainWindow(four_views, SettingsFile(tmp_path / "settings.json"))
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.show()
    made.activateWindow()
    yield made
    made.close()


@pytest.fixture
def dialog(window: MainWindow, qtbot: QtBot) -> HandsDialog:
    viewport = window.grid.active
    assert viewport is not None
    viewport.setFocus()
    qtbot.waitUntil(viewport.hasFocus)
    qtbot.keyClick(viewport, Qt.Key.Key_Comma, CONTROL)
    made = window.findChild(HandsDialog)
    assert made is not None
    made.activateWindow()
    return made


@pytest.fixture
def editor(dialog: HandsDialog) -> KeyEditor:
    return dialog.keys


def choose(editor: KeyEditor, qtbot: QtBot, title: str) -> None:
    editor.search.clear()
    qtbot.keyClicks(editor.search, title.rstrip("…"))
    assert editor.command is not None
    assert editor.command.title == title


def press(editor: KeyEditor, qtbot: QtBot, key: Qt.Key, modifiers: Qt.KeyboardModifier = mouse.NONE) -> None:
    """Press Enter on the list and then the keys."""
    qtbot.keyClick(editor.list, Qt.Key.Key_Return)
    assert editor.field.isVisible()
    qtbot.keyClick(editor.field, key, modifiers)


def keys_of(window: MainWindow, command_id: str) -> tuple[str, ...]:
    return next(command.keys for command in window.keys.commands if command.id == command_id)


def try_key(window: MainWindow, qtbot: QtBot, key: Qt.Key, modifiers: Qt.KeyboardModifier = mouse.NONE) -> None:
    window.activateWindow()
    viewport = window.grid.active
    assert viewport is not None
    viewport.setFocus()
    qtbot.waitUntil(viewport.hasFocus)
    qtbot.keyClick(viewport, key, modifiers)


def test_new_keys_are_in_force_at_once_and_kept(window: MainWindow, editor: KeyEditor, qtbot: QtBot) -> None:
    choose(editor, qtbot, "Invert")
    press(editor, qtbot, Qt.Key.Key_F7)
    assert keys_of(window, "window.invert") == ("F7",)
    assert load_settings(window.keys.settings.path)[0].key_bindings == {"window.invert": "F7"}
    window.findChild(HandsDialog).close()
    state = window.workspace.active
    assert state is not None
    try_key(window, qtbot, Qt.Key.Key_F7)
    assert state.inverted
    try_key(window, qtbot, Qt.Key.Key_I)
    assert state.inverted


def test_the_palette_and_the_cheat_sheet_show_the_new_keys(window: MainWindow, editor: KeyEditor, qtbot: QtBot) -> None:
    choose(editor, qtbot, "Invert")
    press(editor, qtbot, Qt.Key.Key_F7)
    window.show_palette()
    palette = window.findChild(CommandPalette)
    assert palette is not None
    palette.search("invert")
    assert palette.found[0].keys == ("F7",)
    window.show_keys()
    sheet = window.findChild(CheatSheet)
    assert sheet is not None
    assert "F7" in {row.keys for column in sheet.columns for row in column.rows}


def test_new_keys_count_on_the_second_screen_too(window: MainWindow, qtbot: QtBot) -> None:
    window.toggle_second_screen()
    second = window._second
    assert second is not None
    window.keys.give("window.invert", ("F7",))
    second.activateWindow()
    second.grid.setFocus()
    qtbot.waitUntil(second.isActiveWindow)
    state = window.workspace.active
    assert state is not None
    qtbot.keyClick(second, Qt.Key.Key_I)
    assert not state.inverted
    qtbot.keyClick(second, Qt.Key.Key_F7)
    assert state.inverted
    window.toggle_second_screen()
    qtbot.waitUntil(lambda: len(window.keys._served) == 1)
    window.keys.reset_all()
    state.inverted = False


def test_tooltips_name_the_keys_in_force(window: MainWindow, editor: KeyEditor, qtbot: QtBot) -> None:
    choose(editor, qtbot, "Invert")
    press(editor, qtbot, Qt.Key.Key_F7)
    assert window.header._invert.toolTip() == "Invert (F7)"
    press(editor, qtbot, Qt.Key.Key_Backspace)
    assert window.header._invert.toolTip() == "Invert"
    editor.reset()
    assert window.header._invert.toolTip() == "Invert (I)"
    assert "Space + drag" in window.header._tools[Tool.PAN].toolTip()


@pytest.mark.parametrize(
    ("key", "modifiers", "owner"),
    [(Qt.Key.Key_E, CONTROL, "Export…"), (Qt.Key.Key_Tab, mouse.NONE, "Next stage of the protocol")],
)
def test_what_has_the_keys_is_named_at_once_and_keeps_them_unless_told_otherwise(
    window: MainWindow, editor: KeyEditor, qtbot: QtBot, key: Qt.Key, modifiers: Qt.KeyboardModifier, owner: str
) -> None:
    choose(editor, qtbot, "Invert")
    press(editor, qtbot, key, modifiers)
    assert owner in editor.trouble.text()
    assert ("(on images)" in editor.trouble.text()) == (key == Qt.Key.Key_Tab)
    assert keys_of(window, "window.invert") == ("I",)
    qtbot.mouseClick(editor.keep, Qt.MouseButton.LeftButton)
    assert not editor.trouble.isVisible()
    assert keys_of(window, "window.invert") == ("I",)


def test_keys_can_be_taken_over(window: MainWindow, editor: KeyEditor, qtbot: QtBot) -> None:
    choose(editor, qtbot, "Invert")
    press(editor, qtbot, Qt.Key.Key_E, CONTROL)
    qtbot.mouseClick(editor.take_over, Qt.MouseButton.LeftButton)
    assert keys_of(window, "window.invert") == ("Ctrl+E",)
    assert keys_of(window, "file.export") == ()
    editor.reset()
    choose(editor, qtbot, "Export…")
    qtbot.mouseClick(editor._reset, Qt.MouseButton.LeftButton)
    assert window.keys.settings.settings.key_bindings == {}


def test_a_held_key_cannot_be_taken(window: MainWindow, editor: KeyEditor, qtbot: QtBot) -> None:
    choose(editor, qtbot, "Invert")
    press(editor, qtbot, Qt.Key.Key_O)
    assert "held" in editor.trouble.text()
    assert not editor.take_over.isVisible()
    assert keys_of(window, "window.invert") == ("I",)


def test_escape_leaves_and_backspace_takes_the_keys_away(window: MainWindow, editor: KeyEditor, qtbot: QtBot) -> None:
    choose(editor, qtbot, "Invert")
    press(editor, qtbot, Qt.Key.Key_Escape)
    assert keys_of(window, "window.invert") == ("I",)
    assert not editor.field.isVisible()
    assert editor.isVisible()
    press(editor, qtbot, Qt.Key.Key_Backspace)
    assert keys_of(window, "window.invert") == ()


def test_further_keys_are_added(window: MainWindow, editor: KeyEditor, qtbot: QtBot) -> None:
    choose(editor, qtbot, "Invert")
    qtbot.mouseClick(editor._add, Qt.MouseButton.LeftButton)
    qtbot.keyClick(editor.field, Qt.Key.Key_F7)
    assert keys_of(window, "window.invert") == ("I", "F7")
    qtbot.mouseClick(editor._reset_all, Qt.MouseButton.LeftButton)
    assert keys_of(window, "window.invert") == ("I",)
    assert not editor._reset_all.isEnabled()


def test_every_held_key_is_known(window: MainWindow) -> None:
    assert all(not owners(window.keys.commands, key) for key in HELD_KEYS)


@pytest.mark.parametrize(
    ("key", "modifiers", "text"),
    [
        (Qt.Key.Key_Backtab, SHIFT, "Shift+Tab"),
        (Qt.Key.Key_Percent, SHIFT, "%"),
        (Qt.Key.Key_Left, CONTROL | SHIFT, "Ctrl+Shift+Left"),
        (Qt.Key.Key_Y, SHIFT, "Shift+Y"),
    ],
)
def test_keys_are_written_as_shortcuts_are(
    editor: KeyEditor, qtbot: QtBot, key: Qt.Key, modifiers: Qt.KeyboardModifier, text: str
) -> None:
    got: list[str] = []
    editor.field.pressed.connect(got.append)
    editor.change()
    qtbot.keyClick(editor.field, Qt.Key.Key_Shift)
    assert got == []
    qtbot.keyClick(editor.field, key, modifiers)
    assert got == [text]


def test_commands_are_found_by_their_keys(editor: KeyEditor, qtbot: QtBot) -> None:
    qtbot.keyClicks(editor.search, "ctrl+k")
    titles = [editor.list.topLevelItem(n).text(0) for n in range(editor.list.topLevelItemCount())]
    assert "Find a command" in titles


def test_several_keys_are_one_text_of_the_settings() -> None:
    for keys in ((), ("A",), (";", "Ctrl+;"), ("Return", "Enter")):
        assert parse_keys(format_keys(keys)) == keys


def test_a_file_that_cannot_be_written_is_told(
    window: MainWindow, editor: KeyEditor, qtbot: QtBot, tmp_path: Path
) -> None:
    window.keys.settings.path = tmp_path
    choose(editor, qtbot, "Invert")
    press(editor, qtbot, Qt.Key.Key_F7)
    assert "cannot be written" in editor.trouble.text()
    assert keys_of(window, "window.invert") == ("I",)


def set_hands(window: MainWindow, **changes: str) -> None:
    settings = window.keys.settings
    settings.update(replace(settings.settings, hands=replace(settings.settings.hands, **changes)))


def drag_with(window: MainWindow, button: Qt.MouseButton, modifiers: Qt.KeyboardModifier = mouse.NONE) -> None:
    viewport = window.grid.active
    assert viewport is not None
    mouse.drag(viewport, (100.0, 120.0), (160.0, 150.0), button, modifiers)


BUTTONS = {"left_drag": mouse.LEFT, "middle_drag": mouse.MIDDLE, "right_drag": mouse.RIGHT}


@pytest.mark.parametrize("name", BUTTONS)
@pytest.mark.parametrize("act", [act for act in DRAGS if act != "tool"])
def test_every_button_does_what_it_is_set_to(window: MainWindow, name: str, act: str) -> None:
    spare = next(other for other in BUTTONS if other != name)
    set_hands(window, **{"left_drag": "nothing", name: act, spare: "tool"})
    state = window.workspace.active
    assert state is not None
    voi, zoom, centre = state.voi, state.zoom, state.centre
    drag_with(window, BUTTONS[name])
    assert (state.voi != voi) == (act == "window")
    assert (state.zoom != zoom) == (act in ("pan", "zoom", "region"))
    assert (state.centre != centre) == (act in ("pan", "zoom", "region"))
    if act == "pan":
        assert state.zoom != FIT


def test_the_tool_can_be_on_the_right_and_draws_polygons_there(window: MainWindow) -> None:
    set_hands(window, left_drag="pan", right_drag="tool")
    window.workspace.desk.tool = Tool.POLYGON
    viewport = window.grid.active
    assert viewport is not None
    for place in ((100.0, 100.0), (160.0, 100.0), (160.0, 160.0)):
        mouse.click(viewport, place, mouse.RIGHT)
    mouse.double_click(viewport, (100.0, 160.0), mouse.RIGHT)
    assert len(window.workspace.annotations) == 1


@pytest.mark.parametrize("modifiers", [mouse.NONE, CONTROL, SHIFT, ALT])
@pytest.mark.parametrize("act", WHEELS)
def test_every_wheel_does_what_it_is_set_to(
    volume: Workspace, window: MainWindow, modifiers: Qt.KeyboardModifier, act: str
) -> None:
    name = {mouse.NONE: "wheel", CONTROL: "ctrl_wheel", SHIFT: "shift_wheel", ALT: "alt_wheel"}[modifiers]
    window.workspace.show_single(next(i for i in volume.images if i.attributes.frames > 1).attributes.identity)
    set_hands(window, **{name: act})
    viewport, state = window.grid.active, window.workspace.active
    assert viewport is not None
    assert state is not None
    before = (state.frame, state.zoom, window.workspace.style.opacity, state.voi)
    mouse.wheel(viewport, (120.0, 120.0), 1.0, modifiers)
    after = (state.frame, state.zoom, window.workspace.style.opacity, state.voi)
    changed = tuple(now != then for now, then in zip(after, before, strict=True))
    assert changed == (
        act in ("slices", "five_slices"),
        act == "zoom",
        act == "opacity",
        act in ("brightness", "contrast"),
    )
    assert before[0] - after[0] == {"slices": 1, "five_slices": 5}.get(act, 0)


def test_the_wheel_brightens_and_sharpens_upwards(window: MainWindow) -> None:
    set_hands(window, wheel="brightness", shift_wheel="contrast")
    viewport, state = window.grid.active, window.workspace.active
    assert viewport is not None
    assert state is not None
    before = state.voi
    mouse.wheel(viewport, (120.0, 120.0), 1.0)
    assert state.voi.center < before.center
    mouse.wheel(viewport, (120.0, 120.0), 1.0, SHIFT)
    assert state.voi.width < before.width


def test_the_mouse_is_set_in_the_dialog_and_the_sheet_shows_it(
    window: MainWindow, dialog: HandsDialog, qtbot: QtBot
) -> None:
    dialog.show_page(1)
    choice = dialog.mouse.choices["shift_wheel"]
    choice.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is choice)
    while choice.currentData() != "contrast":
        qtbot.keyClick(choice, Qt.Key.Key_Down)
    assert window.workspace.settings.hands.shift_wheel == "contrast"
    sheet = CheatSheet(window.keys.commands, window.workspace.settings.hands)
    qtbot.addWidget(sheet)
    assert [row.name for column in sheet.columns for row in column.rows if row.keys == "Shift + wheel"] == ["Contrast"]
    qtbot.mouseClick(dialog.mouse._reset, Qt.MouseButton.LeftButton)
    assert window.workspace.settings.hands == HandsSettings()


def test_the_last_button_for_the_tool_cannot_be_given_away(dialog: HandsDialog) -> None:
    editor = dialog.mouse
    dialog.show_page(1)
    choice = editor.choices["left_drag"]
    choice.setCurrentIndex(choice.findData("pan"))
    choice.activated.emit(choice.currentIndex())
    assert "chosen tool" in editor.trouble.text()
    assert editor.trouble.isVisible()
    assert choice.currentData() == "tool"


def test_a_drag_goes_through_the_slices(qtbot: QtBot, volume: Workspace) -> None:
    viewport = shown(qtbot, volume, size=(300, 300))
    state = viewport.shown
    state.frame, state.playing = 2, True
    mouse.press(viewport, (150, 100), mouse.MIDDLE, SHIFT)
    mouse.move(viewport, (150, 100 + 4 * 12 + 1), mouse.MIDDLE)
    assert (state.frame, state.playing) == (6, False)
    mouse.move(viewport, (150, 900), mouse.MIDDLE)
    assert state.frame == 11
    mouse.move(viewport, (150, 100 - 13), mouse.MIDDLE)
    assert state.frame == 1
    mouse.release(viewport, (150, 87), mouse.MIDDLE)
    assert viewport.shown.zoom == FIT, "nothing was moved but slices"


def test_a_drag_for_slices_leaves_a_flat_image_alone(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views, "RMLO")
    before = viewport.shown.voi
    mouse.drag(viewport, (150, 100), (150, 200), mouse.MIDDLE, SHIFT)
    assert (viewport.shown.frame, viewport.shown.zoom, viewport.shown.voi) == (0, FIT, before)
