"""The measure that a phantom's texture is held against: the exponent of its radial power spectrum."""

from __future__ import annotations

import numpy as np

from mammoviewer.base.arrays import FloatArray


def power_law_exponent(
    image: FloatArray, pixel_mm: float, *, size: int = 256, low_per_mm: float = 0.15, high_per_mm: float = 1.0
) -> float:
    """Return beta of ``power ~ 1 / f**beta`` over the squares of an image that are all tissue.

    Parameters
    ----------
    image
        Float image with NaN where it is not to be looked at (air, muscle).
    pixel_mm
        Pixel size.
    size
        Side of the squares in pixels; they overlap by half.
    low_per_mm, high_per_mm
        Range of the fit, cycles per mm.

    Returns
    -------
    float
        The exponent; NaN when no square is free of NaN.
    """
    window = np.outer(np.hanning(size), np.hanning(size))
    total = np.zeros((size, size))
    for row in range(0, image.shape[0] - size + 1, size // 2):
        for column in range(0, image.shape[1] - size + 1, size // 2):
            square = image[row : row + size, column : column + size].astype(np.float64)
            if np.isfinite(square).all():
                total += np.abs(np.fft.fft2((square - square.mean()) * window)) ** 2
    if not total.any():
        return float("nan")
    axis = np.fft.fftfreq(size, pixel_mm)
    frequency = np.hypot(axis[:, None], axis[None, :])
    edges = np.geomspace(low_per_mm, high_per_mm, 16)
    middles, powers = [], []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        ring = (frequency >= low) & (frequency < high)
        if ring.any():
            middles.append(np.log(frequency[ring]).mean())
            powers.append(np.log(total[ring].mean()))
    return float(-np.polyfit(middles, powers, 1)[0])
