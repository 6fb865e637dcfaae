"""The histogram of a region, or the values along a line."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mammoviewer.gui.panels.plots import small_plot
from mammoviewer.gui.theme import color
from mammoviewer.imaging.measure import Profile
from mammoviewer.session.measuring import Histogram

if TYPE_CHECKING:
    import pyqtgraph as pg


class MeasurePlot(QWidget):
    """One small plot, made when there is something to plot; hidden while there is nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.hide()

    @functools.cached_property
    def _plot(self) -> pg.PlotWidget:
        made = small_plot("pixels")
        self._layout.addWidget(made)
        return made

    @functools.cached_property
    def _curve(self) -> pg.PlotDataItem:
        import pyqtgraph as pg

        return self._plot.plot([], [], pen=pg.mkPen(color("measure"), width=1.5))

    def show_plot(self, plotted: Histogram | Profile | None, unit: str) -> None:
        """Show counts over stored values, or stored values over the way in ``unit``; None hides the plot."""
        self.setVisible(plotted is not None)
        if plotted is None:
            return
        if isinstance(plotted, Histogram):
            edges, counts = np.repeat(plotted.edges, 2), np.concatenate([[0], np.repeat(plotted.counts, 2), [0]])
            self._curve.setData(edges, counts)
            self._plot.setLabel("left", "pixels")
            self._plot.setLabel("bottom", "stored value")
        else:
            self._curve.setData(plotted.distance, plotted.values)
            self._plot.setLabel("left", "value")
            self._plot.setLabel("bottom", f"along the line, {unit}")

    @property
    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what is plotted."""
        x, y = self._curve.getData()
        return np.asarray(x), np.asarray(y)
