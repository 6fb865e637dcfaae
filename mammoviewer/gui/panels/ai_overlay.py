"""How model output lies over the image: which, how strong, from which score on, in which colours."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.panels.parts import CalmCombo, LabelledSlider, Segments, column, label, row, section
from mammoviewer.imaging.colormaps import COLORMAPS, colormap
from mammoviewer.session.viewer_state import Overlay
from mammoviewer.session.workspace import Workspace

_SWATCH = QSize(64, 10)


def colormap_icon(name: str) -> QIcon:
    """Return a stripe of a colour map, low at the left."""
    table = colormap(name)
    columns = np.linspace(0, 255, _SWATCH.width() * 2).astype(int)
    stripe = np.ascontiguousarray(np.repeat(table[columns][np.newaxis], _SWATCH.height() * 2, axis=0))
    image = QImage(stripe.data, stripe.shape[1], stripe.shape[0], stripe.strides[0], QImage.Format.Format_RGB888)
    return QIcon(QPixmap.fromImage(image))


class AiOverlay(QWidget):
    """Bound to the overlay of the active image and to the style that all viewports share."""

    def __init__(self, workspace: Workspace, active: ActiveView) -> None:
        super().__init__()
        self._style, self._desk = workspace.style, workspace.desk
        self._active = active
        self._which = Segments(
            [("Off", Overlay.NONE), ("Heatmap", Overlay.HEATMAP), ("CAM", Overlay.CAM), ("Draft", Overlay.DRAFT)]
        )
        self._which.chosen.connect(self._choose)
        self._opacity = LabelledSlider("Opacity", 0.0, 1.0, 0.01, percent=True)
        self._opacity.moved.connect(lambda value: setattr(self._style, "opacity", value))
        self._threshold = LabelledSlider("Show from score", 0.0, 1.0, 0.01)
        self._threshold.moved.connect(lambda value: setattr(self._style, self._threshold_name, value))
        self._colours = CalmCombo()
        self._colours.setAccessibleName("Colour map")
        self._colours.setIconSize(_SWATCH)
        for name in COLORMAPS:
            self._colours.addItem(colormap_icon(name), name, name)
        self._colours.activated.connect(lambda: setattr(self._style, "colormap", self._colours.currentData()))
        self._contours = QCheckBox("Contours only, pixels untouched")
        self._contours.clicked.connect(lambda checked: setattr(self._style, "contours", checked))
        self._largest = QCheckBox("Largest over all slices")
        self._largest.clicked.connect(lambda checked: setattr(workspace.desk, "largest_over_slices", checked))
        colours = row([label("Colours", "dim"), self._colours])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        content = column([self._which, self._opacity, self._threshold, colours, self._contours, self._largest])
        layout.addWidget(section("Overlay", content))
        bind(self, workspace.style.events, self._refresh)
        bind(self, workspace.desk.events.largest_over_slices, self._refresh)
        active.switched.connect(self._refresh)
        active.changed.connect(lambda name: self._refresh() if name == "overlay" else None)
        self._refresh()

    def _choose(self, overlay: Overlay) -> None:
        if self._active.state is not None:
            self._active.state.overlay = overlay

    @property
    def _threshold_name(self) -> str:
        state = self._active.state
        return "cam_threshold" if state is not None and state.overlay is Overlay.CAM else "threshold"

    def _refresh(self) -> None:
        state = self._active.state
        self._which.setEnabled(state is not None)
        self._which.show_choice(state.overlay if state is not None else Overlay.NONE)
        self._opacity.show_value(self._style.opacity)
        self._threshold.show_value(getattr(self._style, self._threshold_name))
        self._colours.setCurrentIndex(self._colours.findData(self._style.colormap))
        self._contours.setChecked(self._style.contours)
        self._largest.setVisible(state is not None and state.frames > 1)
        self._largest.setChecked(self._desk.largest_over_slices)
