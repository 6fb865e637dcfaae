"""Where training patches of findings are cut: around a box, of another area, aspect and place than it (S2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import FloatArray

Box = tuple[float, float, float, float]
_LEAST_SIDE_PX = 48.0


@dataclass(frozen=True)
class ProposalRule:
    """Ranges of the area and the aspect as multiples of the box's, and how far the centre moves, in pixels."""

    area: tuple[float, float] = (0.05, 5.0)
    aspect: tuple[float, float] = (0.33, 1.66)
    shift_px: float = 50.0


def proposal(box: Box, generator: np.random.Generator, rule: ProposalRule, *, native_px: float | None = None) -> Box:
    """Return a box around ``box`` (first row, first column, last row, last column), changed by the rule.

    Parameters
    ----------
    native_px
        Take a square of this side instead of another area and aspect: what a sliding window sees.
    """
    rows, columns = box[2] - box[0], box[3] - box[1]
    shift = generator.uniform(-rule.shift_px, rule.shift_px, 2)
    middle = (box[0] + box[2]) / 2 + float(shift[0]), (box[1] + box[3]) / 2 + float(shift[1])
    if native_px is not None:
        half = (native_px / 2, native_px / 2)
    else:
        area = rows * columns * generator.uniform(*rule.area)
        aspect = rows / columns * generator.uniform(*rule.aspect)
        sides = math.sqrt(area * aspect), math.sqrt(area / aspect)
        half = (max(sides[0], _LEAST_SIDE_PX) / 2, max(sides[1], _LEAST_SIDE_PX) / 2)
    return middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]


def covered(first: Box, second: Box) -> float:
    """Return which share of the smaller of two boxes the other covers."""
    rows = min(first[2], second[2]) - max(first[0], second[0])
    columns = min(first[3], second[3]) - max(first[1], second[1])
    if rows <= 0 or columns <= 0:
        return 0.0
    return rows * columns / min((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))


def at_least(box: Box, side: float) -> Box:
    """Return a box grown about its middle to at least ``side`` in each direction."""
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = max(box[2] - box[0], side) / 2, max(box[3] - box[1], side) / 2
    return middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]


def cut(values: NDArray[Any], box: Box, side: int, generator: np.random.Generator, *, turn: bool = True) -> FloatArray:
    """Return the box of an image (channels, rows, columns), any dtype, resized to a square, turned and mirrored.

    float32 (channels, side, side); beyond the image there is 0.
    """
    rows, columns = (box[2] - box[0]) / side, (box[3] - box[1]) / side
    half = (side - 1) / 2
    quarter, mirror = int(generator.integers(4)), -1.0 if generator.random() < 0.5 else 1.0
    angle = quarter * math.pi / 2 + generator.uniform(-0.25, 0.25)
    if not turn:
        mirror, angle = 1.0, 0.0
    cosine, sine = math.cos(angle), math.sin(angle)
    turned = np.array([[columns * cosine * mirror, -columns * sine], [rows * sine * mirror, rows * cosine]])
    middle = np.array([(box[1] + box[3]) / 2, (box[0] + box[2]) / 2])
    matrix = np.column_stack([turned, middle - turned @ np.array([half, half])])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    parts = [cv2.warpAffine(channel, matrix, (side, side), flags=flags) for channel in values]
    return np.stack(parts).astype(np.float32)


def toned(picture: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Return a picture (channels, rows, columns) in [0, 1] with another contrast, brightness and gain."""
    contrast, gain = np.exp(generator.uniform(-0.25, 0.25)), np.exp(generator.uniform(-0.1, 0.1))
    brightness, middle = generator.uniform(-0.08, 0.08), float(picture.mean())
    changed = ((picture - middle) * contrast + middle) * gain + brightness
    result: FloatArray = np.clip(changed, 0.0, 1.0).astype(np.float32)
    return result
