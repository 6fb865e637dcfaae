"""How long each event of a stroke on a large region holds up the window: ``python benchmarks/strokes.py``.

The ragged region of ``outlines.py``, of some 14,000 corners, is chosen in the real window and painted on: press, twenty
moves and release, each with the repaint that follows, then whatever follows until the edit is made. Times are those
that the window's own thread was at work, so that other programs on the machine do not count.

Run with QT_QPA_PLATFORM=offscreen.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from measuring import arguments, report
from outlines import ragged_region
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.mask_outline import region_of_mask
from mammoviewer.gui.app import make_application
from mammoviewer.gui.bridge import Bridge
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.viewer_state import Tool
from mammoviewer.session.workspace import Workspace

_STROKES = 5


def main() -> None:
    """Paint, measure and report."""
    options = arguments(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["MAMMOVIEWER_HOME"] = home
        picture = Path(home) / "picture.png"
        noise = np.random.default_rng(0).integers(500, 3000, (2200, 2200)).astype(np.uint16)
        cv2.imwrite(str(picture), noise)
        report(measure(picture), options.json)


def measure(picture: Path) -> dict[str, float]:
    """Return milliseconds of the window's thread by event."""
    application = make_application()
    bridge = Bridge(application)
    settings = SettingsFile()
    workspace = Workspace(settings.settings)
    window = MainWindow(workspace, settings)
    window.resize(1920, 1080)
    window.show()
    # As the program does after its first picture.
    while window.panels.make_next():
        QApplication.processEvents()
    workspace.open([picture], pixel_spacing_mm=0.05)
    _until(lambda: workspace.active is not None)
    identity = workspace.images[0].attributes.identity
    roi = region_of_mask(ragged_region().astype(bool))
    if roi is None:
        raise SystemExit("there is no region")
    finding = new_finding(identity, 0, roi, "Mass")
    workspace.edit(AddFinding(finding))
    workspace.desk.selected_finding, workspace.desk.tool = finding.id, Tool.BRUSH

    _until(lambda: window.grid.active is not None and window.grid.active.follower.picture() is not None)
    viewport = window.grid.active
    _pause(1.0)
    middle = QPoint(viewport.width() // 2, viewport.height() // 2)
    took: dict[str, list[float]] = {name: [] for name in ("press", "move", "release", "after the release")}
    button, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    for number in range(_STROKES):
        start = middle + QPoint(-100, 30 * number - 60)
        before = workspace.annotations.get(finding.id).roi
        took["press"].append(_own_ms(lambda at=start: QTest.mousePress(viewport, button, none, at)))
        for step in range(20):
            at = start + QPoint(8 * step, step)
            took["move"].append(_own_ms(lambda at=at: QTest.mouseMove(viewport, at)))
        end = start + QPoint(160, 20)
        took["release"].append(_own_ms(lambda at=end: QTest.mouseRelease(viewport, button, none, at)))
        until = time.monotonic() + 30
        while workspace.annotations.get(finding.id).roi is before and time.monotonic() < until:
            time.sleep(0.002)
            took["after the release"].append(_own_ms(lambda: None))
        took["after the release"] += [_own_ms(lambda: time.sleep(0.01)) for _ in range(20)]
    figures = {f"{name}, longest, ms": max(times) for name, times in took.items()}
    figures["move, median, ms"] = statistics.median(took["move"])
    window.close()
    bridge.stop()
    return figures


def _own_ms(act: Callable[[], object]) -> float:
    """Return for how many milliseconds this thread is at work for an act and the events that follow."""
    start = time.thread_time()
    act()
    QApplication.processEvents()
    return (time.thread_time() - start) * 1000.0


def _until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not there():
        if time.monotonic() > deadline:
            raise SystemExit("the picture did not open")
        _pause(0.01)


def _pause(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        QApplication.processEvents()
        time.sleep(0.002)


if __name__ == "__main__":
    main()
