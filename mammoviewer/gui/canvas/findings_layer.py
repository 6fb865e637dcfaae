"""All findings of a frame: painted one by one while they are few, from a picture of them when they are many.

From several on, what rests is kept as a picture too: a heatmap that is drawn anew under twenty regions, or a region
that comes on the image beside, is no reason to paint each of them again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

from mammoviewer.annotations.finding import ALGORITHM, Finding
from mammoviewer.annotations.roi import LINES, RoiKind
from mammoviewer.gui.canvas.roi_layer import label_colour, paint_finding
from mammoviewer.gui.canvas.view_transform import ViewTransform
from mammoviewer.gui.theme import color

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget

MANY: Final = 120
"""From so many on, findings lose their words and are painted together: words would cover each other anyway."""
SEVERAL: Final = 8
"""From so many on, findings that look as they did at the time before are painted into a picture that is kept."""
_POINT_RADIUS: Final = 4.0
_Style = tuple[int, bool, bool]
_Shape = tuple[QPolygonF, RoiKind]


class FindingsLayer:
    """Paints the findings of one viewport; keeps the picture of many until they or the view change."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._before: tuple[object, ...] = ()
        self._image = QImage()

    def paint(self, painter: QPainter, viewport: ViewWidget, findings: Sequence[Finding]) -> None:
        """Paint all; the chosen one, and one that is being changed, always by itself and with its words."""
        desk, reader = viewport.workspace.desk, viewport.workspace.settings.reader
        gesture = viewport.hands.gesture
        preview = gesture.preview if gesture is not None else None
        apart = {desk.selected_finding, preview.id if preview is not None else ""}
        view = viewport.view
        alone = [finding for finding in findings if finding.id in apart] if len(findings) >= MANY else findings
        if len(findings) >= MANY:
            rest = tuple(finding for finding in findings if finding.id not in apart)
            self._paint_many(painter, rest, view, reader)
        else:
            resting = tuple(finding for finding in findings if finding.id not in apart and not finding.is_measure)
            if self._painted_resting(painter, resting, view, reader):
                alone = [finding for finding in findings if finding.id in apart or finding.is_measure]
        for stored in alone:
            finding = preview if preview is not None and preview.id == stored.id else stored
            measured = viewport.workspace.measures.text(finding) if finding.is_measure else ""
            chosen = finding.id == desk.selected_finding
            other = _of_another(finding, reader)
            paint_finding(painter, finding, view, selected=chosen, measured=measured, other=other)

    def _painted_resting(
        self, painter: QPainter, findings: tuple[Finding, ...], view: ViewTransform, reader: str
    ) -> bool:
        """Paint several findings from a picture, and return whether they were; while the view moves they are not."""
        if len(findings) < SEVERAL:
            return False
        colours = tuple(label_colour(name).rgb() for name in sorted({finding.label for finding in findings}))
        key = (findings, view.matrix.tobytes(), view.size, view.dpr, reader, colours, painter.font().key())
        if key != self._key:
            alike = key == self._before
            self._before = key
            if not alike:
                return False
            self._image, self._key = _styled_picture(painter, findings, view, reader), key
        painter.drawImage(0, 0, self._image)
        return True

    def _paint_many(self, painter: QPainter, findings: tuple[Finding, ...], view: ViewTransform, reader: str) -> None:
        key = (findings, view.matrix.tobytes(), view.size, view.dpr, reader)
        # The same tuple of the same objects compares at once; another one differs in its first members.
        if key != self._key:
            self._image = _picture(findings, view, reader)
            self._key = key
        painter.drawImage(0, 0, self._image)


def _of_another(finding: Finding, reader: str) -> bool:
    return finding.reader not in {"", reader}


def _empty_picture(view: ViewTransform) -> QImage:
    width, height = view.device_size
    image = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(view.dpr)
    image.fill(Qt.GlobalColor.transparent)
    return image


def _styled_picture(like: QPainter, findings: Sequence[Finding], view: ViewTransform, reader: str) -> QImage:
    """Return findings as :func:`paint_finding` paints them with the font and the edges of ``like``."""
    image = _empty_picture(view)
    painter = QPainter(image)
    painter.setRenderHints(like.renderHints())
    painter.setFont(like.font())
    for finding in findings:
        paint_finding(painter, finding, view, other=_of_another(finding, reader))
    painter.end()
    return image


def _picture(findings: Sequence[Finding], view: ViewTransform, reader: str) -> QImage:
    image = _empty_picture(view)
    painter = QPainter(image)
    for style, shapes in _shapes(_seen(findings, view), view, reader).items():
        _draw(painter, shapes, style)
    painter.end()
    return image


def _draw(painter: QPainter, shapes: Sequence[_Shape], style: _Style) -> None:
    """Draw thin lines: wide ones with soft edges take twenty times as long, and would run into each other."""
    rgb, dashed, dotted = style
    pen = QPen(QColor.fromRgb(rgb), 1.0)
    pen.setCosmetic(True)
    if dashed or dotted:
        pen.setDashPattern([4.0, 3.0] if dashed else [1.0, 2.0])
    painter.setPen(pen)
    for polygon, kind in shapes:
        if kind in (RoiKind.POINT, RoiKind.TEXT):
            painter.drawEllipse(polygon.first(), _POINT_RADIUS, _POINT_RADIUS)
        elif kind in LINES:
            painter.drawPolyline(polygon)
        else:
            painter.drawPolygon(polygon)


def _seen(findings: Sequence[Finding], view: ViewTransform) -> list[Finding]:
    """Return the findings whose box reaches into the viewport."""
    boxes = np.array([finding.roi.bounding_box() for finding in findings]).reshape(-1, 4)
    corners = np.stack([boxes[:, (0, 1)], boxes[:, (2, 3)]], axis=1).reshape(-1, 2)
    places = view.to_widget(corners).reshape(-1, 2, 2)
    low, high = places.min(axis=1) - _POINT_RADIUS, places.max(axis=1) + _POINT_RADIUS
    inside = (high[:, 0] >= 0) & (high[:, 1] >= 0) & (low[:, 0] <= view.size[0]) & (low[:, 1] <= view.size[1])
    return [finding for finding, there in zip(findings, inside.tolist(), strict=True) if there]


def _shapes(findings: Sequence[Finding], view: ViewTransform, reader: str) -> dict[_Style, list[_Shape]]:
    """Return the outlines in logical pixels by colour and kind of line."""
    outlines = [finding.roi.outline() for finding in findings]
    if not outlines:
        return {}
    places = view.to_widget(np.concatenate(outlines))
    ends = np.cumsum([len(outline) for outline in outlines])
    shapes: dict[_Style, list[_Shape]] = defaultdict(list)
    for finding, part in zip(findings, np.split(places, ends[:-1]), strict=True):
        by_algorithm = finding.origin == ALGORITHM
        colour = color("measure") if finding.is_measure else label_colour(finding.label)
        style = colour.rgb(), by_algorithm, not by_algorithm and finding.reader not in {"", reader}
        shapes[style].append((QPolygonF([QPointF(x, y) for x, y in part.tolist()]), finding.roi.kind))
    return shapes
