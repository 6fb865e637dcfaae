"""Tissue of one breast and its slices in one compression.

Smooth fields are sampled on a coarse grid and made into sharp tissue on the fine one: a threshold or a level set of
a smooth field stays smooth at any magnification, so that no voxel grid shows, and a 3-D volume at full resolution is
never needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from mammoviewer.base.arrays import BoolArray, FloatArray
from mammoviewer.imaging.phantom.breast import (
    REFERENCE_DEPTH_MM,
    REFERENCE_RADIUS_MM,
    SKIN_MM,
    Grid,
    ViewGeometry,
)
from mammoviewer.imaging.phantom.field import generator, power_law_field, sample
from mammoviewer.imaging.phantom.muscle import Muscle

ADIPOSE_PER_MM = 0.050
GLAND_PER_MM = 0.080
SKIN_PER_MM = 0.082
MUSCLE_PER_MM = 0.071
CALCIFICATION_PER_MM = 0.85
"""Linear attenuation at about 20 keV; calcifications are taken as porous apatite."""

GLAND_VOLUME = {"A": 0.035, "B": 0.10, "C": 0.21, "D": 0.40}
"""Part of the breast volume that the percentile threshold makes glandular, by BI-RADS density."""

SLICE_MM = 1.0
_FIELD_MM = 0.9
_STIFFNESS = 0.6


@dataclass(frozen=True, eq=False)
class Tissue:
    """The random fields of one breast in reference coordinates, float32, periodic.

    Parameters
    ----------
    lobes, ducts
        Broad-band fields whose sum is thresholded into gland; ``ducts`` is sampled in rays from the nipple.
    septa
        Band-limited fields whose zero sets are the sheets of connective tissue.
    threshold
        Level of gland by the percentile of the wanted density.
    field_mm
        Distance of the samples.
    """

    lobes: FloatArray
    ducts: FloatArray
    septa: tuple[FloatArray, ...]
    threshold: float
    field_mm: float


@dataclass(frozen=True, eq=False)
class _Sheets:
    """A level-set sheet on the coarse grid: value, width of its profile and height of its profile."""

    value: FloatArray
    width: FloatArray
    height: FloatArray


def _rays(points: FloatArray) -> FloatArray:
    """Return reference points in coordinates in which lines to the nipple are one axis, drawn out along it."""
    ahead = np.maximum(REFERENCE_DEPTH_MM + 4 - points[0], 0)
    spread = np.float32(55) / (ahead + np.float32(22))
    return np.stack([ahead * np.float32(0.42), points[1] * spread, points[2] * spread])


def _gland_bias(points: FloatArray) -> FloatArray:
    """Return where gland is likely: a cone behind the nipple, away from the skin and the chest wall."""
    nx = points[0] / REFERENCE_DEPTH_MM
    ny, nz = points[1] / REFERENCE_RADIUS_MM, points[2] / REFERENCE_RADIUS_MM
    across = np.hypot(ny - 0.10 * (1 - nx), nz - 0.10 * (1 - nx))
    cone = 0.16 + 0.62 * np.clip(1 - nx, 0, 1) ** 0.8
    under_skin = np.clip((np.sqrt(nx**2 + ny**2 + nz**2) - 0.80) / 0.2, 0, None) * np.clip((across - 0.14) / 0.2, 0, 1)
    bias = -1.5 * (across / cone) ** 2 - 5.0 * under_skin - 2.4 * np.clip((0.42 - nx) / 0.42, 0, None)
    return np.asarray(bias, dtype=np.float32)


def _gland_field(
    points: FloatArray, rays: FloatArray, lobes: FloatArray, ducts: FloatArray, field_mm: float
) -> FloatArray:
    mixed = 0.62 * sample(lobes, points, field_mm) + 0.78 * sample(ducts, rays, field_mm)
    return (mixed + _gland_bias(points)).astype(np.float32)


def make_tissue(seed: int, side: int, density: str, *, detail: float = 1.0) -> Tissue:
    """Return the tissue of one breast.

    Parameters
    ----------
    seed
        Seed of the exam.
    side
        0 for the right breast, 1 for the left; both share part of their large structures.
    density
        ``"A"`` to ``"D"``.
    detail
        1 for full detail; smaller values make coarser and faster fields.
    """
    size = 128 if detail >= 0.5 else 64
    field_mm = _FIELD_MM * 128 / size
    shape = (size, size, size)

    def band(purpose: int, side: int, beta: float, longest: float, shortest: float) -> FloatArray:
        rng = generator(seed, 10 + purpose, side)
        return power_law_field(
            rng, shape, beta=beta, pixel_mm=field_mm, longest_mm=longest, shortest_mm=max(shortest, 2.5 * field_mm)
        )

    shared = band(0, 2, 3.2, 60, 2.5)
    lobes = (0.6 * shared + 0.8 * band(1, side, 3.2, 60, 2.5)).astype(np.float32)
    ducts = band(2, side, 3.0, 45, 2.5)
    septa = (band(3, side, 1.0, 26, 8.0), band(4, side, 0.8, 20, 6.5), band(5, side, 1.0, 30, 7.0))
    rng = generator(seed, 20, side)
    points = rng.uniform(-1, 1, (3, 40000)).astype(np.float32)
    points[0] = (points[0] + 1) / 2
    points = points[:, np.sum(points**2, axis=0) < 0.96]
    points *= np.array([[REFERENCE_DEPTH_MM], [REFERENCE_RADIUS_MM], [REFERENCE_RADIUS_MM]], dtype=np.float32)
    values = _gland_field(points, _rays(points), lobes, ducts, field_mm)
    threshold = float(np.quantile(values, 1 - GLAND_VOLUME[density]))
    return Tissue(lobes, ducts, septa, threshold, field_mm)


def slice_positions(geometry: ViewGeometry) -> FloatArray:
    """Return the heights v in mm of the slice centres, detector side first, 1 mm apart."""
    count = round(geometry.thickness_mm / SLICE_MM)
    positions: FloatArray = ((np.arange(count) + 0.5) * SLICE_MM - geometry.thickness_mm / 2).astype(np.float32)
    return positions


class TissueSlices:
    """Slices of one breast in one compression, made one by one at the pixel size of ``grid``.

    Parameters
    ----------
    tissue
        Fields of the breast.
    geometry
        The compression.
    grid
        Fine grid of the slices; its size must be divisible by ``ratio``.
    seed
        Seed of the fine texture.
    ratio
        Size of a coarse pixel in fine pixels.
    """

    def __init__(self, tissue: Tissue, geometry: ViewGeometry, grid: Grid, seed: int, ratio: int = 4) -> None:
        self.geometry = geometry
        self.grid = grid
        self.heights = slice_positions(geometry)
        self._x, self._w = grid.coordinates()
        self._margin = geometry.margin_mm(self._x, self._w)
        self._surface = geometry.half_thickness_mm(self._margin)
        from_nipple = (self._x - geometry.depth_mm) ** 2 + self._w**2
        areola = np.exp(-from_nipple / np.float32(14.0**2))
        self._nipple = np.exp(-((from_nipple / np.float32(6.0**2)) ** 2))
        self._inner = geometry.half_thickness_mm(self._margin, SKIN_MM * (1 + np.float32(1.6) * areola))
        coarse = grid.coarser(ratio)
        points, mask = self._reference_points(coarse, 0.0)
        upright, _ = self._reference_points(coarse, _STIFFNESS)
        rays = _rays(upright)
        gland = _gland_field(points, rays, tissue.lobes, tissue.ducts, tissue.field_mm) - np.float32(tissue.threshold)
        self._gland = self._spread(gland, mask, fill=-4.0)
        sources = (upright, upright, rays)
        self._sheets = tuple(
            self._sheet(self._spread(sample(field, where, tissue.field_mm), mask), coarse.pixel_mm, half_mm)
            for field, where, half_mm in zip(tissue.septa, sources, (0.30, 0.22, 0.32), strict=True)
        )
        shifted = points + np.array([[31.0], [17.0], [43.0]], dtype=np.float32)
        self._patchiness = self._spread(sample(tissue.lobes, shifted, tissue.field_mm), mask)
        rng = generator(seed, 30)
        self._texture = power_law_field(
            rng, (512, 512), beta=3.0, pixel_mm=grid.pixel_mm, longest_mm=4.0, shortest_mm=0.5
        )
        self._offsets = rng.integers(0, 512, (len(self.heights), 2))
        pectoral = geometry.pectoral
        self._muscle = Muscle(geometry, pectoral, grid, seed) if pectoral is not None else None

    def _reference_points(self, coarse: Grid, stiffness: float) -> tuple[FloatArray, BoolArray]:
        x, w = coarse.coordinates()
        mask = coarse.inside(self.geometry, 2.5 * coarse.pixel_mm)
        shape = (len(self.heights), int(mask.sum()))
        inside_x, inside_w = np.broadcast_to(x[mask], shape), np.broadcast_to(w[mask], shape)
        height = np.broadcast_to(self.heights[:, None], shape)
        return self.geometry.to_reference(inside_x, inside_w, height, stiffness).reshape(3, -1), mask

    def _spread(self, values: FloatArray, mask: BoolArray, fill: float = 0.0) -> FloatArray:
        volume = np.full((len(self.heights), *mask.shape), fill, dtype=np.float32)
        volume[:, mask] = values.reshape(len(self.heights), -1)
        return volume

    @staticmethod
    def _sheet(value: FloatArray, pixel_mm: float, half_mm: float) -> _Sheets:
        """Prepare the zero set of ``value`` as a sheet ``half_mm`` thick on either side.

        A slice is 1 mm thick: where the sheet is oblique to the beam it covers more of the slice, and thinner.
        Without this, oblique sheets would show as combs of lines, one per slice.
        """
        along_v, along_w, along_x = np.gradient(value, SLICE_MM, pixel_mm, pixel_mm)
        sharp = half_mm * np.sqrt(along_v**2 + along_w**2 + along_x**2) + 1e-4
        wide = np.sqrt(sharp**2 + (0.42 * SLICE_MM * along_v) ** 2)
        return _Sheets(value, wide.astype(np.float32), (sharp / wide).astype(np.float32))

    def _enlarge(self, image: FloatArray, *, smooth: bool = True) -> FloatArray:
        size = (self.grid.columns, self.grid.rows)
        result: FloatArray = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR)
        return result

    def _fine_texture(self, index: int) -> FloatArray:
        row, column = self._offsets[index]
        tile = np.roll(self._texture, (int(row), int(column)), axis=(0, 1))
        repeats = (-(-self.grid.rows // 512), -(-self.grid.columns // 512))
        return np.tile(tile, repeats)[: self.grid.rows, : self.grid.columns]

    def _occupancy(self, half: FloatArray, height: float) -> FloatArray:
        """Return the part of each pixel of a slice that lies under the surface ``half``."""
        return np.clip((half - abs(height)) / SLICE_MM + 0.5, 0, 1)  # type: ignore[no-any-return]

    def gland_fraction(self, index: int) -> FloatArray:
        """Return the part of gland and connective tissue in slice ``index``, float32 in [0, 1]."""
        texture = self._fine_texture(index)
        values = [self._enlarge(sheet.value[index]) for sheet in self._sheets]
        level = self._enlarge(self._gland[index]) + np.float32(0.25) * texture
        # Fat lobules are carved out of the gland between the sheets.
        lobules = np.maximum(np.abs(values[1]) - np.float32(0.45), 0) + np.maximum(np.abs(values[0]) - 0.7, 0)
        short = (np.float32(0.9) * lobules - np.float32(0.45) - level) * np.float32(6)
        gland = np.float32(1) / (1 + np.exp(np.minimum(short, 60)))
        patchy = self._enlarge(self._patchiness[index], smooth=False)
        nearness = np.exp(np.minimum(level + np.float32(1.2), 0) * np.float32(0.7))
        strands = np.zeros(self.grid.shape, dtype=np.float32)
        for number, sheet in enumerate(self._sheets):
            profile = values[number] / self._enlarge(sheet.width[index], smooth=False)
            height = self._enlarge(sheet.height[index], smooth=False)
            sign = np.float32(-1 if number % 2 else 1)
            uneven = np.clip(np.float32(0.55) + np.float32(0.5) * (sign * patchy) + np.float32(0.25) * texture, 0, 1.3)
            strands += np.exp(-(profile**2)) * height * uneven
        strands *= np.float32(0.55) + np.float32(0.45) * nearness
        gland *= np.float32(0.86) + np.float32(0.10) * texture
        haze = np.float32(0.035) * (1 + texture)
        mixed = (gland + (1 - gland) * (strands + haze)) * (1 - self._nipple) + np.float32(0.6) * self._nipple
        fraction: FloatArray = np.clip(mixed, 0, 1.15).astype(np.float32)
        return fraction

    def excess(self, index: int) -> FloatArray:
        """Return attenuation above that of fat in slice ``index``, per mm, float32; 0 outside the breast."""
        height = float(self.heights[index])
        inside = self._occupancy(self._inner, height)
        skin = self._occupancy(self._surface, height) - inside
        result = inside * self.gland_fraction(index) * np.float32(GLAND_PER_MM - ADIPOSE_PER_MM)
        if self._muscle is not None:
            muscle = self._muscle.fraction(height)
            result = (1 - muscle) * result + inside * muscle * np.float32(MUSCLE_PER_MM - ADIPOSE_PER_MM)
        result += skin * np.float32(SKIN_PER_MM - ADIPOSE_PER_MM)
        return result.astype(np.float32)

    def fat_path_mm(self) -> FloatArray:
        """Return the breast's thickness under every pixel of the grid, mm."""
        return (2 * self._surface).astype(np.float32)

    def __iter__(self) -> Iterator[FloatArray]:
        """Yield every slice's excess attenuation, detector side first."""
        for index in range(len(self.heights)):
            yield self.excess(index)
