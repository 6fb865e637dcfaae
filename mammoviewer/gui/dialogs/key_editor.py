"""All commands with their keys, to be changed: press the new ones; what is in the way is named at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLineEdit, QTreeWidget, QTreeWidgetItem, QWidget

from mammoviewer.base.errors import SettingsError
from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.actions.key_rules import HELD_KEYS, owners, same_key
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.dialogs.command_palette import find_commands
from mammoviewer.gui.dialogs.key_field import KeyField
from mammoviewer.gui.panels.parts import button, column, label, row

if TYPE_CHECKING:
    from mammoviewer.gui.actions.key_bindings import KeyBindings

_ID = Qt.ItemDataRole.UserRole


class KeyEditor(QWidget):
    """The list of commands and the field that takes keys."""

    def __init__(self, keys: KeyBindings) -> None:
        super().__init__()
        self._keys = keys
        self._adding = False
        self._wanted: tuple[str, ...] = ()
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search commands or keys")
        self.search.setAccessibleName("Search commands")
        self.search.textChanged.connect(self.refresh)
        self.list = QTreeWidget()
        self.list.setHeaderLabels(["Command", "Group", "Keys", ""])
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setAccessibleName("Commands")
        head = self.list.header()
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setStretchLastSection(False)
        for number, width in ((1, 90), (2, 150), (3, 70)):
            self.list.setColumnWidth(number, width)
        self.list.itemActivated.connect(lambda *_: self.change())
        self.list.currentItemChanged.connect(self._show_choice)
        self._name = label("", "heading")
        self.field = KeyField()
        self.field.pressed.connect(self._take)
        self.field.cleared.connect(lambda: self._give(()))
        self.field.given_up.connect(self.give_up)
        self.field.left.connect(self._on_left)
        self.field.setVisible(False)
        self._change = button("Change…", self.change, tip="Press new keys for this command (Enter)")
        self._add = button("Add…", self.add, tip="Press further keys for this command")
        self._reset = button("Reset", self.reset, tip="The command's own keys")
        self._reset_all = button("Reset all", self.reset_all, tip="Every command's own keys")
        self.trouble = label("", "caution", wrap=True)
        self.take_over = button("Take over", self._take_over)
        self.keep = button("Leave as it was", self.give_up)
        buttons = row([self._change, self._add, self._reset, None, self._reset_all])
        trouble = row([self.trouble, self.take_over, self.keep])
        trouble.setStretch(0, 1)
        self.setLayout(column([self.search, self.list, self._name, self.field, trouble, buttons], spacing=8))
        bind(self, keys.settings.changed, self.refresh)
        self.refresh()
        self._end()

    @property
    def command(self) -> Command | None:
        """Return the chosen command with its keys of now."""
        entry = self.list.currentItem()
        chosen = entry.data(0, _ID) if entry is not None else None
        return next((command for command in self._keys.commands if command.id == chosen), None)

    def refresh(self) -> None:
        """List the commands that fit the search, with their keys of now."""
        chosen = self.command.id if self.command is not None else ""
        text = self.search.text().strip()
        found = find_commands(self._keys.commands, text)
        by_key = [c for c in self._keys.commands if text and text.casefold() in _key_texts(c).casefold()]
        changed = self._keys.settings.settings.key_bindings
        self.list.clear()
        for command in dict.fromkeys((*found, *by_key)):
            mark = "changed" if command.id in changed else ""
            entry = QTreeWidgetItem([command.title, command.group, _key_texts(command), mark])
            entry.setData(0, _ID, command.id)
            if command.images_only:
                entry.setToolTip(2, "while the images have the keyboard")
            self.list.addTopLevelItem(entry)
            if command.id == chosen:
                self.list.setCurrentItem(entry)
        first = self.list.topLevelItem(0)
        if self.list.currentItem() is None and first is not None:
            self.list.setCurrentItem(first)
        self._show_choice()

    def change(self) -> None:
        """Wait for keys in place of those of the chosen command."""
        self._listen(adding=False)

    def add(self) -> None:
        """Wait for further keys of the chosen command."""
        self._listen(adding=True)

    def reset(self) -> None:
        """Give the chosen command its own keys again."""
        command = self.command
        if command is not None:
            self._try(lambda: self._keys.reset(command.id))

    def reset_all(self) -> None:
        """Give every command its own keys again."""
        self._try(self._keys.reset_all)

    def give_up(self) -> None:
        """Leave the keys as they were."""
        if self.field.hasFocus() or self.keep.hasFocus():
            self.list.setFocus()
        self._end()

    def _on_left(self) -> None:
        """Stop waiting for keys, unless the reader has been asked what to do with some."""
        if not self._wanted:
            self._end()

    def _end(self) -> None:
        self._wanted = ()
        self.field.setVisible(False)
        self._show_trouble("")

    def _listen(self, *, adding: bool) -> None:
        if self.command is not None:
            self._adding = adding
            self._show_trouble("")
            self.field.clear()
            self.field.setVisible(True)
            self.field.setFocus()

    def _take(self, key: str) -> None:
        """Give the keys that were pressed, unless something is in the way; then name it."""
        command = self.command
        if command is None:
            return
        held = next((act for own, act in HELD_KEYS.items() if same_key(own, key)), None)
        if held is not None:
            self._show_trouble(f"{key} is taken: {held}. Press others")
            return
        had = [own for own in command.keys if not same_key(own, key)] if self._adding else []
        wanted = (*had, key)
        others = [other for other in owners(self._keys.commands, key) if other.id != command.id]
        if not others:
            self._give(wanted)
            return
        self._wanted = wanted
        self.field.setText(key)
        names = " and ".join(f"“{other.title}”{_where(other)}" for other in others)
        self._show_trouble(f"{key} belongs to {names}", offer=True)

    def _take_over(self) -> None:
        self._give(self._wanted, take_over=True)

    def _give(self, wanted: Sequence[str], *, take_over: bool = False) -> None:
        command = self.command
        if command is not None:
            self._try(lambda: self._keys.give(command.id, wanted, take_over=take_over))

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except SettingsError as error:
            self._show_trouble(error.reason)
            return
        self._end()
        self.list.setFocus()
        self.refresh()

    def _show_trouble(self, text: str, *, offer: bool = False) -> None:
        self.trouble.setText(text)
        self.trouble.setVisible(bool(text))
        self.take_over.setVisible(offer)
        self.keep.setVisible(offer)

    def _show_choice(self) -> None:
        command = self.command
        self._name.setText(command.title if command is not None else "No command fits")
        for part in (self._change, self._add):
            part.setEnabled(command is not None)
        changed = self._keys.settings.settings.key_bindings
        self._reset.setEnabled(command is not None and command.id in changed)
        self._reset_all.setEnabled(bool(changed))


def _key_texts(command: Command) -> str:
    return "   ".join(command.key_texts)


def _where(command: Command) -> str:
    return " (on images)" if command.images_only else ""
