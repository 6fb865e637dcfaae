"""Shape of the compressed breast and the map between its two compressions.

Three coordinate systems, all in mm:

*reference* (x, y, z)
    The breast before compression, a half ball squeezed to an ellipsoid: x from the chest wall to the nipple,
    y lateral, z superior. Tissue fields and lesions live here, so that every view shows the same breast.
*view* (x, w, v)
    The breast between the plates: x from the chest wall (image edge) to the nipple, w up in the picture (lateral
    for CC, lateral and superior for MLO; 0 at the nipple), v along the beam towards the tube (0 in the middle).
*pixels* (row, column)
    Integer coordinates are pixel centres. Columns count from the chest wall here; a right breast is mirrored when
    it is stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mammoviewer.base.arrays import BoolArray, FloatArray

REFERENCE_DEPTH_MM = 88.0
REFERENCE_RADIUS_MM = 52.0
SKIN_MM = 0.75
_NIPPLE_LENGTH_MM, _NIPPLE_RADIUS_MM = 4.2, 5.4
_SMALL = 1e-3


@dataclass(frozen=True)
class Pectoral:
    """The wedge of muscle in the upper chest-wall corner of an oblique view.

    Parameters
    ----------
    width_mm
        Extent along the upper image edge.
    length_mm
        Extent down the chest wall from the upper image edge.
    bulge
        How far the edge is bent outwards, as a part of the width.
    """

    width_mm: float
    length_mm: float
    bulge: float


@dataclass(frozen=True)
class ViewGeometry:
    """One compression of one breast.

    Parameters
    ----------
    position
        ``"CC"`` or ``"MLO"``.
    angle_deg
        Rotation of the compression about the chest-wall-to-nipple axis, 0 for CC.
    depth_mm
        Chest wall to the skin at the nipple.
    upper_mm, lower_mm
        Half axes of the outline above and below the nipple.
    thickness_mm
        Distance of the plates.
    top_mm
        Height w of the upper image edge.
    wobble
        Amplitudes of the angular waves that make the outline irregular.
    pectoral
        The muscle wedge, None when the view does not show it.
    behind_mm
        How far behind the chest wall the outline's centre lies.
    bends
        Gaussian waves of the outline, each (angle in radians about the centre, width, amplitude): sag and folds.
    """

    position: str
    angle_deg: float
    depth_mm: float
    upper_mm: float
    lower_mm: float
    thickness_mm: float
    top_mm: float
    wobble: tuple[float, ...]
    pectoral: Pectoral | None = None
    behind_mm: float = 14.0
    bends: tuple[tuple[float, float, float], ...] = ()

    def _height_to_reference(self, nw: FloatArray) -> FloatArray:
        """Return reference height of a height on the unit disc: the axillary tail is drawn out, the rest is not."""
        power = max(self.upper_mm / self.lower_mm, 1.0)
        return np.where(nw > 0, 1 - np.maximum(1 - nw, 0) ** power, nw)

    def _height_from_reference(self, height: FloatArray) -> FloatArray:
        power = max(self.upper_mm / self.lower_mm, 1.0)
        return np.where(height > 0, 1 - np.maximum(1 - height, 0) ** (1 / power), height)

    def _outline_scale(self, angle: FloatArray) -> FloatArray:
        """Return the radius of the outline against the plain ellipse, by angle about the ellipse's centre."""
        scale = 1 + 0.02 * np.exp(-((angle / 0.35) ** 2))
        for order, amplitude in enumerate(self.wobble, start=2):
            scale = scale + amplitude * np.sin(order * angle + 1.7 * order)
        for centre, width, amplitude in self.bends:
            scale = scale + amplitude * np.exp(-(((angle - centre) / width) ** 2))
        return scale.astype(np.float32)  # type: ignore[no-any-return]

    def normalised(self, x: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return (along depth, along height) on the unit disc: radius 1 is the outline."""
        nx = (x + self.behind_mm) / (self.depth_mm / 1.02 + self.behind_mm)
        nw = np.where(w >= 0, w / self.upper_mm, w / self.lower_mm)
        scale = self._outline_scale(np.arctan2(nw, np.maximum(nx, _SMALL)))
        return (nx / scale).astype(np.float32), (nw / scale).astype(np.float32)

    def from_normalised(self, nx: FloatArray, nw: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return (x, w) in mm; the inverse of :meth:`normalised`."""
        scale = self._outline_scale(np.arctan2(nw, np.maximum(nx, _SMALL)))
        x = nx * scale * (self.depth_mm / 1.02 + self.behind_mm) - self.behind_mm
        w = nw * scale * np.where(nw >= 0, self.upper_mm, self.lower_mm)
        return x.astype(np.float32), w.astype(np.float32)

    def margin_mm(self, x: FloatArray, w: FloatArray) -> FloatArray:
        """Return the distance inside the outline with the nipple in mm (first order), negative outside."""

        def radius(x: FloatArray, w: FloatArray) -> FloatArray:
            nx, nw = self.normalised(x, w)
            return np.hypot(nx, nw)

        step = np.float32(0.5)
        slope_x = radius(x + step, w) - radius(x - step, w)
        slope_w = radius(x, w + step) - radius(x, w - step)
        slope = np.hypot(slope_x, slope_w) / (2 * step)
        margin = (1 - radius(x, w)) / np.maximum(slope, _SMALL)
        nipple = np.hypot((x - self.depth_mm + 1.2) / _NIPPLE_LENGTH_MM, w / _NIPPLE_RADIUS_MM)
        bump = _NIPPLE_RADIUS_MM * (1 - nipple)
        # A smooth maximum: the skin runs onto the nipple without a notch.
        joined = np.maximum(margin, bump)
        joined += np.maximum(1.6 - np.abs(margin - bump), 0) ** 2 / 6.4
        result: FloatArray = joined.astype(np.float32)
        return result

    def half_thickness_mm(self, margin: FloatArray, inset_mm: float | FloatArray = 0.0) -> FloatArray:
        """Return half of the breast's thickness at a distance inside the outline.

        The free border bulges as a half ellipse; ``inset_mm`` gives the surface that far below the skin.
        """
        half = self.thickness_mm / 2
        reach = 0.8 * half
        bulge = np.clip((reach - margin) / (reach - inset_mm), 0, 1)
        return ((half - inset_mm) * np.sqrt(np.maximum(1 - bulge**2, 0))).astype(np.float32)  # type: ignore[no-any-return]

    def to_reference(self, x: FloatArray, w: FloatArray, v: FloatArray, stiffness: float = 0.0) -> FloatArray:
        """Return reference coordinates, shape (3, ...), of points between the plates.

        ``stiffness`` above 0 flattens less along the beam: fibrous sheets stay upright under compression, which is
        why a mammogram shows them at all.
        """
        nx, nw = self.normalised(x, w)
        half = np.maximum(self.half_thickness_mm(self.margin_mm(x, w)), 1.0)
        nv = np.clip(v / half, -1.2, 1.2) * np.sqrt(np.maximum(1 - nx**2 - nw**2, 0.02))
        nv *= np.float32(1 - stiffness)
        cosine, sine = math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))
        height = self._height_to_reference(nw)
        y, z = cosine * height - sine * nv, sine * height + cosine * nv
        return np.stack([nx * REFERENCE_DEPTH_MM, y * REFERENCE_RADIUS_MM, z * REFERENCE_RADIUS_MM]).astype(np.float32)

    def from_reference(self, point: tuple[float, float, float]) -> tuple[float, float, float]:
        """Return view coordinates (x, w, v) of one reference point inside the breast."""
        nx = np.float32(point[0] / REFERENCE_DEPTH_MM)
        y, z = point[1] / REFERENCE_RADIUS_MM, point[2] / REFERENCE_RADIUS_MM
        cosine, sine = math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))
        nw = self._height_from_reference(np.asarray(cosine * y + sine * z, dtype=np.float32))
        nv = -sine * y + cosine * z
        x, w = self.from_normalised(np.asarray(nx), nw)
        half = max(float(self.half_thickness_mm(self.margin_mm(x, w))), 1.0)
        relative = nv / math.sqrt(max(1 - float(nx) ** 2 - float(nw) ** 2, 0.02))
        return float(x), float(w), relative * half

    def turn(self, offset: FloatArray) -> FloatArray:
        """Return reference offsets (n, 3) in mm as view offsets (x, w, v): rigid things turn but do not flatten."""
        cosine, sine = math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))
        x, y, z = offset[:, 0], offset[:, 1], offset[:, 2]
        return np.stack([x, cosine * y + sine * z, -sine * y + cosine * z], axis=1).astype(np.float32)

    def pectoral_edge_mm(self, w: FloatArray) -> FloatArray:
        """Return how far from the chest wall the muscle reaches at height w; negative where there is none."""
        if self.pectoral is None:
            return np.full_like(w, -1e3)
        along = (self.top_mm - w) / self.pectoral.length_mm
        line = 1 - along + self.pectoral.bulge * np.clip(along, 0, 1) * np.clip(1 - along, 0, 1) * 4
        edge: FloatArray = (self.pectoral.width_mm * line).astype(np.float32)
        return edge


