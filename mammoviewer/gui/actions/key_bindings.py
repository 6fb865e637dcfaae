"""The keys in force: the defaults with the reader's own, changed at once when the settings are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from PySide6.QtCore import QObject
from PySide6.QtGui import QShortcut
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.actions.commands import COMMANDS, format_keys, make_shortcuts, with_bindings
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.actions.key_rules import same_key
from mammoviewer.gui.actions.key_tips import follow_keys
from mammoviewer.gui.bridge import bind
from mammoviewer.session.settings import SettingsFile


class KeyBindings(QObject):
    """Commands with the keys they have now, and the shortcuts of the window.

    Parameters
    ----------
    settings
        Holds the reader's own keys.
    desk
        What commands act on.
    window
        In which the keys count.
    """

    def __init__(self, settings: SettingsFile, desk: Desk, window: QWidget) -> None:
        super().__init__(window)
        self.settings = settings
        self._desk = desk
        self._served: list[tuple[Desk, QWidget, list[QShortcut]]] = []
        self._bindings: Mapping[str, str] = dict(settings.settings.key_bindings)
        self.commands: tuple[Command, ...] = with_bindings(COMMANDS, self._bindings)
        self.serve(desk, window)
        bind(self, settings.changed, self.refresh)

    def serve(self, desk: Desk, window: QWidget) -> None:
        """Let the keys count in a window, as long as it lives."""
        self._served.append((desk, window, make_shortcuts(self.commands, desk, window)))
        if self._bindings:
            follow_keys(window, COMMANDS, self.commands)
        # Held any longer, its viewports would go on listening after Qt has deleted them.
        window.destroyed.connect(self._forget_closed)

    def _forget_closed(self) -> None:
        self._served = [entry for entry in self._served if isValid(entry[1]) and isValid(entry[0].grid)]

    def refresh(self) -> None:
        """Put the keys of the settings into force."""
        bindings = self.settings.settings.key_bindings
        if bindings == self._bindings:
            return
        self._bindings = dict(bindings)
        self.commands = with_bindings(COMMANDS, bindings)
        served, self._served = self._served, []
        for desk, window, shortcuts in served:
            if not isValid(window):
                continue
            for shortcut in shortcuts:
                # Deleted later: the shortcut may be what is running just now.
                shortcut.setEnabled(False)
                shortcut.deleteLater()
            self._served.append((desk, window, make_shortcuts(self.commands, desk, window)))
            follow_keys(window, COMMANDS, self.commands)

    def give(self, command_id: str, keys: Sequence[str], *, take_over: bool = False) -> None:
        """Give a command these keys in place of its own; with ``take_over`` other commands lose them.

        Raises
        ------
        SettingsError
            If the settings cannot be written; the keys then stay as they are.
        """
        changes = {command_id: tuple(keys)}
        if take_over:
            for other in self.commands:
                kept = tuple(own for own in other.keys if not any(same_key(own, key) for key in keys))
                if other.id != command_id and kept != other.keys:
                    changes[other.id] = kept
        bindings = dict(self.settings.settings.key_bindings)
        defaults = {command.id: command.keys for command in COMMANDS}
        for changed, wanted in changes.items():
            bindings.pop(changed, None)
            if wanted != defaults[changed]:
                bindings[changed] = format_keys(wanted)
        self._keep(bindings)

    def reset(self, command_id: str) -> None:
        """Give a command its own keys again; other commands lose them."""
        defaults = {command.id: command.keys for command in COMMANDS}
        self.give(command_id, defaults[command_id], take_over=True)

    def reset_all(self) -> None:
        """Give all commands their own keys again."""
        self._keep({})

    def edit(self) -> None:
        """Show the dialog in which keys and mouse are set."""
        from mammoviewer.gui.dialogs.hands_dialog import HandsDialog

        self._desk.window.show_dialog(HandsDialog(self))

    def _keep(self, bindings: Mapping[str, str]) -> None:
        self.settings.update(replace(self.settings.settings, key_bindings=bindings))
        self.refresh()
