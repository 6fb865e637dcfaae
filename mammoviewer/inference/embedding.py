"""What a model sees in patches and in the windows of an image, as numbers that a new head can be fitted on."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, FloatArray
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.imaging.band_measures import band_measures
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.heatmap_builder import HeatmapBuilder
from mammoviewer.inference.onnx_session import OnnxModel, as_batch
from mammoviewer.inference.preprocess import PreparedImage
from mammoviewer.inference.window_grid import WindowGrid, coarse_to_fine, window_grid
from mammoviewer.inference.window_scores import WindowPixels

BATCH = 8
_PART = 4 * BATCH
_PART_EVERY_S = 0.3


def pooled(features: FloatArray) -> FloatArray:
    """Return mean and maximum over the picture of feature maps (N, C, rows, columns), as (N, 2 C)."""
    return np.concatenate([features.mean(axis=(2, 3)), features.max(axis=(2, 3))], axis=1)


def embed_patches(model: OnnxModel, patches: FloatArray) -> FloatArray:
    """Return the embeddings (N, K) of patches (N, rows, columns) of one channel.

    K is twice the number of the trunk's channels, see :func:`pooled`, and the measures of
    :func:`mammoviewer.imaging.band_measures.band_measures`.

    Raises
    ------
    ModelError
        The model cannot be loaded or run.
    """
    batch = BATCH if model.manifest.input.shape[0] != 1 else 1
    parts = [patches[start : start + batch][:, np.newaxis] for start in range(0, len(patches), batch)]
    return np.concatenate([_embedded(model, as_batch(part, model.manifest.channels)) for part in parts])


def _embedded(model: OnnxModel, batch: FloatArray) -> FloatArray:
    """Return what the trunk sees in a batch (n, channels, rows, columns), and what its first channel shows anyway."""
    return np.concatenate([pooled(model.run(batch)[1]), band_measures(batch[:, 0])], axis=1)


@dataclass(eq=False)
class WindowEmbeddings:
    """The windows of one frame and what was found of them so far.

    Attributes
    ----------
    prepared
        The image, without its values once every window is known.
    grid
        Where the windows lie.
    wanted
        bool (grid rows, grid columns): those that see enough breast.
    features
        float32 (grid rows, grid columns, K), NaN where a window has not run; None before the first.
    """

    prepared: PreparedImage
    grid: WindowGrid
    wanted: BoolArray
    features: FloatArray | None = None

    @property
    def known(self) -> BoolArray:
        """Return which windows ran."""
        if self.features is None:
            return np.zeros(self.grid.counts, dtype=np.bool_)
        return np.isfinite(self.features[..., 0])

    @property
    def complete(self) -> bool:
        """Whether every window that sees breast ran."""
        return not (self.wanted & ~self.known).any()

    def centres(self, indices: NDArray[np.intp]) -> FloatArray:
        """Return stored (row, column), shape (n, 2), of the centres of windows (n, 2)."""
        places = [
            self.grid.origin[axis] + indices[:, axis] * self.grid.stride + (self.grid.patch[axis] - 1) / 2
            for axis in (0, 1)
        ]
        stored = [self.prepared.to_stored(row, column) for row, column in zip(*places, strict=True)]
        return np.asarray(stored, dtype=np.float32).reshape(-1, 2)


def windows_of(prepared: PreparedImage, model: OnnxModel, *, stride: int | None = None) -> WindowEmbeddings:
    """Return the windows of an image that see breast, half a patch apart by default; none has run."""
    windows = model.manifest.windows
    grid = window_grid(prepared.shape, windows.patch, stride or max(1, min(windows.patch) // 2))
    wanted = grid.breast_fractions(prepared.mask) >= max(windows.min_breast_fraction, 1e-9)
    return WindowEmbeddings(prepared, grid, wanted)


def embed_windows(
    windows: WindowEmbeddings,
    model: OnnxModel,
    *,
    on_part: Callable[[], None] = lambda: None,
    progress: Progress = no_progress,
) -> None:
    """Run the windows that have not run, coarse to fine, and put what is found into ``windows``.

    Parameters
    ----------
    on_part
        Called on this thread a few times a second while there are more to come.
    progress
        May raise ``Cancelled``; what was found until then stays.
    """
    if windows.complete:
        return
    pixels = WindowPixels(windows.prepared, windows.grid, model.manifest.channels)
    indices = np.concatenate(coarse_to_fine(windows.wanted & ~windows.known))
    parts = [indices[start : start + _PART] for start in range(0, len(indices), _PART)]
    batch = BATCH if model.manifest.input.shape[0] != 1 else 1

    def run(part: NDArray[np.intp]) -> FloatArray:
        found = []
        for start in range(0, len(part), batch):
            some = part[start : start + batch]
            patches = np.empty((len(some), *pixels.shape), dtype=np.float32)
            pixels.fill(patches, some)
            found.append(_embedded(model, patches))
        return np.concatenate(found)

    model.load()
    told = time.monotonic()
    with ThreadPoolExecutor(model.streams, "embeddings") as pool:
        try:
            for number, (part, found) in enumerate(zip(parts, pool.map(run, parts), strict=True), start=1):
                if windows.features is None:
                    windows.features = np.full((*windows.grid.counts, found.shape[1]), np.nan, dtype=np.float32)
                windows.features[part[:, 0], part[:, 1]] = found
                progress(number / len(parts), f"looking at windows, {number / len(parts):.0%}")
                if number < len(parts) and time.monotonic() - told >= _PART_EVERY_S:
                    on_part()
                    told = time.monotonic()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    windows.prepared = replace(windows.prepared, values=np.empty((1, 0, 0), dtype=np.float32))


def heatmap_of_windows(
    windows: WindowEmbeddings, model: OnnxModel, scores: FloatArray, *, name: str, class_name: str, mode: str
) -> Heatmap:
    """Return the heatmap of scores (grid rows, grid columns), NaN where there are none, given by another head.

    Parameters
    ----------
    name, class_name, mode
        What the heatmap says of itself.
    """
    builder = HeatmapBuilder(windows.prepared, model, windows.grid, class_index=0, mode=mode)
    builder.scores = scores
    heatmap = builder.heatmap(coarse_factor=1 if windows.complete else 4, complete=windows.complete)
    return replace(heatmap, model=name, class_name=class_name)
