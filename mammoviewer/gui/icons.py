"""Icons: one line weight on a 20 px grid, tinted with a colour of the palette when they are loaded."""

from __future__ import annotations

import functools

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from mammoviewer.base.paths import resources_dir
from mammoviewer.gui.theme import color

_STATES = (
    ("text", QIcon.Mode.Normal, QIcon.State.Off),
    ("bright", QIcon.Mode.Active, QIcon.State.Off),
    ("bright", QIcon.Mode.Normal, QIcon.State.On),
    ("bright", QIcon.Mode.Active, QIcon.State.On),
    ("faint", QIcon.Mode.Disabled, QIcon.State.Off),
    ("faint", QIcon.Mode.Disabled, QIcon.State.On),
)
_PIXELS = 20
_LARGEST = 60
"""For a screen that comes later; others get their own size."""


@functools.cache
def icon_source(name: str) -> str:
    """Return the SVG text of an icon."""
    return (resources_dir() / "icons" / f"{name}.svg").read_text(encoding="utf-8")


@functools.cache
def _shape(name: str, pixels: int) -> QPixmap:
    """Return an icon in white: its tints differ in nothing else, and drawing it takes longest."""
    renderer = QSvgRenderer(QByteArray(icon_source(name).replace("currentColor", "#ffffff").encode()))
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    return pixmap


@functools.cache
def icon_pixmap(name: str, colour: str, pixels: int) -> QPixmap:
    """Return an icon drawn ``pixels`` device pixels wide in a colour of the palette."""
    pixmap = QPixmap(_shape(name, pixels))
    painter = QPainter(pixmap)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    painter.fillRect(pixmap.rect(), color(colour))
    painter.end()
    return pixmap


@functools.cache
def icon(name: str, colour: str = "text") -> QIcon:
    """Return an icon with its own tint for normal, hovered, checked and disabled buttons."""
    made = QIcon()
    sizes = {_LARGEST, *(round(_PIXELS * screen.devicePixelRatio()) for screen in QGuiApplication.screens())}
    for state_colour, mode, state in _STATES:
        tint = colour if state_colour == "text" else state_colour
        for pixels in sorted(sizes):
            made.addPixmap(icon_pixmap(name, tint, pixels), mode, state)
    return made


ICON_SIZE = QSize(_PIXELS, _PIXELS)
"""The size at which icons are drawn, in device-independent pixels."""
