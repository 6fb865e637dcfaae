"""Asks the reader to bring a drawn card to the size of a real one: that tells how large the screen's pixels are."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QScreen, QShowEvent
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from mammoviewer.gui.panels.parts import CalmSlider, button, label, row
from mammoviewer.gui.screens import pixel_size, screen_name
from mammoviewer.gui.theme import color
from mammoviewer.session.screens import Screens

CARD_MM: Final = (85.60, 53.98)
"""Every bank card and most identity cards (ISO/IEC 7810, ID-1)."""
_RULER_MM: Final = 100
_MARGIN: Final = 24
_LEAST_DEVICE_PIXELS: Final = 120
_LEAST_BETWEEN: Final = 28.0
"""Logical pixels between two numbers of the ruler."""
_HELP: Final = (
    "Hold a bank card flat against the screen at the left edge, and drag the other edge, or the slider, until the "
    "drawn card is just as wide. Check with a ruler below. The arrow keys move by one pixel of the screen."
)


class CardArea(QWidget):
    """A card and a ruler at a size in device pixels.

    Signals: ``dragged(int)`` with the width of the card in device pixels that the mouse asks for.
    """

    dragged = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.card_width = _LEAST_DEVICE_PIXELS
        self.setCursor(Qt.CursorShape.SizeHorCursor)

    @property
    def most(self) -> int:
        """Return the width of the largest card that has room, in device pixels."""
        across = (self.width() - 2 * _MARGIN) * self.devicePixelRatioF()
        down = (self.height() - 2 * _MARGIN - 70) * self.devicePixelRatioF() * CARD_MM[0] / CARD_MM[1]
        return max(_LEAST_DEVICE_PIXELS, int(min(across, down)))

    @property
    def card(self) -> QRectF:
        """Return where the card is drawn, in logical pixels."""
        width = self.card_width / self.devicePixelRatioF()
        return QRectF(_MARGIN, _MARGIN, width, width * CARD_MM[1] / CARD_MM[0])

    def ruler_mm(self) -> int:
        """Return how many millimetres the ruler has, in whole centimetres."""
        room = (self.width() - 2 * _MARGIN) * self.devicePixelRatioF() * CARD_MM[0] / self.card_width
        return min(_RULER_MM, 10 * int(room / 10))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take the edge of the card."""
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Drag the edge of the card."""
        self.dragged.emit(round((event.position().x() - _MARGIN) * self.devicePixelRatioF()))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw card and ruler."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        card = self.card
        per_mm = card.width() / CARD_MM[0]
        painter.setPen(QPen(color("accent"), 1.0))
        painter.setBrush(color("field"))
        painter.drawRoundedRect(card, 3.18 * per_mm, 3.18 * per_mm)
        painter.setPen(color("text"))
        painter.drawText(card, Qt.AlignmentFlag.AlignCenter, "85.6 mm")
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        top = card.bottom() + 24.0
        named = 10 if 10 * per_mm >= _LEAST_BETWEEN else 20
        for mm in range(self.ruler_mm() + 1):
            x = card.left() + mm * per_mm
            tall = 16.0 if mm % 10 == 0 else 11.0 if mm % 5 == 0 else 7.0
            painter.drawLine(QPointF(x, top), QPointF(x, top + tall))
            if mm % named == 0:
                place = QRectF(x - 20.0, top + 18.0, 40.0, 18.0)
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, str(mm))
        painter.end()


class ScreenSizeDialog(QDialog):
    """Keeps the size of the pixels of the screen that it is on.

    Parameters
    ----------
    screens
        Where the size is kept.
    """

    def __init__(self, screens: Screens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Size of this screen")
        self._screens = screens
        self.area = CardArea()
        available = self.screen().availableGeometry()
        self.area.setFixedSize(min(820, available.width() - 80), min(480, available.height() - 300))
        self.area.dragged.connect(self.show_width)
        self._slider = CalmSlider()
        self._slider.setAccessibleName("Width of the card")
        self._slider.valueChanged.connect(self.show_width)
        self._name = label("", "heading")
        self._size = label("", "value")
        self._lay_out()
        self._start()

    def _lay_out(self) -> None:
        foot = row(
            [
                button("As the monitor tells", self.forget, tip="Drop what was measured of this screen"),
                None,
                button("Cancel", self.reject),
                button("It fits, keep it", self.keep, kind="primary"),
            ]
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 14)
        layout.setSpacing(10)
        for part in (self._name, label(_HELP, "dim", wrap=True), self.area, self._slider, self._size):
            layout.addWidget(part)
        layout.addLayout(foot)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Follow the window to another screen."""
        super().showEvent(event)
        self.windowHandle().screenChanged.connect(self._start, Qt.ConnectionType.UniqueConnection)
        self._slider.setFocus(Qt.FocusReason.OtherFocusReason)

    def _start(self, _screen: QScreen | None = None) -> None:
        """Begin with what is known of the screen, or with an ordinary one."""
        known = pixel_size(self, self._screens)
        width = round(CARD_MM[0] / known.mm) if known is not None else round(324 * self.devicePixelRatioF())
        self._slider.blockSignals(True)
        self._slider.setRange(_LEAST_DEVICE_PIXELS, max(self.area.most, width))
        self._slider.blockSignals(False)
        self._name.setText(f"Screen: {screen_name(self.screen())}")
        self.show_width(width)

    @property
    def pixel_mm(self) -> float:
        """Return the width of a device pixel in mm by the card as it is drawn."""
        return CARD_MM[0] / self.area.card_width

    def show_width(self, device_pixels: int) -> None:
        """Draw the card so many device pixels wide."""
        width = min(max(device_pixels, self._slider.minimum()), self._slider.maximum())
        self._slider.blockSignals(True)
        self._slider.setValue(width)
        self._slider.blockSignals(False)
        self.area.card_width = width
        self.area.update()
        size, ratio = self.screen().size(), self.devicePixelRatioF()
        across, down = (length * ratio * self.pixel_mm / 10.0 for length in (size.width(), size.height()))
        self._size.setText(
            f"One pixel is {self.pixel_mm:.4f} mm wide; the screen would be {across:.1f} x {down:.1f} cm"
        )

    def keep(self) -> None:
        """Keep the size for this screen and close."""
        self._screens.update(screen_name(self.screen()), pixel_mm=self.pixel_mm)
        self.accept()

    def forget(self) -> None:
        """Drop what was measured and show what the monitor tells."""
        self._screens.update(screen_name(self.screen()), pixel_mm=0.0)
        self._start()
