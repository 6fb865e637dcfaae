"""The Grayscale Standard Display Function of DICOM PS3.14, and what a display must be driven with to follow it.

Equal steps of P-values are then equally visible steps of luminance, whatever the display does by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mammoviewer.base.arrays import ByteArray, DoubleArray
from mammoviewer.base.errors import ArgumentError

JND_MAX: Final = 1023.0
LUMINANCE_MIN: Final = 0.05
LUMINANCE_MAX: Final = 3993.404
"""The range of the function in cd/m2 (PS3.14 Table B-1)."""
LEVELS: Final = 256
"""Driving levels of a display with 8 bits per channel."""
GAMMA: Final = 2.2
LARGEST_DEVIATION: Final = 0.10
"""A contrast response further away from the standard's is not that of a primary display (AAPM TG18, section 4.3)."""

# PS3.14 section 7.1: numerator a, c, e, g, m and denominator 1, b, d, f, h, k of powers of ln(j).
_NUMERATOR: Final = (-1.3011877, 8.0242636e-2, 1.3646699e-1, -2.5468404e-2, 1.3635334e-3)
_DENOMINATOR: Final = (1.0, -2.5840191e-2, -1.0320229e-1, 2.8745620e-2, -3.1978977e-3, 1.2992634e-4)
# PS3.14 section 7.2: A to I of powers of log10(L).
_INVERSE: Final = (
    71.498068,
    94.593053,
    41.912053,
    9.8247004,
    0.28175407,
    -1.1878455,
    -0.18014349,
    0.14710899,
    -0.017046845,
)


def luminance(jnd: ArrayLike) -> DoubleArray:
    """Return the luminance in cd/m2 of JND indices from 1 to 1023, which may be fractional (PS3.14 section 7.1)."""
    x = np.log(np.asarray(jnd, np.float64))
    polynomial = np.polynomial.polynomial.polyval
    return np.asarray(10.0 ** (polynomial(x, _NUMERATOR) / polynomial(x, _DENOMINATOR)))


def jnd_index(cd_m2: ArrayLike) -> DoubleArray:
    """Return the JND index of luminances from 0.05 to 3993.404 cd/m2; darker and brighter ones count as those.

    The standard's approximation (PS3.14 section 7.2), made exact by steps of Newton's method on :func:`luminance`.
    """
    wanted = np.clip(np.asarray(cd_m2, np.float64), *luminance((1.0, JND_MAX)))
    logarithm = np.log10(wanted)
    jnd = np.polynomial.polynomial.polyval(logarithm, _INVERSE)
    for _ in range(3):
        jnd = np.clip(jnd, 1.0, JND_MAX)
        slope = (np.log10(luminance(jnd + 0.01)) - np.log10(luminance(jnd))) / 0.01
        jnd = jnd - (np.log10(luminance(jnd)) - logarithm) / slope
    return np.asarray(np.clip(jnd, 1.0, JND_MAX))


@dataclass(frozen=True)
class DisplayResponse:
    """How a display answers to its driving levels, as it was measured.

    Parameters
    ----------
    darkest, brightest
        Luminance in cd/m2 at driving level 0 and at the highest, without ambient light.
    ambient
        Luminance in cd/m2 of the room's light that the screen reflects; it is added everywhere.
    curve
        Measured pairs (driving level, luminance in cd/m2 without ambient light) that take the place of the two; empty
        where the levels between follow an assumed gamma of 2.2.

    Raises
    ------
    ArgumentError
        The luminances do not rise, or lie outside of what the standard's function covers.
    """

    darkest: float
    brightest: float
    ambient: float = 0.0
    curve: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (self.darkest, self.brightest, self.ambient)):
            raise ArgumentError("a luminance is not a number")
        if self.darkest < 0 or self.ambient < 0:
            raise ArgumentError("a luminance cannot be below 0")
        if self.brightest <= self.darkest:
            raise ArgumentError("the brightest luminance must be above the darkest")
        if self.darkest + self.ambient < LUMINANCE_MIN or self.brightest + self.ambient > LUMINANCE_MAX:
            raise ArgumentError(f"the standard's function covers {LUMINANCE_MIN:g} to {LUMINANCE_MAX:.0f} cd/m2")
        if self.curve:
            _check_curve(self.curve)

    @property
    def levels(self) -> DoubleArray:
        """Return the luminance in cd/m2, ambient light included, of every driving level."""
        level = np.arange(LEVELS, dtype=np.float64)
        if self.curve:
            measured = np.array(self.curve)
            return np.asarray(np.interp(level, measured[:, 0], measured[:, 1]) + self.ambient)
        share = (level / (LEVELS - 1)) ** GAMMA
        return np.asarray(self.darkest + (self.brightest - self.darkest) * share + self.ambient)


