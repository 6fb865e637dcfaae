"""The pixels of the window itself, for greys that are looked up straight into them instead of being drawn.

A painter writes with one thread, and for every frame of a window drag it would read the greys that were written a
moment before. Most windows are painted in memory as 32-bit pixels; where a window is not, or lies between device
pixels, the greys are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect
from PySide6.QtGui import QImage, QPainter, QRegion, QTransform
from PySide6.QtWidgets import QWidget

Words: TypeAlias = NDArray[np.int32]

GREY_WORDS: Final[Words] = (0xFF000000 + 0x010101 * np.arange(256, dtype=np.uint32)).view(np.int32)
"""The 32-bit pixel of each grey, signed as OpenCV has it."""
_FORMATS: Final = (QImage.Format.Format_RGB32, QImage.Format.Format_ARGB32_Premultiplied)


def paints_window(painter: QPainter, widget: QWidget) -> bool:
    """Return whether a painter that has begun on a widget paints its window, and not a picture of it for others."""
    store = widget.backingStore()
    return store is not None and painter.paintEngine().paintDevice() is store.paintDevice()


def exposed_words(
    painter: QPainter, place: QRect, exposed: QRegion, dpr: float
) -> Iterator[tuple[Words, QRect]] | None:
    """Return the pixels of a place that are to be painted, None where they cannot be had.

    Parameters
    ----------
    painter
        A painter that has just begun on a widget.
    place
        In device pixels of the widget.
    exposed
        What is to be painted, in logical pixels of the widget.
    dpr
        Device pixels per logical pixel of the widget; what a painter scales to others is drawn.

    Returns
    -------
    iterator
        The pixels of each exposed rectangle, shape (rows, columns), to be written before the painter ends and not to
        be kept; and where it lies, counted from the corner of ``place``.
    """
    transform = painter.deviceTransform()
    device: Any = painter.paintEngine().paintDevice()
    if not isinstance(device, QImage) or device.format() not in _FORMATS or not _on_grid(transform, dpr):
        return None
    words = np.frombuffer(device.bits(), np.int32).reshape(device.height(), device.bytesPerLine() // 4)
    corner = round(transform.dx()), round(transform.dy())
    limits = QRect(0, 0, device.width(), device.height()).translated(-corner[0], -corner[1])
    parts = [_scaled(rect, int(dpr)) & place & limits for rect in _rects(exposed, place, int(dpr))]
    return _cuts(words, corner, place, parts)


def _on_grid(transform: QTransform, scale: float) -> bool:
    """Return whether a painter's logical pixels are blocks of ``scale`` device pixels, not turned and not blurred."""
    steps = scale, transform.dx(), transform.dy()
    plain = transform.m12() == transform.m21() == 0.0 and transform.isAffine()
    return plain and transform.m11() == transform.m22() == scale and all(step == round(step) for step in steps)


def _rects(exposed: QRegion, place: QRect, scale: int) -> list[QRect]:
    """Return the rectangles that are exposed of a place, in logical pixels, and as few as there can be.

    A region is cut into bands wherever something lies beside them.
    """
    if exposed.rectCount() == 1:
        return [exposed.boundingRect()]
    around = QRect(place.x() // scale, place.y() // scale, place.width() // scale + 2, place.height() // scale + 2)
    seen = exposed & around
    whole = seen.boundingRect()
    return [whole] if (QRegion(whole) - seen).isEmpty() else list(cast(Iterable[QRect], seen))


def _scaled(rect: QRect, scale: int) -> QRect:
    return QRect(rect.x() * scale, rect.y() * scale, rect.width() * scale, rect.height() * scale)


def _cuts(words: Words, corner: tuple[int, int], place: QRect, parts: list[QRect]) -> Iterator[tuple[Words, QRect]]:
    for part in parts:
        if not part.isEmpty():
            left, top = part.x() + corner[0], part.y() + corner[1]
            yield (
                words[top : top + part.height(), left : left + part.width()],
                part.translated(-place.topLeft()),
            )
