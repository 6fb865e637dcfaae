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

WIDTH: Final = 18.0
"""Logical pixels."""
_TICK: Final = 3.0
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
        y = self.top(frame) + max(1.0, self.place.height() / self.frames) / 2.0
        return QRectF(self.place.left(), y - 1.5, self.place.width(), 3.0)

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

        ``companions`` are slices on which other objects put something: short lines at the inner edge.
        """
        place = self.place
        painter.fillRect(place, QColor(21, 24, 29, 200))
        height = max(1.0, place.height() / self.frames)
        table = colormap(colours)
        for index, score in enumerate(scores):
            if score is None or not np.isfinite(score):
                continue
            red, green, blue = table[int(np.clip(64 + score * 191, 0, 255))].tolist()
            length = 2.0 + float(np.clip(score, 0.0, 1.0)) * (WIDTH - 6.0)
            left = place.left() if self.on_left else place.right() - length
            painter.fillRect(QRectF(left, self.top(index), length, height), QColor(red, green, blue))
        tick = place.right() - _TICK if self.on_left else place.left()
        for index in companions:
            painter.fillRect(QRectF(tick, self.top(index), _TICK, height), color("companion"))
        inner = place.right() - 4.0 if self.on_left else place.left() + 4.0
        painter.setPen(QPen(QColor(0, 0, 0), 1.0))
        for finding in findings:
            painter.setBrush(label_colour(finding.label))
            painter.drawEllipse(QPointF(inner, self.top(finding.frame) + height / 2.0), 3.2, 3.2)
        mark = self.mark(frame)
        painter.fillRect(mark, QColor(0, 0, 0, 160))
        painter.fillRect(mark.adjusted(0.0, 0.75, 0.0, -0.75), color("bright"))
