"""Plots in the look of the panels."""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING

from mammoviewer.gui.theme import PALETTE, color

if TYPE_CHECKING:
    import pyqtgraph as pg


def small_plot(title: str) -> pg.PlotWidget:
    """Return a plot that fits into a panel, with a name at its left axis; the mouse does not move it.

    The library of plots takes a third of a second to load, which a window without plots does not wait for; see
    :func:`load_plots`.
    """
    import pyqtgraph as pg

    plot = pg.PlotWidget(background=PALETTE["field"], enableMenu=False)
    plot.setFixedHeight(118)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    plot.showGrid(x=False, y=True, alpha=0.15)
    plot.setLabel("left", title)
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.enableAutoSIPrefix(False)
        axis.setPen(pg.mkPen(color("line_strong")))
        axis.setTextPen(pg.mkPen(color("dim")))
    plot.getAxis("left").setWidth(46)
    for side in ("left", "bottom"):
        plot.getAxis(side).setStyle(tickLength=-4)
    return plot


def load_plots() -> threading.Thread:
    """Load the library of plots on a thread, so that the first plot comes at once; return the thread.

    Who needs a plot before waits for it, no longer than if it had to load the library itself.
    """
    # Not a daemon: a program that ends meanwhile waits for it.
    thread = threading.Thread(target=lambda: importlib.import_module("pyqtgraph"), name="load-plots")
    thread.start()
    return thread
