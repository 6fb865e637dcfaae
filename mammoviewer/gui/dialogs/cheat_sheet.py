"""All keys on one sheet, by group."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.canvas.mouse_acts import mouse_lines
from mammoviewer.gui.panels.parts import label, row
from mammoviewer.session.hands_settings import HandsSettings

_COLUMNS = 3


class CheatSheet(QDialog):
    """Commands with their keys, and what the mouse does."""

    def __init__(self, commands: Sequence[Command], hands: HandsSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        blocks: list[tuple[str, list[tuple[str, str]]]] = [
            (group, _lines(list(entries))) for group, entries in groupby(commands, key=lambda command: command.group)
        ]
        blocks.append(("Mouse and held keys", mouse_lines(hands)))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(26, 22, 26, 22)
        layout.setSpacing(40)
        total = sum(len(lines) + 2 for _, lines in blocks)
        columns: list[QVBoxLayout] = []
        used = total
        for title, lines in blocks:
            if not lines:
                continue
            if used + len(lines) / 2 > total / _COLUMNS and len(columns) < _COLUMNS:
                columns.append(QVBoxLayout())
                columns[-1].setSpacing(18)
                used = 0
            columns[-1].addWidget(_block(title, lines))
            used += len(lines) + 2
        for entry in columns:
            entry.addStretch(1)
            layout.addLayout(entry)


def _lines(commands: Sequence[Command]) -> list[tuple[str, str]]:
    """Return title and key of the commands that have one; the numbered windows share a line."""
    numbered = [command for command in commands if command.id.startswith("window.preset_") and command.keys]
    lines = [("Windows of the file", f"{numbered[0].key_text} … {numbered[-1].key_text}")] if numbered else []
    return lines + [
        (command.title, command.key_text) for command in commands if command.keys and command not in numbered
    ]


def _block(title: str, lines: Sequence[tuple[str, str]]) -> QWidget:
    block = QWidget()
    grid = QGridLayout(block)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(18)
    grid.setVerticalSpacing(5)
    grid.setColumnMinimumWidth(0, 190)
    grid.addWidget(label(title.upper(), "section"), 0, 0, 1, 2)
    for number, (name, keys) in enumerate(lines, start=1):
        grid.addWidget(label(name), number, 0)
        grid.addLayout(row([label(keys, "key"), None]), number, 1, Qt.AlignmentFlag.AlignLeft)
    return block
