"""The pectoral muscle of an oblique view: a sheet that thins out towards its front edge and its lower end.

It lies on the detector's side of the breast with fat under it and breast over it, so that a mammogram shows tissue
through it, and so that frames of a tomosynthesis stack show its edge further back the nearer they are to the tube.
"""

from __future__ import annotations

import cv2
import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.imaging.phantom.breast import Grid, Pectoral, ViewGeometry
from mammoviewer.imaging.phantom.field import generator, power_law_field

_FILLED = 0.70
"""Greatest thickness as a part of the distance of the plates."""

_UNDER_MM = 5.0
"""Skin and fat between the detector's plate and the muscle."""

_APEX_MM = 90.0
"""Height above the picture of the point on the edge's line to which the fibres run."""


class Muscle:
    """Where the muscle of one view is, slice by slice.

    Parameters
    ----------
    geometry
        The compression.
    pectoral
        Its muscle.
    grid
        Pixels of the slices.
    seed
        Seed of the fibres and of the uneven surface.
    """

    def __init__(self, geometry: ViewGeometry, pectoral: Pectoral, grid: Grid, seed: int) -> None:
        x, w = grid.coordinates()
        across, along = self._fan(pectoral, geometry.top_mm, x, w)
        rng = generator(seed, 31)
        fibres = power_law_field(rng, (512, 512), beta=2.0, pixel_mm=1.0, longest_mm=70, shortest_mm=8)
        bundles = power_law_field(rng, (512, 512), beta=2.0, pixel_mm=1.0, longest_mm=90, shortest_mm=16)
        self._fibres = self._drawn(fibres, across * np.float32(5.0), along * np.float32(0.35))
        self._other_fibres = self._drawn(fibres, across * np.float32(5.6) + 211, along * np.float32(0.3) + 97)
        uneven = self._drawn(bundles, across * np.float32(3.0), along * np.float32(0.8))
        self._thickness = self._thickness_mm(geometry, pectoral, x, w, uneven)
        self._under = np.float32(_UNDER_MM - geometry.thickness_mm / 2)
        self._plates_mm = geometry.thickness_mm

    @staticmethod
    def _fan(pectoral: Pectoral, top_mm: float, x: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return coordinates across and along fibres that run together above the picture, in mm."""
        slope = pectoral.width_mm / pectoral.length_mm
        left = np.float32(pectoral.width_mm + slope * _APEX_MM) - x
        down = np.float32(top_mm + _APEX_MM) - w
        across = np.arctan2(left, np.maximum(down, 1)) * np.float32(1.6 * _APEX_MM)
        return across.astype(np.float32), np.hypot(left, down).astype(np.float32)

    @staticmethod
    def _drawn(noise: FloatArray, across: FloatArray, along: FloatArray) -> FloatArray:
        maps = (np.mod(across, 512).astype(np.float32), np.mod(along, 512).astype(np.float32))
        drawn: FloatArray = cv2.remap(noise, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        return drawn

    @staticmethod
    def _thickness_mm(
        geometry: ViewGeometry, pectoral: Pectoral, x: FloatArray, w: FloatArray, uneven: FloatArray
    ) -> FloatArray:
        """Return the muscle's thickness under every pixel, 0 outside it."""
        edge = geometry.pectoral_edge_mm(w) + np.float32(0.7) * uneven
        inside = np.maximum(edge - x, 0)
        rise = 1 - 0.45 * np.exp(-inside / np.float32(2.2)) - 0.55 * np.exp(-inside / np.float32(13.0))
        fall = 1 - 0.55 * np.clip((geometry.top_mm - w) / np.float32(pectoral.length_mm), 0, 1)
        thickness = _FILLED * geometry.thickness_mm * rise * fall * (1 + 0.05 * uneven)
        return np.maximum(thickness, 0).astype(np.float32)  # type: ignore[no-any-return]

    def fraction(self, height_mm: float) -> FloatArray:
        """Return the part of muscle in the slice at a height v, float32 in [0, 1]: fat runs between the fibres."""
        over = self._under + self._thickness
        filled = np.clip(over - height_mm + np.float32(0.5), 0, 1) * np.clip(height_mm - self._under + 0.5, 0, 1)
        filled *= np.clip(self._thickness, 0, 1)
        # The fibres cross over from one pattern to another with the height, so that they do not add up to stripes.
        turn = np.float32(np.pi * (height_mm / self._plates_mm + 0.5))
        fibres = np.cos(turn) * self._fibres + np.sin(turn) * self._other_fibres
        result: FloatArray = (filled * np.clip(0.93 + 0.024 * fibres, 0.7, 1)).astype(np.float32)
        return result
