"""Asks what picture files do not say: their views, whether they are stored mirrored, and their pixel size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from mammoviewer.gui.panels.parts import CalmCombo, label, row
from mammoviewer.session.opened import PictureView

RASTER_SUFFIXES = frozenset({".png", ".pgm", ".ppm", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp"})
VIEWS = ("", "RCC", "LCC", "RMLO", "LMLO", "RML", "LML", "RLM", "LLM", "RXCCL", "LXCCL", "RXCCM", "LXCCM")
_STORED = (("by the pixels", None), ("as it hangs", False), ("mirrored", True))
_MOST_ROWS = 200


def rasters(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are pictures by their ending."""
    return [path for path in paths if path.suffix.lower() in RASTER_SUFFIXES]


class OpenRasterDialog(QDialog):
    """A line for each picture, and one pixel size for all; a size of 0 means that it is not known.

    Parameters
    ----------
    pictures
        The files; views that their names spell out are filled in.
    """

    def __init__(self, pictures: Sequence[Path], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open pictures")
        self.setMinimumWidth(620)
        self._pictures = list(pictures[:_MOST_ROWS])
        self._views: list[CalmCombo] = []
        self._stored: list[CalmCombo] = []
        self._table = self._make_table()
        self._size = QDoubleSpinBox()
        self._size.setAccessibleName("Pixel size in mm")
        self._size.setDecimals(4)
        self._size.setRange(0.0, 5.0)
        self._size.setSingleStep(0.005)
        self._size.setSuffix(" mm")
        self._size.lineEdit().setTextMargins(6, 0, 0, 0)
        self._size.setSpecialValueText("not known")
        what = "this picture" if len(pictures) == 1 else f"these {len(pictures)} pictures"
        why = (
            "Pictures do not say it. Views hang by it; models and measurements need the pixel size: digital mammograms "
            "have 0.05 to 0.1 mm. Leave out what you do not know."
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(12)
        layout.addWidget(label(f"What do {what} show?".replace("do this", "does this"), "heading"))
        layout.addWidget(label(why, "dim", wrap=True))
        layout.addWidget(self._table)
        layout.addLayout(row([label("Pixel size"), self._size, None]))
        layout.addWidget(buttons)

    def _make_table(self) -> QTableWidget:
        from mammoviewer.dicom.raster import view_from_name

        table = QTableWidget(len(self._pictures), 3)
        table.setHorizontalHeaderLabels(["File", "View", "Stored"])
        table.verticalHeader().hide()
        table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in ((1, 120), (2, 170)):
            table.setColumnWidth(column, width)
        for number, path in enumerate(self._pictures):
            name = QTableWidgetItem(path.name)
            name.setFlags(Qt.ItemFlag.ItemIsEnabled)
            name.setToolTip(str(path))
            table.setItem(number, 0, name)
            view, stored = CalmCombo(), CalmCombo()
            view.setAccessibleName(f"View of {path.name}")
            view.show_choices([(text or "unknown", text) for text in VIEWS], view_from_name(path.stem).label)
            stored.setAccessibleName(f"How {path.name} is stored")
            stored.show_choices(list(_STORED), None)
            stored.setCurrentIndex(0)
            for column, box in ((1, view), (2, stored)):
                table.setCellWidget(number, column, box)
            self._views.append(view)
            self._stored.append(stored)
            table.setRowHeight(number, 36)
        table.setMinimumHeight(min(38 + 36 * len(self._pictures), 330))
        return table

    @property
    def pixel_spacing_mm(self) -> float | None:
        """Return the pixel size, None when it is not known."""
        return self._size.value() or None

    @property
    def views(self) -> tuple[PictureView, ...]:
        """Return what was stated of each file."""
        return tuple(
            PictureView(str(path.absolute()), view.currentData() or "", _STORED[stored.currentIndex()][1])
            for path, view, stored in zip(self._pictures, self._views, self._stored, strict=True)
        )

    def set_pixel_spacing(self, millimetres: float) -> None:
        """Fill the field."""
        self._size.setValue(millimetres)

    def set_view(self, number: int, view: str, *, mirrored: bool | None = None) -> None:
        """Fill the line of a picture."""
        self._views[number].setCurrentIndex(self._views[number].findData(view))
        self._stored[number].setCurrentIndex([value for _, value in _STORED].index(mirrored))
