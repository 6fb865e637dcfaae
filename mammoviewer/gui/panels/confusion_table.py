"""How often each class was taken for each, of what is held out, as the last epoch had it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mammoviewer.gui.theme import color

_ROW_PX = 30
_NAMES_PX = (96, 180)
"""The least and the most room for the names of the rows."""
_HEAD_PX = 22


class ConfusionTable(QWidget):
    """Rows are the truth, columns what was decided; a cell is the brighter the larger its share of the row."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: tuple[tuple[int, ...], ...] = ()
        self.classes: tuple[str, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Confusion matrix")

    def show_counts(self, counts: Sequence[Sequence[int]], classes: Sequence[str] = ()) -> None:
        """Show a square table of counts; classes without a name bear their number."""
        self.counts = tuple(tuple(int(count) for count in line) for line in counts)
        names = tuple(classes) if len(classes) == len(self.counts) else tuple(map(str, range(len(self.counts))))
        self.classes = names
        lines = "; ".join(f"{name}: {', '.join(map(str, line))}" for name, line in zip(names, self.counts, strict=True))
        self.setAccessibleDescription(lines)
        self.setVisible(bool(self.counts))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return room for all rows under a line of headings."""
        return QSize(self._names_px() + 60 * len(self.counts), _HEAD_PX + _ROW_PX * len(self.counts))

    def _names_px(self) -> int:
        widest = max((self.fontMetrics().horizontalAdvance(name) for name in self.classes), default=0)
        return min(max(widest + 12, _NAMES_PX[0]), _NAMES_PX[1])

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw the names and the cells."""
        if not self.counts:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        names = self._names_px()
        width = (self.width() - names) / len(self.counts)
        for number, (name, line) in enumerate(zip(self.classes, self.counts, strict=True)):
            place = QRectF(names + number * width, 0, width, _HEAD_PX)
            self._name(painter, place, name, Qt.AlignmentFlag.AlignCenter)
            top = _HEAD_PX + number * _ROW_PX
            place = QRectF(0, top, names - 8, _ROW_PX)
            self._name(painter, place, name, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            for column, count in enumerate(line):
                cell = QRectF(names + column * width, top, width - 2, _ROW_PX - 2)
                self._cell(painter, cell, count, sum(line), right=column == number)
        painter.end()

    def _name(self, painter: QPainter, place: QRectF, name: str, alignment: Qt.AlignmentFlag) -> None:
        painter.setPen(color("dim"))
        text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(place.width()))
        painter.drawText(place, alignment, text)

    def _cell(self, painter: QPainter, place: QRectF, count: int, total: int, *, right: bool) -> None:
        share = count / total if total else 0.0
        shade = QColor(color("accent" if right else "amber"))
        shade.setAlphaF(0.08 + 0.55 * share)
        painter.fillRect(place, shade)
        painter.setPen(color("text"))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, f"{count}")
