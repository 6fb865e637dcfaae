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
_RATE = ("learning_rate", "learning rate", "dim")
_WIDE_AXIS = 64


class TrainingCurves(QWidget):
    """Small plots over the epochs of all folds: losses, AUC and, where it is wanted, the learning rate."""

    def __init__(self, *, with_rate: bool = False) -> None:
        super().__init__()
        curves = (*_CURVES, _RATE) if with_rate else _CURVES
        self._values: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name, _, _ in curves}
        self._fold: object = None
        self._step = 0
        self._loss = _epochs("loss")
        self._auc = _epochs("AUC")
        self._auc.setYRange(0.0, 1.0, padding=0.03)
        self._auc.setXLink(self._loss)
        plots = {"auc": self._auc}
        if with_rate:
            plots["learning_rate"] = _epochs("rate")
            plots["learning_rate"].setXLink(self._loss)
            for plot in (self._loss, *plots.values()):
                plot.getAxis("left").setWidth(_WIDE_AXIS)
        lowest = list(plots.values())[-1]
        lowest.setLabel("bottom", "epoch, fold after fold")
        self._lines = {}
        for name, _, colour in curves:
            plot = plots.get(name, self._loss)
            pen = pg.mkPen(color(colour), width=1.5)
            brush = pg.mkBrush(color(colour))
            self._lines[name] = plot.plot(
                [], [], pen=pen, symbol="o", symbolSize=4, symbolBrush=brush, symbolPen=None, connect="finite"
            )
        legend = []
        for _, title, colour in curves:
            entry = label(f"● {title}", "quiet")
            entry.setStyleSheet(f"color: {PALETTE[colour]};")
            legend.append(entry)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row([*legend, None], spacing=12))
        for plot in (self._loss, *plots.values()):
            layout.addWidget(plot)

    def clear(self) -> None:
        """Begin anew."""
        self._fold, self._step = None, 0
        for name, (steps, values) in self._values.items():
            steps.clear()
            values.clear()
            self._lines[name].setData([], [])

    def values(self, name: str) -> tuple[float, ...]:
        """Return what a curve shows: ``loss``, ``validation_loss``, ``auc`` or ``learning_rate``."""
        return tuple(value for value in self._values[name][1] if not math.isnan(value))

    def add(self, event: TrainingEvent) -> None:
        """Add the figures of an ``epoch`` event; others are left alone."""
        if event.kind != "epoch":
            return
        fit = (event.values.get("fold"), event.values.get("text"))
        new_fold, self._fold = fit != self._fold, fit
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
