"""All commands in one table, and the shortcuts that belong to them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from mammoviewer.gui.actions.ai_commands import AI_COMMANDS
from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.actions.companion_commands import COMPANION_COMMANDS
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.actions.display_commands import DISPLAY_COMMANDS
from mammoviewer.gui.actions.file_commands import FILE_COMMANDS, HELP_COMMANDS, PANEL_COMMANDS
from mammoviewer.gui.actions.finding_commands import FINDING_COMMANDS
from mammoviewer.gui.actions.library_commands import LIBRARY_COMMANDS
from mammoviewer.gui.actions.slice_commands import SLICE_COMMANDS
from mammoviewer.gui.actions.stage_commands import STAGE_COMMANDS
from mammoviewer.gui.actions.view_commands import VIEW_COMMANDS

GROUPS = {
    **FILE_COMMANDS,
    **LIBRARY_COMMANDS,
    **VIEW_COMMANDS,
    **DISPLAY_COMMANDS,
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


_BETWEEN_KEYS = "; "


def format_keys(keys: Sequence[str]) -> str:
    """Return keys as one text of the settings."""
    return _BETWEEN_KEYS.join(keys)


def parse_keys(text: str) -> tuple[str, ...]:
    """Return the keys of one text of the settings."""
    return tuple(key for key in text.split(_BETWEEN_KEYS) if key)


def with_bindings(commands: tuple[Command, ...], bindings: Mapping[str, str]) -> tuple[Command, ...]:
    """Return the commands with the reader's own keys; an empty text takes the keys away."""
    return tuple(
        replace(command, keys=parse_keys(bindings[command.id])) if command.id in bindings else command
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
