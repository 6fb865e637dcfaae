"""Find a command by typing a part of its name (Ctrl+K)."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QFrame, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.dialogs.command_row import CommandRow
from mammoviewer.gui.panels.parts import divider

_WALK = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


def find_commands(commands: Sequence[Command], text: str) -> list[Command]:
    """Return the commands whose title or group holds every word of ``text``; those that begin with it come first."""
    words = text.casefold().split()
    found = [
        command for command in commands if all(word in f"{command.group} {command.title}".casefold() for word in words)
    ]
    start = text.strip().casefold()
    return sorted(found, key=lambda command: not (start and command.title.casefold().startswith(start)))


class CommandPalette(QDialog):
    """A field and a list; Enter closes it and emits ``chosen(Command)``."""

    chosen = Signal(object)

    def __init__(self, commands: Sequence[Command], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Part of the window and not a window of its own: it gets the keyboard for sure and cannot lie elsewhere.
        self.setWindowFlags(Qt.WindowType.Widget)
        self.setObjectName("paletteHolder")
        self._commands = commands
        self._field = QLineEdit()
        self._field.setObjectName("paletteField")
        self._field.setPlaceholderText("What do you want to do?")
        self._field.textChanged.connect(self.search)
        self._field.installEventFilter(self)
        self._field.returnPressed.connect(self._choose)
        self._list = QListWidget()
        self._list.setObjectName("palette")
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setUniformItemSizes(True)
        self._list.setItemDelegate(CommandRow(self._list))
        self._list.itemClicked.connect(lambda _: self._choose())
        box = QFrame()
        box.setObjectName("paletteBox")
        inside = QVBoxLayout(box)
        inside.setContentsMargins(8, 6, 8, 8)
        inside.setSpacing(6)
        inside.addWidget(self._field)
        inside.addWidget(divider())
        inside.addWidget(self._list)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(box)
        self.setFixedSize(560, 420)
        self.setFocusProxy(self._field)
        self.search("")

    @property
    def found(self) -> list[Command]:
        """Return the commands in the list."""
        return [self._list.item(i).data(Qt.ItemDataRole.UserRole) for i in range(self._list.count())]

    def search(self, text: str) -> None:
        """List what fits."""
        self._list.clear()
        for command in find_commands(self._commands, text):
            # The words are for who has the screen read out.
            entry = QListWidgetItem(" ".join(filter(None, (command.title, command.group, command.key_text))))
            entry.setData(Qt.ItemDataRole.UserRole, command)
            self._list.addItem(entry)
        self._list.setCurrentRow(0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Let the arrow keys walk in the list; close when the focus goes elsewhere."""
        if event.type() == QEvent.Type.FocusOut and self.isVisible():
            self.reject()
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in _WALK:
            step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -8}.get(Qt.Key(event.key()), 8)
            last = self._list.count() - 1
            self._list.setCurrentRow(min(max(self._list.currentRow() + step, 0), last))
            return True
        return super().eventFilter(watched, event)

    def _choose(self) -> None:
        entry = self._list.currentItem()
        command = entry.data(Qt.ItemDataRole.UserRole) if entry is not None else None
        self.done(QDialog.DialogCode.Accepted)
        if command is not None:
            self.chosen.emit(command)
