"""All keys on one sheet, by group."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.canvas.mouse_acts import mouse_lines
from mammoviewer.gui.dialogs.key_column import Block, KeyColumn
from mammoviewer.session.hands_settings import HandsSettings

_COLUMNS = 3
_COLUMN_WIDTH = 500
"""Logical pixels that a column may take; on a narrow screen there are fewer."""
_FRAME = 24
"""Logical pixels for the frame of the window and a little of what lies behind it."""


class CheatSheet(QDialog):
    """Commands with their keys, and what the mouse does."""

    def __init__(self, commands: Sequence[Command], hands: HandsSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        blocks: list[Block] = [
            (group, _lines(list(entries))) for group, entries in groupby(commands, key=lambda command: command.group)
        ]
        blocks.append(("Mouse and held keys", mouse_lines(hands)))
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        # Each part is made where it belongs: the style sheet is looked up again for what moves into another one.
        self._sheet = QWidget(self._scroll.viewport())
        layout = QHBoxLayout(self._sheet)
        layout.setContentsMargins(26, 22, 26, 22)
        layout.setSpacing(40)
        most = min(_COLUMNS, max(1, self.screen().availableSize().width() // _COLUMN_WIDTH))
        self.columns = [
            KeyColumn(column, self._sheet) for column in _in_columns([block for block in blocks if block[1]], most)
        ]
        for column in self.columns:
            layout.addWidget(column, alignment=Qt.AlignmentFlag.AlignTop)
        self._scroll.setWidget(self._sheet)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._scroll)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Be as large as all keys, or as the screen; the rest is scrolled to."""
        super().showEvent(event)
        bar = self._scroll.verticalScrollBar().sizeHint().width()
        wanted = self._sheet.sizeHint() + QSize(bar, 0)
        room = self.screen().availableSize() - QSize(_FRAME, 2 * _FRAME)
        self.resize(wanted.boundedTo(room))
        # So that the arrows and the page keys scroll.
        self._scroll.setFocus(Qt.FocusReason.OtherFocusReason)


def _lines(commands: Sequence[Command]) -> list[tuple[str, str]]:
    """Return title and key of the commands that have one; the numbered windows share a line."""
    numbered = [command for command in commands if command.id.startswith("window.preset_") and command.keys]
    lines = [("Windows of the file", f"{numbered[0].key_text} … {numbered[-1].key_text}")] if numbered else []
    return lines + [
        (command.title, command.key_text) for command in commands if command.keys and command not in numbered
    ]


def _in_columns(blocks: Sequence[Block], most: int) -> list[list[Block]]:
    """Return the blocks in so many columns of about one height, in their order."""
    total = sum(len(lines) + 2 for _, lines in blocks)
    columns: list[list[Block]] = []
    used = total
    for block in blocks:
        size = len(block[1])
        if used + size / 2 > total / most and len(columns) < most:
            columns.append([])
            used = 0
        columns[-1].append(block)
        used += size + 2
    return columns
