"""A row of the palette, painted: title and group of a command at the left, its keys at the right."""

from __future__ import annotations

from typing import Final, TypeAlias

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
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
_KEY_PAD: Final = 7.0


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
            place.setRight(_paint_keys(painter, place, shown, command.key_text) - _GAP)
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


def _paint_keys(painter: QPainter, place: QRectF, shown: QStyleOptionViewItem, text: str) -> float:
    """Paint the keys at the right of a place and return where they begin."""
    font = QFont(shown.font)
    font.setPixelSize(_KEY_PX)
    metrics = QFontMetricsF(font)
    width, height = metrics.horizontalAdvance(text) + 2 * _KEY_PAD, metrics.height() + 4.0
    chip = QRectF(place.right() - width, round(place.center().y() - height / 2.0) + 0.5, width - 1.0, height)
    painter.setFont(font)
    painter.setPen(QPen(color("line_strong"), 1.0))
    painter.setBrush(color("field"))
    painter.drawRoundedRect(chip, 4.0, 4.0)
    painter.setPen(color("text"))
    painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)
    return float(chip.left())
