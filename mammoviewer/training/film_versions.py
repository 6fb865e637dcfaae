"""Changed versions of whole training films: turned, mirrored, zoomed, in other tones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.training.films import Film

Circle = tuple[float, float, float]
_DARKEST = 0.005
_MOST_DEGREES, _MOST_SHIFT = 20.0, 0.05


@dataclass(frozen=True, eq=False)
class Version:
    """float32 picture (rows, columns) with the circles of its lesions."""

    values: FloatArray
    circles: tuple[Circle, ...]


def changed_version(film: Film, generator: np.random.Generator) -> Version:
    """Return a film changed at random, by up to 20 degrees and a quarter of its size; lesions may leave it."""
    picture = film.values[0]
    angle = math.radians(generator.uniform(-_MOST_DEGREES, _MOST_DEGREES))
    zoom, mirror = math.exp(generator.uniform(-0.25, 0.25)), -1.0 if generator.random() < 0.5 else 1.0
    cosine, sine = math.cos(angle) * zoom, math.sin(angle) * zoom
    turned = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
    size = np.array(picture.shape[::-1])
    middle = (size - 1) / 2
    offset = middle + generator.uniform(-_MOST_SHIFT, _MOST_SHIFT, 2) * size - turned @ middle
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(picture, np.column_stack([turned, offset]), size.tolist(), flags=flags)
    inverse = np.linalg.inv(turned)
    places = [(inverse @ (np.array([c, r]) - offset), radius / zoom) for r, c, radius in film.circles]
    circles = tuple((float(p[1]), float(p[0]), r) for p, r in places if (p >= 0).all() and (p <= size - 1).all())
    gamma, gain = math.exp(generator.uniform(-0.25, 0.25)), math.exp(generator.uniform(-0.2, 0.2))
    toned = np.clip(np.clip(moved, 0, 1) ** gamma * gain, _DARKEST, 1)
    return Version(np.where(moved > _DARKEST, toned, 0).astype(np.float32), circles)
