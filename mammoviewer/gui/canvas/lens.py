"""The magnifier: the place under the cursor larger, with a filter of its own, while a key is held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from mammoviewer.gui.canvas.air_layer import paint_air
from mammoviewer.gui.canvas.grey_layer import GreyLayer
from mammoviewer.gui.canvas.haloed_text import paint_haloed
from mammoviewer.gui.canvas.view_transform import LARGEST_ZOOM, ViewTransform, view_transform
from mammoviewer.gui.theme import color
from mammoviewer.imaging.filter_chain import FilterChain, parse_filter
from mammoviewer.session.pictures import Picture
from mammoviewer.session.viewer_state import ViewerState

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget

_SHARE: Final = 0.42
"""Of the shorter side of the viewport, the side of the lens."""
_LARGEST: Final = 420.0
FACTORS: Final = (1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
FILTERS: Final[dict[str, FilterChain]] = {
    "as shown": (),
    "original": (),
    "sharper": (parse_filter("unsharp:amount=1.5"),),
    "local contrast": (parse_filter("clahe:tiles=8,clip=0.02"),),
}
"""What the lens does to the pixels, by the name that is written on it."""


@dataclass(frozen=True)
class _Sight:
    """Where the lens is and what it shows."""

    frame: QRectF
    view: ViewTransform


class Lens:
    """Paints the magnifier of one viewport; keeps what it can between two paints."""

    def __init__(self) -> None:
        self._grey = GreyLayer()

    def paint(self, painter: QPainter, viewport: ViewWidget) -> None:
        """Paint the lens about the cursor, if it is asked for and the cursor is over the viewport."""
        desk, place = viewport.workspace.desk, viewport.pointed
        if not desk.lens or place is None:
            return
        picture = self._picture(viewport)
        if picture is None:
            return
        sight = _sight(viewport, place)
        region = self._grey.see_as(viewport, picture, sight.view)
        painter.save()
        painter.fillRect(sight.frame, Qt.GlobalColor.black)
        if region is not None:
            image = self._grey.image()
            image.setDevicePixelRatio(sight.view.dpr)
            painter.drawImage(sight.frame.topLeft() + QPointF(region.left, region.top) / sight.view.dpr, image)
            painter.save()
            painter.setClipRect(sight.frame)
            painter.translate(sight.frame.topLeft())
            paint_air(painter, viewport, sight.view)
            painter.restore()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(color("accent"), 1.5))
        painter.drawRect(sight.frame)
        text = f"{sight.view.zoom / viewport.view.zoom:.1f}x  {desk.lens_filter}"
        paint_haloed(painter, sight.frame.bottomLeft() + QPointF(6.0, -6.0), text, painter.font(), color("text"))
        painter.restore()

    def _picture(self, viewport: ViewWidget) -> Picture | None:
        """Return the pixels for the lens; until its filter has been made, those on screen."""
        state, name = viewport.shown, viewport.workspace.desk.lens_filter
        shown = viewport.follower.picture()
        if name == "as shown":
            return shown
        wanted = ViewerState(
            state.image,
            viewport.shown_frame,
            state.voi,
            filters=FILTERS[name],
            slab_mm=state.slab_mm,
            slab_mode=state.slab_mode,
        )
        return viewport.workspace.pictures.picture(wanted) or shown


def _sight(viewport: ViewWidget, place: QPointF) -> _Sight:
    state, dpr = viewport.shown, viewport.devicePixelRatioF()
    # Whole logical pixels at whole device pixels, or the picture in the lens would be blurred.
    side = int(min(_SHARE * min(viewport.width(), viewport.height()), _LARGEST))
    # Within the viewport: half a lens would be left at the chest wall, where much is looked for.
    rooms = ((place.x(), viewport.width()), (place.y(), viewport.height()))
    left, top = (round(min(max(at - side / 2.0, 0.0), room - side) * dpr) / dpr for at, room in rooms)
    factor = viewport.workspace.desk.lens_factor
    # At a fitted view the lens shows the pixels that the view leaves out: at twice, one to one at least.
    zoom = min(max(viewport.view.zoom * factor, factor / FACTORS[1]), LARGEST_ZOOM)
    # What is under the cursor stays there.
    nearer = viewport.view.zoom / zoom
    middle = place + (QPointF(left + side / 2.0, top + side / 2.0) - place) * nearer
    view = view_transform(
        state.image.attributes.shape,
        state.orientation,
        size=(side, side),
        dpr=dpr,
        zoom=zoom,
        centre=viewport.view.to_stored(middle.x(), middle.y()),
        chest="",
    )
    return _Sight(QRectF(left, top, side, side), view)


def stepped_factor(factor: float, step: int) -> float:
    """Return the next larger (1) or smaller (-1) magnification."""
    place = min(range(len(FACTORS)), key=lambda number: abs(FACTORS[number] - factor))
    return FACTORS[min(max(place + step, 0), len(FACTORS) - 1)]


def next_filter(name: str) -> str:
    """Return the filter of the lens that comes after ``name``."""
    names = list(FILTERS)
    return names[(names.index(name) + 1) % len(names)]
