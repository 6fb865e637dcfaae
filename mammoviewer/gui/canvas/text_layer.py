"""Paints the corner text, badges and scale bar on the side away from the chest wall."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen, QStaticText

from mammoviewer.gui.canvas.corner_text import Badge, CornerText, ScaleBar
from mammoviewer.gui.theme import color

_MARGIN: Final = 10.0
_SHARE: Final = 0.46
"""Of the viewport's width, the most that text takes."""
_NEAR: Final = tuple((dx, dy) for dx in (-1.0, 0.0, 1.0) for dy in (-1.0, 0.0, 1.0) if (dx, dy) != (0.0, 0.0))
_FAR: Final = tuple((2.0 * dx, dy) for dx, dy in _NEAR if dx) + tuple((dx, 2.0 * dy) for dx, dy in _NEAR if dy)
_HALO: Final = ((150, _FAR), (235, _NEAR))
"""The dark edge from outside inwards: its opacity, and where copies of the text lie in logical pixels."""
_EDGE: Final = 3.0
_KEPT: Final = 1000
"""Pictures of texts that are kept, about 20 MB at the most."""


class TextLayer:
    """Paints in logical pixels.

    Parameters
    ----------
    painter
        A painter of the viewport.
    area
        The viewport without its slice strip.
    on_left
        Whether the text stands at the left edge.
    font
        The interface's font.
    """

    def __init__(self, painter: QPainter, area: QRectF, *, on_left: bool, font: QFont) -> None:
        self._painter = painter
        self._area = area.adjusted(_MARGIN, _MARGIN - 2.0, -_MARGIN, -_MARGIN + 2.0)
        self._on_left = on_left
        self.badge_places: dict[str, QRectF] = {}
        """Where each badge was painted, by its text."""
        self._font = QFont(font)
        self._font.setPixelSize(11 if area.height() < 420 or area.width() < 420 else 12)
        self._large = QFont(font)
        self._large.setPixelSize(18 if area.height() < 420 else 22)
        self._large.setWeight(QFont.Weight.DemiBold)

    def paint(self, text: CornerText, bar: ScaleBar | None, *, reserve: float = 0.0) -> QRectF:
        """Paint everything and return what stays free between the lines at the top and those at the bottom.

        Facts of the exposure give way, the first ones first, to lines at the top and to ``reserve`` logical pixels.
        """
        y = self._area.top()
        if text.view:
            y = self._line(text.view, y, self._large, color("bright")) + 2.0
        y = self._badges(text.badges, y)
        for number, line in enumerate(text.top):
            y = self._line(line, y, self._font, color("text" if number == 0 else "dim"))
        free_from = y
        step = QFontMetricsF(self._font).height() + 1.0
        bottom = self._area.bottom() - (self._scale_bar(bar) if bar is not None else 0.0)
        fitting = max(0, int((bottom - y - step - reserve) / step) - len(text.current))
        facts = text.facts[max(0, len(text.facts) - fitting) :]
        y = bottom - step * (len(facts) + len(text.current))
        free = QRectF(self._area.left(), free_from, self._area.width(), y - free_from)
        for line in facts:
            y = self._line(line, y, self._font, color("dim"))
        for line in text.current:
            y = self._line(line, y, self._font, color("text"))
        return free

    def _line(self, text: str, y: float, font: QFont, colour: QColor) -> float:
        metrics = QFontMetricsF(font)
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, self._area.width() * _SHARE)
        width = metrics.horizontalAdvance(shown)
        x = self._area.left() if self._on_left else self._area.right() - width
        paint_haloed(self._painter, QPointF(x, y + metrics.ascent()), shown, font, colour)
        return y + metrics.height() + 1.0

    def _badges(self, badges: Sequence[Badge], y: float) -> float:
        if not badges:
            return y
        font = QFont(self._font)
        font.setPixelSize(10)
        font.setWeight(QFont.Weight.DemiBold)
        metrics = QFontMetricsF(font)
        self._painter.setFont(font)
        x = self._area.left() if self._on_left else self._area.right()
        for badge in badges:
            width = metrics.horizontalAdvance(badge.text) + 10.0
            place = QRectF(x if self._on_left else x - width, y + 1.0, width, metrics.height() + 3.0)
            self.badge_places[badge.text] = place
            colour = color("red" if badge.refusal else "accent" if badge.quiet else "amber")
            self._painter.setPen(QPen(colour, 1.0))
            self._painter.setBrush(QColor(0, 0, 0, 215))
            self._painter.drawRoundedRect(place, 2.5, 2.5)
            self._painter.drawText(place, Qt.AlignmentFlag.AlignCenter, badge.text)
            x += (width + 5.0) * (1.0 if self._on_left else -1.0)
        self._painter.setBrush(Qt.BrushStyle.NoBrush)
        return y + metrics.height() + 8.0

    def _scale_bar(self, bar: ScaleBar) -> float:
        """Paint a horizontal bar at the very bottom and return the height it takes."""
        metrics = QFontMetricsF(self._font)
        y = self._area.bottom() - 4.0
        x = self._area.left() if self._on_left else self._area.right() - bar.length
        for pen in (QPen(QColor(0, 0, 0, 220), 4.0), QPen(color("text"), 1.0)):
            self._painter.setPen(pen)
            self._painter.drawLine(QPointF(x, y), QPointF(x + bar.length, y))
            for end in (x, x + bar.length):
                self._painter.drawLine(QPointF(end, y - 4.0), QPointF(end, y + 3.0))
        label, source = bar.label, f" {bar.source}" if bar.source else ""
        total = metrics.horizontalAdvance(label + source)
        left = self._area.left() if self._on_left else self._area.right() - total
        base = y - 8.0
        paint_haloed(self._painter, QPointF(left, base), label, self._font, color("text"))
        after = left + metrics.horizontalAdvance(label)
        paint_haloed(self._painter, QPointF(after, base), source, self._font, color("dim"))
        return metrics.height() + 14.0


