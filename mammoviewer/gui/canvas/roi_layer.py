"""Findings and AI marks over the picture: painted as lines of constant width, and found again under the cursor."""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QByteArray, QDataStream, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

from mammoviewer.annotations.finding import ALGORITHM, Finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.arrays import DoubleArray
from mammoviewer.gui.canvas.haloed_text import paint_haloed
from mammoviewer.gui.canvas.view_transform import ViewTransform
from mammoviewer.gui.theme import color
from mammoviewer.inference.detections import Detection
from mammoviewer.session import label_colours

HANDLE_RADIUS: Final = 4.0
GRASP: Final = 7.0
"""How near the cursor must be to a line or a handle, in logical pixels."""

_MARK_RADIUS: Final = 7.0
_MOST_HANDLES: Final = 40
_MANY_POINTS: Final = 200
_UNSEEN: Final = 0.25
"""Logical pixels by which a painted line of more points than that may leave the region's."""
_HEAD: Final = 12.0
_HEAD_ANGLE: Final = 0.45
_MANY_ELEMENTS: Final = 1500
_MOST_KEPT: Final = 24
_ELEMENT: Final = np.dtype([("kind", ">i4"), ("x", ">f8"), ("y", ">f8")])
_MOVE_TO, _LINE_TO = (QPainterPath.ElementType[name].value for name in ("MoveToElement", "LineToElement"))
_Made = TypeVar("_Made")
_BOXES: Final = (RoiKind.RECTANGLE, RoiKind.ELLIPSE, RoiKind.STATISTICS)


def label_colour(label: str) -> QColor:
    """Return the colour of a class, the same in every image and session."""
    return QColor(*label_colours.label_colour(label))


class _Kept(Generic[_Made]):
    """What was made of the last few long outlines: pictures are painted of them again and again."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[object, ...], tuple[Roi, _Made]] = OrderedDict()

    def get(self, roi: Roi, key: tuple[object, ...], make: Callable[[], _Made]) -> _Made:
        """Return what is kept of a region under a key, or make it."""
        place = (id(roi), *key)
        kept = self._made.get(place)
        # Another region may have the address of one that is gone.
        if kept is None or kept[0] is not roi:
            kept = self._made[place] = (roi, make())
        self._made.move_to_end(place)
        while len(self._made) > _MOST_KEPT:
            self._made.popitem(last=False)
        return kept[1]


_PATHS: Final = _Kept[QPainterPath]()


def outline(roi: Roi, view: ViewTransform) -> QPainterPath:
    """Return a region's outline in logical pixels; it is not to be changed."""
    if len(roi.points) < _MANY_POINTS:
        return _outline(roi, view)
    return _PATHS.get(roi, (view.matrix.tobytes(), view.dpr), lambda: _long_outline(roi, view))


def _outline(roi: Roi, view: ViewTransform) -> QPainterPath:
    points = roi.outline()
    path = QPainterPath()
    if roi.kind in (RoiKind.POINT, RoiKind.TEXT):
        x, y = view.to_widget(points)[0]
        path.addEllipse(QPointF(x, y), _MARK_RADIUS, _MARK_RADIUS)
    elif roi.kind in (RoiKind.ELLIPSE, RoiKind.STATISTICS):
        path.addEllipse(_bounds(view.to_widget(np.array(roi.points))))
    else:
        for loop in roi.loops:
            path.addPolygon(QPolygonF([QPointF(x, y) for x, y in view.to_widget(loop).tolist()]))
            path.closeSubpath()
    if roi.kind is RoiKind.ARROW:
        tip, tail = view.to_widget(points)[:2]
        path.addPath(_arrow_head(tip, tail))
    return path


def _long_outline(roi: Roi, view: ViewTransform) -> QPainterPath:
    """Return an outline without the points that nobody can tell from a straight line.

    Painted regions have thousands, one for each step from pixel to pixel; Qt strokes no more than some hundred in time.
    """
    ends = np.cumsum([len(loop) for loop in roi.loops])[:-1]
    places = view.to_widget(np.concatenate(roi.loops)).astype(np.float32)
    seen = [cv2.approxPolyDP(loop, _UNSEEN, True)[:, 0] for loop in np.split(places, ends)]
    return _path_of([np.concatenate([loop, loop[:1]]) for loop in seen])


def _path_of(lines: Sequence[NDArray[np.float32]]) -> QPainterPath:
    """Return a path of lines (N, 2), read as Qt writes one: adding each point takes ten times as long."""
    elements = np.zeros(sum(map(len, lines)), _ELEMENT)
    elements["x"], elements["y"] = np.concatenate(lines).T
    elements["kind"] = _LINE_TO
    elements["kind"][np.cumsum([0, *map(len, lines[:-1])])] = _MOVE_TO
    head, tail = struct.pack(">i", len(elements)), struct.pack(">ii", 0, int(Qt.FillRule.OddEvenFill.value))
    path = QPainterPath()
    stream = QDataStream(QByteArray(head + elements.tobytes() + tail))
    stream >> path
    return path


