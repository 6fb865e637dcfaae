"""Gaps of the event loop while a reader scrolls, windows and drags CLAHE, with decoding and a heatmap running."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gaps import Gaps
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from mammoviewer.gui.bridge import Bridge
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.gui.model_actions import run_model
from mammoviewer.imaging.filter_chain import parse_filter
from mammoviewer.imaging.voi import Window
from mammoviewer.inference.onnx_session import load_runtime
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.viewer_state import ViewerState
from mammoviewer.session.workspace import Workspace

SECONDS = 20.0
_REST_S = 1.0
_EVERY_MS = 16
_ACTS_PER_TURN = 40


@dataclass
class Reader:
    """Acts sixty times a second: some wheel notches, then some steps of a window drag, then some of CLAHE's slider."""

    window: MainWindow
    state: ViewerState
    acts: int = 0

    def act(self) -> None:
        """Do the next act."""
        turn, step = divmod(self.acts, _ACTS_PER_TURN)
        self.acts += 1
        kind = turn % 3
        if kind == 0:
            self._scroll(-120 if turn % 2 else 120)
        elif kind == 1:
            self.state.voi = Window(1100.0 + 5 * step, 1400.0 + 10 * step)
        else:
            self.state.filters = (parse_filter(f"clahe:tiles=8,clip={0.01 + 0.001 * step:.3f}"),)
        if kind == 2 and step == _ACTS_PER_TURN - 1:
            self.state.filters = ()

    def _scroll(self, delta: int) -> None:
        viewport = self.window.grid.active
        assert viewport is not None
        place = QPointF(viewport.width() / 2.0, viewport.height() / 2.0)
        event = QWheelEvent(
            place,
            viewport.mapToGlobal(place),
            QPoint(),
            QPoint(0, delta),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.postEvent(viewport, event)


def mixed_reading(exam: Path, size: tuple[int, int], seconds: float = SECONDS) -> dict[str, float]:
    """Return figures of the gaps in ms; ``exam`` holds a volume that is not decoded yet."""
    application = QApplication.instance()
    assert application is not None
    bridge = Bridge(application)
    settings = SettingsFile()
    workspace = Workspace(settings.settings)
    load_runtime()
    window = MainWindow(workspace, settings)
    window.resize(*size)
    window.show()
    # The program does so while nothing is open yet.
    window.panels.make_all()
    gaps = Gaps()
    gaps.during(_after(_REST_S))
    window.open_paths([exam])
    opening = max(gaps.during(lambda: bool(workspace.images))[0], gaps.during(_after(_REST_S))[0])
    volume = max(workspace.images, key=lambda image: image.attributes.frames)
    workspace.show_single(volume.attributes.identity)
    reader = Reader(window, workspace.state(volume.attributes.identity))
    hand = QTimer(interval=_EVERY_MS)
    hand.timeout.connect(reader.act)
    heatmaps = [run_model(workspace)]
    begun = time.monotonic()

    def over() -> bool:
        job = heatmaps[-1]
        if job is None or job.state.final:
            workspace.heatmaps.forget(volume.attributes.identity)
            heatmaps.append(run_model(workspace))
        return time.monotonic() - begun > seconds

    hand.start()
    longest, _ = gaps.during(over)
    hand.stop()
    seen = np.array(gaps.seen)
    figures = {
        "p99": float(np.percentile(seen, 99)),
        "p99.9": float(np.percentile(seen, 99.9)),
        "longest": longest,
        "longest while the exam opens": opening,
        "p99 of time": _percentile_of_time(seen, 99.0),
        "acts": float(reader.acts),
        "frames decoded": float(sum(volume.is_cached(frame) for frame in range(volume.attributes.frames))),
        "heatmaps begun": float(len(heatmaps)),
    }
    for job in heatmaps:
        if job is not None:
            job.cancel()
    window.close()
    bridge.stop()
    workspace.close()
    return figures


def _after(seconds: float) -> Callable[[], bool]:
    """Return what tells whether a time is over that begins now."""
    over = time.monotonic() + seconds
    return lambda: time.monotonic() > over


def _percentile_of_time(gaps: np.ndarray, percent: float) -> float:
    """Return the gap that a moment chosen by chance lies in, at a percentile: long gaps weigh by their length."""
    ordered = np.sort(gaps)
    share = np.cumsum(ordered) / ordered.sum()
    return float(ordered[np.searchsorted(share, percent / 100.0)])
