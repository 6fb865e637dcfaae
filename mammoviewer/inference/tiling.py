"""Sliding windows: a patch classifier over a whole image, with a heatmap that grows while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, FloatArray
from mammoviewer.base.errors import ModelError
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.onnx_session import OnnxModel, as_batch
from mammoviewer.inference.preprocess import PreparedImage
from mammoviewer.inference.window_grid import (
    COARSE_FACTORS,
    WindowGrid,
    blend,
    coarse_to_fine,
    covered_cells,
    window_grid,
)

PARTIAL_INTERVAL_S = 0.2
BATCH = 32
BATCH_ON_ACCELERATOR = 512

PartialHandler = Callable[[Heatmap], None]


class HeatmapBuilder:
    """Collects window scores and makes the heatmap of what is known so far."""

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
        )


def iter_patches(
    prepared: PreparedImage, grid: WindowGrid, indices: NDArray[np.intp], *, batch: int = BATCH
) -> Iterator[tuple[NDArray[np.intp], FloatArray]]:
    """Yield (indices (n, 2), patches float32 (n, channels, rows, columns)) of the windows ``indices`` (N, 2)."""
    padded = grid.padded(prepared.values)
    windows = np.lib.stride_tricks.sliding_window_view(padded, grid.patch, axis=(1, 2))
    views = windows[:, :: grid.stride, :: grid.stride].transpose(1, 2, 0, 3, 4)
    for start in range(0, len(indices), batch):
        part = indices[start : start + batch]
        yield part, views[part[:, 0], part[:, 1]]


def run_patches(
    prepared: PreparedImage,
    model: OnnxModel,
    *,
    stride: int | None = None,
    class_index: int | None = None,
    on_partial: PartialHandler | None = None,
    progress: Progress = no_progress,
) -> Heatmap:
    """Look at every window that sees enough breast, coarse to fine, and return the heatmap.

    Parameters
    ----------
    stride
        Model pixels between windows; that of the manifest by default.
    class_index
        The class whose probability is mapped; the positive one by default.
    on_partial
        Called on this thread about five times a second with what is known so far.
    progress
        Called after each batch; may raise ``Cancelled``.
    """
    manifest = model.manifest
    wanted_class = manifest.outputs.positive_index if class_index is None else class_index
    windows = manifest.windows
    grid = window_grid(prepared.shape, windows.patch, stride or windows.stride)
    builder = HeatmapBuilder(prepared, model, grid, class_index=wanted_class, mode="patches")
    total = max(1, int(builder.wanted.sum()))
    model.load()
    size = _batch_size(model)
    done = 0
    shown_at = time.monotonic()
    for factor, indices in zip(COARSE_FACTORS, coarse_to_fine(builder.wanted), strict=True):
        # While a level runs, the windows not yet seen lie as far apart as those of the level before.
        reached = COARSE_FACTORS[max(0, COARSE_FACTORS.index(factor) - 1)]
        for part, patches in iter_patches(prepared, grid, indices, batch=size):
            builder.scores[part[:, 0], part[:, 1]] = model.scores(as_batch(patches, manifest.channels))[:, wanted_class]
            done += len(part)
            progress(done / total, f"window {done} of {total}")
            if on_partial is not None and done < total and time.monotonic() - shown_at >= PARTIAL_INTERVAL_S:
                on_partial(builder.heatmap(coarse_factor=reached, complete=False))
                shown_at = time.monotonic()
    return builder.heatmap(complete=True)


def run_dense(
    prepared: PreparedImage, model: OnnxModel, *, class_index: int | None = None, progress: Progress = no_progress
) -> Heatmap:
    """Run the fully convolutional form of a model over the whole image in one pass.

    Raises
    ------
    ModelError
        The model's manifest does not declare such a form.
    """
    manifest = model.manifest
    windows = manifest.windows
    dense_stride = windows.dense_stride
    if "dense" not in windows.modes or dense_stride is None:
        raise ModelError(f"model {manifest.identity} has no dense mode", hint="use the mode patches")
    wanted_class = manifest.outputs.positive_index if class_index is None else class_index
    grid = window_grid(prepared.shape, windows.patch, dense_stride)
    builder = HeatmapBuilder(prepared, model, grid, class_index=wanted_class, mode="dense")
    progress(0.0, "whole image")
    image = as_batch(grid.padded(prepared.values)[np.newaxis], manifest.channels)
    logits = model.dense_logits(image)[0]
    if logits.shape[1:] != grid.counts:
        raise ModelError(f"the dense file gives a map of {logits.shape[1:]} where {grid.counts} windows lie")
    scores = model.probabilities(logits.reshape(logits.shape[0], -1).T)[:, wanted_class].reshape(grid.counts)
    builder.scores[builder.wanted] = scores[builder.wanted]
    progress(1.0, "whole image")
    return builder.heatmap(complete=True)


def _batch_size(model: OnnxModel) -> int:
    if model.manifest.input.shape[0] == 1:
        return 1
    return BATCH if model.provider == "CPUExecutionProvider" else BATCH_ON_ACCELERATOR
