"""What a pressed button does until it is released: windowing, panning, zooming, scrolling.

A gesture takes its start values once and works from there, so that a drag back undoes a drag.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from mammoviewer.annotations.finding import Finding
from mammoviewer.gui.canvas.slice_strip import SliceStrip
from mammoviewer.gui.canvas.view_transform import ViewTransform, kept_near, zoomed
from mammoviewer.gui.theme import color
from mammoviewer.imaging.voi import Voi, Window
from mammoviewer.session.first_view import set_auto_window
from mammoviewer.session.viewer_state import ViewerState
from mammoviewer.session.workspace import Workspace

CLICK_REACH: Final = 4.0
"""A drag shorter than this, in logical pixels, is a click."""

_WIDTH_PIXELS: Final = 240.0
"""A drag of this length makes the window e times wider."""
_LONGEST_STEP: Final = 12.0
"""A drag by so many logical pixels goes at least one slice on."""
_CENTRE_PIXELS: Final = 420.0
"""A drag of this length moves the centre by the width and a little of the value range."""


@dataclass(frozen=True)
class Pointer:
    """Where the mouse is: logical pixels, the stored (row, column) there, and the modifier keys."""

    place: QPointF
    point: tuple[float, float]
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier


class Canvas(Protocol):
    """What a gesture needs of a viewport."""

    @property
    def workspace(self) -> Workspace:
        """The open work."""

    @property
    def shown(self) -> ViewerState:
        """The view that is painted."""

    @property
    def view(self) -> ViewTransform:
        """Where its pixels lie."""

    @property
    def shown_frame(self) -> int:
        """The frame on screen."""

    def update(self) -> None:
        """Paint again soon."""

    def select(self, finding_id: str) -> None:
        """Select a finding; none when empty."""

    def select_at(self, place: QPointF) -> None:
        """Select the finding at a logical place, or none."""


class Gesture:
    """A gesture that does nothing; the others say what they do.

    One that ``waits`` spans several presses: it is given up when another tool is chosen.
    """

    waits = False

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        self.canvas = canvas
        self.start = start

    def move(self, pointer: Pointer) -> None:
        """Follow the mouse."""

    def press(self, pointer: Pointer) -> None:
        """Take a further click, where a gesture spans several."""

    def release(self, pointer: Pointer) -> bool:
        """End a drag; return whether the gesture is over."""
        return True

    def finish(self) -> bool:
        """Complete a gesture of several clicks (double click, Enter); return whether the gesture is over."""
        return False

    def step_back(self) -> bool:
        """Take its last step back; return whether the gesture is over."""
        self.cancel()
        return True

    @property
    def preview(self) -> Finding | None:
        """The finding as the gesture would leave it; None while it changes none."""
        return None

    def cancel(self) -> None:
        """Leave everything as it was before the gesture."""

    def paint(self, painter: QPainter) -> None:
        """Paint what is being drawn."""

    def clicked(self, pointer: Pointer) -> bool:
        """Return whether the mouse stayed where it was pressed."""
        moved = pointer.place - self.start.place
        return math.hypot(moved.x(), moved.y()) < CLICK_REACH


class WindowDrag(Gesture):
    """Sideways the width, up and down the brightness; a click does nothing."""

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        self._voi = canvas.shown.voi

    def move(self, pointer: Pointer) -> None:
        """Set the window by the way from the start."""
        if pointer.place == self.start.place:
            return
        state = self.canvas.shown
        moved = pointer.place - self.start.place
        state.voi = dragged_window(self._voi, state, moved.x(), moved.y())

    def cancel(self) -> None:
        """Set the window from before."""
        self.canvas.shown.voi = self._voi

    def release(self, pointer: Pointer) -> bool:
        """End; a click selects what is there."""
        if self.clicked(pointer):
            self.canvas.shown.voi = self._voi
            self.canvas.select_at(pointer.place)
        return True


def dragged_window(voi: Voi, state: ViewerState, right: float, down: float) -> Window:
    """Return the window after a drag of some logical pixels.

    The width grows by ratio, so that it never reaches 0 whatever the function; the centre moves by a share of the
    present width and of the range of values. Upwards is brighter, also for inverted pictures.
    """
    start = as_window(voi)
    attributes = state.image.attributes
    rescale = attributes.rescale_for_frame(state.frame)
    span = attributes.value_range[1] * abs(rescale.slope)
    width = min(max(start.width * math.exp(right / _WIDTH_PIXELS), 1.0), 8.0 * span)
    sign = -1.0 if attributes.inverse != state.inverted else 1.0
    centre = start.center + sign * down * (start.width + 0.02 * span) / _CENTRE_PIXELS
    middle = rescale.slope * (attributes.value_range[0] + attributes.value_range[1] / 2.0) + rescale.intercept
    return Window(min(max(centre, middle - 1.5 * span), middle + 1.5 * span), width, start.function)


def as_window(voi: Voi) -> Window:
    """Return a window; for a LUT the line through the places where it reaches a tenth and nine tenths of white."""
    if isinstance(voi, Window):
        return voi
    x = np.arange(voi.first_mapped, voi.first_mapped + voi.data.size, dtype=np.float64)
    shown = np.maximum.accumulate(voi.values(x))
    low, high = (float(x[min(int(np.searchsorted(shown, share)), x.size - 1)]) for share in (0.1, 0.9))
    return Window((low + high) / 2.0, max(1.0, (high - low) / 0.8))


def set_file_window(state: ViewerState) -> None:
    """Set the file's first window for the present frame, or one made from the pixels where the file has none."""
    offered = state.image.attributes.vois_for_frame(state.frame)
    if offered:
        state.voi = offered[0]
    else:
        set_auto_window(state)


