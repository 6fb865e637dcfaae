"""Random fields with a power-law spectrum, the stuff that the phantom's tissue is made of.

Mammograms and breast CT have power spectra close to ``1 / f**3`` over the range that a reader sees; Gaussian fields
with such a spectrum, thresholded softly, look like parenchyma. All randomness comes from Philox, whose streams are
the same on every platform.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from scipy import ndimage

from mammoviewer.base.arrays import DoubleArray, FloatArray


def generator(seed: int, *purpose: int) -> np.random.Generator:
    """Return an independent Philox stream for one purpose of one exam.

    Parameters
    ----------
    seed
        The seed of the exam, not negative.
    purpose
        Small numbers that name what the stream is for; other numbers give an independent stream.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *purpose])))


def _radial_frequency(shape: tuple[int, ...], pixel_mm: float) -> DoubleArray:
    """Return |f| in cycles per mm on the half spectrum of a real transform."""
    total = np.zeros(1)
    for axis, size in enumerate(shape):
        last = axis == len(shape) - 1
        frequency = np.fft.rfftfreq(size, pixel_mm) if last else np.fft.fftfreq(size, pixel_mm)
        total = total + frequency.reshape([-1 if i == axis else 1 for i in range(len(shape))]) ** 2
    return np.sqrt(total)


def power_law_field(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    *,
    beta: float,
    pixel_mm: float,
    longest_mm: float = np.inf,
    shortest_mm: float = 0.0,
) -> FloatArray:
    """Return a periodic Gaussian field with power spectrum ``1 / f**beta`` inside a band of wavelengths.

    Parameters
    ----------
    rng
        Source of the white noise.
    shape
        Size of the field, any number of axes.
    beta
        Exponent of the power spectrum (not of the amplitude).
    pixel_mm
        Distance of the samples in mm, the same along every axis.
    longest_mm, shortest_mm
        Band of wavelengths in mm; it ends in smooth flanks, so that the field does not ring.

    Returns
    -------
    numpy.ndarray
        float32 of the given shape with mean 0 and standard deviation 1; it wraps around on every axis.
    """
    frequency = _radial_frequency(shape, pixel_mm)
    frequency.flat[0] = np.inf  # no mean
    amplitude = frequency ** (-beta / 2)
    if np.isfinite(longest_mm):
        amplitude *= 1 - np.exp(-((frequency * longest_mm) ** 4))
    if shortest_mm > 0:
        amplitude *= np.exp(-((np.where(np.isinf(frequency), 0, frequency) * shortest_mm) ** 4))
    white = rng.standard_normal(shape, dtype=np.float32)
    axes = tuple(range(len(shape)))
    spectrum = scipy.fft.rfftn(white, axes=axes) * amplitude.astype(np.float32)
    field: FloatArray = scipy.fft.irfftn(spectrum, s=shape, axes=axes).astype(np.float32)
    field -= field.mean()
    field /= field.std()
    return field


def sample(field: FloatArray, coordinates: FloatArray, pixel_mm: float) -> FloatArray:
    """Return linear interpolation of a periodic field at positions in mm.

    Parameters
    ----------
    field
        Periodic float32 field with n axes.
    coordinates
        Positions in mm, shape (n, m).
    pixel_mm
        Distance of the samples of ``field`` in mm.

    Returns
    -------
    numpy.ndarray
        float32, shape (m,).
    """
    positions = coordinates / np.float32(pixel_mm)
    result: FloatArray = ndimage.map_coordinates(field, positions, order=1, mode="grid-wrap", output=np.float32)
    return result
