"""How the slices of a volume are put together and played."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.canvas.cine import RATES
from mammoviewer.gui.panels.parts import LabelledSlider, Segments, column, label, section
from mammoviewer.imaging.slab import SlabMode
from mammoviewer.session.workspace import Workspace

_THICKEST_MM = 30.0
_FOLLOWED = ("slab_mm", "slab_mode", "playing", "backwards")


class SlabControls(QWidget):
    """Thickness and kind of the slab; the cine, its pace, its way and its ends; hidden for flat images."""

    def __init__(self, workspace: Workspace, active: ActiveView) -> None:
        super().__init__()
        self._workspace = workspace
        self._active = active
        self._thickness = LabelledSlider("Slab, 0 for single slices", 0.0, _THICKEST_MM, 1.0, unit="mm")
        self._thickness.moved.connect(self._set_thickness)
        self._mode = Segments([("Mean", SlabMode.MEAN), ("Maximum (MIP)", SlabMode.MIP)])
        self._mode.chosen.connect(self._set_mode)
        self._play = Segments([("Pause", False), ("Play", True)])
        self._play.chosen.connect(lambda plays: self._set("playing", plays))
        self._way = Segments([("Forwards", False), ("Backwards", True)])
        self._way.chosen.connect(lambda backwards: self._set("backwards", backwards))
        self._rate = LabelledSlider("Slices a second", RATES[0], RATES[-1], 1.0)
        self._rate.moved.connect(self._set_rate)
        self._loop = Segments([("To and fro", False), ("Round and round", True)])
        self._loop.chosen.connect(self._set_loop)
        cine = column([label("Cine", "dim"), self._play, self._rate, self._way, self._loop])
        content = column([self._thickness, self._mode, cine])
        self.setLayout(column([section("Slices", content)]))
        active.switched.connect(self._refresh)
        active.changed.connect(lambda name: self._refresh() if name in _FOLLOWED else None)
        for signal in (workspace.desk.events.cine_loops, workspace.desk.events.cine_rate):
            bind(self, signal, self._refresh)
        self._refresh()

    def _set_thickness(self, millimetres: float) -> None:
        if self._active.state is not None:
            self._active.state.slab_mm = millimetres

    def _set_mode(self, mode: object) -> None:
        if self._active.state is not None and isinstance(mode, SlabMode):
            self._active.state.slab_mode = mode

    def _set(self, name: str, value: object) -> None:
        if self._active.state is not None:
            setattr(self._active.state, name, bool(value))

    def _set_rate(self, rate: float) -> None:
        self._workspace.desk.cine_rate = rate

    def _set_loop(self, loops: object) -> None:
        self._workspace.desk.cine_loops = bool(loops)

    def _refresh(self) -> None:
        state = self._active.state
        self.setVisible(state is not None and state.frames > 1)
        self._loop.show_choice(self._workspace.desk.cine_loops)
        self._rate.show_value(self._workspace.desk.cine_rate)
        if state is not None:
            self._play.show_choice(state.playing)
            self._way.show_choice(state.backwards)
            self._thickness.show_value(state.slab_mm)
            self._mode.show_choice(state.slab_mode)
