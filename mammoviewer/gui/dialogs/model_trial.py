"""What a model sees of the image on screen, and where its feature map is active."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from mammoviewer.base.arrays import ByteArray, FloatArray
from mammoviewer.gui.panels.parts import label
from mammoviewer.imaging.colormaps import colormap
from mammoviewer.session.model_adding import Trial

_SIDE = 150


class ModelTrial(QWidget):
    """Two small pictures, one above the other."""

    def __init__(self) -> None:
        super().__init__()
        self._seen, self._active = QLabel(), QLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for title, picture in (("The model sees", self._seen), ("Feature map (Eigen-CAM)", self._active)):
            picture.setFixedSize(_SIDE, _SIDE)
            picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
            picture.setAccessibleName(title)
            layout.addWidget(label(title, "dim"))
            layout.addWidget(picture)
        layout.addStretch(1)

    def clear(self) -> None:
        """Show nothing."""
        for picture in (self._seen, self._active):
            picture.clear()

    def show_trial(self, trial: Trial) -> None:
        """Show what a trial gave."""
        self.clear()
        if trial.patch is not None and trial.explanation is not None:
            grey = np.repeat(_levels(trial.patch)[..., np.newaxis], 3, axis=2)
            self._show(self._seen, grey, smooth=False)
            self._show(self._active, colormap("inferno")[_levels(trial.explanation)][..., :3], smooth=False)

    def _show(self, place: QLabel, pixels: ByteArray, *, smooth: bool) -> None:
        rows, columns = pixels.shape[:2]
        held = np.ascontiguousarray(pixels, dtype=np.uint8)
        picture = QImage(held.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()
        ratio = self.devicePixelRatioF()
        mode = Qt.TransformationMode.SmoothTransformation if smooth else Qt.TransformationMode.FastTransformation
        side = round(_SIDE * ratio)
        pixmap = QPixmap.fromImage(picture).scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio, mode)
        pixmap.setDevicePixelRatio(ratio)
        place.setPixmap(pixmap)


def _levels(values: FloatArray) -> ByteArray:
    return np.asarray(np.rint(values * 255.0), dtype=np.uint8)