def _arrow_head(tip: DoubleArray, tail: DoubleArray) -> QPainterPath:
    """Return two strokes at the tip, as long at every zoom."""
    way = np.arctan2(tail[1] - tip[1], tail[0] - tip[0])
    path = QPainterPath()
    for turn in (-_HEAD_ANGLE, _HEAD_ANGLE):
        path.moveTo(tip[0], tip[1])
        path.lineTo(tip[0] + _HEAD * np.cos(way + turn), tip[1] + _HEAD * np.sin(way + turn))
    return path


def _bounds(points: DoubleArray) -> QRectF:
    low, high = points.min(axis=0), points.max(axis=0)
    return QRectF(low[0], low[1], high[0] - low[0], high[1] - low[1])


def box_on_screen(box: tuple[float, float, float, float], view: ViewTransform) -> QRectF:
    """Return a stored box (r0, c0, r1, c1) in logical pixels."""
    top, left, bottom, right = box
    return _bounds(view.to_widget(np.array([(top, left), (bottom, right)])))


def handles(roi: Roi) -> tuple[tuple[float, float], ...]:
    """Return the stored places at which a region is reshaped: four corners, or its points when they are few."""
    if roi.kind in _BOXES:
        (top, left), (bottom, right) = roi.points
        return (top, left), (top, right), (bottom, right), (bottom, left)
    if roi.kind in (RoiKind.POINT, RoiKind.TEXT) or len(roi.points) > _MOST_HANDLES:
        return ()
    return roi.points


def reshaped(roi: Roi, handle: int, point: tuple[float, float]) -> Roi:
    """Return the region with one of its :func:`handles` put at a stored point."""
    if roi.kind not in _BOXES:
        return roi.with_point(handle, point)
    (top, left), (bottom, right) = roi.points
    row, column = point
    first = (row if handle in (0, 1) else top, column if handle in (0, 3) else left)
    second = (row if handle in (2, 3) else bottom, column if handle in (1, 2) else right)
    return Roi(roi.kind, (first, second))


def handle_at(roi: Roi, view: ViewTransform, place: QPointF) -> int | None:
    """Return the handle under a logical place, None when there is none."""
    points = handles(roi)
    if not points:
        return None
    distance = np.hypot(*(view.to_widget(np.array(points)) - (place.x(), place.y())).T)
    nearest = int(distance.argmin())
    return nearest if distance[nearest] <= GRASP else None


def finding_at(
    findings: Iterable[Finding], view: ViewTransform, place: QPointF, *, inside: bool = False
) -> Finding | None:
    """Return the finding whose line is under a logical place; the smallest where several are.

    With ``inside`` a place anywhere in the region counts too, after the lines.
    """
    area = QRectF(place.x() - GRASP, place.y() - GRASP, 2 * GRASP, 2 * GRASP)
    on_line, within = [], []
    for finding in _near(findings, view, place):
        path = outline(finding.roi, view)
        if finding.roi.kind in (RoiKind.POINT, RoiKind.TEXT):
            if path.contains(place):
                on_line.append(finding)
        elif path.intersects(area) and not path.contains(area):
            on_line.append(finding)
        elif path.contains(place):
            within.append(finding)
    candidates = on_line or (within if inside else [])
    return min(candidates, key=lambda finding: finding.roi.area_px, default=None)


def _near(findings: Iterable[Finding], view: ViewTransform, place: QPointF) -> list[Finding]:
    """Return the findings whose box is near a logical place: building paths of thousands takes too long for a click."""
    found = list(findings)
    if not found:
        return []
    row, column = view.to_stored(place.x(), place.y())
    reach = (_MARK_RADIUS + GRASP + _HEAD) * view.dpr / view.zoom
    boxes = np.array([finding.roi.bounding_box() for finding in found])
    at = np.array([row, column])
    near = np.all((boxes[:, :2] - reach <= at) & (boxes[:, 2:] + reach >= at), axis=1)
    return [found[number] for number in np.flatnonzero(near)]


def detection_at(detections: Sequence[Detection], view: ViewTransform, place: QPointF) -> Detection | None:
    """Return the AI mark with the highest score whose box holds a logical place."""
    row, column = view.to_stored(place.x(), place.y())
    hit = [d for d in detections if d.box[0] <= row <= d.box[2] and d.box[1] <= column <= d.box[3]]
    return max(hit, key=lambda detection: detection.score, default=None)


