"""Model output over the picture: colours or contours at screen resolution, and the bar that explains them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen, QPolygonF

from mammoviewer.base.arrays import ByteArray, DoubleArray, FloatArray
from mammoviewer.gui.canvas.haloed_text import paint_haloed
from mammoviewer.gui.canvas.view_transform import Region, ViewTransform
from mammoviewer.gui.theme import color
from mammoviewer.imaging.colormaps import (
    FAINTEST,
    FAINTEST_EVIDENCE,
    HALF,
    colormap,
    contour_colour,
    contour_levels,
    heatmap_layer,
)
from mammoviewer.inference.evidence import readable_evidence
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.session.viewer_state import OverlayStyle

_COARSE: Final = 2
"""Device pixels per pixel of the coloured image; scores are far coarser than that."""
_FINEST: Final = 4
_MOST_SAMPLES: Final = 800
"""How much finer than the colours the line around a small blot is, and the longest side up to which it is."""
_LEAST_WEIGHT: Final = 1e-6
"""Share of known cells around a place below which it has no score."""


@dataclass(frozen=True, eq=False)
class Contour:
    """One closed line of equal score, in logical pixels of the viewport."""

    level: float
    line: QPolygonF


@dataclass
class HeatmapLayer:
    """Keeps the coloured image of what is seen until scores, view or style change."""

    _grid: Heatmap | None = None
    _key: tuple[object, ...] = ()
    _pixels: ByteArray = field(default_factory=lambda: np.zeros((0, 0, 4), np.uint8))
    _image: QImage = field(default_factory=QImage)
    _contours: tuple[Contour, ...] = ()
    _region: Region | None = None

    def paint(
        self, painter: QPainter, grid: Heatmap, view: ViewTransform, style: OverlayStyle, *, evidence: bool = False
    ) -> None:
        """Paint the scores in logical coordinates of the viewport; ``evidence`` is the explanation of one patch."""
        self._prepare(grid, view, style, evidence=evidence)
        region = self._region
        if region is None:
            return
        painter.save()
        if not style.contours:
            self._paint_colours(painter, region, view.dpr)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for contour in self._contours:
            if style.contours:
                painter.setPen(QPen(QColor(*contour_colour(style.colormap, contour.level)), 1.4))
            else:
                painter.setPen(QPen(QColor(0, 0, 0, 140), 2.6))
                painter.drawPolygon(contour.line)
                painter.setPen(QPen(color("bright"), 1.2))
            painter.drawPolygon(contour.line)
        painter.restore()

    def _paint_colours(self, painter: QPainter, region: Region, dpr: float) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        rows, columns = self._pixels.shape[:2]
        scale = 1.0 / dpr
        width, height = columns * _COARSE * scale, rows * _COARSE * scale
        place = QRectF(region.left * scale, region.top * scale, width, height)
        seen = QRectF(region.left, region.top, region.right - region.left, region.bottom - region.top)
        painter.setClipRect(QRectF(seen.x() * scale, seen.y() * scale, seen.width() * scale, seen.height() * scale))
        painter.drawImage(place, self._image)
        painter.restore()

    def _prepare(self, grid: Heatmap, view: ViewTransform, style: OverlayStyle, *, evidence: bool) -> None:
        key = (view, style.opacity, style.threshold, style.colormap, style.contours, evidence)
        if grid is self._grid and key == self._key:
            return
        self._grid, self._key = grid, key
        seen = view.visible()
        shown = readable_evidence(grid, view.zoom / view.dpr) if evidence else grid
        self._region = lit_region(shown, view, seen, style.threshold) if seen is not None else None
        if self._region is None:
            return
        scores = scores_on_screen(shown, view, self._region)
        if style.contours:
            self._contours = contours(scores, self._region, view.dpr, contour_levels(style.threshold))
            return
        # Half of the strongest is outlined where an explanation is shown from less on.
        halves = (HALF,) if evidence and style.threshold <= HALF else ()
        fineness = max(1, min(_FINEST, _MOST_SAMPLES // max(scores.shape)))
        self._contours = contours(scores, self._region, view.dpr, halves, fineness=fineness)
        self._pixels = coloured(scores, style, FAINTEST_EVIDENCE if evidence else FAINTEST)
        rows, columns = self._pixels.shape[:2]
        self._image = QImage(self._pixels.data, columns, rows, columns * 4, QImage.Format.Format_ARGB32_Premultiplied)


def lit_region(grid: Heatmap, view: ViewTransform, region: Region, threshold: float) -> Region | None:
    """Return the part of a region outside of which no score reaches the threshold; None when none does anywhere.

    Its edges lie whole pixels of the coloured image from those of ``region``, so that colours stay where they are.
    """
    with np.errstate(invalid="ignore"):
        above = grid.values >= threshold
    if not above.any():
        return None
    ends = []
    for axis, length in enumerate(view.shape):
        lit = np.flatnonzero(above.any(axis=1 - axis))
        first, last = int(lit[0]), int(lit[-1])
        low, high = (grid.origin[axis] + cell * grid.step[axis] for cell in (first - 1, last + 1))
        # Beyond the outer cells the scores go on to the edge of the image.
        ends.append((-1.0 if first == 0 else low, length if last == above.shape[axis] - 1 else high))
    corners = view.to_widget(np.array([(row, column) for row in ends[0] for column in ends[1]])) * view.dpr
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    start_x, start_y = (
        low + max(0, math.floor((at - low) / _COARSE)) * _COARSE for at, low in ((left, region.left), (top, region.top))
    )
    end_x, end_y = min(region.right, math.ceil(right) + 1), min(region.bottom, math.ceil(bottom) + 1)
    if start_x >= end_x or start_y >= end_y:
        return None
    return replace(region, left=start_x, top=start_y, right=end_x, bottom=end_y)


def scores_on_screen(grid: Heatmap, view: ViewTransform, region: Region) -> FloatArray:
    """Return the scores of a region, float32, one per ``_COARSE`` device pixels, NaN outside the breast.

    Between cells they are interpolated and beyond the outer ones kept, as ``Heatmap.resampled`` does.
    """
    known = np.isfinite(grid.values)
    affine = _to_cells(view, region, grid.origin, grid.step)
    cells = np.dstack([np.where(known, grid.values, 0.0), known]).astype(np.float32)
    total, weight = cv2.split(_warped(cells, affine, region))
    per_row, per_column = (full / have for full, have in zip(view.shape, grid.mask.shape, strict=True))
    to_mask = _to_cells(view, region, (per_row / 2 - 0.5, per_column / 2 - 0.5), (per_row, per_column))
    inside = _warped(grid.mask.view(np.uint8), to_mask, region)
    with np.errstate(invalid="ignore", divide="ignore"):
        scores: FloatArray = np.divide(total, weight, dtype=np.float32)
    scores[(inside == 0) | (weight <= _LEAST_WEIGHT)] = np.nan
    return scores


def _to_cells(
    view: ViewTransform, region: Region, origin: tuple[float, float], step: tuple[float, float]
) -> DoubleArray:
    """Return the 2x3 matrix from (x, y) of the coarse image of a region to (column, row) of a grid's cells."""
    corners = []
    # Three pixels fix an affine.
    for x, y in ((0, 0), (1, 0), (0, 1)):
        device = (region.left + (x + 0.5) * _COARSE, region.top + (y + 0.5) * _COARSE)
        row, column = view.to_stored(device[0] / view.dpr, device[1] / view.dpr)
        corners.append(((column - origin[1]) / step[1], (row - origin[0]) / step[0]))
    start, right, down = (np.array(corner) for corner in corners)
    return np.stack([right - start, down - start, start], axis=1)


