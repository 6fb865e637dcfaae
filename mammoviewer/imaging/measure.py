"""Lengths, angles and profiles in an image with a known pixel size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mammoviewer.base.arrays import DoubleArray, StoredArray
from mammoviewer.base.errors import ArgumentError

Point = tuple[float, float]
Pixel = tuple[float, float]
"""Size of a pixel as (distance of rows, distance of columns); (1, 1) measures in pixels."""


def length(start: Point, end: Point, pixel: Pixel = (1.0, 1.0)) -> float:
    """Return the distance of two (row, column) points in the unit of ``pixel``."""
    return math.hypot((end[0] - start[0]) * pixel[0], (end[1] - start[1]) * pixel[1])


def angle_degrees(first: Point, vertex: Point, last: Point, pixel: Pixel = (1.0, 1.0)) -> float:
    """Return the angle at ``vertex`` between the two arms, 0 to 180 degrees; 0 where an arm has no length."""
    one = ((first[0] - vertex[0]) * pixel[0], (first[1] - vertex[1]) * pixel[1])
    other = ((last[0] - vertex[0]) * pixel[0], (last[1] - vertex[1]) * pixel[1])
    if not any(one) or not any(other):
        return 0.0
    cross = one[0] * other[1] - one[1] * other[0]
    return abs(math.degrees(math.atan2(cross, one[0] * other[0] + one[1] * other[1])))


@dataclass(frozen=True, eq=False)
class Profile:
    """Values along a line: ``distance`` from its start in the unit of the pixel size, and ``values``, both (n,)."""

    distance: DoubleArray
    values: DoubleArray


def profile(image: StoredArray, start: Point, end: Point, pixel: Pixel = (1.0, 1.0)) -> Profile:
    """Return the values along a line, interpolated linearly, about one for each pixel of the way.

    Parameters
    ----------
    image
        Shape (rows, columns); beyond its edge the nearest value goes on.

    Raises
    ------
    ArgumentError
        If the line has no length.
    """
    from scipy import ndimage

    steps = math.hypot(end[0] - start[0], end[1] - start[1])
    if steps == 0.0:
        raise ArgumentError("a profile needs a line with a length")
    count = max(2, math.ceil(steps) + 1)
    share = np.linspace(0.0, 1.0, count)
    places = np.stack([start[axis] + share * (end[axis] - start[axis]) for axis in (0, 1)])
    # Only the surroundings of the line are looked at: the whole image would be copied as floating point.
    low = np.clip(np.floor(places.min(axis=1)).astype(int) - 1, 0, np.array(image.shape) - 1)
    high = np.clip(np.ceil(places.max(axis=1)).astype(int) + 2, low + 1, image.shape)
    part = image[low[0] : high[0], low[1] : high[1]].astype(np.float64)
    values = ndimage.map_coordinates(part, places - low[:, None], order=1, mode="nearest")
    return Profile(share * length(start, end, pixel), np.asarray(values))
