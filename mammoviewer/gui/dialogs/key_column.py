"""A column of the key sheet, painted: groups with a heading, and in each the names of acts with their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from mammoviewer.gui.dialogs.command_row import KeyChips
from mammoviewer.gui.theme import color

_Index: TypeAlias = QModelIndex | QPersistentModelIndex

Block: TypeAlias = tuple[str, Sequence[tuple[str, str]]]
"""A heading, and the names of acts with their keys."""

_HEADING_PX: Final = 11
_BETWEEN_BLOCKS: Final = 18.0
_BETWEEN_ROWS: Final = 5.0
_BEFORE_KEYS: Final = 18.0
_LEAST_NAME: Final = 190.0
"""Logical pixels that names take at least, so that the keys of short blocks stand below one another."""


@dataclass(frozen=True)
class KeyRow:
    """What a row shows.

    Parameters
    ----------
    name
        The act, or the heading of a block.
    keys
        Its keys; empty for a heading.
    keys_left
        Where the keys begin, in logical pixels from the left.
    height
        Of the row with the room around it, in logical pixels.
    """

    name: str
    keys: str
    keys_left: int
    height: int


class KeyColumn(QListWidget):
    """Blocks below one another, as wide and high as they are; what is around it scrolls."""

    def __init__(self, blocks: Sequence[Block], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("keyColumn")
        self.setAccessibleName("Keys")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # The wheel belongs to the sheet, which scrolls as a whole.
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        look = _Look(self.font())
        self.setItemDelegate(_KeyRows(look, self))
        rows: list[KeyRow] = []
        for block in blocks:
            rows += look.rows(block, first=not rows)
        for row in rows:
            # The words are for who has the screen read out.
            entry = QListWidgetItem(" ".join(filter(None, (row.name, row.keys))))
            entry.setData(Qt.ItemDataRole.UserRole, row)
            entry.setFlags(Qt.ItemFlag.ItemIsEnabled)
            entry.setSizeHint(QSize(0, row.height))
            self.addItem(entry)
        self.setMinimumWidth(round(max(row.keys_left + look.chips.width(row.keys) for row in rows)))
        self.setFixedHeight(sum(row.height for row in rows))

    @property
    def rows(self) -> list[KeyRow]:
        """Return what is shown, from the top down."""
        return [self.item(number).data(Qt.ItemDataRole.UserRole) for number in range(self.count())]


class _Look:
    """The fonts of a column and what follows from them."""

    def __init__(self, font: QFont) -> None:
        self.font, self.heading = QFont(font), QFont(font)
        self.heading.setPixelSize(_HEADING_PX)
        self.heading.setWeight(QFont.Weight.DemiBold)
        self.chips = KeyChips(font)
        self._metrics, self._heading_metrics = QFontMetricsF(font), QFontMetricsF(self.heading)
        self.row_height = max(self._metrics.height(), self.chips.height)

    def rows(self, block: Block, *, first: bool) -> list[KeyRow]:
        """Return the rows of a block."""
        title, lines = block
        left = max([_LEAST_NAME, *(self._metrics.horizontalAdvance(name) for name, _ in lines)]) + _BEFORE_KEYS
        above = 0.0 if first else _BETWEEN_BLOCKS - _BETWEEN_ROWS
        heading = round(above + self._heading_metrics.height() + _BETWEEN_ROWS)
        height = round(self.row_height + _BETWEEN_ROWS)
        return [KeyRow(title, "", 0, heading), *(KeyRow(name, keys, round(left), height) for name, keys in lines)]

    def baseline(self, row: KeyRow) -> float:
        """Return how far above the bottom of a row its text stands."""
        if not row.keys:
            return _BETWEEN_ROWS + self._heading_metrics.descent()
        return _BETWEEN_ROWS + (self.row_height - self._metrics.height()) / 2.0 + self._metrics.descent()


class _KeyRows(QStyledItemDelegate):
    """Paints rows; widgets of their own for each of them would take half a second to make."""

    def __init__(self, look: _Look, parent: QListWidget) -> None:
        super().__init__(parent)
        self._look = look
        self._colours = {True: color("text"), False: color("dim")}

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Paint the row at the bottom of its room; the ground is that of the sheet."""
        row: KeyRow = index.data(Qt.ItemDataRole.UserRole)
        look, place = self._look, QRectF(option.rect)
        bottom = place.top() + row.height
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._colours[bool(row.keys)])
        painter.setFont(look.font if row.keys else look.heading)
        text = row.name if row.keys else row.name.upper()
        painter.drawText(QPointF(place.left(), bottom - look.baseline(row)), text)
        if row.keys:
            high = look.row_height
            look.chips.paint(painter, QRectF(row.keys_left, bottom - _BETWEEN_ROWS - high, 0.0, high), row.keys)
