"""Paints the corner text, badges and scale bar on the side away from the chest wall."""

from __future__ import annotations

import functools
from typing import Final

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QRegion

from mammoviewer.gui.canvas.corner_text import CornerText, ScaleBar
from mammoviewer.gui.canvas.haloed_text import EDGE, font_named
from mammoviewer.gui.canvas.text_block import Line, Look, Row, block

_MARGIN: Final = 10.0
_SHARE: Final = 0.46
"""Of the viewport's width, the most that text takes."""


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
        pixels = 11 if area.height() < 420 or area.width() < 420 else 12
        small, self._large, self._step = _fonts(font.toString(), pixels, 18 if area.height() < 420 else 22)
        self._look = Look(self._area.width() * _SHARE, on_left, small, painter.device().devicePixelRatioF())
        self.badge_places: dict[str, QRectF] = {}
        """Where each badge was painted, by its text."""
        self.covered = QRegion()
        """Where something was painted."""

    def paint(self, text: CornerText, bar: ScaleBar | None, *, reserve: float = 0.0) -> QRectF:
        """Paint everything and return what stays free between the lines at the top and those at the bottom.

        Facts of the exposure give way, the first ones first, to lines at the top and to ``reserve`` logical pixels.
        """
        head: list[Row] = [Line(text.view, "bright", self._large, 3.0)] if text.view else []
        if text.badges:
            head.append(text.badges)
        head += [Line(line, "dim" if number else "text") for number, line in enumerate(text.top)]
        free_from = self._area.top() + self._paint_rows(head, self._area.top())
        bottom = self._area.bottom() - (block((bar,), self._look).height if bar is not None else 0.0)
        fitting = max(0, int((bottom - free_from - self._step - reserve) / self._step) - len(text.current))
        facts = text.facts[max(0, len(text.facts) - fitting) :]
        y = bottom - self._step * (len(facts) + len(text.current))
        # What changes with every frame is written apart from what stays.
        self._paint_rows([Line(line, "dim") for line in facts], y)
        self._paint_rows([Line(line, "text") for line in text.current], bottom - self._step * len(text.current))
        if bar is not None:
            self._paint_rows([bar], bottom)
        return QRectF(self._area.left(), free_from, self._area.width(), y - free_from)

    def _paint_rows(self, rows: list[Row], y: float) -> float:
        """Paint rows from ``y`` on and return how high they are."""
        if not rows:
            return 0.0
        written = block(tuple(rows), self._look)
        size = written.picture.deviceIndependentSize()
        x = self._area.left() if self._look.on_left else self._area.right()
        corner = QPointF(x - EDGE if self._look.on_left else x + EDGE - size.width(), y - EDGE)
        # Between two device pixels letters would be blurred.
        ratio = self._look.ratio
        corner = QPointF(round(corner.x() * ratio) / ratio, round(corner.y() * ratio) / ratio)
        self._painter.drawImage(corner, written.picture)
        self.covered += QRectF(corner, size).toAlignedRect()
        self.badge_places.update((text, place.translated(x, y)) for text, place in written.badges)
        return written.height


@functools.lru_cache(maxsize=8)
def _fonts(name: str, small_pixels: int, large_pixels: int) -> tuple[str, str, float]:
    """Return a font in two sizes, the larger one bold, by name, and how far lines of the smaller one stand apart."""
    small, large = font_named(name), font_named(name)
    small.setPixelSize(small_pixels)
    large.setPixelSize(large_pixels)
    large.setWeight(QFont.Weight.DemiBold)
    return small.toString(), large.toString(), QFontMetricsF(small).height() + 1.0
