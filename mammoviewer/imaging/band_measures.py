"""Measures of detail in patches that nobody has to learn: how much there is of it at each size, light and dark apart.

A network that was taught on one kind of image can be blind to what another shows, such as specks; these are not.
Absolute brightness is not among them, and turning or mirroring a patch changes next to nothing.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mammoviewer.base.arrays import FloatArray

_SMALLEST_SIDE = 16
"""A level of the pyramid with fewer pixels than this across is not looked at, unless it is the first."""
_LEAST = 1e-3
"""In grey values of a patch in [0, 1]: detail that is fainter counts as none."""


def band_measures(patches: FloatArray) -> FloatArray:
    """Return eight measures of each level of a Laplacian pyramid (Burt and Adelson 1983).

    Of the details lighter than their surroundings, and of those darker, the mean, the roots of the mean second and
    fourth powers, and the maximum; of all of these the logarithm.

    Parameters
    ----------
    patches
        float32 (n, rows, columns), values about 0 to 1.

    Returns
    -------
    FloatArray
        float32 (n, 8 L); a side of 60 pixels has two levels, one of 128 four, one of 256 five.
    """
    found = np.asarray([_measures(patch) for patch in patches], dtype=np.float32)
    logarithms: FloatArray = np.log(found + np.float32(_LEAST))
    return logarithms


def _measures(patch: FloatArray) -> list[float]:
    found: list[float] = []
    level: Any = patch
    while not found or min(level.shape) >= _SMALLEST_SIDE:
        smaller = cv2.pyrDown(level)
        detail = (level - cv2.pyrUp(smaller, dstsize=level.shape[::-1])).ravel()
        light, count = np.maximum(detail, 0), detail.size
        for side in (light, light - detail):
            squares = side * side
            second, fourth = float(squares.sum()) / count, float(np.dot(squares, squares)) / count
            found += [float(side.sum()) / count, second**0.5, fourth**0.25, float(side.max())]
        level = smaller
    return found
