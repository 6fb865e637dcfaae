"""Masses, clusters of microcalcifications and vessels: where they are in the breast and how a slice shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.imaging.phantom.breast import REFERENCE_DEPTH_MM, REFERENCE_RADIUS_MM, Grid, ViewGeometry
from mammoviewer.imaging.phantom.field import generator
from mammoviewer.imaging.phantom.tissue import ADIPOSE_PER_MM, GLAND_PER_MM, SLICE_MM

Point3 = tuple[float, float, float]

_MASSES = (((9.0, False), (5.0, True)), ((7.0, True), (5.0, False)))
"""Radius in mm and whether spiculated, for the right and the left breast."""

CLUSTERS_PER_BREAST = 2
_SMALLEST_MASS_MM = 2.5
_FEWEST_SPECKS = 4


@dataclass(frozen=True, eq=False)
class Mass:
    """A mass; it keeps its shape under compression.

    Parameters
    ----------
    id
        Name in the truth file.
    centre
        Reference point in mm.
    radius_mm
        Mean radius.
    contrast
        Attenuation as a multiple of gland's.
    spiculated
        Whether spicules leave the surface.
    lobe_directions, lobe_heights
        Directions (n, 3) and relative heights (n,) of the waves of the surface.
    spicules
        Reference offsets of the spicules' ends, (n, 3) mm; empty for a smooth mass.
    """

    id: str
    centre: Point3
    radius_mm: float
    contrast: float
    spiculated: bool
    lobe_directions: FloatArray
    lobe_heights: FloatArray
    spicules: FloatArray


@dataclass(frozen=True, eq=False)
class Cluster:
    """A cluster of microcalcifications: specks at reference offsets (n, 3) mm with radii (n, 2) mm (x and w axis)."""

    id: str
    centre: Point3
    offsets: FloatArray
    radii_mm: FloatArray

    @property
    def radius_mm(self) -> float:
        """Distance from the centre to the outermost speck's far side."""
        return float(np.linalg.norm(self.offsets, axis=1).max() + self.radii_mm.max())


Lesion = Mass | Cluster


@dataclass(frozen=True, eq=False)
class Strand:
    """A thin tube along a polyline: view points (n, 3) in mm and the radius at each of them in mm."""

    points: FloatArray
    radii_mm: FloatArray


def _directions(rng: np.random.Generator, count: int) -> FloatArray:
    vectors = rng.standard_normal((count, 3)).astype(np.float32)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)  # type: ignore[no-any-return]


def _place(
    rng: np.random.Generator, views: Sequence[ViewGeometry], taken: list[tuple[Point3, float]], radius_mm: float
) -> Point3:
    """Return a point that is well inside the breast in every view, off the muscle, away from what is placed."""
    for attempt in range(4000):
        nx, ny, nz = rng.uniform((0.28, -0.62, -0.62), (0.80, 0.62, 0.62))
        point = (float(nx) * REFERENCE_DEPTH_MM, float(ny) * REFERENCE_RADIUS_MM, float(nz) * REFERENCE_RADIUS_MM)
        distance = min((float(np.linalg.norm(np.subtract(point, other))) - r for other, r in taken), default=99.0)
        relax = 1 - attempt / 4000
        if distance > (radius_mm + 12) * relax and all(_fits(view, point, radius_mm) for view in views):
            return point
    return (0.5 * REFERENCE_DEPTH_MM, 0.0, 0.0)


def _fits(view: ViewGeometry, point: Point3, radius_mm: float) -> bool:
    x, w, v = view.from_reference(point)
    xs, ws = np.asarray(x, dtype=np.float32), np.asarray(w, dtype=np.float32)
    room = view.thickness_mm / 2 - abs(v) - radius_mm
    edge = float(view.pectoral_edge_mm(ws))
    return bool(room > 2 and float(view.margin_mm(xs, ws)) > radius_mm + 9 and x > max(edge, 0.0) + radius_mm + 4)


def _make_mass(rng: np.random.Generator, name: str, centre: Point3, radius_mm: float, spiculated: bool) -> Mass:
    ends = _directions(rng, 64 if spiculated else 0)
    lengths = radius_mm * rng.uniform(1.5, 2.7, (len(ends), 1)).astype(np.float32)
    heights = rng.uniform(-0.05, 0.05, 7) * (1.6 if spiculated else 1.0)
    contrast = float(rng.uniform(1.0, 1.1))
    spicules = (ends * lengths).astype(np.float32)
    return Mass(
        name, centre, radius_mm, contrast, spiculated, _directions(rng, 7), heights.astype(np.float32), spicules
    )


