"""Values of interest: from stored pixel values to display grey.

The order is that of DICOM PS3.3 C.7.5.1.1.2, C.11.1 and C.11.2: stored value, padding mask, Modality LUT (rescale), VOI
(window or look-up table), polarity. Everything is folded into one table over the possible stored values, so that a
window drag costs one look-up per pixel.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, ByteArray, DoubleArray, StoredArray, WordArray
from mammoviewer.base.errors import ArgumentError

AUTO = "auto"
"""The explanation of a window that was made from the pixels."""
AS_STORED = "as stored"
"""The explanation of a window over all values that the depth of a picture allows."""
_CV2_LOOKS_UP_WORDS = int(cv2.__version__.split(".")[0]) >= 5
_SAMPLES_FOR_PERCENTILES = 400_000
_BACKGROUND_SHARE = 0.02


class VoiFunction(enum.StrEnum):
    """VOILUTFunction (0028,1056), PS3.3 C.11.2.1.3."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


@dataclass(frozen=True)
class Window:
    """WindowCenter, WindowWidth and VOILUTFunction, in units after the Modality LUT.

    Raises
    ------
    ArgumentError
        The centre is not finite, or the width is not a finite number above 0.
    """

    center: float
    width: float
    function: VoiFunction = VoiFunction.LINEAR
    explanation: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.center):
            raise ArgumentError("the window centre is not a number")
        if not (math.isfinite(self.width) and self.width > 0):
            raise ArgumentError("the window width must be a number above 0")

    def values(self, x: DoubleArray) -> DoubleArray:
        """Return the display values in [0, 1] of ``x``, float64 of any shape (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
        if self.function is VoiFunction.SIGMOID:
            exponent = np.clip(-4.0 * (x - self.center) / self.width, -700.0, 700.0)
            return np.asarray(1.0 / (1.0 + np.exp(exponent)))
        if self.function is VoiFunction.LINEAR_EXACT:
            return np.asarray(np.clip((x - self.center) / self.width + 0.5, 0.0, 1.0))
        # LINEAR: a width of 1 is a step at center - 0.5; smaller widths are not allowed and count as 1.
        center = self.center - 0.5
        if self.width <= 1.0:
            return np.asarray(x > center, dtype=np.float64)
        return np.asarray(np.clip((x - center) / (self.width - 1.0) + 0.5, 0.0, 1.0))


@dataclass(frozen=True, eq=False)
class VoiLut:
    """One item of the VOI LUT Sequence (PS3.3 C.11.2.1.1).

    ``data`` is uint16 of shape (entries,), ``first_mapped`` the value (after the Modality LUT) of entry 0, ``bits``
    the real width of the entries: an entry of ``2**bits - 1`` is full white.
    """

    data: WordArray
    first_mapped: int
    bits: int
    explanation: str = ""

    def __post_init__(self) -> None:
        if self.data.ndim != 1 or self.data.size == 0:
            raise ArgumentError("a VOI LUT needs at least one entry")
        if not 1 <= self.bits <= 16:
            raise ArgumentError("a VOI LUT has entries of 1 to 16 bits")

    def values(self, x: DoubleArray) -> DoubleArray:
        """Return the display values in [0, 1] of ``x``; between two entries they are interpolated."""
        position = np.clip(x - self.first_mapped, 0, self.data.size - 1)
        entries = self.data.astype(np.float64) / float((1 << self.bits) - 1)
        return np.asarray(np.clip(np.interp(position, np.arange(self.data.size), entries), 0.0, 1.0))


Voi: TypeAlias = Window | VoiLut


@dataclass(frozen=True)
class Padding:
    """Stored values, both ends included, that are not part of the image (PS3.3 C.7.5.1.1.2)."""

    low: int
    high: int

    def contains(self, stored: StoredArray) -> BoolArray:
        """Return True where a stored value is padding, same shape."""
        return np.asarray((stored >= self.low) & (stored <= self.high), dtype=np.bool_)


@dataclass(frozen=True)
class Rescale:
    """The Modality LUT as RescaleSlope and RescaleIntercept (PS3.3 C.11.1); identity in mammography."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, stored: NDArray[Any]) -> DoubleArray:
        """Return ``stored * slope + intercept`` as float64."""
        return np.asarray(stored, dtype=np.float64) * self.slope + self.intercept

    def in_units_of(self, other: Rescale, stored: StoredArray, padding: Padding | None = None) -> StoredArray:
        """Return ``stored`` as the values that ``other`` rescales to the same, rounded, same shape and dtype.

        Values beyond the dtype take its ends; ``padding`` stays as it is.
        """
        if self == other:
            return stored
        limits = np.iinfo(stored.dtype)
        values = np.clip(np.rint((self.apply(stored) - other.intercept) / other.slope), limits.min, limits.max)
        alike = values.astype(stored.dtype)
        return alike if padding is None else np.where(padding.contains(stored), stored, alike)


IDENTITY = Rescale()