def paint_haloed(painter: QPainter, place: QPointF, text: str, font: QFont, colour: QColor) -> None:
    """Write text that can be read over anything, an inverted image too: with a dark edge that fades out.

    ``place`` is where its base line begins; it is moved to a whole device pixel.
    """
    ratio = painter.device().devicePixelRatioF()
    picture, rise = _haloed(text, font.toString(), colour.rgba(), ratio)
    x, y = place.x() - _EDGE, place.y() - rise
    painter.drawImage(QPointF(round(x * ratio) / ratio, round(y * ratio) / ratio), picture)


@functools.lru_cache(maxsize=_KEPT)
def _haloed(text: str, font_name: str, rgba: int, ratio: float) -> tuple[QImage, float]:
    """Return the picture of a haloed text, and how far its base line lies below its upper edge.

    A text is written twenty times for its edge, which is too much to do at every turn of the wheel.
    """
    font = QFont()
    font.fromString(font_name)
    metrics = QFontMetricsF(font)
    # Shaping costs most and is done once for all copies.
    shaped = QStaticText(text)
    shaped.setTextFormat(Qt.TextFormat.PlainText)
    size = QSizeF(metrics.horizontalAdvance(text) + 2 * _EDGE, metrics.height() + 2 * _EDGE) * ratio
    picture = QImage(math.ceil(size.width()), math.ceil(size.height()), QImage.Format.Format_ARGB32_Premultiplied)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setFont(font)
    corner = QPointF(_EDGE, _EDGE)
    for alpha, steps in _HALO:
        painter.setPen(QColor(0, 0, 0, alpha))
        for dx, dy in steps:
            painter.drawStaticText(corner + QPointF(dx, dy), shaped)
    painter.setPen(QColor.fromRgba(rgba))
    painter.drawStaticText(corner, shaped)
    painter.end()
    return picture, _EDGE + metrics.ascent()
