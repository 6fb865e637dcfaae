"""Drawing new regions and changing findings that are there."""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter, QPainterPath, QPolygonF

from mammoviewer.annotations.edits import AddFinding, Edit, ReplaceFinding
from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.notices import Notice
from mammoviewer.gui.canvas.gestures import CLICK_REACH, Canvas, Gesture, Pointer
from mammoviewer.gui.canvas.roi_layer import handles, label_colour, outline, reshaped, stroke
from mammoviewer.inference.detections import Detection
from mammoviewer.session.workspace import Workspace

_FREEHAND_STEP: Final = 2.0
"""Logical pixels between two points of a freehand line."""
_DRAGS = itertools.count(1)

Point = tuple[float, float]


def make_edit(workspace: Workspace, edit: Edit) -> bool:
    """Make an edit; what stands in its way becomes a notice. Return whether it was made."""
    try:
        workspace.edit(edit)
    except MammoViewerError as error:
        workspace.notice.emit(Notice.from_error(error))
        return False
    return True


class DrawRegion(Gesture):
    """Base of the drawing gestures: keeps a region in the making and adds it as a finding."""

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        self._image_uid = canvas.shown.image.attributes.identity
        self._frame = canvas.shown_frame
        self._first = self.inside(start.point)

    def inside(self, point: Point) -> Point:
        """Return a stored point moved onto the image."""
        rows, columns = self.canvas.view.shape
        return min(max(point[0], -0.5), rows - 0.5), min(max(point[1], -0.5), columns - 0.5)

    def roi(self) -> Roi | None:
        """Return the region so far, None while it is none."""
        return None

    def add(self) -> None:
        """Make the region a finding of the class in force, and select it."""
        roi = self.roi()
        if roi is None:
            return
        workspace = self.canvas.workspace
        finding = new_finding(self._image_uid, self._frame, roi, workspace.desk.label)
        if make_edit(workspace, AddFinding(finding, title=f"Add {roi.kind}")):
            self.canvas.select(finding.id)

    def cancel(self) -> None:
        """Draw nothing."""
        self.canvas.update()

    def paint(self, painter: QPainter) -> None:
        """Paint the region so far."""
        roi = self.roi()
        if roi is not None:
            colour = label_colour(self.canvas.workspace.desk.label)
            stroke(painter, outline(roi, self.canvas.view), colour, dashed=False, width=1.5)


class DrawBox(DrawRegion):
    """A rectangle or ellipse from corner to corner."""

    def __init__(self, canvas: Canvas, start: Pointer, kind: RoiKind) -> None:
        super().__init__(canvas, start)
        self._kind = kind
        self._last = self._first

    def roi(self) -> Roi | None:
        """Return the box, None while it has no area."""
        if self._first[0] == self._last[0] or self._first[1] == self._last[1]:
            return None
        return Roi(self._kind, (self._first, self._last))

    def move(self, pointer: Pointer) -> None:
        """Drag the second corner."""
        self._last = self.inside(pointer.point)
        self.canvas.update()

    def release(self, pointer: Pointer) -> bool:
        """Add it; a click selects what is there."""
        self._last = self.inside(pointer.point)
        if self.clicked(pointer):
            self.canvas.select_at(pointer.place)
        else:
            self.add()
        return True


class DrawPoint(DrawRegion):
    """A single place."""

    def roi(self) -> Roi | None:
        """Return the point that was pressed."""
        return Roi(RoiKind.POINT, (self._first,))

    def release(self, pointer: Pointer) -> bool:
        """Add it."""
        self.add()
        return True


class DrawFreehand(DrawRegion):
    """A line that follows the mouse and closes itself."""

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        self._points = [self._first]
        self._last_place = start.place

    def roi(self) -> Roi | None:
        """Return the closed line, None while it has fewer than three points."""
        return Roi(RoiKind.FREEHAND, tuple(self._points)) if len(self._points) >= 3 else None

    def move(self, pointer: Pointer) -> None:
        """Add a point when the mouse has come far enough."""
        if (pointer.place - self._last_place).manhattanLength() >= _FREEHAND_STEP:
            self._points.append(self.inside(pointer.point))
            self._last_place = pointer.place
        self.canvas.update()

    def release(self, pointer: Pointer) -> bool:
        """Add it."""
        if self.clicked(pointer) and len(self._points) < 3:
            self.canvas.select_at(pointer.place)
        else:
            self.add()
        return True


