"""What is under the cursor, in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF

from mammoviewer.base.arrays import StoredArray
from mammoviewer.dicom.image import Image
from mammoviewer.gui.canvas.view_transform import ViewTransform


@dataclass(frozen=True)
class CursorReading:
    """One place of an image.

    Attributes
    ----------
    row, column
        Stored pixel, 0-based.
    value
        Its stored value, of a slab that of the slab, None while the frame is not decoded.
    display
        The grey on screen, 0 to 255, None when it is not known.
    position_mm
        (down, right) from the centre of the first stored pixel, None without a pixel spacing.
    image
        The image.
    """

    row: int
    column: int
    value: int | None
    display: int | None
    position_mm: tuple[float, float] | None
    image: Image


def cursor_reading(
    image: Image, view: ViewTransform, place: QPointF, stored: StoredArray | None, display: int | None
) -> CursorReading | None:
    """Return what is under a logical place of a viewport, None beside the image.

    ``stored`` are the pixels on screen, in stored units and geometry; None while they are not there.
    """
    row, column = view.to_stored(place.x(), place.y())
    if not view.contains(row, column):
        return None
    pixel = math.floor(row + 0.5), math.floor(column + 0.5)
    spacing = image.attributes.pixel_spacing
    return CursorReading(
        *pixel,
        value=int(stored[pixel]) if stored is not None else None,
        display=display,
        position_mm=(row * spacing.row_mm, column * spacing.column_mm) if spacing is not None else None,
        image=image,
    )
