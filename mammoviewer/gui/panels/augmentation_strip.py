"""Training pictures before and after augmentation, one pair beside the other."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from mammoviewer.base.arrays import ByteArray
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.panels.parts import label
from mammoviewer.gui.theme import color
from mammoviewer.session.augmentation_samples import AugmentationSamples

_SIDE_PX = 84
_GAP_PX = 6
_NAMES_PX = 52


class AugmentationStrip(QWidget):
    """Shows what :class:`AugmentationSamples` holds: pictures, or words in their place."""

    def __init__(self, samples: AugmentationSamples) -> None:
        super().__init__()
        self._samples = samples
        self.pictures = _Pictures()
        self.words = label("", "quiet", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pictures)
        layout.addWidget(self.words)
        bind(self, samples.changed, self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        pairs = self._samples.pairs
        self.pictures.show_rows([pair.before for pair in pairs], [pair.after for pair in pairs])
        self.words.setText(self._samples.words)
        self.words.setVisible(bool(self._samples.words))


class _Pictures(QWidget):
    """Two rows of grey pictures; as many pairs as fit are shown, each in a square."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: tuple[list[QImage], list[QImage]] = ([], [])
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Training pictures before and after augmentation")

    def show_rows(self, before: list[ByteArray], after: list[ByteArray]) -> None:
        """Show grey pictures uint8 (rows, columns), pair by pair."""
        self.rows = ([_image(one) for one in before], [_image(one) for one in after])
        self.setAccessibleDescription(f"{len(before)} pairs")
        self.setVisible(bool(before))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return room for both rows."""
        return QSize(_NAMES_PX + 4 * (_SIDE_PX + _GAP_PX), 2 * _SIDE_PX + _GAP_PX)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw the names of the rows and the pictures."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for number, (name, images) in enumerate(zip(("before", "after"), self.rows, strict=True)):
            top = number * (_SIDE_PX + _GAP_PX)
            painter.setPen(color("dim"))
            place = QRectF(0, top, _NAMES_PX - _GAP_PX, _SIDE_PX)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, name)
            fit = (self.width() - _NAMES_PX + _GAP_PX) // (_SIDE_PX + _GAP_PX)
            for column, image in enumerate(images[: max(1, fit)]):
                left = _NAMES_PX + column * (_SIDE_PX + _GAP_PX)
                scale = _SIDE_PX / max(image.width(), image.height())
                width, height = image.width() * scale, image.height() * scale
                inside = QRectF(left + (_SIDE_PX - width) / 2, top + (_SIDE_PX - height) / 2, width, height)
                painter.drawImage(inside, image)
        painter.end()


def _image(pixels: ByteArray) -> QImage:
    grey = np.ascontiguousarray(pixels)
    rows, columns = grey.shape
    # copied: the array is not kept
    return QImage(grey.data, columns, rows, columns, QImage.Format.Format_Grayscale8).copy()
