"""Lines of text, badges and a scale bar below each other, written once into a picture of their own.

Most of what stands beside an image stays the same from frame to frame, and writing it takes longer than the image.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Final, TypeAlias

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from mammoviewer.gui.canvas.corner_text import Badge, ScaleBar
from mammoviewer.gui.canvas.haloed_text import EDGE, font_named, measured, paint_haloed
from mammoviewer.gui.theme import color

_KEPT: Final = 64
"""Blocks that are kept, about 20 MB at the most."""
_BADGE_GAP: Final = 5.0


@dataclass(frozen=True)
class Look:
    """How a block is written.

    Attributes
    ----------
    longest
        Logical pixels that a line may take.
    on_left
        Whether the lines begin at the left edge; else they end at the right one.
    font
        Of lines that have none of their own, as ``QFont.toString`` gives it.
    ratio
        Device pixels per logical pixel.
    """

    longest: float
    on_left: bool
    font: str
    ratio: float


@dataclass(frozen=True)
class Line:
    """A line of text in a colour of the palette; in a font of its own, if any, and with some room below it."""

    text: str
    colour: str
    font: str = ""
    below: float = 1.0


Row: TypeAlias = Line | tuple[Badge, ...] | ScaleBar
"""What a block is made of; badges stand beside each other."""


@dataclass(frozen=True)
class Block:
    """Rows that have been written.

    Attributes
    ----------
    picture
        The rows, transparent beside them, with :data:`canvas.haloed_text.EDGE` logical pixels around them.
    width, height
        What the rows take, in logical pixels.
    badges
        Text and place of each badge, counted from the upper corner of the first row on the side where it begins.
    """

    picture: QImage
    width: float
    height: float
    badges: tuple[tuple[str, QRectF], ...]


@functools.lru_cache(maxsize=_KEPT)
def block(rows: tuple[Row, ...], look: Look) -> Block:
    """Return rows below each other as a picture."""
    sizes = [_size(row, look) for row in rows]
    width = max((size[0] for size in sizes), default=0.0)
    height = sum(size[1] for size in sizes)
    across, down = (math.ceil((length + 2 * EDGE) * look.ratio) for length in (width, height))
    picture = QImage(across, down, QImage.Format.Format_ARGB32_Premultiplied)
    picture.setDevicePixelRatio(look.ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # Texts are put on whole device pixels, counted from the edge at which they stand.
    painter.translate(EDGE if look.on_left else across / look.ratio - EDGE, EDGE)
    places: list[tuple[str, QRectF]] = []
    y = 0.0
    for row, (_, high) in zip(rows, sizes, strict=True):
        if isinstance(row, Line):
            _write(painter, row, y, look)
        elif isinstance(row, ScaleBar):
            _draw_bar(painter, row, y + high, look)
        else:
            places += _draw_badges(painter, row, y, look)
        y += high
    painter.end()
    return Block(picture, width, height, tuple(places))


def _size(row: Row, look: Look) -> tuple[float, float]:
    """Return width and height of a row in logical pixels."""
    if isinstance(row, Line):
        _, width, _, height = measured(row.text, row.font or look.font, look.longest)
        return width, height + row.below
    if isinstance(row, ScaleBar):
        metrics = QFontMetricsF(font_named(look.font))
        return max(row.length, metrics.horizontalAdvance(_bar_text(row))) + 2.0, metrics.height() + 14.0
    metrics = QFontMetricsF(_badge_font(look))
    widths = [_badge_width(metrics, badge) for badge in row]
    return sum(widths) + _BADGE_GAP * (len(row) - 1) + 1.0, metrics.height() + 8.0


def _write(painter: QPainter, line: Line, y: float, look: Look) -> None:
    font = line.font or look.font
    shown, width, ascent, _ = measured(line.text, font, look.longest)
    x = 0.0 if look.on_left else -width
    paint_haloed(painter, QPointF(x, y + ascent), shown, font_named(font), color(line.colour))


def _badge_font(look: Look) -> QFont:
    font = font_named(look.font)
    font.setPixelSize(10)
    font.setWeight(QFont.Weight.DemiBold)
    return font


def _badge_width(metrics: QFontMetricsF, badge: Badge) -> float:
    return metrics.horizontalAdvance(badge.text) + 10.0


def _draw_badges(painter: QPainter, badges: tuple[Badge, ...], y: float, look: Look) -> list[tuple[str, QRectF]]:
    font = _badge_font(look)
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    places = []
    x = 0.0
    for badge in badges:
        width = _badge_width(metrics, badge)
        place = QRectF(x if look.on_left else x - width, y + 1.0, width, metrics.height() + 3.0)
        places.append((badge.text, place))
        painter.setPen(QPen(color("red" if badge.refusal else "accent" if badge.quiet else "amber"), 1.0))
        painter.setBrush(QColor(0, 0, 0, 215))
        painter.drawRoundedRect(place, 2.5, 2.5)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, badge.text)
        x += (width + _BADGE_GAP) * (1.0 if look.on_left else -1.0)
    return places


def _bar_text(bar: ScaleBar) -> str:
    return f"{bar.label} {bar.source}" if bar.source else bar.label


def _draw_bar(painter: QPainter, bar: ScaleBar, bottom: float, look: Look) -> None:
    """Draw a level bar at the very bottom and write its length above it."""
    font = font_named(look.font)
    metrics = QFontMetricsF(font)
    y = bottom - 4.0
    x = 0.0 if look.on_left else -bar.length
    for pen in (QPen(QColor(0, 0, 0, 220), 4.0), QPen(color("text"), 1.0)):
        painter.setPen(pen)
        painter.drawLine(QPointF(x, y), QPointF(x + bar.length, y))
        for end in (x, x + bar.length):
            painter.drawLine(QPointF(end, y - 4.0), QPointF(end, y + 3.0))
    left = 0.0 if look.on_left else -metrics.horizontalAdvance(_bar_text(bar))
    paint_haloed(painter, QPointF(left, y - 8.0), bar.label, font, color("text"))
    after = left + metrics.horizontalAdvance(bar.label)
    paint_haloed(painter, QPointF(after, y - 8.0), _bar_text(bar).removeprefix(bar.label), font, color("dim"))
