"""Find the breast: what is neither air nor a label, a marker or a strip of tape.

All work is done on a picture of at most 384 pixels a side, so that the cost is that of shrinking the image once.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mammoviewer.base.arrays import BoolArray, ByteArray, FloatArray, StoredArray
from mammoviewer.base.errors import ArgumentError
from mammoviewer.imaging.resample import extract
from mammoviewer.imaging.voi import Padding

_WORK_SIDE: Final = 384
# Greys below are of 255 between the 0.5th and the 99.5th percentile. They were set on films (mini-MIAS, DDSM), on FFDM
# (GE, NYU) and on simulated images, against patches from inside the breast.
_ABOVE_AIR: Final = 14
_AIR_PEAK_BELOW: Final = 25
_AIR_PEAK_HALF_WIDTH: Final = 8
_AIR_PEAK_SHARE: Final = 0.3
# In stored values: air of 0.4 times the mean of tissue would be a film of hardly any density.
_AIR_TO_TISSUE: Final = 0.4
# Labels and the seams of tape are thinner than twice this share of the longer side.
_OPENING: Final = 0.012
# A dark pocket behind thin skin, and no picture in a frame of tape.
_POCKET: Final = 0.01
_LEAST_SHARE: Final = 0.005


def breast_mask(image: StoredArray, *, padding: Padding | None = None, bright_air: bool = False) -> BoolArray:
    """Return where the breast is.

    Parameters
    ----------
    image
        Shape (rows, columns), any integer or floating dtype; values that are not finite count as air.
    padding
        Stored values that are no image; they never belong to the breast.
    bright_air
        Air has high values (MONOCHROME1, or a raw image that counts the x-rays).

    Returns
    -------
    bool array
        Shape of ``image``. The largest connected region above air, without holes. All true (but for padding) when no
        air can be told from tissue, as in a patch from inside the breast or in a constant image.

    Raises
    ------
    ArgumentError
        The image is not 2-D or empty.
    """
    if image.ndim != 2 or image.size == 0:
        raise ArgumentError("a breast mask needs a 2-D image that is not empty")
    values, known = _reduced(image, padding)
    if not known.any():
        return np.zeros(image.shape, bool)
    greys, low, high = _greys(values, known, bright_air)
    threshold = _air_threshold(greys[known])
    if threshold is not None and not bright_air and low >= 0.0:
        air = low + (threshold - _ABOVE_AIR) / 255.0 * (high - low)
        if air > _AIR_TO_TISSUE * float(values[known & (greys >= threshold)].mean()):
            threshold = None
    tissue = known if threshold is None else known & (greys > threshold)
    whole = threshold is None and bool(known.all())
    region = tissue if whole else _largest(tissue)
    if region.mean() < _LEAST_SHARE:
        region = known
    return _at_full_size(region, image.shape)


def _reduced(image: StoredArray, padding: Padding | None) -> tuple[FloatArray, BoolArray]:
    """Return the image at working size and where more than half of each of its pixels is real."""
    rows, columns = image.shape
    shrink = max(1.0, max(rows, columns) / _WORK_SIDE)
    size = (max(1, round(rows / shrink)), max(1, round(columns / shrink)))
    floating = np.issubdtype(image.dtype, np.floating)
    real = np.isfinite(image) if floating else None
    if padding is not None:
        outside = (image < padding.low) | (image > padding.high)
        real = outside if real is None else real & outside
    if floating and real is not None:
        image = np.where(real, image, 0.0).astype(np.float32)
    small = _shrink(image, size).astype(np.float32)
    known = np.ones(size, bool) if real is None else _shrink(real.view(np.uint8) * np.uint8(255), size) > 127
    return small, known


def _shrink(image: StoredArray, size: tuple[int, int]) -> StoredArray:
    return extract(image, (0.0, float(image.shape[0])), (0.0, float(image.shape[1])), size)


def _greys(values: FloatArray, known: BoolArray, bright_air: bool) -> tuple[ByteArray, float, float]:
    """Return the greys of 8 bits, air dark, and the values of grey 0 and 255 (before any inversion)."""
    low, high = (float(value) for value in np.percentile(values[known], (0.5, 99.5)))
    scaled = np.clip((values - low) * (255.0 / max(high - low, 1e-12)), 0.0, 255.0).astype(np.uint8)
    return (255 - scaled if bright_air else scaled), low, high


def _air_threshold(greys: ByteArray) -> int | None:
    """Return the highest grey of air, or ``None`` when the dark greys do not look like air.

    Air is dark and nearly flat: its greys stand in a narrow peak at the dark end. Fat is neither.
    """
    otsu, _ = cv2.threshold(greys.reshape(-1, 1), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    counts = np.bincount(greys, minlength=256)
    dark = counts[: int(otsu) + 1]
    if dark.sum() in (0, counts.sum()):
        return None
    peak = int(np.convolve(dark, np.ones(5), mode="same").argmax())
    near = dark[max(0, peak - _AIR_PEAK_HALF_WIDTH) : peak + _AIR_PEAK_HALF_WIDTH + 1].sum()
    if peak > _AIR_PEAK_BELOW or near < _AIR_PEAK_SHARE * dark.sum():
        return None
    return peak + _ABOVE_AIR


def _largest(tissue: BoolArray) -> BoolArray:
    """Return the largest region left after cutting off what is thin, without holes."""
    radius = max(1, round(_OPENING * max(tissue.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    # The breast goes on beyond the edge of the image: without a repeated edge it would be eaten away there.
    framed = cv2.copyMakeBorder(
        _without_pockets(tissue).view(np.uint8), radius, radius, radius, radius, cv2.BORDER_REPLICATE
    )
    opened = cv2.morphologyEx(framed, cv2.MORPH_OPEN, kernel)[radius:-radius, radius:-radius]
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(opened), connectivity=4)
    if count < 2:
        return tissue
    best = (labels == 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    return without_holes(best.astype(bool))


def without_holes(region: BoolArray) -> BoolArray:
    """Return a region, bool (rows, columns), with all that it surrounds."""
    filled = region.astype(np.uint8)
    outlines, _ = cv2.findContours(filled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)).astype(bool)


def _without_pockets(tissue: BoolArray) -> BoolArray:
    """Return tissue with its small holes filled: thin skin before a dark one would be cut off."""
    holes = (without_holes(tissue) & ~tissue).view(np.uint8)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(holes, connectivity=4)
    small = statistics[:, cv2.CC_STAT_AREA] < _POCKET * tissue.size
    return np.asarray(tissue | (small[labels] & (labels > 0)), np.bool_)


def _at_full_size(region: BoolArray, shape: tuple[int, ...]) -> BoolArray:
    if region.shape == shape:
        return region
    if region.all():
        return np.ones(shape, bool)
    soft: ByteArray = cv2.resize(region.view(np.uint8) * np.uint8(255), shape[::-1], interpolation=cv2.INTER_LINEAR)
    return soft > 127