class DrawPolygon(DrawRegion):
    """One corner for each click; a double click, Enter or a click on the first corner closes it."""

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        self._points = [self._first]
        self._next = self._first
        self._closed = False

    def roi(self) -> Roi | None:
        """Return the polygon of the corners that are set."""
        return Roi(RoiKind.POLYGON, tuple(self._points)) if len(self._points) >= 3 else None

    def move(self, pointer: Pointer) -> None:
        """Show where the next corner would be."""
        self._next = self.inside(pointer.point)
        self.canvas.update()

    def press(self, pointer: Pointer) -> None:
        """Set a corner; one on the first closes, one on the last is that of a double click."""
        first, last = self.canvas.view.to_widget(np.array([self._points[0], self._points[-1]]))
        place = np.array((pointer.place.x(), pointer.place.y()))
        if len(self._points) >= 3 and np.hypot(*(place - first)) < 2 * CLICK_REACH:
            self._closed = True
        elif np.hypot(*(place - last)) >= CLICK_REACH:
            self._points.append(self.inside(pointer.point))
        self.canvas.update()

    def release(self, pointer: Pointer) -> bool:
        """Go on until the polygon is closed."""
        if self._closed:
            self.add()
        return self._closed

    def finish(self) -> None:
        """Close it."""
        self.add()

    def paint(self, painter: QPainter) -> None:
        """Paint the corners so far and the line to the mouse."""
        places = [QPointF(x, y) for x, y in self.canvas.view.to_widget(np.array([*self._points, self._next])).tolist()]
        path = QPainterPath()
        path.addPolygon(QPolygonF(places))
        colour = label_colour(self.canvas.workspace.desk.label)
        stroke(painter, path, colour, dashed=False, width=1.5)
        painter.setBrush(colour)
        for place in places[:-1]:
            painter.drawEllipse(place, 2.5, 2.5)


class ChangeFinding(Gesture):
    """Moves a finding, or reshapes it by a handle; the whole drag is one step of undo."""

    def __init__(self, canvas: Canvas, start: Pointer, finding: Finding, handle: int | None = None) -> None:
        super().__init__(canvas, start)
        self._finding = finding
        self._handle = handle
        self._merge_key = f"drag {next(_DRAGS)} of {finding.id}"
        self._changed = False

    def move(self, pointer: Pointer) -> None:
        """Follow the mouse once it has left the place of the click."""
        if not self._changed and self.clicked(pointer):
            return
        rows, columns = (now - then for now, then in zip(pointer.point, self.start.point, strict=True))
        roi = self._finding.roi
        changed = roi.moved(rows, columns) if self._handle is None else self._reshaped(roi, rows, columns)
        self._replace(self._finding.edited(roi=changed))

    def cancel(self) -> None:
        """Put the finding back."""
        if self._changed:
            self._replace(self._finding)

    def _reshaped(self, roi: Roi, rows: float, columns: float) -> Roi:
        row, column = handles(roi)[self._handle or 0]
        return reshaped(roi, self._handle or 0, (row + rows, column + columns))

    def _replace(self, finding: Finding) -> None:
        title = "Move finding" if self._handle is None else "Reshape finding"
        edit = ReplaceFinding(finding, title=title, merge_key=self._merge_key)
        self._changed = make_edit(self.canvas.workspace, edit) or self._changed


def accept_detection(canvas: Canvas, detection: Detection) -> None:
    """Make an AI mark a finding of the reader's, in the class in force, and select it."""
    workspace = canvas.workspace
    top, left, bottom, right = detection.box
    roi = Roi(RoiKind.RECTANGLE, ((top, left), (bottom, right)))
    uid = canvas.shown.image.attributes.identity
    finding = new_finding(uid, detection.frame, roi, workspace.desk.label, score=detection.score)
    if make_edit(workspace, AddFinding(finding, title="Accept AI mark")):
        canvas.select(finding.id)
