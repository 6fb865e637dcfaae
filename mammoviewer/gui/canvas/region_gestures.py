"""Drawing new regions and changing findings that are there."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter, QPainterPath, QPolygonF

from mammoviewer.annotations.edits import AddFinding, Edit, ReplaceFinding
from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.notices import Notice
from mammoviewer.gui.canvas.frame_gesture import FrameGesture
from mammoviewer.gui.canvas.gestures import CLICK_REACH, Canvas, Pointer
from mammoviewer.gui.canvas.region_fit import Point, is_fit, moved_within, on_image
from mammoviewer.gui.canvas.roi_layer import handles, label_colour, outline, reshaped, stroke
from mammoviewer.session.workspace import Workspace

_FREEHAND_STEP: Final = 2.0
"""Logical pixels between two points of a freehand line."""


def make_edit(workspace: Workspace, edit: Edit) -> bool:
    """Make an edit; what stands in its way becomes a notice. Return whether it was made."""
    try:
        workspace.edit(edit)
    except MammoViewerError as error:
        workspace.notice.emit(Notice.from_error(error))
        return False
    return True


class DrawRegion(FrameGesture):
    """Base of the drawing gestures: keeps a region in the making and adds it as a finding.

    By itself it is a drag from a first point to a last one; gestures that are more follow and end in their own way.
    """

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        self._first = self._last = self.inside(start.point)

    def inside(self, point: Point) -> Point:
        """Return a stored point moved onto the image."""
        return on_image(point, self.canvas.view.shape)

    def roi(self) -> Roi | None:
        """Return the region so far, None while it is none."""
        return None

    def sketch(self) -> Roi | None:
        """Return the region to be painted while it is drawn."""
        return self.roi()

    def add(self) -> None:
        """Make the region a finding of the class in force, and select it; tell where it is fit for none."""
        roi = self.roi()
        if roi is None or not is_fit(roi):
            self.tell("That region has no area", "draw around the place")
            return
        workspace = self.canvas.workspace
        reader = workspace.settings.reader
        finding = new_finding(self.image_uid, self.frame, roi, workspace.desk.label, reader=reader)
        if make_edit(workspace, AddFinding(finding, title=f"Add {roi.kind}")):
            # What was just drawn must not be out of sight.
            workspace.desk.show_findings = True
            self.canvas.select(finding.id)

    def follow(self, pointer: Pointer) -> None:
        """Drag the last point."""
        self._last = self.inside(pointer.point)
        self.canvas.update()

    def end(self, pointer: Pointer) -> bool:
        """Add it; a click selects what is there."""
        self._last = self.inside(pointer.point)
        if self.clicked(pointer):
            self.canvas.select_at(pointer.place)
        else:
            self.add()
        return True

    def cancel(self) -> None:
        """Draw nothing."""
        self.canvas.update()

    def paint_here(self, painter: QPainter) -> None:
        """Paint the region so far."""
        roi = self.sketch()
        if roi is not None:
            colour = label_colour(self.canvas.workspace.desk.label)
            stroke(painter, outline(roi, self.canvas.view), colour, dashed=False, width=1.5)


class DrawBox(DrawRegion):
    """A rectangle or ellipse from corner to corner."""

    def __init__(self, canvas: Canvas, start: Pointer, kind: RoiKind) -> None:
        super().__init__(canvas, start)
        self._kind = kind

    def roi(self) -> Roi | None:
        """Return the box, None while it has no area."""
        if self._first[0] == self._last[0] or self._first[1] == self._last[1]:
            return None
        return Roi(self._kind, (self._first, self._last))


class DrawPoint(DrawRegion):
    """A single place."""

    def roi(self) -> Roi | None:
        """Return the point that was pressed."""
        return Roi(RoiKind.POINT, (self._first,))

    def end(self, pointer: Pointer) -> bool:
        """Add it, where there is an image."""
        if self.canvas.view.contains(*self.start.point):
            self.add()
        else:
            self.tell("There is no image at that place", "click on the image to mark a point")
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

    def follow(self, pointer: Pointer) -> None:
        """Add a point when the mouse has come far enough."""
        if (pointer.place - self._last_place).manhattanLength() >= _FREEHAND_STEP:
            self._points.append(self.inside(pointer.point))
            self._last_place = pointer.place
        self.canvas.update()

    def end(self, pointer: Pointer) -> bool:
        """Add it; a click selects what is there."""
        if self.clicked(pointer) and len(self._points) < 3:
            self.canvas.select_at(pointer.place)
        else:
            self.add()
        return True


class DrawPolygon(DrawRegion):
    """One corner for each click; a double click, Enter or a click on the first corner closes it.

    It may be left for another frame and taken up again.
    """

    waits = True

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        self._points = [self._first]
        self._next = self._first
        self._closed = False

    def roi(self) -> Roi | None:
        """Return the polygon of the corners that are set."""
        return Roi(RoiKind.POLYGON, tuple(self._points)) if len(self._points) >= 3 else None

    def follow(self, pointer: Pointer) -> None:
        """Show where the next corner would be."""
        self._next = self.inside(pointer.point)
        self.canvas.update()

    def press(self, pointer: Pointer) -> None:
        """Set a corner; one on the first closes, one on the last is that of a double click."""
        if not self.here:
            self._tell_where()
            return
        first, last = self.canvas.view.to_widget(np.array([self._points[0], self._points[-1]]))
        place = np.array((pointer.place.x(), pointer.place.y()))
        if len(self._points) >= 3 and np.hypot(*(place - first)) < 2 * CLICK_REACH:
            self._closed = True
        elif np.hypot(*(place - last)) >= CLICK_REACH:
            self._points.append(self.inside(pointer.point))
        self.canvas.update()

    def end(self, pointer: Pointer) -> bool:
        """Go on until the polygon is closed."""
        if self._closed:
            self.add()
        return self._closed

    def leave(self) -> bool:
        """Wait for the reader to come back."""
        return False

    def finish(self) -> bool:
        """Close it on its own frame."""
        if not self.here:
            self._tell_where()
            return False
        self.add()
        return True

    def step_back(self) -> bool:
        """Take the last corner away; without one there is no polygon."""
        if self.here:
            self._points.pop()
            self.canvas.update()
        else:
            self._tell_where()
        return not self._points

    def _tell_where(self) -> None:
        self.tell(f"The polygon was begun on slice {self.frame + 1}", "go back there to go on, or press Escape")

    def paint_here(self, painter: QPainter) -> None:
        """Paint the corners so far and the line to the mouse."""
        places = [QPointF(x, y) for x, y in self.canvas.view.to_widget(np.array([*self._points, self._next])).tolist()]
        path = QPainterPath()
        path.addPolygon(QPolygonF(places))
        colour = label_colour(self.canvas.workspace.desk.label)
        stroke(painter, path, colour, dashed=False, width=1.5)
        painter.setBrush(colour)
        for place in places[:-1]:
            painter.drawEllipse(place, 2.5, 2.5)


class ChangeFinding(FrameGesture):
    """Moves a finding, or reshapes it by a handle; it is changed once, where the drag ends."""

    def __init__(self, canvas: Canvas, start: Pointer, finding: Finding, handle: int | None = None) -> None:
        super().__init__(canvas, start)
        self._finding = finding
        self._handle = handle
        self._roi: Roi | None = None

    @property
    def preview(self) -> Finding | None:
        """The finding where the drag has brought it; None until the mouse has left the place of the click."""
        return replace(self._finding, roi=self._roi) if self._roi is not None else None

    def follow(self, pointer: Pointer) -> None:
        """Follow the mouse once it has left the place of the click; what is unfit is left out."""
        if self._roi is None and self.clicked(pointer):
            return
        rows, columns = (now - then for now, then in zip(pointer.point, self.start.point, strict=True))
        shape = self.canvas.view.shape
        roi = self._finding.roi
        if self._handle is None:
            self._roi = moved_within(roi, rows, columns, shape)
        else:
            row, column = handles(roi)[self._handle]
            changed = reshaped(roi, self._handle, on_image((row + rows, column + columns), shape))
            self._roi = changed if is_fit(changed) else self._roi
        self.canvas.update()

    def end(self, pointer: Pointer) -> bool:
        """Store where the drag has brought it."""
        self.follow(pointer)
        workspace = self.canvas.workspace
        there = self._finding.id in workspace.annotations
        if self._roi is not None and self._roi != self._finding.roi and there:
            title = "Move finding" if self._handle is None else "Reshape finding"
            changed = workspace.annotations.get(self._finding.id).edited(roi=self._roi)
            make_edit(workspace, ReplaceFinding(changed, title=title))
        return True

    def cancel(self) -> None:
        """Leave the finding where it is."""
        self._roi = None
        self.canvas.update()
