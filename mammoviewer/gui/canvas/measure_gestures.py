"""Drawing measures: distance, angle, profile, statistics, arrow and text."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.gui.canvas.gestures import Canvas, Pointer
from mammoviewer.gui.canvas.region_fit import is_fit
from mammoviewer.gui.canvas.region_gestures import DrawRegion, make_edit
from mammoviewer.gui.canvas.roi_layer import paint_finding
from mammoviewer.session.measuring import line_text


class DrawMeasure(DrawRegion):
    """Base: adds a measure without a class, and paints it with its figure while it is drawn."""

    def add(self) -> None:
        """Keep the measure and select it; one without a length is none."""
        roi = self.roi()
        if roi is None or not is_fit(roi):
            return
        finding = self._finding(roi)
        workspace = self.canvas.workspace
        if make_edit(workspace, AddFinding(finding, title=f"Add {roi.kind}")):
            workspace.desk.show_findings = True
            self.canvas.select(finding.id)
            if roi.kind in {RoiKind.ARROW, RoiKind.TEXT}:
                workspace.desk.note_wanted = finding.id
            elif roi.kind is RoiKind.PROFILE:
                # The line alone tells nothing.
                workspace.desk.plot_wanted = finding.id

    def paint_here(self, painter: QPainter) -> None:
        """Paint the measure so far."""
        roi = self.roi()
        if roi is not None:
            text = line_text(roi, self.canvas.shown.image.attributes)
            paint_finding(painter, self._finding(roi), self.canvas.view, measured=text)

    def _finding(self, roi: Roi) -> Finding:
        return new_finding(self.image_uid, self.frame, roi, "", reader=self.canvas.workspace.settings.reader)


class DrawLine(DrawMeasure):
    """From end to end, or from corner to corner: distance, profile, arrow, statistics."""

    def __init__(self, canvas: Canvas, start: Pointer, kind: RoiKind) -> None:
        super().__init__(canvas, start)
        self._kind = kind

    def roi(self) -> Roi | None:
        """Return the measure so far, None while it has no length."""
        return Roi(self._kind, (self._first, self._last)) if self._first != self._last else None


class DrawAngle(DrawMeasure):
    """The first arm by a drag from its end to the vertex, the second by a click at its end."""

    waits = True

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        self._vertex = self._first
        self._arm = False
        self._closed = False

    def roi(self) -> Roi | None:
        """Return the angle so far, None while the first arm has no length."""
        if self._vertex == self._first:
            return None
        return Roi(RoiKind.ANGLE, (self._first, self._vertex, self._last))

    def follow(self, pointer: Pointer) -> None:
        """Drag the vertex, then the end of the second arm."""
        self._last = self.inside(pointer.point)
        if not self._arm:
            self._vertex = self._last
        self.canvas.update()

    def press(self, pointer: Pointer) -> None:
        """Set the end of the second arm."""
        self.follow(pointer)
        self._closed = self._arm

    def end(self, pointer: Pointer) -> bool:
        """After the first arm wait for the second; a click without a drag selects what is there."""
        self.follow(pointer)
        if self._closed:
            self.add()
            return True
        if self.clicked(pointer):
            self.canvas.select_at(pointer.place)
            return True
        self._arm = True
        return False

    def finish(self) -> bool:
        """Keep it with the second arm where the mouse is."""
        self.add()
        return True


class DrawText(DrawMeasure):
    """A place for a text."""

    def roi(self) -> Roi | None:
        """Return the place that was pressed."""
        return Roi(RoiKind.TEXT, (self._first,))

    def end(self, pointer: Pointer) -> bool:
        """Add it, where there is an image."""
        if self.canvas.view.contains(*self.start.point):
            self.add()
        return True

    def paint_here(self, painter: QPainter) -> None:
        """Paint where the text will be."""
        x, y = self.canvas.view.to_widget(np.array([self._first]))[0]
        painter.drawText(QPointF(x, y), "…")
