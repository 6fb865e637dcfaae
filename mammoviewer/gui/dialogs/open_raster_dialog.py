"""Asks for the pixel size of pictures that do not state one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QDoubleSpinBox, QVBoxLayout, QWidget

from mammoviewer.gui.panels.parts import label, row

RASTER_SUFFIXES = frozenset({".png", ".pgm", ".ppm", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp"})


def rasters(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are pictures by their ending."""
    return [path for path in paths if path.suffix.lower() in RASTER_SUFFIXES]


class OpenRasterDialog(QDialog):
    """One number: the pixel size in mm; 0 means that it is not known."""

    def __init__(self, count: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Pixel size")
        self.setFixedWidth(420)
        self._size = QDoubleSpinBox()
        self._size.setAccessibleName("Pixel size in mm")
        self._size.setDecimals(4)
        self._size.setRange(0.0, 5.0)
        self._size.setSingleStep(0.005)
        self._size.setSuffix(" mm")
        self._size.lineEdit().setTextMargins(6, 0, 0, 0)
        self._size.setSpecialValueText("not known")
        what = "this picture" if count == 1 else f"these {count} pictures"
        words = label(f"How large is a pixel of {what}?", "heading")
        why = (
            "Models and measurements need it. Digital mammograms have 0.05 to 0.1 mm; leave it out if you do not know."
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(12)
        layout.addWidget(words)
        layout.addWidget(label(why, "dim", wrap=True))
        layout.addLayout(row([self._size, None]))
        layout.addWidget(buttons)

    @property
    def pixel_spacing_mm(self) -> float | None:
        """Return the pixel size, None when it is not known."""
        return self._size.value() or None

    def set_pixel_spacing(self, millimetres: float) -> None:
        """Fill the field."""
        self._size.setValue(millimetres)
