"""Make the pictures of the documents: a phantom exam with a prior, and the demo exam, opened in the real window.

Run ``python docs/pictures.py`` with a display of at least 1600 x 900 pixels, such as
``xvfb-run -s "-screen 0 1920x1080x24" python docs/pictures.py``; it takes some minutes and writes into ``docs/images``.
Look at what it has made.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QSettings, QSize, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtTest import QTest

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.gui.app import make_application
from mammoviewer.gui.bridge import Bridge
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.dialogs.command_palette import CommandPalette
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.imaging.slab import SlabMode
from mammoviewer.session.demo import DENSITY as DEMO_DENSITY
from mammoviewer.session.demo import SEED as DEMO_SEED
from mammoviewer.session.demo import demo_truth
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.viewer_state import Tool
from mammoviewer.session.workspace import Workspace

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = (1600, 900)
PATIENCE_S = 240.0


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MAMMOVIEWER_HOME"] = str(Path(folder) / "home")
        QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, folder)
        exams = [Path(folder) / "now", Path(folder) / "before"]
        for years, exam in zip((0, 2), exams, strict=True):
            write_exam(exam, seed=5, scale=0.5, years_before=years)
        demo = Path(folder) / "demo"
        write_exam(demo, seed=DEMO_SEED, density=DEMO_DENSITY, scale=0.5)
        Walk(exams, demo).take()


class Walk:
    """Opens the window on the exams, at last on the demo exam, and goes from picture to picture."""

    def __init__(self, exams: list[Path], demo: Path) -> None:
        self.demo = demo
        self.application = make_application()
        settings = SettingsFile()
        self.workspace = Workspace(settings.settings)
        self.bridge = Bridge(self.application)
        self.window = MainWindow(self.workspace, settings)
        self.window.resize(*SIZE)
        self.window.show()
        QTest.qWait(300)
        if self.window.size().toTuple() != SIZE:
            sys.exit(f"the window is {self.window.size().toTuple()}, not {SIZE}: the screen is too small")
        self.open(exams)

    def open(self, exams: list[Path]) -> None:
        """Open exams in place of those before."""
        job = self.window.opening.open(exams)
        self.wait(lambda: job is not None and job.state.final)
        self.settle()

    def wait(self, done: Callable[[], bool]) -> None:
        """Let the window run until something is so."""
        end = time.monotonic() + PATIENCE_S
        while not done():
            if time.monotonic() > end:
                sys.exit("the window does not show what it should")
            QTest.qWait(30)

    def settle(self) -> None:
        """Wait until every viewport shows its frame."""
        QTest.qWait(500)
        self.wait(lambda: all(v.state is None or not v.follower.waiting for v in self.window.grid.viewports))
        QTest.qWait(300)

    def save(self, name: str) -> None:
        """Save the window."""
        self.settle()
        self.window.grab().save(str(IMAGES / f"{name}.png"))

    def stage(self, title: str) -> None:
        """Hang a stage by the beginning of its title."""
        titles = [stage.title for stage in self.workspace.stages]
        self.workspace.show_stage(next(n for n, found in enumerate(titles) if found.startswith(title)))
        self.settle()

    def take(self) -> None:
        """Take the pictures."""
        self.wait(lambda: not self.window.thumbnails.waiting)
        self.save("stage-four-views")
        self._stages()
        self.stage("Eight views")
        self.save("stage-eight-views")
        self.stage("CC with prior")
        self.save("stage-cc-prior")
        self._linked_cursor()
        self._measures_and_lens()
        self._slab()
        self.window.show_palette()
        self.save("palette")
        palette = self.window.findChild(CommandPalette)
        QTest.keyClick(palette, Qt.Key.Key_Escape)
        self.wait(lambda: not palette.isVisible())
        self._scores_of_slices()
        self.window.close()
        self.bridge.stop()
        self.workspace.close()

    def place(self, viewport: Viewport, point: tuple[float, float]) -> QPoint:
        """Return where a stored point is in a viewport."""
        x, y = viewport.view.to_widget(np.array([point]))[0]
        return QPoint(round(x), round(y))

    def drag(self, viewport: Viewport, first: tuple[float, float], last: tuple[float, float]) -> None:
        """Drag the left button from one stored point to another."""
        start, end = self.place(viewport, first), self.place(viewport, last)
        button, plain = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QTest.mousePress(viewport, button, plain, start)
        QTest.mouseMove(viewport, (start + end) / 2)
        QTest.mouseMove(viewport, end)
        QTest.mouseRelease(viewport, button, plain, end)

    def _stages(self) -> None:
        """Save all stages in one picture, line by line in their order."""
        small = QSize(SIZE[0] // 2, SIZE[1] // 2)
        count = len(self.workspace.stages)
        whole = QImage(2 * small.width(), (count + 1) // 2 * small.height(), QImage.Format.Format_RGB32)
        whole.fill(Qt.GlobalColor.black)
        painter = QPainter(whole)
        for number in range(count):
            self.workspace.show_stage(number)
            self.settle()
            seen = self.window.grab().toImage().scaled(small, mode=Qt.TransformationMode.SmoothTransformation)
            painter.drawImage(number % 2 * small.width(), number // 2 * small.height(), seen)
        painter.end()
        whole.save(str(IMAGES / "stages.png"))

    def _linked_cursor(self) -> None:
        self.stage("Four views")
        self.workspace.desk.linked_cursor = True
        images = [viewport.shown.image for viewport in self.window.grid.viewports]
        self.wait(lambda: all(self.workspace.nipples.of(image) is not None for image in images))
        first = self.window.grid.viewports[0]
        QTest.mouseMove(first, self.place(first, (500.0, 700.0)))
        self.save("linked-cursor")
        self.workspace.desk.linked_cursor = False
        self.workspace.desk.pointed = None

    def _measures_and_lens(self) -> None:
        self.stage("CC pair")
        right, left = self.window.grid.viewports
        desk = self.workspace.desk
        desk.tool = Tool.DISTANCE
        self.drag(right, (500.0, 700.0), (640.0, 860.0))
        desk.tool = Tool.STATISTICS
        self.drag(left, (500.0, 150.0), (640.0, 300.0))
        desk.tool = Tool.PROFILE
        self.drag(left, (760.0, 60.0), (720.0, 330.0))
        QTest.qWait(800)
        self.save("measures")
        desk.tool, desk.lens, desk.lens_filter = Tool.WINDOW, True, "local contrast"
        left.leaveEvent(QEvent(QEvent.Type.Leave))
        QTest.mouseMove(right, self.place(right, (900.0, 820.0)))
        QTest.qWait(1500)
        self.save("magnifier")
        desk.lens = False

    def _slab(self) -> None:
        self.stage("Tomosynthesis beside")
        volume = next(v for v in self.window.grid.viewports if v.shown.frames > 1)
        self.workspace.desk.active_identity = volume.identity
        identity = volume.identity
        finding = new_finding(identity, 30, Roi(RoiKind.ELLIPSE, ((430.0, 60.0), (500.0, 130.0))), "Mass")
        self.workspace.edit(AddFinding(finding))
        volume.shown.slab_mode, volume.shown.slab_mm = SlabMode.MIP, 8.0
        volume.shown.frame = 30
        self.window.show_panel("Filters")
        self.save("tomosynthesis-slab")

    def _scores_of_slices(self) -> None:
        """Run a model over the slices, and go to the best one, as a reader does."""
        self.open([self.demo])
        self.stage("Tomosynthesis beside")
        volume = next(v for v in self.window.grid.viewports if v.shown.frames > 1)
        self.workspace.desk.active_identity = volume.identity
        for lesion in demo_truth(self.demo)["lesions"]:
            place = lesion.get("tomo", {})
            if lesion["type"] == "mass" and place:
                row, column, radius = (float(place[name]) for name in ("row", "column", "radius_px"))
                box = ((row - radius, column - radius), (row + radius, column + radius))
                finding = new_finding(volume.identity, int(place["frame"]), Roi(RoiKind.ELLIPSE, box), "Mass")
                self.workspace.edit(AddFinding(finding))
        self.workspace.desk.model = self.workspace.registry.get("dbt-dcnn").identity
        self.window.show_panel("AI")
        self.window.activateWindow()
        volume.setFocus()
        self.wait(volume.hasFocus)
        control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
        QTest.keyClick(volume, Qt.Key.Key_R, control | shift)
        scores = self.workspace.heatmaps.slice_scores
        self.wait(lambda: None not in scores(volume.shown.image, self.workspace.desk.model))
        QTest.keyClick(volume, Qt.Key.Key_B, shift)
        found = scores(volume.shown.image, self.workspace.desk.model)
        self.wait(lambda: found[volume.shown.frame] == max(score for score in found if score is not None))
        # The model gives no map: what it says is all in the strip.
        QTest.keyClick(volume, Qt.Key.Key_H)
        self.save("tomosynthesis-scores")


if __name__ == "__main__":
    main()
