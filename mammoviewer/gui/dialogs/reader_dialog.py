"""Who is reading: the name that is kept with findings and signatures."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from mammoviewer.gui.panels.parts import CalmCombo, label

_ABOUT = (
    "The name is kept with what you draw and sign, on this machine. Findings of other readers are dotted; who reads "
    "blind does not see them before signing."
)


class ReaderDialog(QDialog):
    """A list of known names in which a new one can be typed; ``chosen(str)`` carries it."""

    chosen = Signal(str)

    def __init__(self, known: Sequence[str], present: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Reader")
        self.setFixedWidth(420)
        self.name = CalmCombo(editable=True)
        self.name.setAccessibleName("Name of the reader")
        self.name.addItems(list(known))
        self.name.setCurrentText(present)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self._choose)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(12)
        for part in (label("Who is reading?", "heading"), label(_ABOUT, "dim", wrap=True), self.name, buttons):
            layout.addWidget(part)

    def _choose(self) -> None:
        self.chosen.emit(self.name.currentText().strip())
        self.close()
