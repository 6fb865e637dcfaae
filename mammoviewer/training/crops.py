"""Square crops of prepared films, turned, mirrored, zoomed and changed in tone. For training films alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mammoviewer.base.arrays import FloatArray

Circle = tuple[float, float, float]


@dataclass(frozen=True)
class CropChange:
    """How far crops are changed; ``zoom``, ``gamma`` and ``contrast`` are logarithms, symmetric about 0.

    ``turn`` allows any rotation and mirroring; without it there are none.
    """

    zoom: float = 0.25
    gamma: float = 0.25
    contrast: float = 0.2
    brightness: float = 0.05
    turn: bool = True


UNCHANGED = CropChange(zoom=0.0, gamma=0.0, contrast=0.0, brightness=0.0, turn=False)


@dataclass(frozen=True, eq=False)
class Crop:
    """``values`` float32 (channels, side, side) in [0, 1]; circles of the film in pixels of the crop."""

    values: FloatArray
    circles: tuple[Circle, ...]


def crop(
    values: FloatArray,
    centre: tuple[float, float],
    side: int,
    generator: np.random.Generator,
    change: CropChange,
    *,
    circles: Sequence[Circle] = (),
    scale: float = 1.0,
) -> Crop:
    """Return a changed crop around a place of a film (channels, rows, columns).

    Parameters
    ----------
    centre
        Row and column of the film that comes to lie in the middle.
    circles
        Lesions of the film; those whose centre is in the crop come back in its pixels.
    scale
        Pixels of the film that one pixel of the crop spans, before the random zoom.
    """
    zoom = scale * math.exp(generator.uniform(-change.zoom, change.zoom))
    angle = generator.uniform(0, 2 * math.pi) if change.turn else 0.0
    mirror = -1.0 if change.turn and generator.random() < 0.5 else 1.0
    cosine, sine = math.cos(angle) * zoom, math.sin(angle) * zoom
    turned = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
    middle = np.array([(side - 1) / 2, (side - 1) / 2])
    offset = np.array([centre[1], centre[0]]) - turned @ middle
    matrix = np.column_stack([turned, offset])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    parts = [cv2.warpAffine(channel, matrix, (side, side), flags=flags) for channel in values]
    inverse = np.linalg.inv(turned)
    places = [(inverse @ (np.array([c, r]) - offset), radius / zoom) for r, c, radius in circles]
    inside = tuple((float(p[1]), float(p[0]), radius) for p, radius in places if p.min() >= 0 and p.max() <= side - 1)
    return Crop(_toned(np.stack(parts).astype(np.float32), generator, change), inside)


def breast_place(mask: np.ndarray, generator: np.random.Generator) -> tuple[float, float]:
    """Return a random row and column of the breast; the middle of the picture where there is none."""
    rows, columns = mask.shape
    for _ in range(64):
        row, column = int(generator.integers(rows)), int(generator.integers(columns))
        if mask[row, column]:
            return float(row), float(column)
    return rows / 2, columns / 2


def _toned(values: FloatArray, generator: np.random.Generator, change: CropChange) -> FloatArray:
    gamma = math.exp(generator.uniform(-change.gamma, change.gamma))
    gain = math.exp(generator.uniform(-change.contrast, change.contrast))
    shift = generator.uniform(-change.brightness, change.brightness)
    shown = values > 0
    toned = np.clip(values, 0.0, 1.0) ** gamma * gain + shift
    result: FloatArray = np.where(shown, np.clip(toned, 0.0, 1.0), 0.0).astype(np.float32)
    return result
