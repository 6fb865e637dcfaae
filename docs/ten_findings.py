"""Label ten findings on the phantom exam in the real window, by mouse and keys alone, and count what the hand does.

Run ``python docs/ten_findings.py`` with a display, or with ``QT_QPA_PLATFORM=offscreen``: it prints the acts and the
time that they take a person by the keystroke-level model, and saves the screens of the walk into ``docs/images``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from mammoviewer.annotations.roi import RoiKind
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.gui.panels.class_combo import ClassCombo
from mammoviewer.gui.panels.findings_panel import FindingsPanel

IMAGES = Path(__file__).resolve().parent / "images"
SECONDS = {"key": 0.28, "point": 1.1, "button": 0.1, "home": 0.4, "think": 1.35}
"""The keystroke-level model (Card, Moran, Newell 1980): an average typist's key, pointing, a press or a release, a hand
between mouse and keys, and making up one's mind."""

Place = tuple[float, float]
_PLAIN, _LEFT = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton


@dataclass(frozen=True)
class Drawn:
    """What the hand has drawn: view, shape, class, and stored (row, column) points at which the mouse was."""

    view: str
    kind: RoiKind
    label: str
    points: tuple[Place, ...]


@dataclass
class Hand:
    """Sends real events to the window and counts them."""

    window: MainWindow
    acts: Counter[str] = field(default_factory=Counter)
    drawn: list[Drawn] = field(default_factory=list)
    label: str = "Mass"

    @property
    def seconds(self) -> float:
        """How long a person takes for the acts so far."""
        return sum(SECONDS[act] * count for act, count in self.acts.items())

    def viewport(self, view: str) -> Viewport:
        """Return the viewport that shows a view."""
        return next(v for v in self.window.grid.viewports if v.shown.image.attributes.view.label == view)

    def tool(self, key: Qt.Key, viewport: Viewport) -> None:
        """Choose a tool by its key."""
        self.acts.update(think=1, home=2, key=1)
        QTest.keyClick(viewport, key)

    def choose_class(self, name: str) -> None:
        """Type the class of what is drawn next into the field of the panel."""
        panel = self.window.findChild(FindingsPanel)
        line = panel.findChildren(ClassCombo)[0].lineEdit()
        QTest.mouseDClick(line, _LEFT, _PLAIN, QPoint(12, line.height() // 2))
        line.selectAll()
        QTest.keyClicks(line, name)
        QTest.keyClick(line, Qt.Key.Key_Return)
        self.acts.update(think=1, point=1, button=4, home=2, key=len(name) + 1)
        self.label = name

    def drag(self, view: str, kind: RoiKind, first: Place, last: Place) -> None:
        """Draw from corner to corner; places are shares of the image's rows and columns."""
        viewport = self.viewport(view)
        start, end = (_spot(viewport, place) for place in (first, last))
        QTest.mousePress(viewport, _LEFT, _PLAIN, start)
        for share in (0.5, 1.0):
            QTest.mouseMove(viewport, start + (end - start) * share)
        QTest.mouseRelease(viewport, _LEFT, _PLAIN, end)
        self.acts.update(think=1, point=2, button=2)
        self._note(viewport, view, kind, (start, end))

    def click(self, view: str, kind: RoiKind, places: Sequence[Place]) -> None:
        """Click at each place; what has several corners is closed by Enter."""
        viewport = self.viewport(view)
        spots = [_spot(viewport, place) for place in places]
        for spot in spots:
            QTest.mouseMove(viewport, spot)
            QTest.mouseClick(viewport, _LEFT, _PLAIN, spot)
            self.acts.update(point=1, button=2)
        self.acts.update(think=1)
        if len(spots) > 1:
            QTest.keyClick(viewport, Qt.Key.Key_Return)
            self.acts.update(home=2, key=1)
        self._note(viewport, view, kind, spots)

    def _note(self, viewport: Viewport, view: str, kind: RoiKind, spots: Sequence[QPoint]) -> None:
        points = tuple(viewport.view.to_stored(spot.x(), spot.y()) for spot in spots)
        self.drawn.append(Drawn(view, kind, self.label, points))


def walk(window: MainWindow, shot: Callable[[str], object] = lambda _name: None) -> Hand:
    """Label ten findings on the four views that are hung."""
    hand = Hand(window)
    shot("ten-findings-1-open")
    hand.tool(Qt.Key.Key_E, hand.viewport("RCC"))
    for view, row in (("RCC", 0.45), ("LCC", 0.5), ("RMLO", 0.4), ("LMLO", 0.55)):
        column = 0.7 if view[0] == "R" else 0.3
        hand.drag(view, RoiKind.ELLIPSE, (row - 0.06, column - 0.05), (row + 0.05, column + 0.06))
    shot("ten-findings-2-masses")
    hand.choose_class("Calcifications")
    hand.tool(Qt.Key.Key_R, hand.viewport("LMLO"))
    for view, row in (("RCC", 0.62), ("RMLO", 0.6), ("LMLO", 0.36)):
        column = 0.75 if view[0] == "R" else 0.25
        hand.drag(view, RoiKind.RECTANGLE, (row - 0.03, column - 0.03), (row + 0.03, column + 0.04))
    hand.choose_class("Architectural distortion")
    hand.tool(Qt.Key.Key_X, hand.viewport("LMLO"))
    hand.click("LCC", RoiKind.POINT, [(0.62, 0.25)])
    hand.choose_class("Asymmetry")
    hand.tool(Qt.Key.Key_P, hand.viewport("LCC"))
    for view, column in (("RMLO", 0.8), ("LCC", 0.2)):
        corners = [(0.3, column - 0.05), (0.28, column + 0.03), (0.36, column + 0.06), (0.38, column - 0.04)]
        hand.click(view, RoiKind.POLYGON, corners)
    shot("ten-findings-3-done")
    return hand


def _spot(viewport: Viewport, share: Place) -> QPoint:
    rows, columns = viewport.view.shape
    x, y = viewport.view.to_widget(np.array([(share[0] * rows, share[1] * columns)]))[0]
    return QPoint(round(x), round(y))


def main() -> None:
    """Walk, print, save the screens."""
    from pictures import Walk

    from mammoviewer.dicom.phantom_exam import write_exam

    with tempfile.TemporaryDirectory() as folder:
        os.environ["MAMMOVIEWER_HOME"] = str(Path(folder) / "home")
        write_exam(Path(folder) / "now", seed=5, scale=0.25)
        shown = Walk([Path(folder) / "now"])
        shown.window.activateWindow()
        began = time.perf_counter()
        hand = walk(shown.window, shown.save)
        print(f"{len(shown.workspace.annotations.findings)} findings, {time.perf_counter() - began:.1f} s in this walk")
        print(f"acts: {dict(hand.acts)}; a person takes {hand.seconds:.0f} s by the keystroke-level model")
        shown.window.close()
        shown.bridge.stop()
        shown.workspace.close()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
