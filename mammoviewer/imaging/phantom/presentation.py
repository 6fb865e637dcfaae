"""From line integrals to the 12-bit values that a system sends for presentation."""

from __future__ import annotations

import cv2
import numpy as np

from mammoviewer.base.arrays import FloatArray, WordArray

MAXIMUM = 4095
_BASE = 900.0
_SLOPE = 1700.0
_TOMO_SLOPE = 7500.0


def _stored(values: FloatArray, margin_mm: FloatArray) -> WordArray:
    """Return 12-bit values: highlights compressed, air 0, a soft skin line."""
    knee, room = np.float32(2600), np.float32(MAXIMUM - 2600)
    over = np.maximum(values - knee, 0)
    values = np.minimum(values, knee) + room * np.tanh(over / room)
    values = np.clip(values, 40, MAXIMUM) * np.clip(margin_mm / np.float32(1.2) + np.float32(0.75), 0, 1)
    return np.rint(np.where(margin_mm > np.float32(-0.9), values, 0)).astype(np.uint16)


def _sharpened(image: FloatArray, pixel_mm: float, amount: float, sigma_mm: float) -> FloatArray:
    blurred = cv2.GaussianBlur(image, (0, 0), max(sigma_mm / pixel_mm, 0.3))
    result: FloatArray = image + np.float32(amount) * (image - blurred)
    return result


def present(excess: FloatArray, margin_mm: FloatArray, pixel_mm: float) -> WordArray:
    """Return a mammogram for presentation.

    Parameters
    ----------
    excess
        Line integral above that of fat, float32.
    margin_mm
        Distance inside the breast's outline.
    pixel_mm
        Pixel size.

    Returns
    -------
    numpy.ndarray
        uint16 of 12 bits; air is 0, fat about 900, gland about 2500, brighter is denser.
    """
    detail = _sharpened(excess, pixel_mm, 0.55, 1.6)
    detail = _sharpened(detail, pixel_mm, 0.25, 8.0)
    rim = np.float32(-0.10) * np.exp(-np.maximum(margin_mm, 0) / np.float32(9.0))
    return _stored((np.float32(_BASE) + np.float32(_SLOPE) * (detail + rim)).astype(np.float32), margin_mm)


def present_tomo(frame: FloatArray, margin_mm: FloatArray) -> WordArray:
    """Return one tomosynthesis frame for presentation; as :func:`present`."""
    return _stored((np.float32(_BASE) + np.float32(_TOMO_SLOPE) * frame).astype(np.float32), margin_mm)


def synthesise(mean: FloatArray, brightest: FloatArray, margin_mm: FloatArray, pixel_mm: float) -> WordArray:
    """Return a synthetic 2-D mammogram from the mean and the brightest detail of a tomosynthesis stack.

    Parameters
    ----------
    mean
        Mean of the reconstructed frames.
    brightest
        Maximum over the frames of their detail above a local mean.
    margin_mm, pixel_mm
        As for :func:`present`.
    """
    values = np.float32(1.15) * mean + np.float32(0.5) * brightest
    sharp = _sharpened(values, pixel_mm, 0.35, 1.6)
    return _stored((np.float32(_BASE - 150) + np.float32(_TOMO_SLOPE) * sharp).astype(np.float32), margin_mm)
