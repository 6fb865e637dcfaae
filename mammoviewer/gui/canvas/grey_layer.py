"""The grey picture of a viewport: the visible region at device resolution, looked up again on every window drag."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

import cv2
import numpy as np
from PySide6.QtGui import QImage

from mammoviewer.base.arrays import ByteArray, StoredArray
from mammoviewer.gui.canvas.panned_greys import Box, PannedGreys, write_greys
from mammoviewer.gui.canvas.view_transform import Region, ViewTransform, device_length
from mammoviewer.gui.canvas.window_pixels import GREY_WORDS, Words
from mammoviewer.gui.screens import calibration
from mammoviewer.imaging.enlarging import enlarge
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.resample import Interpolation, shrink
from mammoviewer.imaging.voi import Voi, apply_lut
from mammoviewer.session.pictures import Picture, padding_range
from mammoviewer.session.screens import P_VALUES
from mammoviewer.session.settings import AUTOMATIC

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget

_SEE_PIXELS_FROM: Final = 6.0
"""From this zoom on the squares of the pixels are shown as they are, unless the reader chose otherwise."""


class GreyLayer:
    """Keeps the pixels of the region that is seen, so that a window drag costs only the look-up.

    The array behind the returned image lives as long as this layer shows it.
    """

    def __init__(self) -> None:
        self._region_key: tuple[object, ...] = ()
        self._place = (0, 0)
        self._small_key: tuple[object, ...] = ()
        self._small_of: StoredArray | None = None
        self._small_rough = False
        self._small: StoredArray = np.zeros((0, 0), np.uint16)
        self._source: StoredArray | None = None
        self._region: Region | None = None
        self._pixels: StoredArray = np.zeros((0, 0), np.uint16)
        self._table_key: tuple[object, ...] = ()
        self._table: ByteArray = np.zeros(1, np.uint8)
        self._words: Words = GREY_WORDS[:1]
        self._first = 0
        self._greys: ByteArray | None = None
        self._cut: tuple[StoredArray, Box] | None = None
        self._panned = PannedGreys()
        self.rough = False
        """Whether the picture was made quickly, and an exact one is to be had."""

    def see(
        self,
        picture: Picture,
        view: ViewTransform,
        voi: Voi,
        *,
        inverse: bool,
        interpolation: str = AUTOMATIC,
        levels: bytes = b"",
        quick: bool = False,
    ) -> Region | None:
        """Make what is seen, and return where it goes; None when the image is out of sight.

        ``interpolation`` is how an enlarged picture is made, as in :class:`session.viewer_state.DeskState`; ``levels``
        is what the screen is driven with for a grey, as in :class:`session.screens.ScreenCalibration`. A ``quick``
        picture that is shrunk anew is interpolated instead of averaged, while the reader goes on to another one.
        """
        apart = padding_apart(picture, inverse=inverse)
        key, place = (view.zoom, view.device_size, view.orientation, apart, interpolation), (view.left, view.top)
        table_key = (voi, inverse, levels)
        anew = picture.pixels is not self._source or key != self._region_key or (self.rough and not quick)
        if anew or place != self._place:
            region = view.visible()
            if region is not None:
                make = functools.partial(self._visible, picture, view, apart, interpolation)
                movable = not anew and _is_worth_moving(view, view.zoom / picture.scale, interpolation)
                moved = self._moved(view, region, make) if movable else None
                self._pixels = make(region, quick=quick) if moved is None else moved
            if anew:
                self._table_key = ()
            self._source, self._region_key, self._place, self._region = picture.pixels, key, place, region
            self._greys = None
            if anew:
                self._panned = PannedGreys()
            elif region is not None and self._cut is not None and table_key == self._table_key:
                self._greys = self._panned.take(self._cut[0], self._table, self._first, self._cut[1])
        if table_key != self._table_key:
            self._table, self._first = grey_table(picture, voi, levels, inverse=inverse), picture.first
            self._words = GREY_WORDS[self._table]
            self._table_key, self._greys = table_key, None
        return self._region

    def see_as(
        self, viewport: ViewWidget, picture: Picture, view: ViewTransform, *, quick: bool = False
    ) -> Region | None:
        """As :meth:`see`, with the window, the interpolation and the screen of a viewport."""
        state, workspace = viewport.shown, viewport.workspace
        return self.see(
            picture,
            view,
            state.voi,
            inverse=state.image.attributes.inverse != state.inverted,
            interpolation=workspace.desk.interpolation,
            levels=calibration(viewport, workspace.screens).levels,
            quick=quick,
        )

    @property
    def size(self) -> tuple[int, int]:
        """Return (rows, columns) of what is seen, in device pixels."""
        rows, columns = self._pixels.shape
        return rows, columns

    def fill(self, words: Words, row: int, column: int) -> None:
        """Look a part of the region up into 32-bit pixels: as many as there are, from a row and column of it on."""
        part = slice(row, row + words.shape[0]), slice(column, column + words.shape[1])
        if self._greys is not None:
            write_greys(self._greys[part], words)
        else:
            apply_lut(self._pixels[part], self._words, self._first, words)

    def greys(self) -> ByteArray:
        """Return the greys of the region, uint8 (rows, columns), contiguous."""
        greys = self._greys
        if greys is None:
            greys = np.asarray(apply_lut(self._pixels, self._table, self._first), np.uint8)
        self._greys = np.ascontiguousarray(greys)
        return self._greys

    def image(self) -> QImage:
        """Return the greys of the region as a picture, for a painter."""
        greys = self.greys()
        rows, columns = greys.shape
        return QImage(greys.data, columns, rows, columns, QImage.Format.Format_Grayscale8)

    def _moved(self, view: ViewTransform, region: Region, make: Callable[..., StoredArray]) -> StoredArray | None:
        """Return the pixels moved with a pan, and only those made that come into sight; None if none stays in sight."""
        old = self._region
        if old is None or self.rough:
            return None
        right, down = view.left - self._place[0], view.top - self._place[1]
        left, top = max(old.left + right, region.left), max(old.top + down, region.top)
        end_x, end_y = min(old.right + right, region.right), min(old.bottom + down, region.bottom)
        if left >= end_x or top >= end_y:
            return None
        pixels = np.empty(region.size, self._pixels.dtype)
        x, y = old.left + right, old.top + down
        kept = self._pixels[top - y : end_y - y, left - x : end_x - x]
        pixels[top - region.top : end_y - region.top, left - region.left : end_x - region.left] = kept
        new = (
            (region.left, region.top, region.right, top),
            (region.left, end_y, region.right, region.bottom),
            (region.left, top, left, end_y),
            (end_x, top, region.right, end_y),
        )
        for x0, y0, x1, y1 in new:
            if x0 < x1 and y0 < y1:
                place = slice(y0 - region.top, y1 - region.top), slice(x0 - region.left, x1 - region.left)
                pixels[place] = make(view.part(x0, y0, x1, y1), quick=False)
        return pixels

    def _visible(
        self,
        picture: Picture,
        view: ViewTransform,
        apart: tuple[int, int] | None,
        interpolation: str,
        region: Region,
        *,
        quick: bool,
    ) -> StoredArray:
        self._cut = None
        if view.zoom == picture.scale == 1.0 and view.orientation == Orientation():
            self.rough = False
            (top, bottom), (left, right) = region.rows, region.columns
            return self._cut_out(picture.pixels, Box(round(top), round(bottom), round(left), round(right)))
        if quick and apart is None and self._hurries(picture, view, interpolation):
            self.rough = True
            return hurried(picture, region, view)
        if view.zoom >= picture.scale:
            self.rough = False
            return magnified(picture, region, view, apart, interpolation)
        # The image begins on a whole device pixel, so that a pan only moves a cut through the one averaged picture.
        key = (view.zoom, view.orientation, apart)
        if not self._has_small(picture, key) or (self._small_rough and not quick):
            self._small_rough = quick and apart is None
            self._small = shrunk(picture, view, apart, quick=self._small_rough)
            self._small_of, self._small_key = picture.pixels, key
        self.rough = self._small_rough
        top, left = region.top - view.top, region.left - view.left
        return self._cut_out(self._small, Box(top, top + region.size[0], left, left + region.size[1]))

    def _cut_out(self, whole: StoredArray, box: Box) -> StoredArray:
        self._cut = whole, box
        return whole[box.place]

    def _has_small(self, picture: Picture, key: tuple[object, ...]) -> bool:
        return picture.pixels is self._small_of and key == self._small_key

    def _hurries(self, picture: Picture, view: ViewTransform, interpolation: str) -> bool:
        """Return whether the picture seen before is zoomed, no average of it is at hand, and none is needed at once."""
        zoomed = picture.pixels is self._source and (self.rough or (view.zoom,) != self._region_key[:1])
        ratio = view.zoom / picture.scale
        plain = ratio <= 1.0 or _kind(interpolation, ratio) == "linear"
        shrunk_before = self._small_of is picture.pixels and self._small_key[:1] == (view.zoom,)
        return zoomed and not shrunk_before and plain and 0.5 <= ratio <= 2.0

    def grey_at(self, x: float, y: float) -> int | None:
        """Return the display value under a device pixel of the viewport, None beside the image."""
        if self._region is None or not self._pixels.size:
            return None
        row, column = int(y) - self._region.top, int(x) - self._region.left
        if 0 <= row < self._pixels.shape[0] and 0 <= column < self._pixels.shape[1]:
            entry = int(self._pixels[row, column]) - self._first
            return int(self._table[min(max(entry, 0), self._table.size - 1)])
        return None


def grey_table(picture: Picture, voi: Voi, levels: bytes, *, inverse: bool) -> ByteArray:
    """Return the driving level of the screen for each value of a picture; its greys where ``levels`` is empty."""
    if not levels:
        return np.asarray(picture.lookup(voi, inverse=inverse), np.uint8)
    greys = picture.lookup(voi, inverse=inverse, bits=P_VALUES.bit_length() - 1)
    return np.frombuffer(levels, np.uint8)[greys]


def magnified(
    picture: Picture,
    region: Region,
    view: ViewTransform,
    apart: tuple[int, int] | None = None,
    interpolation: str = AUTOMATIC,
) -> StoredArray:
    """Return picture values of the region as displayed, one per device pixel.

    Unless the reader chose an interpolation, enlarging is linear until single pixels can be told apart, and then shows
    them as squares. ``apart`` are the values of padding that are not mixed with others; the cubic kernel, which would
    draw waves beside it, never mixes them.
    """
    orientation = view.orientation
    size = region.size[::-1] if orientation.transpose else region.size
    kind = _kind(interpolation, view.zoom / picture.scale)
    # A preview has been rounded to whole pixels: take its own ratio on each axis.
    down, across = (have / full for have, full in zip(picture.pixels.shape, view.shape, strict=True))
    rows = (region.rows[0] * down, region.rows[1] * down)
    columns = (region.columns[0] * across, region.columns[1] * across)
    grown = enlarge(
        picture.pixels,
        rows,
        columns,
        size,
        interpolation=kind,
        padding=padding_range(picture.padding) if kind == "cubic" else apart,
        limits=(picture.first, picture.first + picture.count - 1) if kind == "cubic" else None,
    )
    return displayed(grown, orientation)


def _is_worth_moving(view: ViewTransform, ratio: float, interpolation: str) -> bool:
    """Return whether a pan is best made of what was seen; ``ratio`` is of device pixels to those of the picture.

    A picture that is shrunk or as it is stored is only cut out, and squares of pixels are cut where the whole region
    has them, not where a strip of it would.
    """
    if ratio == 1.0:
        return view.orientation != Orientation()
    return ratio > 1.0 and _kind(interpolation, ratio) != "nearest"


def _kind(interpolation: str, ratio: float) -> Interpolation:
    if interpolation != AUTOMATIC:
        return cast(Interpolation, interpolation)
    return "nearest" if ratio >= _SEE_PIXELS_FROM else "linear"


def padding_apart(picture: Picture, *, inverse: bool) -> tuple[int, int] | None:
    """Return the values of padding if they must not be averaged with the pixels beside them, else None.

    Where padding is the dark end of the greys a mixed rim is only softer; at the bright end it would be a white line
    around the breast.
    """
    if picture.padding is None:
        return None
    middle = picture.first + picture.count / 2
    bright = (picture.padding.low > middle) != inverse
    return padding_range(picture.padding) if bright else None


def shrunk(picture: Picture, view: ViewTransform, apart: tuple[int, int] | None, *, quick: bool = False) -> StoredArray:
    """Return the whole picture as displayed, averaged to one value per device pixel.

    ``apart`` are the values of padding that are not averaged with others. ``quick`` interpolates between pixels where
    that leaves none of them out, which takes a fifth of the time: single bright pixels are fainter by up to a half.
    """
    rows, columns = (device_length(length, view.zoom) for length in view.shape)
    # An average of averages is the average: the half-sized copy gives the same picture four times faster.
    source, covered = picture.pixels, None
    if picture.half is not None and 2 * view.zoom <= picture.scale:
        source = picture.half
        covered = (picture.pixels.shape[0] / 2, picture.pixels.shape[1] / 2)
    if quick and apart is None and 2 * rows >= source.shape[0] and 2 * columns >= source.shape[1]:
        small = cv2.resize(source, (columns, rows), interpolation=cv2.INTER_LINEAR)
        return displayed(np.asarray(small), view.orientation)
    return displayed(shrink(source, (rows, columns), apart, covered=covered), view.orientation)


def hurried(picture: Picture, region: Region, view: ViewTransform) -> StoredArray:
    """Return the region as displayed while the zoom goes on: interpolated, and up to half a pixel out of place."""
    down, across = (have / full for have, full in zip(picture.pixels.shape, view.shape, strict=True))
    top = min(round(region.rows[0] * down), picture.pixels.shape[0] - 1)
    left = min(round(region.columns[0] * across), picture.pixels.shape[1] - 1)
    bottom, right = max(round(region.rows[1] * down), top + 1), max(round(region.columns[1] * across), left + 1)
    rows, columns = region.size[::-1] if view.orientation.transpose else region.size
    small = cv2.resize(picture.pixels[top:bottom, left:right], (columns, rows), interpolation=cv2.INTER_LINEAR)
    return displayed(np.asarray(small), view.orientation)


def displayed(stored: StoredArray, orientation: Orientation) -> StoredArray:
    """Return a small array turned as displayed and contiguous; cv2 turns several times faster than a strided copy."""
    shown = cv2.transpose(stored) if orientation.transpose else stored
    if orientation.flip_rows or orientation.flip_columns:
        code = -1 if orientation.flip_rows and orientation.flip_columns else 0 if orientation.flip_rows else 1
        shown = cv2.flip(shown, code)
    return np.ascontiguousarray(shown)
