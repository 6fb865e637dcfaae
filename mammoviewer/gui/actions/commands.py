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
from mammoviewer.gui.actions.slice_commands import SLICE_COMMANDS
from mammoviewer.gui.actions.stage_commands import STAGE_COMMANDS
from mammoviewer.gui.actions.view_commands import VIEW_COMMANDS
from mammoviewer.session.viewer_state import ViewerState

GROUPS = {
    **FILE_COMMANDS,
    **VIEW_COMMANDS,
    **SLICE_COMMANDS,
    **STAGE_COMMANDS,
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
        self._shown: tuple[ViewerState, bool] | None = None
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Watch for O going down, except while the reader types, and for it going up or the window losing the keys."""
        kind = event.type()
        if kind in (QEvent.Type.ApplicationDeactivate, QEvent.Type.WindowDeactivate):
            self._let_go()
        elif isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_O and not event.isAutoRepeat():
            plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
            # Whatever has happened in between, the key that goes up was this one.
            if kind == QEvent.Type.KeyRelease:
                self._let_go()
            elif kind == QEvent.Type.KeyPress and plain and not isinstance(QApplication.focusWidget(), _TYPING):
                self._hold()
        return False

    def _hold(self) -> None:
        state = self._desk.state
        if self._shown is None and state is not None:
            self._shown = state, state.bypass_filters
            state.bypass_filters = True

    def _let_go(self) -> None:
        """Give the view that was held, which need not be the active one any more, back what it had."""
        if self._shown is not None:
            state, before = self._shown
            self._shown = None
            state.bypass_filters = before
