"""Lines and words over a rendered picture, kept apart from its greys so that they suit 8 and 16 bits alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mammoviewer.base.arrays import ByteArray, DoubleArray, FloatArray
from mammoviewer.imaging.colormaps import HALF, colormap, contour_colour, contour_levels
from mammoviewer.imaging.draw import WHITE, Colour, LineStyle, draw_cross, draw_label, draw_polygon, text_size
from mammoviewer.session.viewer_state import OverlayStyle

_DIMMED: Final = 0.25
"""What is left of the colours below the threshold, which are not shown over the picture."""


@dataclass(frozen=True, eq=False)
class Ink:
    """What is drawn, on black, and how much of each pixel it covers (0 to 255); both uint8 (rows, columns, 3)."""

    marks: ByteArray
    cover: ByteArray

    @classmethod
    def of_shape(cls, shape: tuple[int, int]) -> Ink:
        """Return ink with nothing drawn."""
        return cls(np.zeros((*shape, 3), np.uint8), np.zeros((*shape, 3), np.uint8))

    def cut(self, part: tuple[slice, slice]) -> Ink:
        """Return a part of it."""
        return Ink(np.ascontiguousarray(self.marks[part]), np.ascontiguousarray(self.cover[part]))

    def draw_region(
        self, placed: DoubleArray, colour: Colour, *, style: LineStyle = "solid", label: str = "", size_px: int = 18
    ) -> None:
        """Outline a region, a cross for a single point, with its label above."""
        thickness = max(1, round(self.marks.shape[0] / 900))
        place = (float(placed[:, 0].min()) - 1.3 * size_px, float(placed[:, 1].min()))
        for canvas, paint in ((self.marks, colour), (self.cover, WHITE)):
            if len(placed) == 1:
                draw_cross(canvas, (placed[0, 0], placed[0, 1]), paint, radius=6.0 * thickness, thickness=thickness)
            else:
                draw_polygon(canvas, placed, paint, thickness=thickness, style=style)
            if label:
                draw_label(canvas, label, place, paint, size_px=size_px)


def draw_contours(ink: Ink, heat: FloatArray, style: OverlayStyle, *, half: bool = False) -> None:
    """Draw closed lines of equal score, float32 (rows, columns) as displayed, NaN where there is none.

    With ``half`` one line alone is drawn, in white, around what is at least half of the largest possible.
    """
    thickness = max(1, round(heat.shape[0] / 1100))
    for level in (HALF,) if half else contour_levels(style.threshold):
        with np.errstate(invalid="ignore"):
            above = (heat >= level).astype(np.uint8)
        lines, _ = cv2.findContours(above, cv2.RETR_LIST, cv2.CHAIN_APPROX_TC89_KCOS)
        for line in lines:
            points = line[:, 0, ::-1].astype(np.float64)
            line_colour = WHITE if half else contour_colour(style.colormap, level)
            for canvas, paint in ((ink.marks, line_colour), (ink.cover, WHITE)):
                draw_polygon(canvas, points, paint, thickness=thickness)


def draw_legend(ink: Ink, title: str, style: OverlayStyle, *, on_left: bool) -> None:
    """Draw the bar of the colours from 0 to 1 with its threshold, and the title above it, at the side with more air."""
    rows, columns = ink.marks.shape[:2]
    size_px = max(9, round(min(rows, columns * 1.3) / 70))
    lines = title.splitlines()
    widest = max(text_size(line, size_px)[1] for line in [*lines, "0.00"])
    width, height, margin = max(4, size_px), 10 * size_px, size_px
    left = margin if on_left else columns - margin - max(widest, width + 4 * size_px)
    top = rows // 3 + round(1.4 * size_px * len(lines)) + size_px
    if left < 0 or top + height > rows:
        return
    table = colormap(style.colormap)[::-1].astype(np.float32)
    table[round((1.0 - style.threshold) * 255) + 1 :] *= _DIMMED
    bar = cv2.resize(table[:, None], (width, height), interpolation=cv2.INTER_NEAREST)
    ink.marks[top : top + height, left : left + width] = np.rint(bar)
    ink.cover[top : top + height, left : left + width] = 255
    ticks = {0.0, 1.0, round(style.threshold, 2)}
    words = [(f"{tick:g}", top + (1.0 - tick) * height - 0.6 * size_px, left + width + 0.5 * size_px) for tick in ticks]
    first = top - 1.4 * size_px * len(lines) - 0.6 * size_px
    words += [(line, first + 1.4 * size_px * number, float(left)) for number, line in enumerate(lines)]
    for text, row, column in words:
        for canvas in (ink.marks, ink.cover):
            draw_label(canvas, text, (row, column), WHITE, size_px=size_px)