def response_of_curve(pairs: Sequence[tuple[float, float]], ambient: float = 0.0) -> DisplayResponse:
    """Return the response of a display of which a luminance curve was measured, in any order.

    Raises
    ------
    ArgumentError
        The curve is not one of a display: see :class:`DisplayResponse`.
    """
    curve = tuple(sorted((float(level), float(value)) for level, value in pairs))
    _check_curve(curve)
    return DisplayResponse(curve[0][1], curve[-1][1], ambient, curve)


def _check_curve(curve: tuple[tuple[float, float], ...]) -> None:
    if not np.isfinite(np.array(curve, np.float64)).all():
        raise ArgumentError("the luminance curve holds something that is not a number")
    levels, values = [pair[0] for pair in curve], [pair[1] for pair in curve]
    if len(curve) < 2 or levels[0] != 0 or levels[-1] != LEVELS - 1:
        raise ArgumentError(f"a luminance curve must reach from driving level 0 to {LEVELS - 1}")
    if any(after <= before for before, after in zip(levels, levels[1:], strict=False)):
        raise ArgumentError("a driving level of the luminance curve comes twice")
    if any(after < before for before, after in zip(values, values[1:], strict=False)) or values[-1] <= values[0]:
        raise ArgumentError("the luminance curve must rise with the driving level")


def target_luminance(display: DisplayResponse, count: int = LEVELS) -> DoubleArray:
    """Return the luminance in cd/m2 that the standard asks for at each of ``count`` P-values (PS3.14 section 7.3)."""
    ends = jnd_index(display.levels[[0, -1]])
    return luminance(np.linspace(ends[0], ends[1], count))


def driving_levels(display: DisplayResponse, count: int = LEVELS) -> ByteArray:
    """Return the driving level for each of ``count`` P-values: the one whose luminance looks most like the standard's.

    Returns
    -------
    uint8 array
        Shape (count,), rising from 0 to 255.
    """
    have = jnd_index(display.levels)
    wanted = np.linspace(have[0], have[-1], count)
    above = np.clip(np.searchsorted(have, wanted), 1, LEVELS - 1)
    nearer_below = wanted - have[above - 1] <= have[above] - wanted
    chosen = np.where(nearer_below, above - 1, above)
    # A level that is as bright as a neighbour may stand for black or white; they are driven by the ends.
    chosen[0], chosen[-1] = 0, LEVELS - 1
    return chosen.astype(np.uint8)


def contrast_deviation(display: DisplayResponse, levels: NDArray[Any] | None = None, steps: int = 18) -> float:
    """Return how far the contrast response lies from the standard's at the worst, as a share of it.

    As in AAPM TG18, the contrast between ``steps`` P-values at equal distances is compared.

    Parameters
    ----------
    levels
        The driving level of each P-value, as :func:`driving_levels` gives them; the display as it is when None.
    """
    driven = np.arange(LEVELS) if levels is None else np.asarray(levels)
    places = np.rint(np.linspace(0, len(driven) - 1, steps)).astype(np.intp)
    shown = display.levels[driven[places]]
    # The places are rounded: the standard is asked at just these.
    ends = jnd_index(display.levels[[0, -1]])
    wanted = luminance(ends[0] + (ends[1] - ends[0]) * places / (len(driven) - 1))
    return float(np.abs(_contrast(shown) / _contrast(wanted) - 1.0).max())


def _contrast(values: DoubleArray) -> DoubleArray:
    return np.asarray(2.0 * np.diff(values) / (values[1:] + values[:-1]))
