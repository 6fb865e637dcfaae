"""A whole exam: two breasts, four mammograms, one tomosynthesis stack with its synthetic mammogram, and the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from mammoviewer.base.arrays import FloatArray, WordArray
from mammoviewer.base.errors import ArgumentError
from mammoviewer.base.progress import Progress, no_progress, subprogress
from mammoviewer.imaging.phantom.breast import Grid, Pectoral, ViewGeometry
from mammoviewer.imaging.phantom.field import generator, power_law_field
from mammoviewer.imaging.phantom.lesions import (
    Cluster,
    Lesion,
    Mass,
    Strand,
    add_mass,
    earlier,
    make_lesions,
    speck_positions,
    spicule_strands,
    strands_in_slices,
    vessel_strands,
)
from mammoviewer.imaging.phantom.presentation import present, present_tomo, synthesise
from mammoviewer.imaging.phantom.projection import ANGLES_DEG, add_specks, expose, project, reconstruct
from mammoviewer.imaging.phantom.tissue import (
    ADIPOSE_PER_MM,
    GLAND_PER_MM,
    GLAND_VOLUME,
    Tissue,
    TissueSlices,
    make_tissue,
)

VIEWS = ("RCC", "LCC", "RMLO", "LMLO")
TOMO_VIEW = "LMLO"
HEIGHT_MM, WIDTH_MM = 230.4, 179.2
BREAST_MM = 115.2
PIXEL_MM, TOMO_PIXEL_MM = 0.1, 0.12
MLO_ANGLE_DEG = 45.0
MLO_BENDS = ((0.48, 0.27, -0.065), (1.0, 0.22, 0.05), (-0.78, 0.40, 0.10), (-1.29, 0.17, -0.10), (-1.62, 0.21, 0.42))
"""The oblique outline: hollow towards the axilla, sagging below the nipple, the inframammary fold, the abdomen."""

_APRON_MM = 14.4
"""Rows beyond the picture that oblique beams bring into it."""

_TOMO_DOSE = 1.6


@dataclass(frozen=True)
class PhantomRequest:
    """What exam to make.

    Parameters
    ----------
    seed
        Not negative; the same request gives the same arrays.
    density
        BI-RADS density, ``"A"`` to ``"D"``.
    frames
        Tomosynthesis frames, 1 mm apart, which is also the compressed thickness in mm; 40 to 80.
    scale
        1 for full size; 0.25 for an exam of a quarter of the rows and columns; at least 0.125.
    years_before
        0 for today; else the prior exam of so many years before, up to 10: the same breasts, positioned anew, with
        lesions that are smaller or not there yet.
    lesions
        False for the same breasts without masses and clusters.

    Raises
    ------
    ArgumentError
        When a value is out of its range.
    """

    seed: int = 1
    density: str = "B"
    frames: int = 48
    scale: float = 1.0
    years_before: int = 0
    lesions: bool = True

    def __post_init__(self) -> None:
        if self.density not in GLAND_VOLUME:
            raise ArgumentError(f"density {self.density!r} is unknown", hint="one of A, B, C, D")
        if self.seed < 0:
            raise ArgumentError("the seed is negative", hint="use 0 or more")
        if not 40 <= self.frames <= 80:
            raise ArgumentError("the number of frames is out of range", hint="from 40 to 80")
        if self.scale not in (1.0, 0.5, 0.25, 0.125):
            raise ArgumentError("the scale is not possible", hint="one of 1, 0.5, 0.25, 0.125")
        if not 0 <= self.years_before <= 10:
            raise ArgumentError("the number of years before is out of range", hint="from 0 to 10")

    @property
    def noise_key(self) -> tuple[int, ...]:
        """What makes the noise of a prior exam another one than today's."""
        return (self.years_before,) if self.years_before else ()


