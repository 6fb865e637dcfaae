"""Everything a viewport shows, layer by layer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QRegion

from mammoviewer.dicom.orientation import edge_letters
from mammoviewer.gui.canvas.air_layer import paint_air
from mammoviewer.gui.canvas.brush_ring import paint_brush_ring
from mammoviewer.gui.canvas.companion_layer import paint_companions, paint_shutters
from mammoviewer.gui.canvas.companion_text import with_companions
from mammoviewer.gui.canvas.corner_text import FULL, OFF, corner_text, scale_bar
from mammoviewer.gui.canvas.findings_layer import FindingsLayer
from mammoviewer.gui.canvas.grey_layer import GreyLayer
from mammoviewer.gui.canvas.haloed_text import EDGE, paint_haloed
from mammoviewer.gui.canvas.heatmap_layer import HeatmapLayer, paint_colour_bar
from mammoviewer.gui.canvas.lens import Lens
from mammoviewer.gui.canvas.linked_layer import paint_linked_cursor
from mammoviewer.gui.canvas.model_output import ModelOutput, missing_output
from mammoviewer.gui.canvas.patch_inset import PatchInset
from mammoviewer.gui.canvas.redraws import Painted, Redraws, has_marks
from mammoviewer.gui.canvas.roi_layer import paint_detection
from mammoviewer.gui.canvas.screen_text import with_screen
from mammoviewer.gui.canvas.slice_strip import WIDTH
from mammoviewer.gui.canvas.stroke_layer import paint_pending
from mammoviewer.gui.canvas.suggestion_layer import paint_suggestion
from mammoviewer.gui.canvas.text_layer import Sheet, Words, laid_out, paint_words
from mammoviewer.gui.canvas.tools import visible_findings
from mammoviewer.gui.canvas.view_transform import Region
from mammoviewer.gui.canvas.window_pixels import exposed_words
from mammoviewer.gui.theme import color
from mammoviewer.session.blind import ai_hidden, seen_of_readers, visible_scores
from mammoviewer.session.companions import Drawing
from mammoviewer.session.viewer_state import Overlay, OverlayStyle

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget

REST_S: Final = 0.15
"""A view that rests so long is made exactly."""
_BAR_WIDTH: Final = 10.0
_EDGES_FROM: Final = 430
"""In a lower viewport the lines of text take the middle of the edge."""
_EDGE: Final = 5.0
"""Distance of the letters of orientation from the edge, in logical pixels."""
_BESIDE_LETTER: Final = 16.0
"""How far from the words in the corner a colour bar begins where such a letter stands at its edge."""
_BAR_NEEDS: Final = 150.0
"""Logical pixels between the lines of text that a colour bar with its title takes."""


class Pace:
    """Tells whether the reader goes from picture to picture faster than exact ones are worth making.

    Parameters
    ----------
    now
        A clock in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._shown: object = None
        self._at = float("-inf")

    def quick(self, shown: object, *, rough: bool) -> bool:
        """Return whether ``shown`` is to be made quickly: a change soon after another, or one that has just been."""
        now = self._now()
        moving = now - self._at < REST_S
        if shown != self._shown:
            self._shown, self._at = shown, now
            return moving
        return rough and moving


@dataclass(frozen=True)
class _Ready:
    """What a paint shows: the region of the greys, None where none are seen, and the words."""

    region: Region | None
    words: Words


