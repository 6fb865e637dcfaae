"""Painting regions: brush and eraser, a region that grows from a seed, and specks one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

from mammoviewer.annotations.edits import AddFinding, CompositeEdit, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import ALGORITHM, Finding, new_finding
from mammoviewer.annotations.mask_outline import region_of_mask
from mammoviewer.annotations.roi import LINES, Roi, RoiKind
from mammoviewer.annotations.strokes import PendingStroke, Stroke, joined_boxes, painted_on
from mammoviewer.base.arrays import BoolArray
from mammoviewer.gui.canvas.gestures import CLICK_REACH, Canvas, Pointer
from mammoviewer.gui.canvas.region_gestures import DrawRegion, make_edit
from mammoviewer.gui.canvas.roi_layer import label_colour, outline, stroke
from mammoviewer.gui.canvas.stroke_layer import paint_stroke
from mammoviewer.imaging.grow import brightest_near, grown, prepared_surroundings
from mammoviewer.session.measuring import seen_values

_GROW_MM: Final = 20.0
"""How far a region may grow from its seed."""
_SMOOTH_MM: Final = 0.25
_SPECK_MM: Final = 0.6
_CLUSTER_MARGIN_MM: Final = 1.5
_SMALL: Final = 250 * 250
"""Pixels about a painted region up to which its outline is made anew for every picture."""
_GROW_PIXELS: Final = 420
"""The surroundings of a seed are reduced to this side at most, so that they follow the mouse."""


def _pixel_mm(canvas: Canvas) -> tuple[float, float]:
    """Return the size of a stored pixel (rows, columns); a tenth of a millimetre where it is not known."""
    spacing = canvas.shown.image.attributes.pixel_spacing
    return (spacing.row_mm, spacing.column_mm) if spacing is not None else (0.1, 0.1)


class Brush(DrawRegion):
    """Paints onto the selected region, or a new one; with ``erase``, or Shift held, takes away from it.

    What a stroke makes of a small region is seen at once; that of a large one is made in the background.
    """

    def __init__(self, canvas: Canvas, start: Pointer, *, erase: bool = False) -> None:
        super().__init__(canvas, start)
        erase = erase or bool(start.modifiers & Qt.KeyboardModifier.ShiftModifier)
        mm = _pixel_mm(canvas)
        width = max(1, round(canvas.workspace.desk.brush_mm / mm[1]))
        self._target = target = self._selected()
        self._is_new = target is None or target.id not in canvas.workspace.annotations
        self._has_waited = target is not None and canvas.workspace.painting.waits_for(target.id)
        self._stroke = Stroke((start.point,), width, erase)
        self._sketch: Roi | None = None

    def _selected(self) -> Finding | None:
        workspace = self.canvas.workspace
        waiting = [p.finding for p in workspace.painting.pending if p.new and self._is_here(p.finding)]
        if waiting:
            return waiting[-1]
        chosen = workspace.desk.selected_finding
        if chosen not in workspace.annotations:
            return None
        finding = workspace.annotations.get(chosen)
        area = finding.roi.kind not in LINES and finding.roi.area_px > 0 and not finding.is_measure
        return finding if self._is_here(finding) and area and finding.origin != ALGORITHM else None

    def _is_here(self, finding: Finding) -> bool:
        return finding.image_uid == self.image_uid and finding.frame == self.frame

    def _live(self) -> Finding | None:
        """Return what was pressed on as it is now; None where strokes waited for it or its region has changed."""
        workspace, target = self.canvas.workspace, self._target
        if target is None or self._has_waited or target.id not in workspace.annotations:
            return None
        finding = workspace.annotations.get(target.id)
        return finding if finding.roi is target.roi and not workspace.painting.waits_for(target.id) else None

    @property
    def _is_small(self) -> bool:
        """Whether the region can be made anew for every picture."""
        box = self._stroke.box(self.canvas.view.shape)
        if self._target is not None:
            live = self._live()
            if live is None:
                return False
            first_row, first_column, last_row, last_column = map(round, live.roi.bounding_box())
            box = joined_boxes(box, (first_row, first_column, last_row, last_column))
        return (box[2] - box[0]) * (box[3] - box[1]) <= _SMALL

    @property
    def preview(self) -> Finding | None:
        """The region as it is now, in place of the one that is painted on."""
        live = self._live()
        roi = self.sketch() if live is not None and self._is_small else None
        return replace(live, roi=roi) if live is not None and roi is not None else None

    def roi(self) -> Roi | None:
        """Return what is painted."""
        return painted_on(self._target.roi if self._target is not None else None, self._stroke, self.canvas.view.shape)

    def sketch(self) -> Roi | None:
        """Return what is painted on a small region."""
        if self._sketch is None:
            self._sketch = self.roi()
        return self._sketch

    def follow(self, pointer: Pointer) -> None:
        """Paint from where the mouse was."""
        self._stroke = replace(self._stroke, points=(*self._stroke.points, pointer.point))
        self._sketch = None
        self.canvas.update()

    def end(self, pointer: Pointer) -> bool:
        """Keep what was painted: one step of undo for each stroke."""
        self.follow(pointer)
        if not self._is_small:
            self._keep_later()
        elif self._target is None:
            if self.sketch() is not None:
                self.add()
        else:
            self._keep(self._target.id, self.sketch())
        return True

    def _keep(self, finding_id: str, roi: Roi | None) -> None:
        workspace = self.canvas.workspace
        current = workspace.annotations.get(finding_id)
        title = "Erase" if self._stroke.erase else "Paint"
        if roi is None:
            make_edit(workspace, RemoveFinding(current.id, title=title))
        elif roi != current.roi:
            make_edit(workspace, ReplaceFinding(current.edited(roi=roi), title=title))

    def _keep_later(self) -> None:
        workspace, target = self.canvas.workspace, self._target
        if target is None and self._stroke.erase:
            return
        if target is None:
            place = Roi(RoiKind.POINT, (self._stroke.points[0],))
            reader, label = workspace.settings.reader, workspace.desk.label
            target = new_finding(self.image_uid, self.frame, place, label, reader=reader)
        workspace.painting.add(PendingStroke(target, self._stroke, self.canvas.view.shape, new=self._is_new))

    def paint_here(self, painter: QPainter) -> None:
        """Paint the region so far; on a selected small one it is the preview that is painted."""
        if not self._is_small:
            label = self.canvas.workspace.desk.label if self._target is None else self._target.label
            paint_stroke(painter, self.canvas.view, self._stroke, label_colour(label))
        elif self._target is None:
            super().paint_here(painter)


class GrowRegion(DrawRegion):
    """Grows a region from the pressed point; the farther the mouse is dragged, the more values it takes in."""

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        mm, shape = _pixel_mm(canvas), canvas.view.shape
        row, column = (min(max(round(at), 0), size - 1) for at, size in zip(start.point, shape, strict=True))
        reach = [round(_GROW_MM / size) for size in mm]
        top, left = max(0, row - reach[0]), max(0, column - reach[1])
        stored = seen_values(canvas.workspace, self.image_uid, self.frame)
        self._region: Roi | None = None
        self._ready = stored is not None
        if stored is None:
            return
        part = stored[top : row + reach[0] + 1, left : column + reach[1] + 1]
        self._step = max(1, -(-max(part.shape) // _GROW_PIXELS))
        reduced = part[:: self._step, :: self._step]
        sigma = _SMOOTH_MM / (mm[1] * self._step)
        self._edge_px = max(2, round(3.5 * sigma))
        self._smooth, self._edges = prepared_surroundings(reduced, sigma)
        self._origin = (top, left)
        self._part = (part.shape[0], part.shape[1])
        self._seed = ((row - top) // self._step, (column - left) // self._step)
        low, high = np.quantile(self._smooth, (0.01, 0.99))
        self._spread = max(1.0, float(high - low) / 3.0)
        self._grow(0.25)

    def roi(self) -> Roi | None:
        """Return the region so far."""
        return self._region

    def follow(self, pointer: Pointer) -> None:
        """Take in more or less by how far the mouse is from the seed."""
        way = pointer.place - self.start.place
        if self._ready:
            self._grow(0.25 + float(np.hypot(way.x(), way.y())) / 120.0)
            self.canvas.update()

    def _grow(self, share: float) -> None:
        found = grown(self._smooth, self._edges, self._seed, share * self._spread, edge_px=self._edge_px)
        full: BoolArray = found
        if self._step > 1:
            rows, columns = self._part
            full = np.repeat(np.repeat(found, self._step, 0), self._step, 1)[:rows, :columns]
        self._region = region_of_mask(full, self._origin)

    def end(self, pointer: Pointer) -> bool:
        """Keep the region; it can be painted on with the brush."""
        if self._ready:
            self.add()
        else:
            self.tell("The slice is still being decoded", "press again when it is there")
        return True


class PickSpecks(DrawRegion):
    """A click for each microcalcification; double click or Enter makes a box about all of them, with a point for each.

    A click goes to the brightest spot nearby, with Control held exactly where it is; a click on a speck takes it away.
    """

    waits = True

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        self._specks: list[tuple[float, float]] = []
        self._pick(start)

    def roi(self) -> Roi | None:
        """Return the box about the specks."""
        if not self._specks:
            return None
        places, mm, shape = np.array(self._specks), _pixel_mm(self.canvas), self.canvas.view.shape
        margin = np.array([_CLUSTER_MARGIN_MM / size for size in mm])
        low = np.maximum(places.min(axis=0) - margin, -0.5)
        high = np.minimum(places.max(axis=0) + margin, np.array(shape) - 0.5)
        return Roi(RoiKind.RECTANGLE, (tuple(low.tolist()), tuple(high.tolist())))

    def press(self, pointer: Pointer) -> None:
        """Pick another speck."""
        if self.here:
            self._pick(pointer)
            self.canvas.update()
        else:
            self._tell_where()

    def step_back(self) -> bool:
        """Take the speck that was picked last away; without one there is nothing to go on with."""
        if self.here:
            del self._specks[-1:]
            self.canvas.update()
        else:
            self._tell_where()
        return not self._specks

    def _tell_where(self) -> None:
        self.tell(f"Specks are picked on slice {self.frame + 1}", "go back there to go on, or press Escape")

    def _pick(self, pointer: Pointer) -> None:
        if self._specks:
            places = self.canvas.view.to_widget(np.array(self._specks))
            near = np.hypot(*(places - (pointer.place.x(), pointer.place.y())).T)
            if near.min() < CLICK_REACH:
                # The second press of a double click falls on the speck of the first.
                if len(self._specks) - 1 != int(near.argmin()):
                    del self._specks[int(near.argmin())]
                return
        image, mm = self.canvas.shown.image, _pixel_mm(self.canvas)
        point = self.inside(pointer.point)
        stored = seen_values(self.canvas.workspace, self.image_uid, self.frame)
        if stored is not None and not pointer.modifiers & Qt.KeyboardModifier.ControlModifier:
            reach = (_SPECK_MM / mm[0], _SPECK_MM / mm[1])
            point = brightest_near(stored, point, reach, dark_is_bright=image.attributes.inverse)
        self._specks.append(point)

    def end(self, pointer: Pointer) -> bool:
        """Go on until Enter or a double click."""
        return False

    def leave(self) -> bool:
        """Wait for the reader to come back."""
        return False

    def finish(self) -> bool:
        """Keep the box and its specks: one step of undo."""
        roi, workspace = self.roi(), self.canvas.workspace
        if roi is None or not self.here:
            return self.here
        reader, label = workspace.settings.reader, workspace.desk.label
        count = len(self._specks)
        note = f"{count} speck{'' if count == 1 else 's'} picked"
        box = new_finding(self.image_uid, self.frame, roi, label, note=note, reader=reader)
        points = [
            new_finding(self.image_uid, self.frame, Roi(RoiKind.POINT, (speck,)), label, reader=reader)
            for speck in self._specks
        ]
        edits = tuple(AddFinding(finding) for finding in (box, *points))
        if make_edit(workspace, CompositeEdit(edits, title="Pick specks")):
            workspace.desk.show_findings = True
            self.canvas.select(box.id)
        return True

    def paint_here(self, painter: QPainter) -> None:
        """Paint the specks and their box."""
        colour = label_colour(self.canvas.workspace.desk.label)
        roi = self.roi()
        if roi is not None:
            stroke(painter, outline(roi, self.canvas.view), colour, dashed=True, width=1.2)
        painter.setPen(colour)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for x, y in self.canvas.view.to_widget(np.array(self._specks).reshape(-1, 2)).tolist():
            painter.drawEllipse(QPointF(x, y), 5.0, 5.0)
