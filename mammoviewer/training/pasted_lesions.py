"""Real lesions laid into other films: what stands out of its surroundings, turned, scaled and added elsewhere.

For training films alone. Pieces of normal tissue are pasted in the same way, so that the seam tells nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from mammoviewer.base.arrays import FloatArray

Circle = tuple[float, float, float]
_REACH, _LEAST_RING = 1.6, 8


@dataclass(frozen=True, eq=False)
class Relief:
    """What a place adds to a plane through its surroundings: float32 (side, side), fading outwards, and its radius."""

    values: FloatArray
    radius: float


def relief_of(picture: FloatArray, circle: Circle) -> Relief | None:
    """Return the relief of a circle (row, column, radius) of a float32 picture; None without surroundings to go by."""
    row, column, radius = circle
    half = math.ceil(_REACH * radius + 3)
    padded = np.pad(picture, half)
    top, left = int(row), int(column)
    part = padded[top : top + 2 * half + 1, left : left + 2 * half + 1]
    rows, columns = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    distance = np.hypot(rows, columns)
    ring = (distance > 1.15 * radius + 1) & (distance < half) & (part > 0)
    if ring.sum() < _LEAST_RING:
        return None
    plane = np.stack([np.ones_like(rows), rows, columns])
    fitted = np.linalg.lstsq(plane[:, ring].T, part[ring], rcond=None)[0]
    fade = np.clip((1.5 * radius + 2 - distance) / (0.5 * radius + 2), 0, 1)
    height = np.where(part > 0, part - np.tensordot(fitted, plane, 1), 0.0)
    return Relief((height * fade**2 * (3 - 2 * fade)).astype(np.float32), radius)


def paste(picture: FloatArray, place: tuple[float, float], relief: Relief, generator: np.random.Generator) -> Circle:
    """Add a relief, mirrored, turned, scaled and weakened at random, to a picture in place; return its circle.

    What is 0, outside the breast, stays 0.
    """
    scale = math.exp(generator.uniform(-0.3, 0.3))
    half = relief.values.shape[0] // 2
    reach = math.ceil(half * scale)
    matrix = cv2.getRotationMatrix2D((half, half), generator.uniform(0, 360), scale)
    matrix[:, 2] += reach - half
    values = relief.values[:, ::-1] if generator.random() < 0.5 else relief.values
    turned = cv2.warpAffine(values, matrix, (2 * reach + 1, 2 * reach + 1)) * math.exp(generator.uniform(-0.35, 0.25))
    row, column = round(place[0]), round(place[1])
    rows, columns = picture.shape
    top, left = max(0, row - reach), max(0, column - reach)
    bottom, right = min(rows, row + reach + 1), min(columns, column + reach + 1)
    below = picture[top:bottom, left:right]
    added = turned[top - row + reach : bottom - row + reach, left - column + reach : right - column + reach]
    below[...] = np.where(below > 0, np.clip(below + added, 0, 1), 0)
    return float(row), float(column), relief.radius * scale
