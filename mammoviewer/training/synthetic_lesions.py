"""Lesions drawn into normal films, to learn from before and beside the few real ones. Training pictures alone.

A mass is an uneven ellipse whose border fades, with or without spicules; a cluster is some specks. Brightness is a
share of the range of the breast. None of this is a real lesion: no figure of a model is counted on such pictures.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from mammoviewer.base.arrays import FloatArray

Circle = tuple[float, float, float]
_MASS_CONTRAST = (0.07, 0.3)
_SPECK_CONTRAST = (0.15, 0.5)


def draw_mass(
    picture: FloatArray, circle: Circle, generator: np.random.Generator, *, spiculated: bool | None = None
) -> None:
    """Add a mass to a float32 picture (rows, columns) in [0, 1] in place; ``circle`` is row, column, radius in px."""
    row, column, radius = circle
    window = _window(picture.shape, circle, 2.0)
    rows, columns = np.mgrid[window].astype(np.float32)
    angle = np.arctan2(rows - row, columns - column)
    distance = np.hypot(rows - row, columns - column)
    turn, stretch = generator.uniform(0, math.pi), generator.uniform(0.7, 1.0)
    edge = radius * np.sqrt(np.cos(angle - turn) ** 2 + stretch**2 * np.sin(angle - turn) ** 2)
    for waves in range(2, 7):
        edge += radius * generator.normal(0, 0.25 / waves) * np.cos(waves * angle + generator.uniform(0, 2 * math.pi))
    softness = radius * generator.uniform(0.08, 0.4)
    shape = 1 / (1 + np.exp(np.clip((distance - 0.8 * edge) / softness, -30, 30)))
    if generator.random() < 0.5 if spiculated is None else spiculated:
        shape = np.maximum(shape, 0.6 * _spicules(window, circle, generator))
    texture = generator.normal(0, 1, shape.shape).astype(np.float32)
    texture = cv2.GaussianBlur(texture, (0, 0), max(1.0, radius / 4))
    texture /= float(texture.std()) + 1e-6
    contrast = generator.uniform(*_MASS_CONTRAST)
    picture[window] += (contrast * shape * (1 + 0.25 * texture)).astype(np.float32)


def draw_cluster(
    picture: FloatArray, circle: Circle, generator: np.random.Generator, *, speck_px: tuple[float, float] = (0.5, 1.2)
) -> None:
    """Add 5 to 20 bright specks within ``circle`` to a float32 picture in place; ``speck_px`` are their radii."""
    row, column, radius = circle
    window = _window(picture.shape, circle, 1.2)
    rows, columns = np.mgrid[window].astype(np.float32)
    contrast = generator.uniform(*_SPECK_CONTRAST)
    for _ in range(int(generator.integers(5, 21))):
        place, turn = radius * math.sqrt(generator.random()), generator.uniform(0, 2 * math.pi)
        size = generator.uniform(*speck_px)
        squared = (rows - row - place * math.sin(turn)) ** 2 + (columns - column - place * math.cos(turn)) ** 2
        bright = contrast * generator.uniform(0.4, 1.0)
        picture[window] += (bright * np.exp(-squared / (2 * size**2))).astype(np.float32)


def _spicules(window: tuple[slice, slice], circle: Circle, generator: np.random.Generator) -> FloatArray:
    """Return thin fading lines that leave the middle of the circle, in [0, 1]."""
    row, column, radius = circle
    origin = np.array([window[1].start, window[0].start])
    height, width = (part.stop - part.start for part in window)
    lines = np.zeros((height, width), dtype=np.float32)
    start = np.array([column, row]) - origin
    for _ in range(int(generator.integers(8, 22))):
        angle, length = generator.uniform(0, 2 * math.pi), radius * generator.uniform(1.0, 1.9)
        end = start + length * np.array([math.cos(angle), math.sin(angle)])
        cv2.line(lines, _point(start), _point(end), float(generator.uniform(0.4, 1.0)), 1, cv2.LINE_AA)
    faded: FloatArray = cv2.GaussianBlur(lines, (0, 0), max(0.6, radius / 20))
    rows, columns = np.mgrid[window].astype(np.float32)
    result: FloatArray = faded * np.exp(-((np.hypot(rows - row, columns - column) / (1.3 * radius)) ** 2))
    return result


def _window(shape: tuple[int, ...], circle: Circle, reach: float) -> tuple[slice, slice]:
    parts = []
    for place, size in zip(circle[:2], shape, strict=True):
        half = reach * circle[2] + 2
        first = min(max(0, math.floor(place - half)), size - 1)
        parts.append(slice(first, max(first + 1, min(size, math.ceil(place + half) + 1))))
    return parts[0], parts[1]


def _point(place: np.ndarray) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))
