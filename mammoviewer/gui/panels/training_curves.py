"""Loss and AUC of a retraining, epoch by epoch, as they come in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mammoviewer.gui.panels.parts import label, row
from mammoviewer.gui.panels.plots import small_plot
from mammoviewer.gui.theme import PALETTE, color
from mammoviewer.training.spec import TrainingEvent

if TYPE_CHECKING:
    import pyqtgraph as pg

_CURVES = (("loss", "training loss", "accent"), ("validation_loss", "held-out loss", "amber"), ("auc", "AUC", "green"))
_RATE = ("learning_rate", "learning rate", "dim")
_WIDE_AXIS = 64


class TrainingCurves(QWidget):
    """Small plots over the epochs of all folds: losses, AUC and, where it is wanted, the learning rate."""

    def __init__(self, *, with_rate: bool = False) -> None:
        super().__init__()
        self._curves = (*_CURVES, _RATE) if with_rate else _CURVES
        self._values: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name, _, _ in self._curves}
        self._fold: object = None
        self._step = 0
        legend = []
        for _, title, colour in self._curves:
            entry = label(f"● {title}", "quiet")
            entry.setStyleSheet(f"color: {PALETTE[colour]};")
            legend.append(entry)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._layout.addLayout(row([*legend, None], spacing=12))

    @cached_property
    def plots(self) -> Mapping[str, pg.PlotWidget]:
        """Return the plots by the name of their first curve, made now: nobody waits for them before a training."""
        made = {"loss": _epochs("loss"), "auc": _epochs("AUC")}
        made["auc"].setYRange(0.0, 1.0, padding=0.03)
        if _RATE in self._curves:
            made["learning_rate"] = _epochs("rate")
            for plot in made.values():
                plot.getAxis("left").setWidth(_WIDE_AXIS)
        *upper, lowest = made.values()
        lowest.setLabel("bottom", "epoch, fold after fold")
        for plot in (*upper[1:], lowest):
            plot.setXLink(made["loss"])
        for plot in made.values():
            self._layout.addWidget(plot)
        return made

    @cached_property
    def _lines(self) -> Mapping[str, pg.PlotDataItem]:
        import pyqtgraph as pg

        made = {}
        for name, _, colour in self._curves:
            plot = self.plots.get(name, self.plots["loss"])
            pen = pg.mkPen(color(colour), width=1.5)
            brush = pg.mkBrush(color(colour))
            made[name] = plot.plot(
                [], [], pen=pen, symbol="o", symbolSize=4, symbolBrush=brush, symbolPen=None, connect="finite"
            )
        return made

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Have the plots made, so that there are axes before there are figures."""
        self._draw()
        super().showEvent(event)

    def clear(self) -> None:
        """Begin anew, with empty plots."""
        self._fold, self._step = None, 0
        for steps, values in self._values.values():
            steps.clear()
            values.clear()
        self._draw()

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
        self._draw()

    def _draw(self) -> None:
        for name, (steps, values) in self._values.items():
            self._lines[name].setData(steps, values)


def _epochs(title: str) -> pg.PlotWidget:
    plot = small_plot(title)
    plot.getAxis("bottom").setTickSpacing(5, 1)
    return plot
