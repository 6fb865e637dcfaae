"""Paints the corner text, badges and scale bar on the side away from the chest wall."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFont, QFontMetricsF, QImage, QPainter, QRegion

from mammoviewer.gui.canvas.corner_text import CornerText, ScaleBar
from mammoviewer.gui.canvas.haloed_text import EDGE, font_named
from mammoviewer.gui.canvas.text_block import Block, Line, Look, Row, block

_MARGIN: Final = 10.0
_SHARE: Final = 0.46
"""Of the viewport's width, the most that text takes."""
_KEPT: Final = 32


@dataclass(frozen=True)
class Sheet:
    """Where words go: a viewport without its slice strip, in logical pixels.

    Attributes
    ----------
    left, top, width, height
        Its place.
    on_left
        Whether the text stands at the left edge.
    reserve
        The height that stays free in the middle, for which facts give way.
    font
        The interface's font, as ``QFont.toString`` gives it.
    ratio
        Device pixels per logical pixel.
    """

    left: float
    top: float
    width: float
    height: float
    on_left: bool
    reserve: float
    font: str
    ratio: float

    @property
    def edge(self) -> float:
        """Return where lines begin or end."""
        return self.left + _MARGIN if self.on_left else self.left + self.width - _MARGIN

    @property
    def look(self) -> Look:
        """Return how lines are written."""
        small, _, _ = self._fonts
        return Look((self.width - 2 * _MARGIN) * _SHARE, self.on_left, small, self.ratio)

    @property
    def large(self) -> str:
        """Return the font of the view."""
        return self._fonts[1]

    @property
    def step(self) -> float:
        """Return how far lines stand apart."""
        return self._fonts[2]

    @property
    def _fonts(self) -> tuple[str, str, float]:
        pixels = 11 if self.height < 420 or self.width < 420 else 12
        return _fonts(self.font, pixels, 18 if self.height < 420 else 22)


@dataclass(frozen=True)
class Words:
    """What is written, ready to be painted.

    Attributes
    ----------
    pictures
        Each with its upper left corner.
    free
        What stays free between the lines at the top and those at the bottom.
    badges
        Where each badge stands, by its text.
    covered
        Where there is something.
    """

    pictures: tuple[tuple[QPointF, QImage], ...]
    free: QRectF
    badges: Mapping[str, QRectF]
    covered: QRegion


def paint_words(painter: QPainter, words: Words) -> None:
    """Paint words that have been laid out."""
    for corner, picture in words.pictures:
        painter.drawImage(corner, picture)


@functools.lru_cache(maxsize=_KEPT)
def laid_out(text: CornerText, bar: ScaleBar | None, sheet: Sheet) -> Words:
    """Lay the words out; at a pan and while nothing changes they are those of the frame before.

    Facts of the exposure give way, the first ones first, to lines at the top and to the room in reserve.
    """
    # What changes with every frame and every step of a window drag is laid out apart from what stays.
    words, current_from = _lasting(replace(text, current=()), len(text.current), bar, sheet)
    if not text.current:
        return words
    blocks = _Blocks(sheet)
    blocks.put([Line(line, "text") for line in text.current], current_from)
    return replace(words, pictures=(*words.pictures, *blocks.pictures), covered=words.covered + blocks.covered)


@functools.lru_cache(maxsize=_KEPT)
def _lasting(text: CornerText, current: int, bar: ScaleBar | None, sheet: Sheet) -> tuple[Words, float]:
    """Lay out all but the current lines, of which there are so many, and return where those begin, too."""
    head: list[Row] = [Line(text.view, "bright", sheet.large, 3.0)] if text.view else []
    if text.badges:
        head.append(text.badges)
    head += [Line(line, "dim" if number else "text") for number, line in enumerate(text.top)]
    top, bottom = sheet.top + _MARGIN - 2.0, sheet.top + sheet.height - _MARGIN + 2.0
    blocks = _Blocks(sheet)
    free_from = top + blocks.put(head, top)
    foot = bottom - blocks.height([bar] if bar is not None else [])
    fitting = max(0, int((foot - free_from - sheet.step - sheet.reserve) / sheet.step) - current)
    facts = text.facts[max(0, len(text.facts) - fitting) :]
    current_from = foot - sheet.step * current
    facts_from = current_from - sheet.step * len(facts)
    blocks.put([Line(line, "dim") for line in facts], facts_from)
    blocks.put([bar] if bar is not None else [], foot)
    free = QRectF(sheet.left + _MARGIN, free_from, sheet.width - 2 * _MARGIN, facts_from - free_from)
    return Words(tuple(blocks.pictures), free, blocks.badges, blocks.covered), current_from


class _Blocks:
    """Puts blocks on a sheet."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet, self._look = sheet, sheet.look
        self.pictures: list[tuple[QPointF, QImage]] = []
        self.badges: dict[str, QRectF] = {}
        self.covered = QRegion()

    def height(self, rows: Sequence[Row]) -> float:
        """Return how high rows are."""
        return self._written(rows).height if rows else 0.0

    def put(self, rows: Sequence[Row], y: float) -> float:
        """Put rows from ``y`` on and return how high they are."""
        if not rows:
            return 0.0
        written, edge, ratio = self._written(rows), self._sheet.edge, self._look.ratio
        size = written.picture.deviceIndependentSize()
        left = edge - EDGE if self._look.on_left else edge + EDGE - size.width()
        # Between two device pixels letters would be blurred.
        corner = QPointF(round(left * ratio) / ratio, round((y - EDGE) * ratio) / ratio)
        self.pictures.append((corner, written.picture))
        self.covered += QRectF(corner, size).toAlignedRect()
        self.badges.update((text, place.translated(edge, y)) for text, place in written.badges)
        return written.height

    def _written(self, rows: Sequence[Row]) -> Block:
        return block(tuple(rows), self._look)


@functools.lru_cache(maxsize=8)
def _fonts(name: str, small_pixels: int, large_pixels: int) -> tuple[str, str, float]:
    """Return a font in two sizes, the larger one bold, by name, and how far lines of the smaller one stand apart."""
    small, large = font_named(name), font_named(name)
    small.setPixelSize(small_pixels)
    large.setPixelSize(large_pixels)
    large.setWeight(QFont.Weight.DemiBold)
    return small.toString(), large.toString(), QFontMetricsF(small).height() + 1.0
