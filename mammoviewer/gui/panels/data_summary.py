"""What a data set holds for a recipe, in words: images, patients, classes in each part, and what is missing."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from mammoviewer.gui.panels.parts import FactGrid, label
from mammoviewer.session.recipe_data import DataSummary

_MOST_TOLD = 3


class DataSummaryView(QWidget):
    """Facts below one another, and one line of caution where there is need."""

    def __init__(self) -> None:
        super().__init__()
        self.facts = FactGrid()
        self.caution = label("", "caution", wrap=True)
        self.caution.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.facts)
        layout.addWidget(self.caution)

    def show_words(self, text: str) -> None:
        """Show one sentence in place of the facts: what is being done, or what is wrong."""
        self.facts.show_facts([])
        self.caution.setText(text)
        self.caution.setVisible(bool(text))

    def show_summary(self, summary: DataSummary) -> None:
        """Show a data set."""
        whole = f"{summary.layout}: {summary.images} images of {summary.patients} patients"
        facts = [("Data set", whole)]
        for part, (images, patients, classes) in summary.parts.items():
            counts = ", ".join(f"{name} {classes[name]}" for name in sorted(classes))
            facts.append((part.capitalize(), f"{images} images of {patients} patients: {counts}" if images else "none"))
        self.facts.show_facts(facts)
        cautions = [summary.leaks] if summary.leaks else []
        if summary.missing:
            some = "; ".join(summary.missing[:_MOST_TOLD])
            cautions.append(f"{len(summary.missing)} entries cannot be used: {some}")
        self.caution.setText(". ".join(cautions))
        self.caution.setVisible(bool(cautions))
