"""A walk through the main job in the real window, with real key and mouse events and a picture of every step.

It serves where no reader sits: ``mammoviewer demo --headless`` and the pictures of the documentation.
"""

from __future__ import annotations

import itertools
import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from mammoviewer.annotations.edits import AddFinding, CompositeEdit
from mammoviewer.annotations.finding import Finding
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.dialogs.export_dialog import ExportDialog
from mammoviewer.gui.exports import export_content
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.gui.model_actions import force_model
from mammoviewer.gui.navigation import show_place
from mammoviewer.gui.tour_hands import click, drag, press, wheel
from mammoviewer.imaging.filter_chain import parse_filter
from mammoviewer.inference.detections import Detection
from mammoviewer.session.demo import demo_truth
from mammoviewer.session.demo_run import LABELS, NORMAL, truth_findings
from mammoviewer.session.exporting import offered_formats, why_not
from mammoviewer.session.viewer_state import Overlay

_LOGGER = logging.getLogger(__name__)
SIZE = (1920, 1080)
PATIENCE_S = 180.0
_SETTLE_S = 0.3

Condition = Callable[[], bool]


class Tour(QObject):
    """Goes from step to step; each waits until the window shows what it should.

    Parameters
    ----------
    window
        The window, with the exam being opened.
    exam
        The folder of a phantom exam, whose truth says where to draw.
    folder
        Where the pictures go.
    """

    def __init__(self, window: MainWindow, exam: Path, folder: Path) -> None:
        super().__init__(window)
        self._window = window
        self._workspace = window.workspace
        self._exam = exam
        self._folder = folder
        self.failures: list[str] = []
        self._numbers = itertools.count(1)
        self._steps = self._walk()
        self._title = "open"
        self._condition: Condition = self._opened
        self._since = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        window.resize(*SIZE)
        self._timer = QTimer(self, interval=30)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def _look(self) -> None:
        waited = time.monotonic() - self._since
        if waited < _SETTLE_S or (waited < PATIENCE_S and not self._condition()):
            return
        if waited >= PATIENCE_S:
            self.failures.append(self._title)
        try:
            self._title, self._condition = next(self._steps)
            self._since = time.monotonic()
        except StopIteration:
            self._finish()
        except Exception as error:
            _LOGGER.exception("the step after %r failed", self._title)
            self.failures.append(f"after {self._title} ({type(error).__name__} {error})")
            self._finish()

    def _finish(self) -> None:
        self._timer.stop()
        self._window.close()
        if self.failures:
            print(f"mammoviewer: the walk stopped or waited in vain: {', '.join(self.failures)}", file=sys.stderr)
        QApplication.exit(1 if self.failures else 0)

    def _walk(self) -> Iterator[tuple[str, Condition]]:
        self._shoot("four-views")
        yield from self._browse()
        yield from self._heat()
        yield from self._explain()
        yield from self._draw()
        yield from self._filter()
        yield from self._train()
        yield from self._export()
        yield from self._bad_file()

    def _browse(self) -> Iterator[tuple[str, Condition]]:
        press(self._active(), Qt.Key.Key_Tab)
        yield "tomosynthesis beside 2-D", self._all_painted
        viewport = self._tomo()
        for _ in range(6):
            wheel(viewport, -1)
        yield "scroll", self._all_painted
        self._shoot("tomosynthesis")

    def _heat(self) -> Iterator[tuple[str, Condition]]:
        # A panel may have been gone to meanwhile.
        self._window.activateWindow()
        self._active().setFocus()
        press(self._active(), Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
        yield "four views again", self._all_painted
        stage = self._workspace.stage
        hung = stage.cells if stage is not None else ()
        clusters = [f for f in self._truth() if f.label == LABELS["cluster"]]
        cluster = next((f for f in clusters if f.image_uid in hung), clusters[0])
        self._workspace.desk.active_identity = cluster.image_uid
        yield "the view with the cluster", lambda: self._window.grid.active is not None
        self._window.show_panel("AI")
        press(self._active(), Qt.Key.Key_H)
        yield "partial heatmap, or a refusal", lambda: self._active().output.scores is not None or self._refused()
        if self._refused():
            # an exam of reduced size is too coarse for the model; the notice offers to run it all the same
            force_model(self._workspace, cluster.image_uid)
            yield "partial heatmap", lambda: self._active().output.scores is not None
        self._shoot("heatmap-coming-in")
        yield "heatmap", self._heated
        press(self._active(), Qt.Key.Key_Z)
        yield "heatmap over the whole image", self._all_painted
        self._shoot("heatmap")
        press(self._active(), Qt.Key.Key_A)
        if self._marks():
            press(self._active(), Qt.Key.Key_N)
        else:
            show_place(self._workspace, cluster.image_uid, 0, self._hottest())
        yield "first mark", self._all_painted

    def _explain(self) -> Iterator[tuple[str, Condition]]:
        viewport = self._active()
        click(viewport, self._hottest(), Qt.KeyboardModifier.AltModifier)
        yield "Grad-CAM", lambda: viewport.shown.overlay is Overlay.CAM and viewport.output.scores is not None
        self._shoot("grad-cam")
        viewport.shown.overlay = Overlay.NONE
        viewport.fit()
        press(self._active(), Qt.Key.Key_Escape)

    def _draw(self) -> Iterator[tuple[str, Condition]]:
        mass = next(finding for finding in self._truth() if finding.label == LABELS["mass"])
        show_place(self._workspace, mass.image_uid, mass.frame, mass.roi.centre)
        self._window.show_panel("Findings")
        yield "the mass", self._all_painted
        press(self._active(), Qt.Key.Key_E)
        viewport = self._active()
        top, left, bottom, right = mass.roi.bounding_box()
        before = len(self._workspace.annotations.findings)
        drag(viewport, (top, left), (bottom, right))
        yield "drawn", lambda: len(self._workspace.annotations.findings) == before + 1
        press(self._active(), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        yield "undone", lambda: len(self._workspace.annotations.findings) == before
        press(self._active(), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        yield "redone", lambda: len(self._workspace.annotations.findings) == before + 1
        self._shoot("drawn")

    def _filter(self) -> Iterator[tuple[str, Condition]]:
        self._window.show_panel("Filters")
        self._active().shown.filters = (parse_filter("clahe:tiles=8,clip=0.02"),)
        yield "filtered", self._filtered
        self._shoot("filtered")
        self._active().shown.filters = ()

    def _train(self) -> Iterator[tuple[str, Condition]]:
        chosen = [finding for finding in self._truth() if finding.label in {NORMAL, LABELS["cluster"]}]
        self._workspace.edit(CompositeEdit(tuple(AddFinding(finding) for finding in chosen), "Label the truth"))
        self._window.show_panel("Train")
        panel = self._window.train_panel
        panel.start()
        yield "training", lambda: self._has_epochs() or not panel.running
        self._shoot("training")
        yield "trained", lambda: not panel.running
        self._shoot("trained")
        panel.keep()

    def _export(self) -> Iterator[tuple[str, Condition]]:
        content = export_content(self._workspace, self._active().shown)
        formats = offered_formats(content)
        reasons = {form.key: why_not(form, content) for form in formats}
        dialog = ExportDialog(formats, self._folder, "tour", reasons=reasons)
        dialog.choose("png8")
        dialog.choose("json")
        dialog.show()
        yield "export dialog", dialog.isVisible
        dialog.grab().save(str(self._folder / f"{next(self._numbers):02d}-export.png"))
        dialog.close()

    def _bad_file(self) -> Iterator[tuple[str, Condition]]:
        broken = self._folder / "broken.dcm"
        broken.write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 64)
        told: list[Notice] = []
        self._workspace.notice.connect(told.append)
        self._window.open_paths([broken])
        yield "the broken file is told", lambda: any(n.severity is not Severity.INFO for n in told)
        self._workspace.notice.disconnect(told.append)
        broken.unlink()
        self._shoot("broken-file")

    def _opened(self) -> bool:
        """Return whether the exam is hung and the rail beside it has its pictures."""
        return self._all_painted() and bool(self._window.rail.buttons) and not self._window.thumbnails.waiting

    def _all_painted(self) -> bool:
        viewports, stage = self._window.grid.viewports, self._workspace.stage
        # The viewports follow the stage with the next round of events.
        hung = {cell for cell in stage.cells if cell} if stage is not None else set()
        shown = {viewport.identity for viewport in viewports}
        return hung <= shown and all(not v.identity or not v.follower.waiting for v in viewports) and bool(viewports)

    def _filtered(self) -> bool:
        picture = self._workspace.pictures.picture(self._active().shown)
        return picture is not None and picture.scale == 1.0

    def _has_epochs(self) -> bool:
        run = self._workspace.training.current
        return run is not None and any(event.kind == "epoch" for event in run.events)

    def _refused(self) -> bool:
        state = self._workspace.active
        return state is not None and state.model_refused

    def _heated(self) -> bool:
        scores = self._active().output.scores
        return scores is not None and scores.complete

    def _hottest(self) -> tuple[float, float]:
        """Return the stored (row, column) of the first mark, or where the heatmap is highest without one."""
        marks = self._marks()
        if marks:
            return marks[0].row, marks[0].column
        scores = self._active().output.scores
        assert scores is not None
        places = scores.cell_centres(*np.nonzero(np.isfinite(scores.values)))
        downwards = np.argsort(-scores.values[np.isfinite(scores.values)])
        # A cell at the rim may have its centre in the air, which is not explained.
        row, column = next(place for place in places[downwards].tolist() if np.isfinite(scores.at(*place)))
        return row, column

    def _active(self) -> Viewport:
        viewport = self._window.grid.active
        assert viewport is not None
        return viewport

    def _tomo(self) -> Viewport:
        return next(v for v in self._window.grid.viewports if v.shown.image.attributes.kind is ImageKind.TOMO)

    def _marks(self) -> tuple[Detection, ...]:
        state = self._active().shown
        return self._workspace.heatmaps.detections(
            state.image.attributes.identity, state.frame, self._workspace.desk.model
        )

    def _truth(self) -> tuple[Finding, ...]:
        return truth_findings(demo_truth(self._exam), self._workspace.images)

    def _shoot(self, name: str) -> None:
        self._window.grab().save(str(self._folder / f"{next(self._numbers):02d}-{name}.png"))