def _make_cluster(rng: np.random.Generator, name: str, centre: Point3) -> Cluster:
    count = int(rng.integers(7, 16))
    offsets = np.clip(rng.normal(0, 2.2, (count, 3)), -4.6, 4.6).astype(np.float32)
    diameter = np.clip(rng.lognormal(np.log(0.28), 0.35, (count, 1)), 0.12, 0.5)
    radii = np.clip(diameter / 2 * rng.uniform(0.75, 1.3, (count, 2)), 0.05, 0.25)
    return Cluster(name, centre, offsets, radii.astype(np.float32))


def make_lesions(seed: int, side: int, views: Sequence[ViewGeometry]) -> tuple[Lesion, ...]:
    """Return the lesions of one breast (0 right, 1 left), placed so that they can be seen in all ``views``."""
    rng = generator(seed, 40, side)
    letter = "RL"[side]
    taken: list[tuple[Point3, float]] = []
    lesions: list[Lesion] = []
    for number, (radius, spiculated) in enumerate(_MASSES[side], start=1):
        centre = _place(rng, views, taken, radius)
        taken.append((centre, radius))
        lesions.append(_make_mass(rng, f"{letter}-mass-{number}", centre, radius, spiculated))
    for number in range(1, CLUSTERS_PER_BREAST + 1):
        centre = _place(rng, views, taken, 5.0)
        taken.append((centre, 5.0))
        lesions.append(_make_cluster(rng, f"{letter}-cluster-{number}", centre))
    return tuple(lesions)


def earlier(lesions: Sequence[Lesion], years: int) -> tuple[Lesion, ...]:
    """Return lesions as they were some years before: smaller masses, fewer specks, and some not there yet.

    The growth is invented: a fifth of today's radius and a quarter of today's specks a year.
    """
    found: list[Lesion] = []
    for lesion in lesions:
        if isinstance(lesion, Mass):
            share = 1.0 - 0.2 * years
            if lesion.radius_mm * share >= _SMALLEST_MASS_MM:
                spicules = (lesion.spicules * np.float32(share)).astype(np.float32)
                found.append(replace(lesion, radius_mm=lesion.radius_mm * share, spicules=spicules))
        else:
            count = round(len(lesion.offsets) * (1.0 - 0.25 * years))
            if count >= _FEWEST_SPECKS:
                found.append(replace(lesion, offsets=lesion.offsets[:count], radii_mm=lesion.radii_mm[:count]))
    return tuple(found)


def speck_positions(cluster: Cluster, view: ViewGeometry) -> FloatArray:
    """Return the specks' view coordinates (n, 3) in mm."""
    centre = np.array(view.from_reference(cluster.centre), dtype=np.float32)
    return (centre + view.turn(cluster.offsets)).astype(np.float32)


def spicule_strands(mass: Mass, view: ViewGeometry) -> list[Strand]:
    """Return the spicules of a mass as tapering strands."""
    centre = np.array(view.from_reference(mass.centre), dtype=np.float32)
    radii = np.linspace(0.95, 0.22, 8, dtype=np.float32)
    steps = np.linspace(0.7, 1.0, 8, dtype=np.float32)[:, None]
    starts = np.linalg.norm(mass.spicules, axis=1, keepdims=True)
    begin = mass.spicules / np.maximum(starts, 1e-3) * mass.radius_mm
    strands = []
    for first, last in zip(view.turn(begin), view.turn(mass.spicules), strict=True):
        line = first + (last - first) * (steps - 0.7) / 0.3
        strands.append(Strand((centre + line).astype(np.float32), radii))
    return strands


def vessel_strands(seed: int, side: int, view: ViewGeometry, count: int = 6) -> list[Strand]:
    """Return superficial vessels: winding tubes that run from the chest wall towards the nipple."""
    rng = generator(seed, 50, side)
    strands = []
    for _ in range(count):
        angle, turn = float(rng.uniform(0, 2 * np.pi)), 0.0
        level, end = float(rng.uniform(0.80, 0.92)), float(rng.uniform(0.55, 0.88))
        thick = float(rng.uniform(0.55, 1.15))
        depth = np.arange(0.02, end, 0.012)
        points = []
        for nx in depth:
            turn = 0.86 * turn + float(rng.normal(0, 0.018))
            angle += turn
            across = level * np.sqrt(max(1 - nx**2, 0.05))
            points.append(
                view.from_reference(
                    (
                        nx * REFERENCE_DEPTH_MM,
                        across * np.cos(angle) * REFERENCE_RADIUS_MM,
                        across * np.sin(angle) * REFERENCE_RADIUS_MM,
                    )
                )
            )
        radii = thick * np.linspace(1.0, 0.45, len(points))
        strands.append(Strand(np.array(points, dtype=np.float32), radii.astype(np.float32)))
    return strands


