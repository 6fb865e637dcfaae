"""The confusion matrix of each epoch: the last one as it comes, or an earlier one that the reader goes back to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QVBoxLayout, QWidget

from mammoviewer.gui.panels.confusion_table import ConfusionTable
from mammoviewer.gui.panels.parts import CalmSlider, label, row
from mammoviewer.training.spec import TrainingEvent


@dataclass(frozen=True)
class _Entry:
    title: str
    counts: Sequence[Sequence[int]]
    classes: Sequence[str]


class ConfusionHistory(QWidget):
    """Follows the run as long as the slider stands at its end."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[_Entry] = []
        self.table = ConfusionTable()
        self.slider = CalmSlider()
        self.slider.setAccessibleName("Epoch of the confusion matrix")
        self.slider.setToolTip("Go back to an earlier epoch; at its end it follows the run")
        self.slider.valueChanged.connect(self._show)
        self.title = label("", "quiet")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        line = row([self.slider, self.title], spacing=12)
        line.setStretch(0, 1)
        layout.addLayout(line)
        layout.addWidget(self.table)
        self.clear()

    @property
    def count(self) -> int:
        """Return how many epochs told a matrix."""
        return len(self._entries)

    def clear(self) -> None:
        """Begin anew."""
        self._entries.clear()
        self._fold: object = None
        self.slider.setRange(0, 0)
        self.table.show_counts(())
        self.title.setText("")

    def add(self, event: TrainingEvent) -> None:
        """Keep the matrix of an ``epoch`` event that has one, and the number of the fold that was told of before."""
        if event.kind == "fold":
            self._fold = event.values.get("fold")
        counts, classes = event.values.get("confusion"), event.values.get("classes")
        if event.kind != "epoch" or not isinstance(counts, Sequence) or not counts:
            return
        at_end = self.slider.value() == self.slider.maximum()
        fold = event.values.get("fold", self._fold)
        parts = [f"fold {fold}"] if fold is not None else []
        title = ", ".join([*parts, f"epoch {event.values.get('epoch')}"])
        self._entries.append(_Entry(title, counts, classes if isinstance(classes, Sequence) else ()))
        self.slider.setMaximum(len(self._entries) - 1)
        if at_end:
            self.slider.setValue(self.slider.maximum())
        self._show()

    def _show(self) -> None:
        if not self._entries:
            return
        entry = self._entries[self.slider.value()]
        self.table.show_counts(entry.counts, entry.classes)
        self.title.setText(entry.title)
        self.slider.setVisible(len(self._entries) > 1)
