"""A test pattern on the whole of a screen, one value of the pattern on one pixel of the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QImage, QKeyEvent, QPainter, QPaintEvent, QScreen
from PySide6.QtWidgets import QWidget

from mammoviewer.base.arrays import ByteArray
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.screens import calibration
from mammoviewer.gui.theme import color
from mammoviewer.imaging.display_patterns import SMALLEST, Pattern, smpte_pattern, tg18_pattern
from mammoviewer.session.screens import P_VALUES, Screens

PATTERNS: Final[tuple[tuple[str, Callable[[int, int], Pattern]], ...]] = (
    ("TG18-QC style", tg18_pattern),
    ("SMPTE style", smpte_pattern),
)
_KEYS: Final = "P other pattern   G display function   H hide this line   Esc close"


class PatternWindow(QWidget):
    """Full screen; Esc closes it, keys switch the pattern and the display function.

    Parameters
    ----------
    screens
        Where the luminance of its screen is kept.
    """

    def __init__(self, screens: Screens, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window | Qt.WindowType.FramelessWindowHint)
        self.setWindowTitle("Test pattern")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setCursor(Qt.CursorShape.BlankCursor)
        self._screens = screens
        self._number = 0
        self._corrected = True
        self._line_shown = True
        self._greys: ByteArray = np.zeros((0, 0), np.uint8)
        self._key: tuple[object, ...] = ()
        bind(self, screens.changed, self.update)

    def show_on(self, screen: QScreen) -> None:
        """Fill a screen."""
        self.setGeometry(screen.geometry())
        self.showFullScreen()
        self.activateWindow()

    @property
    def title(self) -> str:
        """Return what is shown: the pattern and how its greys come to the screen."""
        known = calibration(self, self._screens)
        if known.response is None:
            driven = "greys as they are (no luminance was entered for this screen)"
        else:
            driven = known.gsdf_text if self._corrected and known.gsdf_text else "greys as they are"
        columns, rows = self.device_size
        return f"{PATTERNS[self._number][0]}   {columns} x {rows}   {driven}"

    @property
    def device_size(self) -> tuple[int, int]:
        """Return (columns, rows) in device pixels."""
        ratio = self.devicePixelRatioF()
        return round(self.width() * ratio), round(self.height() * ratio)

    def greys(self) -> ByteArray:
        """Return the driving levels of the screen, uint8 of (rows, columns) in device pixels."""
        columns, rows = self.device_size
        levels = calibration(self, self._screens).levels if self._corrected else b""
        key = (self._number, rows, columns, levels)
        if key != self._key:
            greys = PATTERNS[self._number][1](max(rows, SMALLEST), max(columns, SMALLEST)).greys[:rows, :columns]
            if levels:
                fine = np.rint(np.arange(256) * (P_VALUES - 1) / 255.0).astype(np.intp)
                greys = np.frombuffer(levels, np.uint8)[fine][greys]
            self._greys, self._key = np.ascontiguousarray(greys), key
        return self._greys

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Close, switch the pattern or the display function, hide the line of text."""
        match event.key():
            case Qt.Key.Key_Escape:
                self.close()
            case Qt.Key.Key_P:
                self._number = (self._number + 1) % len(PATTERNS)
            case Qt.Key.Key_G:
                self._corrected = not self._corrected
            case Qt.Key.Key_H:
                self._line_shown = not self._line_shown
            case _:
                super().keyPressEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint the pattern pixel by pixel, and what it is in its lower middle."""
        greys = self.greys()
        rows, columns = greys.shape
        image = QImage(greys.data, columns, rows, columns, QImage.Format.Format_Grayscale8)
        image.setDevicePixelRatio(self.devicePixelRatioF())
        painter = QPainter(self)
        painter.drawImage(QPoint(0, 0), image)
        if self._line_shown:
            self._paint_line(painter)
        painter.end()

    def _paint_line(self, painter: QPainter) -> None:
        text = f"{self.title}\n{_KEYS}"
        metrics = painter.fontMetrics()
        height = 2 * metrics.lineSpacing() + 6.0
        width = max(metrics.horizontalAdvance(line) for line in text.splitlines()) + 24.0
        place = QRectF((self.width() - width) / 2.0, self.height() - height - 4.0, width, height)
        painter.fillRect(place, Qt.GlobalColor.black)
        painter.setPen(color("dim"))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)