def paint_finding(
    painter: QPainter,
    finding: Finding,
    view: ViewTransform,
    *,
    selected: bool = False,
    measured: str = "",
    other: bool = False,
) -> None:
    """Paint a finding: solid for the reader's own, dotted for an ``other`` reader's, dashed for an algorithm's.

    With handles when it is selected.

    A measure has the colour of the interface, and ``measured`` is written beside it.
    """
    colour = color("measure") if finding.is_measure else label_colour(finding.label)
    path = outline(finding.roi, view)
    if path.elementCount() > _MANY_ELEMENTS:
        # A wide soft line of so many corners takes a third of a second.
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, 1.0))
        painter.drawPath(path)
    elif finding.roi.kind is not RoiKind.TEXT or selected:
        by_algorithm = finding.origin == ALGORITHM
        dotted = other and not by_algorithm
        stroke(painter, path, colour, dashed=by_algorithm, dotted=dotted, width=2.0 if selected else 1.5)
    if finding.roi.kind is RoiKind.POINT:
        _paint_cross(painter, path.boundingRect().center(), colour)
    text = measured if finding.is_measure else finding.label or "unlabelled"
    if finding.score is not None:
        text += f" {finding.score:.2f}"
    box = path.boundingRect()
    if text:
        _paint_tag(painter, box, text, colour, view)
    if selected:
        for x, y in view.to_widget(np.array(handles(finding.roi)).reshape(-1, 2)).tolist():
            painter.setPen(QPen(color("window"), 1.0))
            painter.setBrush(colour)
            painter.drawEllipse(QPointF(x, y), HANDLE_RADIUS, HANDLE_RADIUS)
        painter.setBrush(Qt.BrushStyle.NoBrush)


def paint_detection(
    painter: QPainter, detection: Detection, view: ViewTransform, *, chosen: bool = False, matched: str = ""
) -> None:
    """Paint an AI mark as a dashed box with its score; the one gone to stands out.

    One that is ``matched`` in the other projection has corners in the colour of the interface, and says so.
    """
    box = box_on_screen(detection.box, view)
    path = QPainterPath()
    path.addRect(box)
    colour = color("accent" if chosen else "bright")
    stroke(painter, path, colour, dashed=True, width=2.6 if chosen else 1.3)
    if matched:
        _paint_corners(painter, box)
    _paint_tag(painter, box, f"{detection.score:.2f}" + (f"\n{matched}" if matched else ""), colour, view)


def _paint_corners(painter: QPainter, box: QRectF) -> None:
    """Paint the four corners of a box, a quarter of its sides long."""
    path = QPainterPath()
    across, down = box.width() / 4.0, box.height() / 4.0
    for corner, dx, dy in (
        (box.topLeft(), across, down),
        (box.topRight(), -across, down),
        (box.bottomLeft(), across, -down),
        (box.bottomRight(), -across, -down),
    ):
        path.moveTo(corner.x() + dx, corner.y())
        path.lineTo(corner)
        path.lineTo(corner.x(), corner.y() + dy)
    stroke(painter, path, color("accent"), dashed=False, width=2.6)


def _paint_tag(painter: QPainter, box: QRectF, text: str, colour: QColor, view: ViewTransform) -> None:
    """Write a text above a box, moved so that it stays in the viewport; nothing for a box that is not seen."""
    width, height = view.size
    # A box without a width intersects nothing, for Qt.
    if not box.adjusted(-1.0, -1.0, 1.0, 1.0).intersects(QRectF(0.0, 0.0, width, height)):
        return
    metrics = painter.fontMetrics()
    lines = text.splitlines()
    further = metrics.height() * (len(lines) - 1)
    left = min(max(box.left(), 2.0), width - max(map(metrics.horizontalAdvance, lines)) - 4.0)
    base = box.top() - 5.0 - further
    if base < metrics.ascent():
        base = min(box.bottom() + metrics.ascent() + 3.0, height - metrics.descent() - 2.0 - further)
    for number, line in enumerate(lines):
        paint_haloed(painter, QPointF(left, base + number * metrics.height()), line, painter.font(), colour)


def stroke(
    painter: QPainter, path: QPainterPath, colour: QColor, *, dashed: bool, width: float, dotted: bool = False
) -> None:
    """Draw a line that stands out on bright and dark tissue alike: the colour over a thin dark edge."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 130), width + 1.6))
    if not (dashed or dotted):
        painter.drawPath(path)
    pen = QPen(colour, width)
    if dashed or dotted:
        pen.setDashPattern([4.0, 3.0] if dashed else [1.0, 2.0])
    painter.setPen(pen)
    painter.drawPath(path)


def _paint_cross(painter: QPainter, place: QPointF, colour: QColor) -> None:
    painter.setPen(QPen(colour, 1.2))
    for dx, dy in ((1.0, 0.0), (0.0, 1.0)):
        arm = QPointF(dx, dy) * (_MARK_RADIUS - 1.0)
        painter.drawLine(place - arm, place - arm * 0.35)
        painter.drawLine(place + arm * 0.35, place + arm)
