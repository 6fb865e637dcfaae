"""The wavelet filter of the microcalcification ensemble: keep what stands out of the noise at fine scales.

Per level, the horizontal, vertical and diagonal details are pooled; a coefficient c stays when ``|c| >= q * sigma``
with sigma their standard deviation (ddof 1). The approximation, that is the slow background, is dropped or kept.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ArgumentError
from mammoviewer.base.progress import Progress, no_progress

_Details: TypeAlias = tuple[FloatArray, FloatArray, FloatArray]


def wavelet_families() -> tuple[str, ...]:
    """Return the names of all discrete wavelets of PyWavelets, in its order, without loading it."""
    bior = [f"{p}.{q}" for p, last in ((1, 5), (2, 8), (3, 9)) for q in range(2 - p % 2, last + 1, 2)]
    bior += ["4.4", "5.5", "6.8"]
    return (
        *(f"bior{orders}" for orders in bior),
        *(f"coif{order}" for order in range(1, 18)),
        *(f"db{order}" for order in range(1, 39)),
        *("dmey", "haar"),
        *(f"rbio{orders}" for orders in bior),
        *(f"sym{order}" for order in range(2, 21)),
    )


def wavelet_filter(
    image: FloatArray,
    *,
    wavelet: str = "sym3",
    levels: int = 3,
    q: float = 1.5,
    keep_approximation: bool = False,
    progress: Progress = no_progress,
) -> FloatArray:
    """Return ``image`` rebuilt from its strong wavelet coefficients.

    Parameters
    ----------
    image
        float32, shape (rows, columns); values that are not finite count as 0.
    wavelet
        One of :func:`wavelet_families`. The edge is continued symmetrically.
    levels
        Number of scales, each twice as coarse; an image that runs out of pixels gets fewer.
    q
        Threshold in standard deviations of the level.
    keep_approximation
        Else the result has no background and lies around 0.

    Returns
    -------
    float32 array
        Shape and unit of ``image``.

    Raises
    ------
    ArgumentError
        The wavelet is not known, or ``levels`` is below 1 or ``q`` below 0.
    """
    if wavelet not in wavelet_families():
        raise ArgumentError(f"there is no discrete wavelet {wavelet!r}", hint="for example haar, sym3, db4, coif1")
    if levels < 1 or not q >= 0:
        raise ArgumentError("the wavelet filter needs at least one level and a threshold of at least 0")
    import pywt

    basis = pywt.Wavelet(wavelet)
    approximation = np.nan_to_num(np.asarray(image, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    pyramid: list[tuple[_Details, tuple[int, ...]]] = []
    # Level by level instead of wavedec2: no warning about small images, and progress in between.
    for level in range(levels):
        if min(approximation.shape) < 2:
            break
        progress(level / (2 * levels), "wavelet filter")
        shape = approximation.shape
        approximation, details = pywt.dwt2(approximation, basis)
        pyramid.append((_thresholded(details, q), shape))
    if not keep_approximation:
        approximation = np.zeros_like(approximation)
    for done, (details, shape) in enumerate(reversed(pyramid)):
        progress(0.5 + done / (2 * levels), "wavelet filter")
        approximation = pywt.idwt2((approximation, details), basis)[: shape[0], : shape[1]]
    return np.ascontiguousarray(approximation, dtype=np.float32)


def _thresholded(details: _Details, q: float) -> _Details:
    limit = np.float32(q * _pooled_deviation(details))
    horizontal, vertical, diagonal = (np.where(np.abs(band) >= limit, band, np.float32(0)) for band in details)
    return horizontal, vertical, diagonal


def _pooled_deviation(details: _Details) -> float:
    """Return the standard deviation (ddof 1) over all three bands, in double precision."""
    count = sum(band.size for band in details)
    total = sum(float(band.sum(dtype=np.float64)) for band in details)
    squares = sum(float(np.square(band, dtype=np.float64).sum()) for band in details)
    return float(np.sqrt(max(squares - total * total / count, 0.0) / max(count - 1, 1)))
