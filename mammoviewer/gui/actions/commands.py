"""All commands in one table, and the shortcuts that belong to them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QPlainTextEdit, QWidget

from mammoviewer.gui.actions.ai_commands import AI_COMMANDS
from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.actions.companion_commands import COMPANION_COMMANDS
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.actions.file_commands import FILE_COMMANDS, HELP_COMMANDS, PANEL_COMMANDS
from mammoviewer.gui.actions.finding_commands import FINDING_COMMANDS
from mammoviewer.gui.actions.view_commands import VIEW_COMMANDS

GROUPS = {
    **FILE_COMMANDS,
    **VIEW_COMMANDS,
    **AI_COMMANDS,
    **FINDING_COMMANDS,
    **COMPANION_COMMANDS,
    **PANEL_COMMANDS,
    **HELP_COMMANDS,
}
"""Commands by group, in the order in which the cheat sheet lists them."""

COMMANDS: tuple[Command, ...] = tuple(
    replace(command, group=group) for group, commands in GROUPS.items() for command in commands
)
_TYPING = (QLineEdit, QPlainTextEdit, QAbstractSpinBox, QComboBox)


def with_bindings(commands: tuple[Command, ...], bindings: Mapping[str, str]) -> tuple[Command, ...]:
    """Return the commands with the reader's own keys; an empty text takes the keys away."""
    return tuple(
        replace(command, keys=(bindings[command.id],) if bindings[command.id] else ())
        if command.id in bindings
        else command
        for command in commands
    )


def make_shortcuts(commands: tuple[Command, ...], desk: Desk, window: QWidget) -> list[QShortcut]:
    """Give every command its keys: in the window, or only in the image area where panels need the keys too."""
    shortcuts = []
    for command in commands:
        for key in command.keys:
            parent: QWidget = desk.grid if command.images_only else window
            shortcut = QShortcut(QKeySequence(key), parent)
            if command.images_only:
                shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(functools.partial(_run, command, desk))
            shortcuts.append(shortcut)
    return shortcuts


def _run(command: Command, desk: Desk) -> None:
    command.handler(desk)


class HeldOriginal(QObject):
    """Shows the original, without filters, while O is held."""

    def __init__(self, desk: Desk, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self._held = False
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Watch for O going down and up, except while the reader types."""
        if event.type() in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) and isinstance(event, QKeyEvent):
            plain = event.modifiers() == Qt.KeyboardModifier.NoModifier and not event.isAutoRepeat()
            if event.key() == Qt.Key.Key_O and plain and not isinstance(QApplication.focusWidget(), _TYPING):
                self._show(event.type() == QEvent.Type.KeyPress)
        elif event.type() == QEvent.Type.ApplicationDeactivate and self._held:
            self._show(False)
        return False

    def _show(self, original: bool) -> None:
        state = self._desk.state
        if state is not None and original != self._held:
            state.bypass_filters = original
        self._held = original
