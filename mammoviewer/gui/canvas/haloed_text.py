"""Text that can be read over any picture, and how long it is."""

from __future__ import annotations

import functools
import math
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QStaticText

EDGE: Final = 3.0
"""How far the dark edge of a text reaches, in logical pixels."""
_NEAR: Final = tuple((dx, dy) for dx in (-1.0, 0.0, 1.0) for dy in (-1.0, 0.0, 1.0) if (dx, dy) != (0.0, 0.0))
_FAR: Final = tuple((2.0 * dx, dy) for dx, dy in _NEAR if dx) + tuple((dx, 2.0 * dy) for dx, dy in _NEAR if dy)
_HALO: Final = ((150, _FAR), (235, _NEAR))
"""The dark edge from outside inwards: its opacity, and where copies of the text lie in logical pixels."""
_KEPT: Final = 1000
"""Pictures of texts that are kept, about 20 MB at the most."""


def font_named(name: str) -> QFont:
    """Return the font of which ``name`` is what ``QFont.toString`` gives."""
    font = QFont()
    font.fromString(name)
    return font


def paint_haloed(painter: QPainter, place: QPointF, text: str, font: QFont, colour: QColor) -> QRectF:
    """Write text that can be read over anything, an inverted image too: with a dark edge that fades out.

    ``place`` is where its base line begins; it is moved to a whole device pixel. Returns what the text takes.
    """
    ratio = painter.device().devicePixelRatioF()
    picture, rise = _haloed(text, font.toString(), colour.rgba(), ratio)
    x, y = place.x() - EDGE, place.y() - rise
    corner = QPointF(round(x * ratio) / ratio, round(y * ratio) / ratio)
    painter.drawImage(corner, picture)
    return QRectF(corner, picture.deviceIndependentSize())


@functools.lru_cache(maxsize=_KEPT)
def measured(text: str, font_name: str, longest: float) -> tuple[str, float, float, float]:
    """Return a text cut to a length in logical pixels, its width, its ascent and its height."""
    metrics = QFontMetricsF(font_named(font_name))
    width = metrics.horizontalAdvance(text)
    if width > longest:
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, longest)
        width = metrics.horizontalAdvance(text)
    return text, width, metrics.ascent(), metrics.height()


@functools.lru_cache(maxsize=_KEPT)
def _haloed(text: str, font_name: str, rgba: int, ratio: float) -> tuple[QImage, float]:
    """Return the picture of a haloed text, and how far its base line lies below its upper edge.

    A text is written twenty times for its edge, which is too much to do at every turn of the wheel.
    """
    font = font_named(font_name)
    metrics = QFontMetricsF(font)
    # Shaping costs most and is done once for all copies.
    shaped = QStaticText(text)
    shaped.setTextFormat(Qt.TextFormat.PlainText)
    size = QSizeF(metrics.horizontalAdvance(text) + 2 * EDGE, metrics.height() + 2 * EDGE) * ratio
    picture = QImage(math.ceil(size.width()), math.ceil(size.height()), QImage.Format.Format_ARGB32_Premultiplied)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setFont(font)
    corner = QPointF(EDGE, EDGE)
    for alpha, steps in _HALO:
        painter.setPen(QColor(0, 0, 0, alpha))
        for dx, dy in steps:
            painter.drawStaticText(corner + QPointF(dx, dy), shaped)
    painter.setPen(QColor.fromRgba(rgba))
    painter.drawStaticText(corner, shaped)
    painter.end()
    return picture, EDGE + metrics.ascent()
