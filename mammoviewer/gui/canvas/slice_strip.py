"""The slices of a volume as a narrow strip: where the view is, where the model looks, where findings lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from mammoviewer.annotations.finding import Finding
from mammoviewer.gui.canvas.roi_layer import label_colour
from mammoviewer.gui.theme import color
from mammoviewer.imaging.colormaps import colormap

WIDTH: Final = 24.0
"""Logical pixels."""
_LONGEST: Final = 14.0
"""The bar of a score of 1."""
_SHORTEST: Final = 2.0
"""That of a score of 0: a slice that was looked at is told from one that was not."""
_TICK: Final = 3.0
_ARROW: Final = (6.0, 5.0)
"""Length of the arrow at the best slice, and half its height."""
_DOT: Final = (9.5, 3.2)
"""How far the dots of findings lie from the inner edge, and their radius."""
_MARGIN: Final = 10.0


@dataclass(frozen=True)
class SliceStrip:
    """Geometry of the strip of a viewport.

    Parameters
    ----------
    frames
        Number of slices, the first on top.
    size
        (width, height) of the viewport in logical pixels.
    on_left
        Whether the strip stands at the left edge.
    """

    frames: int
    size: tuple[int, int]
    on_left: bool

    @property
    def place(self) -> QRectF:
        """Return the rectangle of the strip."""
        left = 0.0 if self.on_left else self.size[0] - WIDTH
        return QRectF(left, _MARGIN, WIDTH, max(1.0, self.size[1] - 2 * _MARGIN))

    def holds(self, x: float) -> bool:
        """Return whether a logical x lies on the strip; any height counts."""
        return self.place.left() <= x <= self.place.right()

    def top(self, frame: int) -> float:
        """Return where a slice begins."""
        return self.place.top() + self.place.height() * frame / self.frames

    def mark(self, frame: int) -> QRectF:
        """Return where the line of the present slice is drawn."""
        return QRectF(self.place.left(), self._middle(frame) - 1.5, self.place.width(), 3.0)

    def frame_at(self, y: float) -> int:
        """Return the slice at a logical y, the nearest one beyond the ends."""
        share = (y - self.place.top()) / self.place.height()
        return min(max(int(share * self.frames), 0), self.frames - 1)

    def paint(
        self,
        painter: QPainter,
        frame: int,
        scores: Sequence[float | None],
        findings: Sequence[Finding],
        colours: str,
        *,
        companions: Sequence[int] = (),
    ) -> None:
        """Paint ground, scores as bars from the edge inwards, findings as dots, and the present slice as a line.

        Two fine lines tell how long bars of 0.5 and 1 are; an arrow points at the slice with the highest score.
        ``companions`` are slices on which other objects put something: short lines at the inner edge.
        """
        place = self.place
        painter.fillRect(place, QColor(21, 24, 29, 200))
        height = max(1.0, place.height() / self.frames)
        known = [(score, index) for index, score in enumerate(scores) if score is not None and np.isfinite(score)]
        self._paint_scores(painter, known, colours)
        tick = place.right() - _TICK if self.on_left else place.left()
        for index in companions:
            painter.fillRect(QRectF(tick, self.top(index), _TICK, height), color("companion"))
        away, radius = _DOT
        painter.setPen(QPen(QColor(0, 0, 0), 1.0))
        for finding in findings:
            painter.setBrush(label_colour(finding.label))
            painter.drawEllipse(QPointF(self._inner(away), self._middle(finding.frame)), radius, radius)
        mark = self.mark(frame)
        painter.fillRect(mark, QColor(0, 0, 0, 160))
        painter.fillRect(mark.adjusted(0.0, 0.75, 0.0, -0.75), color("bright"))
        if known:
            self._paint_arrow(painter, self._middle(max(known)[1]))

    def _paint_scores(self, painter: QPainter, known: Sequence[tuple[float, int]], colours: str) -> None:
        """Paint the bars, each on whole pixels, so that no seam lies between two of them."""
        if not known:
            return
        place, table = self.place, colormap(colours)
        for score, index in known:
            red, green, blue = table[int(np.clip(64 + score * 191, 0, 255))].tolist()
            top, below = round(self.top(index)), round(self.top(index + 1))
            bar = self._bar(score, top, max(1, below - top))
            painter.fillRect(bar, QColor(red, green, blue))
        for score in (0.5, 1.0):
            whole = self._bar(score, place.top(), place.height())
            left = whole.right() - 1.0 if self.on_left else whole.left()
            painter.fillRect(QRectF(left, whole.top(), 1.0, whole.height()), QColor(139, 150, 163, 110))

    def _paint_arrow(self, painter: QPainter, y: float) -> None:
        length, half = _ARROW
        points = [
            QPointF(self._inner(along), y + across) for along, across in ((0.5, -half), (0.5, half), (length, 0.0))
        ]
        painter.setPen(QPen(QColor(0, 0, 0), 1.0))
        painter.setBrush(color("accent"))
        painter.drawPolygon(points)

    def _bar(self, score: float, top: float, height: float) -> QRectF:
        length = _SHORTEST + float(np.clip(score, 0.0, 1.0)) * (_LONGEST - _SHORTEST)
        left = self.place.left() if self.on_left else self.place.right() - length
        return QRectF(left, top, length, height)

    def _inner(self, away: float) -> float:
        """Return the x so far from the edge towards the middle of the viewport."""
        return self.place.right() - away if self.on_left else self.place.left() + away

    def _middle(self, frame: int) -> float:
        return self.top(frame) + max(1.0, self.place.height() / self.frames) / 2.0
