"""Painting regions: brush and eraser, a region that grows from a seed, and specks one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

from mammoviewer.annotations.edits import AddFinding, CompositeEdit, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import ALGORITHM, Finding, new_finding
from mammoviewer.annotations.mask_outline import painted_mask, region_of_mask, sketch_of_mask
from mammoviewer.annotations.roi import LINES, Roi, RoiKind
from mammoviewer.base.arrays import BoolArray, ByteArray
from mammoviewer.base.errors import AnnotationError
from mammoviewer.gui.canvas.gestures import CLICK_REACH, Canvas, Pointer
from mammoviewer.gui.canvas.region_gestures import DrawRegion, make_edit
from mammoviewer.gui.canvas.roi_layer import label_colour, outline, stroke
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
    """Paints onto the selected region, or a new one; with ``erase``, or Shift held, takes away from it."""

    def __init__(self, canvas: Canvas, start: Pointer, *, erase: bool = False) -> None:
        super().__init__(canvas, start)
        self._erase = erase or bool(start.modifiers & Qt.KeyboardModifier.ShiftModifier)
        self._target = self._selected()
        shape = canvas.view.shape
        self._mask: ByteArray = np.zeros(shape, np.uint8)
        self._box = (shape[0], shape[1], 0, 0)
        if self._target is not None:
            pixels, (row, column) = painted_mask(self._target.roi, shape)
            self._mask[row : row + pixels.shape[0], column : column + pixels.shape[1]] = pixels
            self._box = (row, column, row + pixels.shape[0], column + pixels.shape[1])
        self._last = start.point
        self._sketch: Roi | None = None
        self._stamp(start.point)

    def _selected(self) -> Finding | None:
        workspace = self.canvas.workspace
        chosen = workspace.desk.selected_finding
        if chosen not in workspace.annotations:
            return None
        finding = workspace.annotations.get(chosen)
        here = finding.image_uid == self.image_uid and finding.frame == self.frame
        area = finding.roi.kind not in LINES and finding.roi.area_px > 0 and not finding.is_measure
        return finding if here and area and finding.origin != ALGORITHM else None

    @property
    def preview(self) -> Finding | None:
        """The region as it is now, in place of the one that is painted on."""
        roi = self.sketch() if self._target is not None else None
        return replace(self._target, roi=roi) if self._target is not None and roi is not None else None

    def roi(self) -> Roi | None:
        """Return what is painted."""
        top, left, bottom, right = self._box
        return region_of_mask(self._mask[top:bottom, left:right].astype(bool), (top, left))

    def sketch(self) -> Roi | None:
        """Return what is painted: to the pixel where it is small, quickly where it is large."""
        if self._sketch is None:
            top, left, bottom, right = self._box
            outlined = region_of_mask if (bottom - top) * (right - left) <= _SMALL else sketch_of_mask
            self._sketch = outlined(self._mask[top:bottom, left:right].astype(bool), (top, left))
        return self._sketch

    def follow(self, pointer: Pointer) -> None:
        """Paint from where the mouse was."""
        self._stamp(pointer.point)
        self.canvas.update()

    def _stamp(self, point: tuple[float, float]) -> None:
        mm = _pixel_mm(self.canvas)
        width = max(1, round(self.canvas.workspace.desk.brush_mm / mm[1]))
        start, end = (tuple(round(value) for value in place[::-1]) for place in (self._last, point))
        cv2.line(self._mask, start, end, 0 if self._erase else 1, thickness=width)
        self._last, self._sketch = point, None
        # Only the box of all strokes is looked at: the whole image would take too long for every move of the mouse.
        places = np.array([start, end])[:, ::-1]
        low, high = np.maximum(places.min(axis=0) - width, 0), places.max(axis=0) + width + 1
        top, left, bottom, right = self._box
        rows, columns = self._mask.shape
        self._box = (
            min(top, int(low[0])),
            min(left, int(low[1])),
            min(max(bottom, int(high[0])), rows),
            min(max(right, int(high[1])), columns),
        )

    def end(self, pointer: Pointer) -> bool:
        """Keep what was painted: one step of undo for each stroke."""
        self.follow(pointer)
        workspace = self.canvas.workspace
        try:
            roi = self.roi()
        except AnnotationError:
            self.tell("That outline is too long to be kept", "paint in several regions")
            return True
        if self._target is None:
            if roi is not None:
                self.add()
        elif self._target.id in workspace.annotations:
            current = workspace.annotations.get(self._target.id)
            title = "Erase" if self._erase else "Paint"
            if roi is None:
                make_edit(workspace, RemoveFinding(current.id, title=title))
            elif roi != current.roi:
                make_edit(workspace, ReplaceFinding(current.edited(roi=roi), title=title))
        return True

    def paint_here(self, painter: QPainter) -> None:
        """Paint the region so far; on a selected one it is the preview that is painted."""
        if self._target is None:
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