def display_lut(  # noqa: D417 - the parameters are described together
    first: int,
    count: int,
    *,
    voi: Voi,
    rescale: Rescale = IDENTITY,
    inverse: bool = False,
    padding: Padding | None = None,
    bits: int = 8,
) -> ByteArray | WordArray:
    """Return the table from stored value to display grey.

    Entry i belongs to the stored value ``first + i``. ``inverse`` is the polarity of the image (MONOCHROME1 or
    PresentationLUTShape INVERSE) exclusive-or the user's invert; it is applied once, after the VOI. Padding is black
    whatever the polarity.

    Returns
    -------
    uint8 (``bits`` 8, values 0..255) or uint16 (``bits`` 9 to 16, values 0..2**bits - 1) of shape (count,).
    """
    if not 1 <= bits <= 16:
        raise ArgumentError("display grey has 1 to 16 bits")
    stored = np.arange(first, first + count, dtype=np.int64)
    values = voi.values(rescale.apply(stored))
    if inverse:
        values = 1.0 - values
    if padding is not None:
        values[padding.contains(stored)] = 0.0
    scaled = np.floor(values * float((1 << bits) - 1) + 0.5)
    return scaled.astype(np.uint8) if bits <= 8 else scaled.astype(np.uint16)


def apply_lut(stored: StoredArray, lut: NDArray[Any], first: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Look every stored value up in ``lut``, whose entry i belongs to the value ``first + i``.

    Values below and above the table take its first and last entry.

    Parameters
    ----------
    stored
        Integers of any shape.
    lut
        One-dimensional; uint8, uint16 or int32.
    out
        Where to write, of the shape of ``stored`` and the dtype of ``lut``; its rows may lie apart in memory.

    Returns
    -------
    array
        ``out``, or a new array where that is None.

    Raises
    ------
    ArgumentError
        ``out`` is of another shape or dtype: OpenCV would leave it as it is and write elsewhere.
    """
    if out is not None and (out.shape != stored.shape or out.dtype != lut.dtype):
        raise ArgumentError(f"{out.dtype} of shape {out.shape} cannot take {lut.dtype} of shape {stored.shape}")
    if stored.ndim == 2 and stored.size and (stored.dtype == np.uint8 or _looks_up_words(stored)):
        table = _full_table(lut, first, stored.dtype)
        shown: NDArray[Any] = cv2.LUT(_unsigned(stored), table, dst=out)
        return shown
    index = np.clip(stored.astype(np.int64) - first, 0, lut.size - 1)
    return np.take(lut, index, out=out)


def _looks_up_words(stored: StoredArray) -> bool:
    return _CV2_LOOKS_UP_WORDS and stored.dtype in (np.uint16, np.int16)


def _unsigned(stored: StoredArray) -> StoredArray:
    """Return the bits of ``stored`` as OpenCV takes them: unsigned, each row without gaps."""
    rows = stored if stored.strides[1] == stored.itemsize else np.ascontiguousarray(stored)
    return rows.view(f"u{stored.itemsize}")


def _full_table(lut: NDArray[Any], first: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the table for all values of a dtype of 8 or 16 bits; for a signed one indexed by two's complement."""
    limits = np.iinfo(dtype)
    lowest, count = int(limits.min), int(limits.max) - int(limits.min) + 1
    if first == lowest == 0 and lut.size == count:
        return lut
    begin, end = (min(max(edge - lowest, 0), count) for edge in (first, first + lut.size))
    table = np.empty(count, lut.dtype)
    table[:begin], table[end:] = lut[0], lut[-1]
    table[begin:end] = lut[begin + lowest - first : end + lowest - first]
    return np.roll(table, lowest) if lowest else table


def whole_window(first: int, count: int, rescale: Rescale = IDENTITY) -> Window:
    """Return the window over all stored values ``first`` to ``first + count - 1``, in units after ``rescale``."""
    low, high = sorted(rescale.apply(np.array([first, first + count])).tolist())
    return Window((low + high) / 2.0, high - low)


def auto_window(stored: StoredArray, *, padding: Padding | None = None, rescale: Rescale = IDENTITY) -> Window:
    """Return a window from the 0.5th to the 99.8th percentile of the tissue, for images that bring no usable one.

    Padding is left out, and so is the darkest value when it fills more than 2 % of the image (air that is not
    declared as padding). An image of nothing but padding gets a window too; never NaN.
    """
    step = max(1, math.isqrt(stored.size // _SAMPLES_FOR_PERCENTILES))
    sample = stored[::step, ::step] if stored.ndim == 2 else stored.reshape(-1)[:: step * step]
    values = sample[~padding.contains(sample)] if padding is not None else sample.reshape(-1)
    if values.size == 0:
        return Window(0.5, 1.0, VoiFunction.LINEAR_EXACT, AUTO)
    tissue = values[values > values.min()]
    if tissue.size and values.size - tissue.size > _BACKGROUND_SHARE * values.size:
        values = tissue
    low, high = sorted(rescale.apply(np.percentile(values, (0.5, 99.8))).tolist())
    width = high - low
    if not width > 0:
        width = abs(rescale.slope) or 1.0
    return Window((low + high) / 2.0, width, VoiFunction.LINEAR_EXACT, AUTO)