def _warped(values: NDArray[Any], affine: DoubleArray, region: Region) -> NDArray[Any]:
    """Return values between those of a grid; of bytes 0 and 1 the nearer one."""
    rows, columns = (-(-length // _COARSE) for length in region.size)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(values, affine, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def coloured(scores: FloatArray, style: OverlayStyle, faintest: float = FAINTEST) -> ByteArray:
    """Return (rows, columns, 4) premultiplied blue, green, red, alpha of scores in [0, 1]; NaN is transparent.

    ``faintest`` is the share of the opacity at the threshold.
    """
    steps = np.linspace(0.0, 1.0, 256, dtype=np.float32)[None]
    ramp = heatmap_layer(
        steps, colormap_name=style.colormap, opacity=style.opacity, threshold=style.threshold, faintest=faintest
    )[0]
    alpha = ramp[:, 3:].astype(np.float32) / 255.0
    table = np.empty((256, 4), np.uint8)
    table[:, 2::-1] = np.rint(ramp[:, :3] * alpha)
    table[:, 3] = ramp[:, 3]
    with np.errstate(invalid="ignore"):
        index = (np.clip(scores, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    # Four bytes at once; a quarter of a screen is coloured anew with every batch of windows.
    pixels = np.take(table.view(np.uint32)[:, 0], index)
    pixels[np.isnan(scores)] = 0
    return pixels.view(np.uint8).reshape(*scores.shape, 4)


def contours(
    scores: FloatArray, region: Region, dpr: float, levels: Iterable[float], *, fineness: int = 1
) -> tuple[Contour, ...]:
    """Return closed lines of equal score at each level, from ``fineness`` times as many samples along each axis."""
    found = []
    if fineness > 1:
        known = np.nan_to_num(scores)
        scores = np.asarray(cv2.resize(known, None, fx=fineness, fy=fineness, interpolation=cv2.INTER_LINEAR))
    for level in levels:
        with np.errstate(invalid="ignore"):
            above = (scores >= level).astype(np.uint8)
        lines, _ = cv2.findContours(above, cv2.RETR_LIST, cv2.CHAIN_APPROX_TC89_KCOS)
        for line in lines:
            points = (line[:, 0, :] + 0.5) * (_COARSE / fineness) + (region.left, region.top)
            found.append(Contour(level, QPolygonF([QPointF(x / dpr, y / dpr) for x, y in points.tolist()])))
    return tuple(found)


def paint_colour_bar(painter: QPainter, place: QRectF, style: OverlayStyle, title: str, font: QFont) -> None:
    """Paint the colours from 0 to 1 upwards, with the threshold, ticks, and what is scored by which model.

    ``place`` is that of the bar itself; ticks stand at its right, the title above.
    """
    painter.save()
    painter.setFont(font)
    table = np.ascontiguousarray(colormap(style.colormap)[::-1])
    bar = QImage(table.data, 1, 256, 3, QImage.Format.Format_RGB888)
    painter.drawImage(place, bar)
    y = place.bottom() - style.threshold * place.height()
    painter.fillRect(QRectF(place.left(), y, place.width(), place.bottom() - y), QColor(0, 0, 0, 190))
    painter.setPen(QPen(color("line_hover"), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(place)
    height = painter.fontMetrics().height()
    values = sorted({0.0, 0.5, 1.0} | {round(style.threshold, 2)})
    # A tick that would run into the threshold's gives way to it.
    shown = [v for v in values if v == round(style.threshold, 2) or abs(v - style.threshold) * place.height() > height]
    for value in shown:
        y = place.bottom() - value * place.height()
        colour = color("bright" if value == round(style.threshold, 2) else "text")
        painter.setPen(colour)
        painter.drawLine(QPointF(place.right(), y), QPointF(place.right() + 3, y))
        paint_haloed(painter, QPointF(place.right() + 6, y + height * 0.32), f"{value:g}", font, colour)
    for number, line in enumerate(reversed(title.splitlines())):
        paint_haloed(painter, QPointF(place.left(), place.top() - 7 - number * height), line, font, color("text"))
    painter.restore()
