"""The quiet facts at the bottom: value and place under the cursor, slice, window."""

from __future__ import annotations

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QWidget

from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.canvas.corner_text import slab_text, value_text
from mammoviewer.gui.canvas.cursor_reading import CursorReading
from mammoviewer.gui.panels.parts import label, row
from mammoviewer.imaging.voi import Voi, Window
from mammoviewer.session.viewer_state import ViewerState


def voi_text(voi: Voi) -> str:
    """Return a window or LUT in words, such as ``SIGMOID 2653 / 900  NORMAL``."""
    if isinstance(voi, Window):
        centre, width = value_text(voi.center), value_text(voi.width)
        return f"{voi.function.value} {centre} / {width}  {voi.explanation}".strip()
    return f"LUT  {voi.explanation}".strip()


def slice_text(state: ViewerState) -> str:
    """Return the slice in words, such as ``slice 23/60, 22.0 mm (nominal)``; empty for a flat image."""
    if state.frames <= 1:
        return ""
    text = f"slice {state.frame + 1}/{state.frames}"
    attributes = state.image.attributes
    if len(attributes.slice_positions_mm) == state.frames:
        height = abs(attributes.slice_positions_mm[state.frame] - attributes.slice_positions_mm[0])
        return f"{text}, {height:.1f} mm (nominal)"
    if attributes.slice_spacing_mm:
        return f"{text}, {state.frame * attributes.slice_spacing_mm:.1f} mm (nominal)"
    return text


_GAP = 18
_SHOWN = ("frame", "voi", "inverted", "slab_mm", "slab_mode")


class CursorLine(QWidget):
    """What the reading under the cursor and the active view say, in numbers of one width."""

    def __init__(self, active: ActiveView) -> None:
        super().__init__()
        self._active = active
        self._value = label("", "dim")
        self._place = label("", "dim")
        self._slice = label("", "dim")
        self._window = label("", "dim")
        self._value.setMinimumWidth(160)
        self._place.setMinimumWidth(310)
        for given_way in (self._slice, self._window):
            given_way.setMinimumWidth(1)
        self.setLayout(row([self._value, self._place, self._slice, self._window, None], spacing=_GAP))
        active.switched.connect(self._refresh)
        active.changed.connect(lambda name: self._refresh() if name in _SHOWN else None)
        self._refresh()

    def show_reading(self, reading: CursorReading | None) -> None:
        """Show the value and the place under the cursor; None clears them."""
        if reading is None:
            there = self._active.state is not None
            self._value.setText("value –" if there else "")
            self._place.setText("position –" if there else "")
            return
        value = "…" if reading.value is None else str(reading.value)
        self._value.setText(f"value {value}" + ("" if reading.display is None else f"  shown {reading.display}"))
        millimetres = reading.position_mm
        pixels = f"row {reading.row}  column {reading.column}"
        spacing = reading.image.attributes.pixel_spacing
        if millimetres is not None and spacing is not None:
            pixels += f"  ({millimetres[0]:.1f}, {millimetres[1]:.1f}) {spacing.source}"
        self._place.setText(pixels)
        self._fit()

    def _refresh(self) -> None:
        state = self._active.state
        words = (slice_text(state), slab_text(state)) if state else ()
        self._slice.setText("  ".join(text for text in words if text))
        inverted = "  inverted" if state and state.inverted else ""
        self._window.setText(f"window {voi_text(state.voi)}{inverted}" if state else "")
        if not self._value.text():
            self.show_reading(None)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Show what has room."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Leave out what has no room, the window first: half a figure misleads, and the picture has both beside it."""
        room = self.width()
        for kept in (self._value, self._place):
            room -= max(kept.sizeHint().width(), kept.minimumWidth()) + _GAP
        for part in (self._slice, self._window):
            needed = part.sizeHint().width() + _GAP
            part.setVisible(bool(part.text()) and needed <= room)
            room -= needed if part.text() else 0


def footer_bar(line: CursorLine, *others: QWidget) -> QFrame:
    """Return the bar at the bottom of the window; the line takes the room that the others leave."""
    made = QFrame()
    made.setObjectName("footerBar")
    made.setFixedHeight(30)
    layout = row([line, *others], spacing=12)
    layout.setStretch(0, 1)
    layout.setContentsMargins(12, 0, 8, 0)
    made.setLayout(layout)
    return made
