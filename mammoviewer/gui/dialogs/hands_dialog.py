"""Keys and mouse, each on a page: what is set is in force at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QStackedWidget, QVBoxLayout

from mammoviewer.gui.dialogs.key_editor import KeyEditor
from mammoviewer.gui.dialogs.mouse_editor import MouseEditor
from mammoviewer.gui.panels.parts import Segments

if TYPE_CHECKING:
    from mammoviewer.gui.actions.key_bindings import KeyBindings


class HandsDialog(QDialog):
    """The editors of keys and of the mouse."""

    def __init__(self, keys: KeyBindings) -> None:
        super().__init__()
        self.setWindowTitle("Keys and mouse")
        self.resize(680, 640)
        self.keys = KeyEditor(keys)
        self.mouse = MouseEditor(keys.settings)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.keys)
        self._pages.addWidget(self.mouse)
        self._choice = Segments([("Keys", 0), ("Mouse and wheel", 1)])
        self._choice.chosen.connect(self.show_page)
        self._choice.show_choice(0)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        # Enter is for the list of commands.
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 16)
        layout.setSpacing(12)
        layout.addWidget(self._choice)
        layout.addWidget(self._pages, 1)
        layout.addWidget(buttons)

    def show_page(self, number: int) -> None:
        """Show the keys (0) or the mouse (1)."""
        self._choice.show_choice(number)
        self._pages.setCurrentIndex(number)