@dataclass(frozen=True)
class Grid:
    """Pixels over the part of the detector that holds the breast.

    Parameters
    ----------
    rows, columns
        Size in pixels; column 0 lies at the chest wall.
    pixel_mm
        Size of a pixel.
    top_mm
        Height w of the upper edge of row 0.
    """

    rows: int
    columns: int
    pixel_mm: float
    top_mm: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    def coordinates(self) -> tuple[FloatArray, FloatArray]:
        """Return x and w in mm of every pixel centre, each of shape (rows, columns)."""
        x = (np.arange(self.columns, dtype=np.float32) + np.float32(0.5)) * np.float32(self.pixel_mm)
        w = np.float32(self.top_mm) - (np.arange(self.rows, dtype=np.float32) + np.float32(0.5)) * np.float32(
            self.pixel_mm
        )
        return np.broadcast_to(x[None, :], self.shape).copy(), np.broadcast_to(w[:, None], self.shape).copy()

    def pixel(self, x: float, w: float) -> tuple[float, float]:
        """Return (row, column) of a point in mm."""
        return (self.top_mm - w) / self.pixel_mm - 0.5, x / self.pixel_mm - 0.5

    def coarser(self, factor: int) -> Grid:
        """Return the grid over the same area with pixels ``factor`` times as large."""
        return Grid(self.rows // factor, self.columns // factor, self.pixel_mm * factor, self.top_mm)

    def inside(self, geometry: ViewGeometry, reach_mm: float = 0.0) -> BoolArray:
        """Return the pixels inside the outline grown by ``reach_mm``."""
        x, w = self.coordinates()
        inside: BoolArray = geometry.margin_mm(x, w) > -reach_mm
        return inside
