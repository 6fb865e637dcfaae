"""Acts timed to the end of the repaint that they cause, and the images that the display benchmarks show."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget

FRAMES = 9

Act = Callable[[], object]


def make_volume(rows: int, columns: int, frames: int = FRAMES) -> np.ndarray:
    """Return smooth tissue with noise, uint16 (frames, rows, columns), 12 bits."""
    generator = np.random.default_rng(0)
    row, column = np.mgrid[0:rows, 0:columns]
    tissue = 1500 + 800 * np.sin(row / 130.0) * np.cos(column / 170.0)
    return np.stack([(tissue + generator.normal(0, 120, tissue.shape)).clip(0, 4095) for _ in range(frames)]).astype(
        np.uint16
    )


class Paints(QObject):
    """Counts the paint events of a widget."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: D102, N802
        self.count += event.type() == QEvent.Type.Paint
        return False


def until_painted(paints: Sequence[Paints], act: Act) -> None:
    """Act, and run the event loop until the repaints of all widgets are done; an act must change what is shown."""
    before, deadline = [paint.count for paint in paints], time.perf_counter() + 5.0
    act()
    while any(paint.count == count for paint, count in zip(paints, before, strict=True)):
        QApplication.processEvents()
        if time.perf_counter() > deadline:
            raise SystemExit("no repaint followed")


def times_ms(widgets: Sequence[QWidget], acts: Sequence[Act]) -> list[float]:
    """Return milliseconds from each act to the end of the repaint of all widgets, without two acts for warming up."""
    paints = [Paints(widget) for widget in widgets]
    took = []
    for act in acts:
        QApplication.processEvents()
        start = time.perf_counter()
        until_painted(paints, act)
        took.append((time.perf_counter() - start) * 1000)
    return took[2:]


def timed(widget: QWidget, acts: Sequence[Act]) -> float:
    """Return the median of :func:`times_ms`."""
    return statistics.median(times_ms([widget], acts))
