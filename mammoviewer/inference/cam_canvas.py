"""Maps of many patches put together over an image."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, FloatArray
from mammoviewer.inference.cam_methods import above_noise
from mammoviewer.inference.feature_places import FeaturePlaces
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.preprocess import PreparedImage
from mammoviewer.inference.window_grid import WindowGrid


class CamCanvas:
    """Sums of patch maps on a fine grid that divides both the patch and the stride, about as fine as their cells.

    ``places`` are those of the cells of a map in its patch.
    """

    def __init__(self, grid: WindowGrid, places: FeaturePlaces) -> None:
        common = math.gcd(*grid.patch, grid.stride)
        finest = max(1.0, min(places.step))
        self.step = max(d for d in range(1, common + 1) if common % d == 0 and d <= finest)
        self._places = places
        self._tile = (grid.patch[0] // self.step, grid.patch[1] // self.step)
        self._jump = grid.stride // self.step
        rows, columns = grid.padded_shape()
        self._total = np.zeros((rows // self.step, columns // self.step), dtype=np.float64)
        self._weight = np.zeros_like(self._total)
        along = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 4)) ** 2) for n in self._tile]
        self._gaussian = np.outer(along[0], along[1])

    def add_weights(self, ran: BoolArray) -> None:
        """Count the windows that ran, bool (grid rows, grid columns), with or without a map."""
        for row, column in np.argwhere(ran).tolist():
            self._weight[self._place(row, column)] += self._gaussian

    def add_map(self, index: NDArray[np.intp], values: FloatArray) -> None:
        """Add the map (rows, columns) of the window ``index`` (row, column of the grid)."""
        spread = self._places.spread(values, self._tile)
        self._total[self._place(int(index[0]), int(index[1]))] += self._gaussian * spread

    def blended(self) -> FloatArray:
        """Return sum(w map) / sum(w), w a Gaussian over the patch; NaN where no window ran."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self._weight > 0, self._total / self._weight, np.nan).astype(np.float32)

    def _place(self, row: int, column: int) -> tuple[slice, slice]:
        top, left = row * self._jump, column * self._jump
        return slice(top, top + self._tile[0]), slice(left, left + self._tile[1])


def cam_overlay(
    prepared: PreparedImage,
    manifest: ModelManifest,
    values: FloatArray,
    first: tuple[float, float],
    cell: tuple[float, float],
    *,
    mask: BoolArray,
    method: str,
    class_name: str,
    quiet: bool = False,
) -> Heatmap:
    """Return a map as an overlay scaled to [0, 1], 1 the strongest evidence in it.

    Parameters
    ----------
    values
        float32 (rows, columns): the centre of cell (0, 0) is at the model pixel ``first``, cells are ``cell`` apart.
    mask
        bool on the model's grid: where the map holds.
    quiet
        Leave out what is below the mean plus one standard deviation of the cells on the mask.
    """
    positive = np.maximum(values, np.float32(0.0))
    peak = float(np.nanmax(positive)) if np.isfinite(positive).any() else 0.0
    size = manifest.size or prepared.shape
    overlay = Heatmap(
        values=np.asarray(positive / (peak if peak > 0 else 1.0), dtype=np.float32),
        origin=prepared.to_stored(*first),
        step=(cell[0] * prepared.scale[0], cell[1] * prepared.scale[1]),
        shape=prepared.stored_shape,
        image_uid=prepared.image_uid,
        frame=prepared.frame,
        model=manifest.identity,
        class_name=class_name,
        patch_px=(size[0] * prepared.scale[0], size[1] * prepared.scale[1]),
        mode=f"cam:{method}",
        complete=True,
        scores=np.full(values.shape, np.nan, dtype=np.float32),
        mask=prepared.on_image(mask),
    )
    return _without_noise(overlay) if quiet else overlay


def _without_noise(overlay: Heatmap) -> Heatmap:
    """Return an overlay without what lies below mean + 1 sd; cells outside of its mask do not count."""
    centres = [_in_mask(overlay, axis) for axis in (0, 1)]
    inside = overlay.mask[np.ix_(centres[0], centres[1])]
    counted = np.where(inside if inside.any() else True, overlay.values, np.float32(np.nan))
    # Beside the mask nothing is shown: cells that reach into it there are 0.
    return replace(overlay, values=np.where(np.isfinite(counted), above_noise(counted), overlay.values * 0))


def _in_mask(overlay: Heatmap, axis: int) -> NDArray[np.intp]:
    """Return the row, or column, of the mask in which the centre of each row, or column, of cells lies."""
    stored = overlay.origin[axis] + np.arange(overlay.values.shape[axis]) * overlay.step[axis]
    size = overlay.mask.shape[axis]
    places = ((stored + 0.5) * size / overlay.shape[axis]).astype(np.intp)
    clipped: NDArray[np.intp] = np.clip(places, 0, size - 1)
    return clipped