class PhantomExam:
    """An exam that is computed view by view; nothing is kept but the tissue of the breast in work."""

    def __init__(self, request: PhantomRequest) -> None:
        self.request = request
        self.pixel_mm = PIXEL_MM / request.scale
        self.tomo_pixel_mm = TOMO_PIXEL_MM / request.scale
        self._tissue: tuple[int, Tissue] | None = None

    @cached_property
    def geometries(self) -> dict[str, ViewGeometry]:
        """The four compressions by view label; both sides differ a little."""
        result = {}
        for side, letter in enumerate("RL"):
            rng = generator(self.request.seed, 1)
            own = generator(self.request.seed, 2, side)
            size = float(rng.uniform(0.95, 1.05)) * (1 + float(own.normal(0, 0.012)))
            # A breast is never positioned twice alike.
            own = generator(self.request.seed, 2, side, *self.request.noise_key) if self.request.noise_key else own
            wobble = tuple(float(a) for a in own.normal(0, 0.007, 3))
            thickness = float(self.request.frames)
            result[f"{letter}CC"] = ViewGeometry(
                "CC", 0.0, 90 * size, 98 * size, 92 * size, thickness, HEIGHT_MM / 2, wobble
            )
            pectoral = Pectoral(47 * size, 122 * size, 0.06 + float(own.uniform(0, 0.05)))
            result[f"{letter}MLO"] = ViewGeometry(
                "MLO",
                MLO_ANGLE_DEG,
                92 * size,
                205 * size,
                80 * size,
                thickness,
                140.0,
                wobble,
                pectoral,
                bends=MLO_BENDS,
            )
        return result

    @cached_property
    def lesions(self) -> tuple[tuple[Lesion, ...], tuple[Lesion, ...]]:
        """Lesions of the right and of the left breast."""
        if not self.request.lesions:
            return (), ()
        sides = []
        for side, letter in enumerate("RL"):
            views = (self.geometries[f"{letter}CC"], self.geometries[f"{letter}MLO"])
            today = make_lesions(self.request.seed, side, views)
            sides.append(earlier(today, self.request.years_before) if self.request.years_before else today)
        return sides[0], sides[1]

    def grid(self, view: str) -> Grid:
        """Return the pixels of a mammogram; a right one is mirrored when stored."""
        top = self.geometries[view].top_mm
        return Grid(round(HEIGHT_MM / self.pixel_mm), round(WIDTH_MM / self.pixel_mm), self.pixel_mm, top)

    def tomo_grid(self) -> Grid:
        """Return the pixels of a tomosynthesis frame."""
        top = self.geometries[TOMO_VIEW].top_mm
        rows, columns = round(HEIGHT_MM / self.tomo_pixel_mm), round(BREAST_MM / self.tomo_pixel_mm)
        return Grid(rows, columns, self.tomo_pixel_mm, top)

    def _slices(self, view: str, apron_mm: float) -> tuple[TissueSlices, Iterator[FloatArray]]:
        side = "RL".index(view[0])
        if self._tissue is None or self._tissue[0] != side:
            detail = self.request.scale
            self._tissue = (side, make_tissue(self.request.seed, side, self.request.density, detail=detail))
        pixel = 2 * self.pixel_mm
        geometry = self.geometries[view]
        rows, columns = round((HEIGHT_MM + 2 * apron_mm) / pixel), round(BREAST_MM / pixel)
        grid = Grid(rows, columns, pixel, geometry.top_mm + apron_mm)
        ratio = max(round(0.8 / pixel), 2)
        seed = self.request.seed * 4 + VIEWS.index(view)
        source = TissueSlices(self._tissue[1], geometry, grid, seed, ratio)
        return source, self._with_lesions(source, view)

    def _with_lesions(self, source: TissueSlices, view: str) -> Iterator[FloatArray]:
        geometry, side = source.geometry, "RL".index(view[0])
        masses = [lesion for lesion in self.lesions[side] if isinstance(lesion, Mass)]
        strands: list[Strand] = vessel_strands(self.request.seed, side, geometry)
        for mass in masses:
            strands.extend(spicule_strands(mass, geometry))
        drawn = strands_in_slices(strands, source.grid, source.heights)
        for index, excess in enumerate(source):
            for mass in masses:
                add_mass(excess, mass, geometry, source.grid, float(source.heights[index]))
            if index in drawn:
                solid = np.float32(1.05 * GLAND_PER_MM - ADIPOSE_PER_MM)
                np.maximum(excess, drawn[index] * solid, out=excess)
            yield excess

    def _clusters(self, view: str) -> list[Cluster]:
        return [lesion for lesion in self.lesions["RL".index(view[0])] if isinstance(lesion, Cluster)]

    def mammogram(self, view: str) -> WordArray:
        """Return one mammogram with the chest wall at column 0, uint16 of 12 bits, shape of :meth:`grid`."""
        source, slices = self._slices(view, 0.0)
        geometry, full = source.geometry, self.grid(view)
        near = Grid(full.rows, round(BREAST_MM / full.pixel_mm), full.pixel_mm, full.top_mm)
        summed = project(slices, source.heights, 0.0, source.grid.pixel_mm)
        excess = cv2.resize(summed, (near.columns, near.rows), interpolation=cv2.INTER_CUBIC)
        margin = geometry.margin_mm(*near.coordinates())
        path = 2 * geometry.half_thickness_mm(margin)
        rng = generator(self.request.seed, 60, VIEWS.index(view), *self.request.noise_key)
        excess += np.float32(0.0011) * np.sqrt(path) * self._grain(rng, near)
        for cluster in self._clusters(view):
            add_specks(excess, near, speck_positions(cluster, geometry), cluster.radii_mm)
        seen = expose(excess, path, rng, pixel_mm=near.pixel_mm)
        stored = np.zeros(full.shape, dtype=np.uint16)
        stored[:, : near.columns] = present(seen, margin, near.pixel_mm)
        return stored

    @staticmethod
    def _grain(rng: np.random.Generator, grid: Grid) -> FloatArray:
        """Return the texture finer than the slices' pixels, tiled."""
        tile = power_law_field(rng, (512, 512), beta=2.6, pixel_mm=grid.pixel_mm, longest_mm=8 * grid.pixel_mm)
        repeats = (-(-grid.rows // 512), -(-grid.columns // 512))
        return np.tile(tile, repeats)[: grid.rows, : grid.columns]

    def tomo(self, progress: Progress = no_progress) -> tuple[WordArray, WordArray]:
        """Return the tomosynthesis frames (frames, rows, columns) and the synthetic mammogram (rows, columns).

        Both are uint16 of 12 bits with the chest wall at column 0 and the pixels of :meth:`tomo_grid`.
        """
        source, slices = self._slices(TOMO_VIEW, _APRON_MM)
        grid, geometry = self.tomo_grid(), source.geometry
        apron = round(_APRON_MM / grid.pixel_mm)
        wide = Grid(grid.rows + 2 * apron, grid.columns, grid.pixel_mm, grid.top_mm + _APRON_MM)
        projections = self._tomo_projections(source, list(slices), wide, progress)
        margin = geometry.margin_mm(*grid.coordinates())
        frames = np.zeros((len(source.heights), *grid.shape), dtype=np.uint16)
        mean, brightest = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
        rebuilt = reconstruct(projections, ANGLES_DEG, source.heights, grid.pixel_mm, subprogress(progress, 0.3, 1.0))
        for index, frame in enumerate(rebuilt):
            cut = frame[apron : apron + grid.rows]
            mean += cut
            local = cv2.GaussianBlur(cut, (0, 0), 2.5 / grid.pixel_mm)
            np.maximum(brightest, cut - local, out=brightest)
            frames[index] = present_tomo(cut, margin)
        mean /= np.float32(len(frames))
        return frames, synthesise(mean, brightest, margin, grid.pixel_mm)

    def _tomo_projections(
        self, source: TissueSlices, slices: list[FloatArray], wide: Grid, progress: Progress
    ) -> list[FloatArray]:
        path = 2 * source.geometry.half_thickness_mm(source.geometry.margin_mm(*wide.coordinates()))
        rng = generator(self.request.seed, 61, *self.request.noise_key)
        projections = []
        for number, angle in enumerate(ANGLES_DEG):
            progress(0.3 * number / len(ANGLES_DEG), "projecting")
            summed = project(slices, source.heights, angle, source.grid.pixel_mm)
            excess = cv2.resize(summed, (wide.columns, wide.rows), interpolation=cv2.INTER_CUBIC)
            for cluster in self._clusters(TOMO_VIEW):
                add_specks(excess, wide, speck_positions(cluster, source.geometry), cluster.radii_mm, angle)
            dose = _TOMO_DOSE / len(ANGLES_DEG)
            projections.append(expose(excess, path, rng, pixel_mm=wide.pixel_mm, dose=dose))
        return projections
