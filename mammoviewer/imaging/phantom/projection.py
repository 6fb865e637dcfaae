"""Parallel-beam projections, their noise, and tomosynthesis from them.

The tube moves along the chest wall, so that a slice at height v is shifted along the rows by ``v * tan(angle)``.
Everything is relative to a breast of pure fat, whose path is known: that is the thickness equalisation of a
mammography system, done without error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import scipy.fft

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.imaging.phantom.breast import Grid
from mammoviewer.imaging.phantom.tissue import ADIPOSE_PER_MM, CALCIFICATION_PER_MM, SLICE_MM

ANGLES_DEG: tuple[float, ...] = tuple(float(angle) for angle in np.linspace(-25, 25, 25))
_PHOTONS_PER_MM2 = 9.0e6
_ELECTRONIC = 18.0
_OVERSAMPLING = 6


def add_shifted(total: FloatArray, image: FloatArray, shift: float) -> None:
    """Add ``image`` moved down by ``shift`` rows (linear interpolation) to ``total`` in place."""
    whole = math.floor(shift)
    part = shift - whole
    for rows, weight in ((whole, 1 - part), (whole + 1, part)):
        start, stop = max(rows, 0), min(image.shape[0] + rows, total.shape[0])
        if weight > 0 and stop > start:
            target = total[start:stop]
            cv2.scaleAdd(image[start - rows : stop - rows], weight, target, dst=target)


def project(slices: Iterable[FloatArray], heights: FloatArray, angle_deg: float, pixel_mm: float) -> FloatArray:
    """Return the line integral of slices of excess attenuation at one angle, float32, no unit."""
    slope = math.tan(math.radians(angle_deg)) / pixel_mm
    total: FloatArray | None = None
    for image, height in zip(slices, heights, strict=True):
        if total is None:
            total = np.zeros_like(image)
        add_shifted(total, image, float(height) * slope)
    if total is None:
        return np.zeros((0, 0), dtype=np.float32)
    total *= np.float32(SLICE_MM / math.cos(math.radians(angle_deg)))
    return total


def add_specks(
    image: FloatArray, grid: Grid, positions: FloatArray, radii_mm: FloatArray, angle_deg: float = 0.0
) -> None:
    """Add the projections of calcified ellipsoids to a line integral in place, exact to a sixth of a pixel.

    Parameters
    ----------
    image
        Line integral on ``grid``.
    grid
        Its pixels.
    positions
        View coordinates (n, 3) in mm.
    radii_mm
        Half axes (n, 2) along x and w.
    angle_deg
        Angle of the beam.
    """
    slope = math.tan(math.radians(angle_deg))
    steps = (np.arange(_OVERSAMPLING) + 0.5) / _OVERSAMPLING - 0.5
    for (x, w, v), (radius_x, radius_w) in zip(positions, radii_mm, strict=True):
        row, column = grid.pixel(float(x), float(w) - float(v) * slope)
        reach = int(max(radius_x, radius_w) / grid.pixel_mm) + 2
        rows = np.arange(round(row) - reach, round(row) + reach + 1)
        columns = np.arange(round(column) - reach, round(column) + reach + 1)
        if rows[0] < 0 or columns[0] < 0 or rows[-1] >= grid.rows or columns[-1] >= grid.columns:
            continue
        fine_rows = ((rows[:, None] + steps).ravel() - row) * grid.pixel_mm / radius_w
        fine_columns = ((columns[:, None] + steps).ravel() - column) * grid.pixel_mm / radius_x
        inside = np.maximum(1 - fine_rows[:, None] ** 2 - fine_columns[None, :] ** 2, 0)
        chord = 2 * math.sqrt(radius_x * radius_w) * np.sqrt(inside)
        size = len(rows)
        mean = chord.reshape(size, _OVERSAMPLING, size, _OVERSAMPLING).mean(axis=(1, 3))
        image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += (CALCIFICATION_PER_MM * mean).astype(np.float32)


def expose(
    excess: FloatArray,
    fat_path_mm: FloatArray,
    rng: np.random.Generator,
    *,
    pixel_mm: float,
    dose: float = 1.0,
    blur_px: float = 0.45,
) -> FloatArray:
    """Return ``excess`` as a detector sees it: blurred, with quantum and electronic noise, relative to fat again.

    Quantum noise is Gaussian with Poisson's variance: at hundreds of quanta and more per pixel nothing differs.
    """
    blurred = cv2.GaussianBlur(excess, (0, 0), blur_px)
    quanta = np.float32(_PHOTONS_PER_MM2 * pixel_mm**2 * dose)
    mean = quanta * np.exp(-(blurred + np.float32(ADIPOSE_PER_MM) * fat_path_mm))
    noise = rng.standard_normal(mean.shape, dtype=np.float32) * np.sqrt(mean + np.float32(_ELECTRONIC**2))
    return (blurred - np.log(np.maximum(1 + noise / mean, np.float32(0.05)))).astype(np.float32)  # type: ignore[no-any-return]


def ramp(size: int, pixel_mm: float, *, floor: float = 0.16, cut_per_mm: float = 2.6) -> DoubleArray:
    """Return the reconstruction filter on the half spectrum of ``size`` rows.

    A ramp in frequency with a cosine roll-off; ``floor`` keeps part of the low frequencies, which a pure ramp over
    so few degrees would lose together with the look of the breast.
    """
    frequency = np.fft.rfftfreq(size, pixel_mm)
    roll_off = np.where(frequency < cut_per_mm, np.cos(np.pi / 2 * np.minimum(frequency / cut_per_mm, 1)) ** 2, 0)
    response: DoubleArray = floor + (1 - floor) * np.minimum(frequency / 0.35, 3.0) * roll_off
    return np.where(frequency < cut_per_mm, response, 0) * (0.3 + 0.7 * roll_off)


def filter_rows(image: FloatArray, response: DoubleArray, size: int) -> FloatArray:
    """Return ``image`` filtered along the rows' axis; it is extended by its edges to ``size`` rows first."""
    before = (size - image.shape[0]) // 2
    padded = cv2.copyMakeBorder(image, before, size - image.shape[0] - before, 0, 0, cv2.BORDER_REPLICATE)
    spectrum = scipy.fft.rfft(padded, axis=0) * response.astype(np.float32)[:, None]
    result: FloatArray = scipy.fft.irfft(spectrum, n=size, axis=0)[before : before + image.shape[0]]
    return np.ascontiguousarray(result, dtype=np.float32)


def reconstruct(
    projections: Sequence[FloatArray],
    angles_deg: Sequence[float],
    heights: FloatArray,
    pixel_mm: float,
    progress: Progress = no_progress,
) -> Iterable[FloatArray]:
    """Yield one frame per height by shift-and-add of ramp-filtered projections (mean over the angles)."""
    size = scipy.fft.next_fast_len(projections[0].shape[0] + round(40 / pixel_mm), real=True)
    response = ramp(size, pixel_mm)
    filtered = [filter_rows(image, response, size) for image in projections]
    slopes = [math.tan(math.radians(angle)) / pixel_mm for angle in angles_deg]
    for number, height in enumerate(heights):
        progress(number / len(heights), "reconstructing")
        total = np.zeros_like(filtered[0])
        for image, slope in zip(filtered, slopes, strict=True):
            add_shifted(total, image, -float(height) * slope)
        yield total / np.float32(len(filtered))