def add_mass(excess: FloatArray, mass: Mass, view: ViewGeometry, grid: Grid, height_mm: float) -> None:
    """Blend a mass into one slice in place; ``excess`` is attenuation above fat per mm."""
    x0, w0, v0 = view.from_reference(mass.centre)
    dv = height_mm - v0
    reach = mass.radius_mm * 1.45
    if abs(dv) > reach:
        return
    row, column = grid.pixel(x0, w0)
    span = reach / grid.pixel_mm
    rows = np.arange(max(int(row - span), 0), min(int(row + span) + 2, grid.rows))
    columns = np.arange(max(int(column - span), 0), min(int(column + span) + 2, grid.columns))
    dw = (-(rows - row) * grid.pixel_mm)[:, None]
    dx = ((columns - column) * grid.pixel_mm)[None, :]
    distance = np.sqrt(dx**2 + dw**2 + dv**2)
    surface = np.ones_like(distance)
    for direction, lobe in zip(view.turn(mass.lobe_directions), mass.lobe_heights, strict=True):
        cosine = (dx * direction[0] + dw * direction[1] + dv * direction[2]) / np.maximum(distance, 0.1)
        surface += lobe * np.cos(3.2 * np.arccos(np.clip(cosine, -1, 1)))
    weight = np.clip((mass.radius_mm * surface - distance) / 1.8 + 0.5, 0, 1)
    patch = excess[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    core = mass.contrast * GLAND_PER_MM - ADIPOSE_PER_MM
    patch += (weight * (core - patch)).astype(np.float32)


def strands_in_slices(strands: Iterable[Strand], grid: Grid, heights: FloatArray) -> dict[int, FloatArray]:
    """Return, for every slice that strands pass through, the part of each pixel that they fill.

    Parameters
    ----------
    strands
        Tubes in view coordinates.
    grid
        Pixels of the slices.
    heights
        Heights v of the slice centres in mm.
    """
    canvases: dict[int, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = {}
    for strand in map(_refined, strands):
        for first, last, radius in zip(strand.points[:-1], strand.points[1:], strand.radii_mm[:-1], strict=True):
            middle = (first[2] + last[2]) / 2
            near = np.flatnonzero(np.abs(heights - middle) < max(float(radius), SLICE_MM / 2))
            for index in near.tolist():
                canvas = canvases.setdefault(index, np.zeros(grid.shape, dtype=np.uint8))
                away = min(abs(float(heights[index] - middle)) / max(float(radius), SLICE_MM / 2), 0.95)
                _draw(canvas, grid, first, last, float(radius) * float(np.sqrt(1 - away**2)))
    return {index: canvas.astype(np.float32) / np.float32(255) for index, canvas in canvases.items()}


def _refined(strand: Strand) -> Strand:
    """Return the strand with steps of a part of a slice along the beam.

    Longer pieces would lie in a slice each, and the ends that they share would show as beads.
    """
    steps = np.maximum(np.ceil(np.abs(np.diff(strand.points[:, 2])) / (SLICE_MM / 3)), 1)
    knots = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.arange(int(knots[-1]) + 1)
    points = np.stack([np.interp(at, knots, axis) for axis in strand.points.T], axis=1)
    return Strand(points.astype(np.float32), np.interp(at, knots, strand.radii_mm).astype(np.float32))


def _draw(
    canvas: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], grid: Grid, first: FloatArray, last: FloatArray, r: float
) -> None:
    width = 2 * r / grid.pixel_mm
    fill = min(2 * r / SLICE_MM, 1.0) * min(width, 1.0)
    ends = []
    for point in (first, last):
        row, column = grid.pixel(float(point[0]), float(point[1]))
        ends.append((round(column * 16), round(row * 16)))
    colour = round(255 * fill)
    box = _box(ends, grid, width)
    view = canvas[box]
    if view.size == 0:
        return
    scratch = np.zeros(view.shape, dtype=np.uint8)
    moved = [(x - 16 * box[1].start, y - 16 * box[0].start) for x, y in ends]
    cv2.line(scratch, moved[0], moved[1], colour, max(round(width), 1), cv2.LINE_AA, 4)
    np.maximum(view, scratch, out=view)


def _box(ends: Sequence[tuple[int, int]], grid: Grid, width: float) -> tuple[slice, slice]:
    reach = int(width) + 3
    columns, rows = [x // 16 for x, _ in ends], [y // 16 for _, y in ends]
    return (
        slice(max(min(rows) - reach, 0), max(min(max(rows) + reach, grid.rows), 0)),
        slice(max(min(columns) - reach, 0), max(min(max(columns) + reach, grid.columns), 0)),
    )
