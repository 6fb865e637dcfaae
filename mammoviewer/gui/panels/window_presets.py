"""The grey window: what the file offers by name, an automatic one, and sliders."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QWidget

from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.panels.parts import CalmCombo, LabelledSlider, button, column, row, section
from mammoviewer.imaging.voi import Voi, Window
from mammoviewer.session.first_view import set_auto_window
from mammoviewer.session.viewer_state import ViewerState


def presets(state: ViewerState) -> tuple[Voi, ...]:
    """Return the windows and LUTs that the file offers for the present frame."""
    return state.image.attributes.vois_for_frame(state.frame)


def preset_title(voi: Voi, number: int) -> str:
    """Return how a preset is called in a list; ``number`` counts from 1 and is its key."""
    kind = f"{voi.center:g} / {voi.width:g}" if isinstance(voi, Window) else "LUT"
    return f"{number}  {voi.explanation or 'Window'}  ·  {kind}"


class WindowPresets(QWidget):
    """Presets of the file by their explanation, and centre and width of the window in force."""

    def __init__(self, active: ActiveView) -> None:
        super().__init__()
        self._active = active
        self._list = CalmCombo()
        self._list.setAccessibleName("Window of the file")
        self._list.setPlaceholderText("Set by hand")
        self._list.activated.connect(self._choose)
        self._centre = LabelledSlider("Centre", 0, 4095, 1)
        self._width = LabelledSlider("Width", 1, 4096, 1)
        self._centre.moved.connect(lambda value: self._set(value, self._width.value))
        self._width.moved.connect(lambda value: self._set(self._centre.value, value))
        automatic = button("Auto", self._automatic, tip="Window by the grey values of this image (0)")
        self.setLayout(column([section("Window", row([self._list, automatic]), self._centre, self._width)]))
        active.switched.connect(self._refresh)
        active.changed.connect(lambda name: self._refresh() if name in ("voi", "frame") else None)
        self._refresh()

    def _choose(self, index: int) -> None:
        state = self._active.state
        if state is not None and index >= 0:
            state.voi = presets(state)[index]

    def _automatic(self) -> None:
        if self._active.state is not None:
            set_auto_window(self._active.state)

    def _set(self, centre: float, width: float) -> None:
        state = self._active.state
        if state is not None and isinstance(state.voi, Window):
            state.voi = replace(state.voi, center=centre, width=max(1.0, width), explanation="")

    def _refresh(self) -> None:
        state = self._active.state
        self.setEnabled(state is not None)
        if state is None:
            return
        offered = presets(state)
        chosen = next((i for i, voi in enumerate(offered) if voi == state.voi), None)
        self._list.show_choices([(preset_title(voi, i + 1), i) for i, voi in enumerate(offered)], chosen)
        self._list.setEnabled(bool(offered))
        is_window = isinstance(state.voi, Window)
        first, count = state.image.attributes.value_range
        rescale = state.image.attributes.rescale_for_frame(state.frame)
        low, high = sorted((first * rescale.slope, (first + count - 1) * rescale.slope))
        for slider, minimum, maximum in (
            (self._centre, low + rescale.intercept, high + rescale.intercept),
            (self._width, 1.0, max(high - low, 2.0)),
        ):
            slider.setEnabled(is_window)
            slider.show_range(minimum, maximum)
        if isinstance(state.voi, Window):
            self._centre.show_value(state.voi.center)
            self._width.show_value(state.voi.width)