class PanDrag(Gesture):
    """Moves the picture with the mouse."""

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        self._zoom, self._centre = canvas.shown.zoom, canvas.shown.centre
        self._view = canvas.view

    def move(self, pointer: Pointer) -> None:
        """Put the point that was pressed under the mouse."""
        moved = pointer.place - self.start.place
        if moved.isNull():
            return
        place_view(self.canvas.shown, self._view.zoom, panned(self._view, moved.x(), moved.y()))

    def cancel(self) -> None:
        """Put the picture back."""
        place_view(self.canvas.shown, self._zoom, self._centre)


def panned(view: ViewTransform, right: float, down: float) -> tuple[float, float]:
    """Return the centre after moving the picture by logical pixels."""
    middle = view.to_stored(view.size[0] / 2.0 - right, view.size[1] / 2.0 - down)
    return kept_near(view, middle, view.zoom)


def place_view(state: ViewerState, zoom: float, centre: tuple[float, float]) -> None:
    """Set zoom and centre; the centre first, because it has no meaning while the zoom is FIT."""
    state.centre = centre
    state.zoom = zoom


class ZoomDrag(Gesture):
    """Zooms about the pressed point: upwards or to the right is nearer."""

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        self._zoom, self._centre = canvas.shown.zoom, canvas.shown.centre
        self._view = canvas.view

    def move(self, pointer: Pointer) -> None:
        """Zoom by the way from the start."""
        moved = pointer.place - self.start.place
        factor = math.exp((moved.x() - moved.y()) / 200.0)
        at = (self.start.place.x(), self.start.place.y())
        place_view(self.canvas.shown, *zoomed(self._view, factor, at))

    def cancel(self) -> None:
        """Zoom back."""
        place_view(self.canvas.shown, self._zoom, self._centre)


class ZoomToRegion(Gesture):
    """A rectangle to fill the viewport with; a click zooms in two times."""

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        self._end = start.place

    def move(self, pointer: Pointer) -> None:
        """Draw the rectangle."""
        self._end = pointer.place
        self.canvas.update()

    def release(self, pointer: Pointer) -> bool:
        """Zoom."""
        view = self.canvas.view
        box = QRectF(self.start.place, pointer.place).normalized()
        if self.clicked(pointer) or box.width() < CLICK_REACH or box.height() < CLICK_REACH:
            goal = zoomed(view, 2.0, (pointer.place.x(), pointer.place.y()))
        else:
            factor = min(view.size[0] / box.width(), view.size[1] / box.height())
            zoom, _ = zoomed(view, factor)
            goal = zoom, view.to_stored(box.center().x(), box.center().y())
        place_view(self.canvas.shown, *goal)
        return True

    def paint(self, painter: QPainter) -> None:
        """Paint the rectangle."""
        painter.setPen(QPen(color("accent"), 1.0, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRectF(self.start.place, self._end).normalized())


class SliceDrag(Gesture):
    """Goes through the slices, downwards to the last one; half the viewport's height is the whole volume at most."""

    def __init__(self, canvas: Canvas, start: Pointer) -> None:
        super().__init__(canvas, start)
        self._frame = canvas.shown.frame
        canvas.shown.playing = False
        self._step = min(max(canvas.view.size[1] / 2.0 / canvas.shown.frames, 2.0), _LONGEST_STEP)

    def move(self, pointer: Pointer) -> None:
        """Show the slice."""
        state = self.canvas.shown
        steps = int((pointer.place.y() - self.start.place.y()) / self._step)
        state.frame = min(max(self._frame + steps, 0), state.frames - 1)

    def cancel(self) -> None:
        """Go back to the slice from before."""
        self.canvas.shown.frame = self._frame


class StripDrag(Gesture):
    """Goes to the slice under the mouse on the slice strip."""

    def __init__(self, canvas: Canvas, start: Pointer, strip: SliceStrip) -> None:
        super().__init__(canvas, start)
        self._strip = strip
        self._frame = canvas.shown.frame
        canvas.shown.playing = False
        self.move(start)

    def move(self, pointer: Pointer) -> None:
        """Show the slice."""
        self.canvas.shown.frame = self._strip.frame_at(pointer.place.y())

    def cancel(self) -> None:
        """Go back to the slice from before."""
        self.canvas.shown.frame = self._frame
