"""A row of the palette, painted: title and group of a command at the left, its keys as a chip at the right."""

from __future__ import annotations

from typing import Final, TypeAlias

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from mammoviewer.gui.actions.command import Command
from mammoviewer.gui.theme import color

_Index: TypeAlias = QModelIndex | QPersistentModelIndex

HEIGHT: Final = 32
_LEFT: Final = 8.0
_RIGHT: Final = 6.0
_GAP: Final = 10.0
_KEY_PX: Final = 11
_KEY_PAD: Final = 10.0


class KeyChips:
    """Paints keys as chips beside text of a font, which is looked at once and not for every row."""

    def __init__(self, font: QFont) -> None:
        self._font = QFont(font)
        self._font.setPixelSize(_KEY_PX)
        self._metrics = QFontMetricsF(self._font)
        self._line, self._ground, self._ink = QPen(color("line_strong"), 1.0), color("field"), color("text")

    @property
    def height(self) -> float:
        """Return the height of a chip in logical pixels."""
        return self._metrics.height() + 4.0

    def width(self, text: str) -> float:
        """Return the width of a chip in logical pixels."""
        return self._metrics.horizontalAdvance(text) + 2 * _KEY_PAD

    def paint(self, painter: QPainter, place: QRectF, text: str, *, right: bool = False) -> QRectF:
        """Paint a chip at the left of a place, or at its right, and return where it is."""
        width = self.width(text)
        left = round(place.right() - width if right else place.left())
        top = round(place.center().y() - self.height / 2.0)
        # A line of one pixel lies on the middle of pixels.
        chip = QRectF(left + 0.5, top + 0.5, width - 1.0, self.height - 1.0)
        painter.setFont(self._font)
        painter.setPen(self._line)
        painter.setBrush(self._ground)
        painter.drawRoundedRect(chip, 4.0, 4.0)
        painter.setPen(self._ink)
        painter.drawText(QPointF(chip.left() + _KEY_PAD, top + 2.0 + self._metrics.ascent()), text)
        return chip


class CommandRow(QStyledItemDelegate):
    """Paints rows; widgets of their own for each of them would take half a second to make."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint the ground of the style and the command of the row over it."""
        command: Command = index.data(Qt.ItemDataRole.UserRole)
        shown = QStyleOptionViewItem(option)
        self.initStyleOption(shown, index)
        shown.text = ""
        shown.widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, shown, painter, shown.widget)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = QRectF(option.rect).adjusted(_LEFT, 3.0, -_RIGHT, -3.0)
        if command.keys:
            chip = KeyChips(shown.font).paint(painter, place, command.key_text, right=True)
            place.setRight(chip.left() - _GAP)
        painter.setFont(shown.font)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        metrics = QFontMetricsF(shown.font)
        for text, colour in ((command.title, "text"), (command.group, "dim")):
            painter.setPen(color(colour))
            cut = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0.0, place.width()))
            painter.drawText(place, flags, cut)
            place.setLeft(place.left() + metrics.horizontalAdvance(cut) + _GAP)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:  # noqa: N802
        """Return the height of a row; it is as wide as the list."""
        return QSize(0, HEIGHT)
