"""Loss and AUC of a retraining, epoch by epoch, as they come in."""

from __future__ import annotations

import math

import pyqtgraph as pg
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mammoviewer.gui.panels.parts import label, row
from mammoviewer.gui.panels.plots import small_plot
from mammoviewer.gui.theme import PALETTE, color
from mammoviewer.training.spec import TrainingEvent

_CURVES = (("loss", "training loss", "accent"), ("validation_loss", "held-out loss", "amber"), ("auc", "AUC", "green"))


class TrainingCurves(QWidget):
    """Two small plots over the epochs of all folds: the losses above, the AUC below."""

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name, _, _ in _CURVES}
        self._fold: object = None
        self._step = 0
        self._loss = _epochs("loss")
        self._auc = _epochs("AUC")
        self._auc.setYRange(0.0, 1.0, padding=0.03)
        self._auc.setLabel("bottom", "epoch, fold after fold")
        self._auc.setXLink(self._loss)
        self._lines = {}
        for name, _, colour in _CURVES:
            plot = self._auc if name == "auc" else self._loss
            pen = pg.mkPen(color(colour), width=1.5)
            brush = pg.mkBrush(color(colour))
            self._lines[name] = plot.plot(
                [], [], pen=pen, symbol="o", symbolSize=4, symbolBrush=brush, symbolPen=None, connect="finite"
            )
        legend = []
        for _, title, colour in _CURVES:
            entry = label(f"● {title}", "quiet")
            entry.setStyleSheet(f"color: {PALETTE[colour]};")
            legend.append(entry)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row([*legend, None], spacing=12))
        layout.addWidget(self._loss)
        layout.addWidget(self._auc)

    def clear(self) -> None:
        """Begin anew."""
        self._fold, self._step = None, 0
        for name, (steps, values) in self._values.items():
            steps.clear()
            values.clear()
            self._lines[name].setData([], [])

    def values(self, name: str) -> tuple[float, ...]:
        """Return what a curve shows: ``loss``, ``validation_loss`` or ``auc``."""
        return tuple(value for value in self._values[name][1] if not math.isnan(value))

    def add(self, event: TrainingEvent) -> None:
        """Add the figures of an ``epoch`` event; others are left alone."""
        if event.kind != "epoch":
            return
        new_fold = event.values.get("fold") != self._fold
        self._fold = event.values.get("fold")
        self._step += 1
        for name, (steps, values) in self._values.items():
            value = event.values.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                if new_fold and steps:
                    # A gap: the curves of one fold do not go on in the next.
                    steps.append(self._step - 0.5)
                    values.append(math.nan)
                steps.append(float(self._step))
                values.append(float(value))
                self._lines[name].setData(steps, values)


def _epochs(title: str) -> pg.PlotWidget:
    plot = small_plot(title)
    plot.getAxis("bottom").setTickSpacing(5, 1)
    return plot
