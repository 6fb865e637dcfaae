"""Window scores as they come in, and the heatmap of what is known so far."""

from __future__ import annotations

import numpy as np

from mammoviewer.base.arrays import BoolArray, FloatArray
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.preprocess import PreparedImage
from mammoviewer.inference.window_grid import WindowGrid, blend, covered_cells


class HeatmapBuilder:
    """Collects window scores and makes the heatmap of what is known so far.

    ``wanted`` are the windows that see enough breast, ``reach`` the cells that will have a value, ``scores`` those of
    the windows that ran, NaN elsewhere; all of the shape of the grid.
    """

    def __init__(
        self, prepared: PreparedImage, model: OnnxModel, grid: WindowGrid, *, class_index: int, mode: str
    ) -> None:
        manifest = model.manifest
        self.prepared = prepared
        self.model = model
        self.grid = grid
        self.mode = mode
        self.class_name = manifest.outputs.classes[class_index]
        fractions = grid.breast_fractions(prepared.mask)
        self.wanted: BoolArray = fractions >= max(manifest.windows.min_breast_fraction, 1e-9)
        self.reach = covered_cells(self.wanted, grid)
        self.scores = np.full(grid.counts, np.nan, dtype=np.float32)

    @property
    def open(self) -> BoolArray:
        """Return which of the wanted windows have not run yet."""
        return self.wanted & ~np.isfinite(self.scores)

    def take(self, known: FloatArray | None) -> None:
        """Go on from the scores of an earlier run over the same windows; those of another grid are left aside."""
        if known is not None and known.shape == self.scores.shape:
            self.scores[self.wanted] = known[self.wanted]

    def heatmap(self, *, coarse_factor: int = 1, complete: bool) -> Heatmap:
        """Return the heatmap of the scores so far; ``coarse_factor`` is how far apart the windows still lie."""
        grid, prepared = self.grid, self.prepared
        first = [origin + (side - 1) / 2 for origin, side in zip(grid.origin, grid.patch, strict=True)]
        scale = prepared.scale
        return Heatmap(
            values=blend(self.scores, grid, self.reach, coarse_factor=coarse_factor),
            origin=prepared.to_stored(first[0], first[1]),
            step=(grid.stride * scale[0], grid.stride * scale[1]),
            shape=prepared.stored_shape,
            image_uid=prepared.image_uid,
            frame=prepared.frame,
            model=self.model.manifest.identity,
            class_name=self.class_name,
            patch_px=(grid.patch[0] * scale[0], grid.patch[1] * scale[1]),
            mode=self.mode,
            complete=complete,
            scores=self.scores.copy(),
            mask=prepared.on_image(prepared.mask),
            share=float(np.isfinite(self.scores).sum() / max(1, int(self.wanted.sum()))),
        )
