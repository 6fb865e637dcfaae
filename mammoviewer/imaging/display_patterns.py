"""Test patterns for a display, drawn for the exact number of its pixels.

Drawn anew after the published descriptions of SMPTE RP 133 and of TG18-QC (AAPM Task Group 18, section 3.2.1); sizes
follow the smaller side of the screen, so that they are like the originals and not equal to them pixel by pixel. Every
line of the line pairs is a whole number of device pixels wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mammoviewer.base.arrays import ByteArray
from mammoviewer.base.errors import ArgumentError

SMALLEST: Final = 240
"""Rows or columns below which the patches would not be seen apart."""
_WHITE: Final = 255


def level(percent: float) -> int:
    """Return the grey of a share of white in percent, 0 to 255, halves rounded up."""
    return int(percent * _WHITE / 100.0 + 0.5)


@dataclass(frozen=True)
class Box:
    """A square of the pattern: upper left corner and side, in pixels."""

    top: int
    left: int
    side: int

    @property
    def part(self) -> tuple[slice, slice]:
        """Return the square as an index."""
        return slice(self.top, self.top + self.side), slice(self.left, self.left + self.side)

    def inner(self, share: float) -> Box:
        """Return a square of a share of the side in the middle of this one."""
        side = max(2, round(self.side * share))
        rest = (self.side - side) // 2
        return Box(self.top + rest, self.left + rest, side)

    def corners(self, share: float) -> tuple[Box, ...]:
        """Return four squares of a share of the side, one in each corner: upper two first, left before right."""
        side = max(2, round(self.side * share))
        far = self.side - side
        return tuple(Box(self.top + down, self.left + right, side) for down in (0, far) for right in (0, far))


@dataclass(frozen=True)
class Pattern:
    """A test pattern and where its parts are.

    Attributes
    ----------
    greys
        uint8, shape (rows, columns): P-values, 0 black and 255 white.
    steps
        The patches of the grey scale, from dark to bright.
    low, high
        The patch of 5 % in black, and that of 95 % in white: the whole patch, not the inner square.
    fine
        Where lines of one pixel are, the highest frequency there is (Nyquist): pairs of squares, the lines of the first
        stand upright, those of the second lie.
    coarse
        The same for lines of two pixels, half that frequency.
    """

    greys: ByteArray
    steps: tuple[Box, ...]
    low: Box
    high: Box
    fine: tuple[tuple[Box, Box], ...]
    coarse: tuple[tuple[Box, Box], ...]


def smpte_pattern(rows: int, columns: int) -> Pattern:
    """Return a pattern like that of SMPTE RP 133: eleven steps of 10 %, 5 % in black, 95 % in white, line pairs, grid.

    Raises
    ------
    ArgumentError
        The screen is smaller than ``SMALLEST``.
    """
    greys = _ground(rows, columns, level(50))
    unit = min(rows, columns) // 12
    _grid(greys, unit, level(75))
    top, left = rows // 2, columns // 2
    # The steps go round the middle: 0 to 50 % on the left from below, up to 100 % on the right from above.
    places = [(top + (2 - n) * unit, left - 3 * unit) for n in range(5)]
    places.append((top - 3 * unit, left - unit // 2))
    places += [(top + (n - 2) * unit, left + 2 * unit) for n in range(5)]
    steps = tuple(Box(row, column, unit) for row, column in places)
    for number, step in enumerate(steps):
        # Half of white on half of white: only an edge tells where it is.
        greys[step.part] = level(75) if number == 5 else level(10 * number)
        greys[step.top + 1 : step.top + unit - 1, step.left + 1 : step.left + unit - 1] = level(10 * number)
    low, high = Box(top, left - unit - unit // 8, unit), Box(top, left + unit // 8, unit)
    _inset(greys, low, 0, 5)
    _inset(greys, high, 100, 95)
    small = unit - unit % 4
    blocks = _pattern_places(rows, columns, small, unit // 2)
    fine, coarse = zip(*(_line_block(greys, block) for block in blocks), strict=True)
    for number, share in enumerate((1, 2, 3, 5)):
        # Low contrast about the middle grey, between the patches and the steps.
        column = left - 2 * unit + number * unit
        _lines(greys, Box(top - unit - unit // 4, column, small), 2, level(50 - share), level(50 + share))
    _ramp(greys, Box(rows - unit - unit // 2, left - 3 * unit, unit // 2), 6 * unit)
    _frame(greys)
    return Pattern(greys, steps, low, high, tuple(fine), tuple(coarse))


def tg18_pattern(rows: int, columns: int) -> Pattern:
    """Return a pattern like TG18-QC: sixteen luminance patches with corners of low contrast, 5 and 95 %, line pairs.

    The patches go from 8 to 248 in steps of 16; in their corners are squares 4 levels darker and brighter.

    Raises
    ------
    ArgumentError
        The screen is smaller than ``SMALLEST``.
    """
    greys = _ground(rows, columns, 128)
    unit = min(rows, columns) // 12
    _grid(greys, unit, 192)
    top, left = rows // 2, columns // 2
    steps = tuple(Box(top + (n // 4 - 2) * unit, left + (n % 4 - 2) * unit, unit) for n in range(16))
    # Boustrophedon, so that neighbours differ by little and no row begins anew in the dark.
    steps = tuple(steps[4 * (n // 4) + (n % 4 if n // 4 % 2 == 0 else 3 - n % 4)] for n in range(16))
    for number, step in enumerate(steps):
        value = 8 + 16 * number
        greys[step.part] = value
        for place, corner in enumerate(step.corners(0.2)):
            greys[corner.part] = value + (-4 if place in (0, 3) else 4)
    low, high = (
        Box(top + 2 * unit + unit // 4, left - unit - unit // 8, unit),
        Box(top + 2 * unit + unit // 4, left + unit // 8, unit),
    )
    _inset(greys, low, 0, 5)
    _inset(greys, high, 100, 95)
    small = unit - unit % 4
    blocks = (*_pattern_places(rows, columns, small, unit // 2), Box(top - 4 * unit - unit // 4, left - small, small))
    fine, coarse = zip(*(_line_block(greys, block) for block in blocks), strict=True)
    for side in (-4, 3):
        # A ramp at each side: contouring shows as steps.
        _ramp(greys, Box(top - 2 * unit, left + side * unit, unit), 4 * unit, upright=True)
    _letters(greys, (top + 4 * unit, left - 3 * unit), unit)
    _frame(greys)
    return Pattern(greys, steps, low, high, tuple(fine), tuple(coarse))


def _ground(rows: int, columns: int, grey: int) -> ByteArray:
    if min(rows, columns) < SMALLEST:
        raise ArgumentError(f"a test pattern needs at least {SMALLEST} pixels a side")
    return np.full((rows, columns), grey, np.uint8)


def _grid(greys: ByteArray, unit: int, grey: int) -> None:
    """Draw lines of one pixel at equal distances, the same to both sides of the middle."""
    rows, columns = greys.shape
    greys[rows // 2 % unit :: unit] = grey
    greys[:, columns // 2 % unit :: unit] = grey


def _frame(greys: ByteArray) -> None:
    """Draw the outermost pixels white and the next black: an edge that is cut off or blurred is seen at once."""
    greys[[0, -1]], greys[:, [0, -1]] = _WHITE, _WHITE
    greys[[1, -2], 1:-1], greys[1:-1, [1, -2]] = 0, 0


def _inset(greys: ByteArray, box: Box, outside: float, inside: float) -> None:
    greys[box.part] = level(outside)
    greys[box.inner(0.5).part] = level(inside)


def _pattern_places(rows: int, columns: int, side: int, margin: int) -> tuple[Box, ...]:
    """Return the upper left square of a block of two by two in each corner of the screen."""
    down, right = rows - margin - 2 * side, columns - margin - 2 * side
    return tuple(Box(row, column, side) for row in (margin, down) for column in (margin, right))


def _line_block(greys: ByteArray, block: Box) -> tuple[tuple[Box, Box], tuple[Box, Box]]:
    """Draw two by two squares of lines: one pixel wide above and two below, upright at the left, lying at the right."""
    pairs = []
    for number, width in enumerate((1, 2)):
        upright = Box(block.top + number * block.side, block.left, block.side)
        lying = Box(upright.top, block.left + block.side, block.side)
        _lines(greys, upright, width, 0, _WHITE)
        _lines(greys, lying, width, 0, _WHITE, lying=True)
        pairs.append((upright, lying))
    return pairs[0], pairs[1]


def _lines(greys: ByteArray, box: Box, width: int, dark: int, bright: int, *, lying: bool = False) -> None:
    values = np.where(np.arange(box.side) // width % 2 == 0, dark, bright).astype(np.uint8)
    greys[box.part] = values[:, None] if lying else values[None, :]


def _ramp(greys: ByteArray, box: Box, length: int, *, upright: bool = False) -> None:
    """Draw all greys from black to white, ``box.side`` wide and ``length`` long."""
    values = (np.arange(length) * 256 // length).astype(np.uint8)
    if upright:
        greys[box.top : box.top + length, box.left : box.left + box.side] = values[::-1, None]
    else:
        greys[box.top : box.top + box.side, box.left : box.left + length] = values[None, :]


def _letters(greys: ByteArray, corner: tuple[int, int], unit: int) -> None:
    """Write QUALITY CONTROL on black, grey and white, each letter a level nearer to its ground than the one before."""
    text = "QUALITY CONTROL"
    top, left = corner
    width = 2 * unit
    scale = width / (len(text) * 22.0)
    for number, (ground, sign) in enumerate(((0, 1), (128, 1), (_WHITE, -1))):
        part = greys[top : top + unit // 2, left + number * width : left + (number + 1) * width]
        part[:] = ground
        for place, letter in enumerate(text):
            value = ground + sign * (len(text) - place)
            origin = (int((place + 0.3) * width / len(text)), int(unit * 0.35))
            ink = np.zeros(part.shape, np.uint8)
            cv2.putText(ink, letter, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, _WHITE, 1, cv2.LINE_8)
            # Nothing between ground and letter: every grey here is one that is looked for.
            part[ink > _WHITE // 3] = value