class ViewportPainter:
    """Paints one viewport; keeps what it can between two paints."""

    def __init__(self, viewport: ViewWidget) -> None:
        self._viewport = viewport
        self.grey = GreyLayer()
        self._heat = HeatmapLayer()
        self._patch = PatchInset()
        self._lens = Lens()
        self._findings = FindingsLayer()
        self._pace = Pace()
        self._has_picture = False
        self._ready: _Ready | None = None
        self.redraws = Redraws(viewport)
        self.badge_places: Mapping[str, QRectF] = {}

    def paint(self, painter: QPainter, exposed: QRegion) -> None:
        """Paint all layers in logical pixels, where they are exposed."""
        viewport = self._viewport
        self.redraws.begin()
        if viewport.state is None:
            painter.fillRect(viewport.rect(), Qt.GlobalColor.black)
            return
        _snap(painter, viewport.devicePixelRatioF())
        ready = self._ready or self._made()
        seen = self._paint_picture(painter, exposed, ready.region)
        paint_air(painter, viewport, viewport.view)
        drawing, output = viewport.drawing, viewport.output
        paint_shutters(painter, drawing.shutters, viewport.view)
        self._paint_scores(painter, output)
        self._paint_marks(painter, drawing, output)
        patch = self._patch.paint(painter, viewport, output.cam, self._style())
        self._lens.paint(painter, viewport)
        words = ready.words
        paint_words(painter, words)
        self.badge_places = words.badges
        self._paint_edges(painter)
        self._paint_strip(painter)
        bar = self._paint_bar(painter, words.free, output)
        if viewport.is_active:
            painter.fillRect(QRectF(0.0, 0.0, viewport.width(), 1.5), color("accent"))
        frame = viewport.shown_frame if self._has_picture else None
        marked = frame is None or has_marks(viewport, drawing, output)
        self.redraws.end(Painted(frame, seen, words.covered + bar + patch, marked), exposed)

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Make what a paint shows and can be made without it; a paint within this takes it as it is."""
        if self._viewport.state is None:
            yield
            return
        with self._viewport.still():
            self._ready = self._made()
            try:
                yield
            finally:
                self._ready = None

    def _made(self) -> _Ready:
        return _Ready(self._see(), self._words())

    def _see(self) -> Region | None:
        """Make the greys that are seen, unless they are there; return where they go, None while there are none."""
        viewport = self._viewport
        picture = viewport.follower.picture()
        self._has_picture = picture is not None
        if picture is None:
            return None
        view = viewport.view
        quick = self._pace.quick((id(picture.pixels), view.zoom), rough=self.grey.rough)
        region = self.grey.see_as(viewport, picture, view, quick=quick)
        if self.grey.rough:
            viewport.refine_soon()
        return region

    def _paint_picture(self, painter: QPainter, exposed: QRegion, region: Region | None) -> QRectF:
        """Paint the greys, and black where there are none; nothing twice, for a big window takes milliseconds.

        Returns where the greys lie, in logical pixels; the whole viewport while there are none.
        """
        viewport = self._viewport
        view = viewport.view
        if region is None:
            painter.fillRect(viewport.rect(), Qt.GlobalColor.black)
            if not self._has_picture:
                self._say(painter, "This frame cannot be decoded" if viewport.follower.bad else "Loading")
            return QRectF(viewport.rect())
        rows, columns = self.grey.size
        place = QRectF(region.left / view.dpr, region.top / view.dpr, columns / view.dpr, rows / view.dpr)
        for beside in _around(QRectF(viewport.rect()), place):
            painter.fillRect(beside, Qt.GlobalColor.black)
        parts = exposed_words(painter, QRect(region.left, region.top, columns, rows), exposed, view.dpr)
        if parts is None:
            image = self.grey.image()
            image.setDevicePixelRatio(view.dpr)
            painter.drawImage(place.topLeft(), image)
        else:
            for words, part in parts:
                self.grey.fill(words, part.y(), part.x())
        return place

    def _say(self, painter: QPainter, text: str) -> None:
        painter.setPen(color("dim"))
        painter.drawText(self._viewport.rect(), Qt.AlignmentFlag.AlignCenter, text)

    def _paint_scores(self, painter: QPainter, output: ModelOutput) -> None:
        viewport = self._viewport
        if output.scores is not None:
            evidence = output.cam is not None
            self._heat.paint(painter, output.scores, viewport.view, self._style(), evidence=evidence)

    def _style(self) -> OverlayStyle:
        return self._viewport.workspace.style.shown(self._viewport.shown.overlay)

    def _paint_marks(self, painter: QPainter, drawing: Drawing, output: ModelOutput) -> None:
        viewport = self._viewport
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(_font(viewport.font(), 11))
        view = viewport.view
        paint_companions(painter, drawing, view)
        gone_to = viewport.workspace.desk.mark
        for detection in output.detections:
            link = output.links.get(detection)
            chosen = detection == gone_to or (link is not None and link.mark == gone_to)
            paint_detection(painter, detection, view, chosen=chosen, matched=link.text if link is not None else "")
        self._findings.paint(painter, viewport, visible_findings(viewport))
        paint_pending(painter, viewport)
        paint_suggestion(painter, viewport)
        gesture = viewport.hands.gesture
        paint_linked_cursor(painter, viewport)
        if gesture is not None:
            gesture.paint(painter)
        paint_brush_ring(painter, viewport)

    def _words(self) -> Words:
        """Lay out what is written."""
        viewport = self._viewport
        level = viewport.workspace.desk.corner_text
        state, view = viewport.shown, viewport.view
        text = corner_text(state, viewport.shown_frame, level, bad=viewport.follower.bad)
        text = with_screen(with_companions(text, state, viewport.workspace, level), viewport, level)
        bar = None
        if level != OFF:
            longest = min(0.3 * viewport.width(), 240.0)
            bar = scale_bar(state.image.attributes, view, longest)
        area = self._text_area()
        sheet = Sheet(
            area.left(),
            area.top(),
            area.width(),
            area.height(),
            on_left=viewport.text_on_left,
            reserve=0.0 if state.overlay is Overlay.NONE else _BAR_NEEDS,
            font=viewport.font().toString(),
            ratio=view.dpr,
        )
        return laid_out(text, bar, sheet)

    def _paint_edges(self, painter: QPainter) -> None:
        """Write at the middle of each edge which way of the patient it lies, where the file tells and text is full."""
        viewport = self._viewport
        letters = self._letters()
        if letters is None:
            return
        area, font = self._text_area(), _font(viewport.font(), 11)
        metrics = QFontMetricsF(font)
        left, right, top, bottom = letters
        middle = area.center().y() + metrics.ascent() / 2.0
        places = (
            (left, area.left() + _EDGE, middle),
            (right, area.right() - _EDGE - metrics.horizontalAdvance(right), middle),
            (top, area.center().x(), area.top() + _EDGE + metrics.ascent()),
            (bottom, area.center().x(), area.bottom() - _EDGE),
        )
        # The chest wall's edge is left out: there lies tissue, and what it is goes without saying.
        shown = places[1:] if viewport.chest == "left" else (places[0], *places[2:]) if viewport.chest else places
        for text, x, y in shown:
            paint_haloed(painter, QPointF(x, y), text, font, color("dim"))

    def _letters(self) -> tuple[str, str, str, str] | None:
        """Return the letters of the left, right, top and bottom edge; None where they are not shown."""
        viewport = self._viewport
        if viewport.workspace.desk.corner_text != FULL or viewport.height() < _EDGES_FROM:
            return None
        attributes = viewport.shown.image.attributes
        return edge_letters(attributes.PatientOrientation or attributes.plane_directions, viewport.shown.orientation)

    def _text_area(self) -> QRectF:
        viewport = self._viewport
        area = QRectF(viewport.rect())
        if viewport.strip is None:
            return area
        return area.adjusted(WIDTH, 0, 0, 0) if viewport.text_on_left else area.adjusted(0, 0, -WIDTH, 0)

    def _paint_strip(self, painter: QPainter) -> None:
        viewport = self._viewport
        strip = viewport.strip
        if strip is None:
            return
        workspace, image = viewport.workspace, viewport.shown.image
        scores = visible_scores(workspace, image)
        shown = workspace.desk.show_findings
        everything = workspace.annotations.for_image(image.attributes.identity) if shown else ()
        seen = seen_of_readers(workspace, image, everything)
        findings = tuple(finding for finding in seen if not finding.is_measure)
        marked = workspace.desk.show_companions and not ai_hidden(workspace, image)
        others = workspace.shelf.frames(image) if marked else ()
        strip.paint(painter, viewport.shown_frame, scores, findings, workspace.style.colormap, companions=others)

    def _paint_bar(self, painter: QPainter, free: QRectF, output: ModelOutput) -> QRegion:
        """Paint what the colours of a map stand for, and return where it lies."""
        viewport = self._viewport
        if viewport.shown.overlay is Overlay.NONE:
            return QRegion()
        title = output.title or missing_output(viewport.workspace, viewport.shown)
        font = _font(viewport.font(), 11)
        metrics = QFontMetricsF(font)
        width = max(44.0, *(metrics.horizontalAdvance(line) for line in title.splitlines()))
        # The letter of this edge stands at its middle, too.
        beside = _BESIDE_LETTER if self._letters() is not None else 0.0
        left = free.left() + beside if viewport.text_on_left else free.right() - width - beside
        around = QRegion(QRectF(left - EDGE, free.top(), width + 2 * EDGE, free.height()).toAlignedRect())
        if output.scores is None:
            paint_haloed(painter, QPointF(left, free.center().y()), title, font, color("dim"))
            return around
        head = metrics.height() * len(title.splitlines()) + 16.0
        length = min(140.0, free.height() - head - metrics.height())
        if length >= 3 * metrics.height():
            place = QRectF(left, free.center().y() + (head - length) / 2.0, _BAR_WIDTH, length)
            paint_colour_bar(painter, place, self._style(), title, font)
        return around


def _font(base: QFont, pixels: int) -> QFont:
    font = QFont(base)
    font.setPixelSize(pixels)
    return font


def _snap(painter: QPainter, dpr: float) -> None:
    """Move the origin onto a whole device pixel, where a broken scale factor put it between two."""
    transform = painter.deviceTransform()
    painter.translate((round(transform.dx()) - transform.dx()) / dpr, (round(transform.dy()) - transform.dy()) / dpr)


def _around(outer: QRectF, inner: QRectF) -> tuple[QRectF, ...]:
    """Return what of ``outer`` is not in ``inner``, grown by a pixel against gaps at fractional scale factors."""
    grown = outer.adjusted(-1.0, -1.0, 1.0, 1.0)
    parts = (
        QRectF(grown.left(), grown.top(), inner.left() - grown.left(), grown.height()),
        QRectF(inner.right(), grown.top(), grown.right() - inner.right(), grown.height()),
        QRectF(inner.left(), grown.top(), inner.width(), inner.top() - grown.top()),
        QRectF(inner.left(), inner.bottom(), inner.width(), grown.bottom() - inner.bottom()),
    )
    return tuple(part for part in parts if part.width() > 0 and part.height() > 0)
