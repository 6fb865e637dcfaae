"""Burn outlines and text into an RGB picture, for exports without a window.

Pictures are uint8 (rows, columns, 3), changed in place. Points are (row, column) in picture pixels, integer = pixel
centre. Colours are (red, green, blue).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import cv2
import numpy as np

from mammoviewer.base.arrays import ByteArray, DoubleArray

Colour: TypeAlias = tuple[int, int, int]
LineStyle: TypeAlias = Literal["solid", "dashed", "dotted"]
Points: TypeAlias = "Sequence[tuple[float, float]] | DoubleArray"

WHITE: Final[Colour] = (235, 238, 242)
_HALO: Final[Colour] = (0, 0, 0)
_SHIFT: Final = 4
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_STYLES: Final = {"dashed": (6.0, 4.0), "dotted": (1.0, 3.0)}
_AROUND: Final = tuple((down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if down or across)


def draw_polygon(
    picture: ByteArray,
    points: Points,
    colour: Colour,
    *,
    thickness: int = 2,
    style: LineStyle = "solid",
    closed: bool = True,
) -> None:
    """Draw the lines between ``points``, anti-aliased; dashes are in units of the thickness."""
    corners = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if closed and len(corners) > 1:
        corners = np.vstack([corners, corners[:1]])
    if len(corners) < 2 or not np.isfinite(corners).all():
        return
    pieces = [corners] if style == "solid" else _dashes(corners, *(length * thickness for length in _STYLES[style]))
    lines: list[Any] = [np.rint(piece[:, ::-1] * (1 << _SHIFT)).astype(np.int32) for piece in pieces]
    cv2.polylines(picture, lines, False, colour, max(1, thickness), cv2.LINE_AA, _SHIFT)


def draw_cross(
    picture: ByteArray, centre: tuple[float, float], colour: Colour, *, radius: float = 6.0, thickness: int = 2
) -> None:
    """Draw a small upright cross at a point."""
    row, column = centre
    for ends in ([(row - radius, column), (row + radius, column)], [(row, column - radius), (row, column + radius)]):
        draw_polygon(picture, ends, colour, thickness=thickness, closed=False)


def text_size(text: str, size_px: int) -> tuple[int, int]:
    """Return (height, width) in pixels of one line of text."""
    scale, thickness = _type(size_px)
    (width, height), baseline = cv2.getTextSize(text, _FONT, scale, thickness)
    return int(height + baseline), int(width)


def draw_label(
    picture: ByteArray, text: str, at: tuple[float, float], colour: Colour = WHITE, *, size_px: int = 18
) -> None:
    """Write one line with its top left corner at ``at``, on a dark rim, moved so that it stays on the picture."""
    height, width = text_size(text, size_px)
    row = min(max(at[0], 0.0), max(picture.shape[0] - height, 0))
    column = min(max(at[1], 0.0), max(picture.shape[1] - width, 0))
    scale, thickness = _type(size_px)
    (_, rise), _ = cv2.getTextSize(text, _FONT, scale, thickness)
    origin = (round(column), round(row) + rise)
    # A rim by a thicker stroke does not work with the outline fonts of OpenCV 5: the text is written around itself.
    for down, across in _AROUND:
        rim = (origin[0] + across, origin[1] + down)
        cv2.putText(picture, text, rim, _FONT, scale, _HALO, thickness, cv2.LINE_AA)
    cv2.putText(picture, text, origin, _FONT, scale, colour, thickness, cv2.LINE_AA)


def _type(size_px: int) -> tuple[float, int]:
    """Return scale and stroke of the font: its letters are 21 pixels high at scale 1."""
    return size_px * 0.75 / 21.0, max(1, round(size_px / 14))


def _dashes(corners: DoubleArray, dash: float, gap: float) -> list[DoubleArray]:
    """Cut the line through ``corners`` into dashes that run on around the corners."""
    steps = np.hypot(*np.diff(corners, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    pieces = []
    # A line far longer than any picture would be cut into millions of dashes outside it.
    for start in np.arange(0.0, min(along[-1], 1e5), dash + gap):
        end = min(start + dash, along[-1])
        inner = along[(along > start) & (along < end)]
        places = np.concatenate([[start], inner, [end]])
        pieces.append(np.stack([np.interp(places, along, corners[:, axis]) for axis in (0, 1)], axis=1))
    return pieces
