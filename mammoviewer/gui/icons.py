"""Icons: one line weight on a 20 px grid, tinted with a colour of the palette when they are loaded."""

from __future__ import annotations

import functools

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from mammoviewer.base.paths import resources_dir
from mammoviewer.gui.theme import PALETTE

_STATES = (
    ("text", QIcon.Mode.Normal, QIcon.State.Off),
    ("bright", QIcon.Mode.Active, QIcon.State.Off),
    ("bright", QIcon.Mode.Normal, QIcon.State.On),
    ("bright", QIcon.Mode.Active, QIcon.State.On),
    ("faint", QIcon.Mode.Disabled, QIcon.State.Off),
    ("faint", QIcon.Mode.Disabled, QIcon.State.On),
)
_PIXELS = (20, 40, 60)


@functools.cache
def icon_source(name: str) -> str:
    """Return the SVG text of an icon."""
    return (resources_dir() / "icons" / f"{name}.svg").read_text(encoding="utf-8")


@functools.cache
def _renderer(name: str, colour: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(icon_source(name).replace("currentColor", PALETTE[colour]).encode()))


@functools.cache
def icon_pixmap(name: str, colour: str, pixels: int) -> QPixmap:
    """Return an icon drawn ``pixels`` device pixels wide in a colour of the palette."""
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    _renderer(name, colour).render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    return pixmap


@functools.cache
def icon(name: str, colour: str = "text") -> QIcon:
    """Return an icon with its own tint for normal, hovered, checked and disabled buttons."""
    made = QIcon()
    for state_colour, mode, state in _STATES:
        tint = colour if state_colour == "text" else state_colour
        for pixels in _PIXELS:
            made.addPixmap(icon_pixmap(name, tint, pixels), mode, state)
    return made


ICON_SIZE = QSize(20, 20)
"""The size at which icons are drawn, in device-independent pixels."""
