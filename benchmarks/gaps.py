"""How long the event loop does not answer: times between the ticks of a one-millisecond timer."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication


class Gaps:
    """Times between the ticks of a one-millisecond timer."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.seen: list[float] = []
        self._timer = QTimer(interval=1)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seen.append((now - self._last) * 1000)
        self._last = now

    def during(self, until: Callable[[], bool], limit_s: float = 300.0) -> tuple[float, float]:
        """Run the event loop until ``until()``; return the longest gap and the 99.9th percentile in ms."""
        self._tick()
        self.seen.clear()
        start = time.monotonic()
        while not until():
            if time.monotonic() - start > limit_s:
                raise TimeoutError("the work did not end")
            QApplication.processEvents()
            time.sleep(0.0002)
        return max(self.seen), float(np.percentile(self.seen, 99.9))
