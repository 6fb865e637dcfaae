"""The greys of a picture as far as they have been seen, so that a pan looks only up what comes into sight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mammoviewer.base.arrays import ByteArray, StoredArray
from mammoviewer.gui.canvas.window_pixels import Words
from mammoviewer.imaging.voi import apply_lut


@dataclass(frozen=True)
class Box:
    """Rows and columns of a picture, from the first to behind the last."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def area(self) -> int:
        """Return how many pixels it has."""
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def place(self) -> tuple[slice, slice]:
        """Return the index of its pixels."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def around(self, other: Box) -> Box:
        """Return the smallest box that has both."""
        return Box(
            min(self.top, other.top),
            max(self.bottom, other.bottom),
            min(self.left, other.left),
            max(self.right, other.right),
        )

    def beside(self, other: Box) -> tuple[Box, ...]:
        """Return what this box has and another one within it has not."""
        parts = (
            Box(self.top, other.top, self.left, self.right),
            Box(other.bottom, self.bottom, self.left, self.right),
            Box(other.top, other.bottom, self.left, other.left),
            Box(other.top, other.bottom, other.right, self.right),
        )
        return tuple(part for part in parts if part.area)


_NOTHING: Final = Box(0, 0, 0, 0)


class PannedGreys:
    """Keeps the greys of one picture in one window; those that were never in sight are never made."""

    def __init__(self) -> None:
        self._source: StoredArray | None = None
        self._table: ByteArray | None = None
        self._greys: ByteArray = np.zeros((0, 0), np.uint8)
        self._known = _NOTHING

    def take(self, source: StoredArray, table: ByteArray, first: int, box: Box) -> ByteArray:
        """Return the greys of a part of ``source``, uint8, looked up as :func:`imaging.voi.apply_lut` does.

        Neither ``source`` nor ``table`` may change meanwhile. What is returned is not to be written to.
        """
        if source is not self._source:
            self._greys = np.empty(source.shape, np.uint8)
        if source is not self._source or table is not self._table:
            self._source, self._table, self._known = source, table, _NOTHING
        grown = self._known.around(box) if self._known.area else box
        # After a leap all that lies between would have to be made as well.
        if grown.area - self._known.area > box.area:
            grown, self._known = box, _NOTHING
        for part in grown.beside(self._known) if self._known.area else (grown,):
            apply_lut(source[part.place], table, first, self._greys[part.place])
        self._known = grown
        return self._greys[box.place]


def write_greys(greys: ByteArray, words: Words) -> None:
    """Write greys, uint8 (rows, columns), into as many 32-bit pixels."""
    cv2.cvtColor(greys, cv2.COLOR_GRAY2BGRA, dst=words.view(np.uint8).reshape(*words.shape, 4))
