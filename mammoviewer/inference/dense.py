"""The fully convolutional form of a patch classifier over a whole image, in parts that fit into memory."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, FloatArray
from mammoviewer.base.errors import ModelError
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.heatmap_builder import HeatmapBuilder
from mammoviewer.inference.onnx_session import OnnxModel, as_batch
from mammoviewer.inference.preprocess import PreparedImage
from mammoviewer.inference.stopping import RunStop, StoppableRuns
from mammoviewer.inference.tiling import PARTIAL_INTERVAL_S, PartialHandler
from mammoviewer.inference.window_grid import WindowGrid, window_grid

TILE_PX = 512
"""Model pixels of a part along each side at least, without what surrounds it."""
TILE_PATCHES = 4
"""So many patches it has along each side at least: neighbouring parts share what a patch reaches beyond its centre."""

_Cells = tuple[slice, slice]


def run_dense(
    prepared: PreparedImage,
    model: OnnxModel,
    *,
    class_index: int | None = None,
    tile_px: int = 0,
    on_partial: PartialHandler | None = None,
    progress: Progress = no_progress,
) -> Heatmap:
    """Run the dense form of a model over an image.

    Where the manifest states the halo, the image is run in parts of about ``tile_px`` model pixels (0 for 512 or four
    patches, whichever is more), each with the halo around it, and parts without breast are left out: the numbers are
    those of one pass over the whole. Without a stated halo there is one pass.

    Parameters
    ----------
    on_partial
        As in :func:`mammoviewer.inference.tiling.run_patches`.
    progress
        Called after each part and many times a second meanwhile; may raise ``Cancelled``, which ends the runs.

    Raises
    ------
    ModelError
        The manifest does not declare a dense form, or it does not fit its windows.
    """
    manifest = model.manifest
    windows = manifest.windows
    stride = windows.dense_stride
    if windows.lacks_dense or stride is None:
        raise ModelError(f"model {manifest.identity} {windows.lacks_dense}", hint="use the mode patches")
    index = manifest.outputs.positive_index if class_index is None else class_index
    grid = window_grid(prepared.shape, windows.patch, stride)
    builder = HeatmapBuilder(prepared, model, grid, class_index=index, mode="dense")
    image = as_batch(grid.padded(prepared.values)[np.newaxis], manifest.channels)
    side = halo = max(grid.counts)
    if windows.dense_halo is not None:
        halo = math.ceil(windows.dense_halo / stride)
        side = max(1, (tile_px or max(TILE_PX, TILE_PATCHES * max(windows.patch))) // stride)
    tiles = list(tiles_of(builder.wanted, side))
    progress(*(reached := (0.0, "whole image")))
    shown_at = time.monotonic()
    model.load("dense")
    with StoppableRuns(model.streams, "tiles") as runs:

        def scored(tile: _Cells) -> FloatArray:
            return _tile_scores(model, image, grid, tile, halo, stop=runs.stop)

        def ask() -> None:
            progress(*reached)

        for done, (tile, scores) in enumerate(zip(tiles, runs.map(scored, tiles, ask), strict=True), start=1):
            builder.scores[tile] = np.where(builder.wanted[tile], scores[index], np.float32(np.nan))
            progress(*(reached := (done / len(tiles), f"part {done} of {len(tiles)}")))
            if on_partial is not None and done < len(tiles) and time.monotonic() - shown_at >= PARTIAL_INTERVAL_S:
                on_partial(builder.heatmap(complete=False))
                shown_at = time.monotonic()
    return builder.heatmap(complete=True)


def tiles_of(wanted: BoolArray, side: int) -> Iterator[_Cells]:
    """Yield parts of a grid of at most ``side`` cells a side that together hold all ``wanted`` cells, row by row."""
    rows, columns = wanted.shape
    for row in range(0, rows, side):
        for column in range(0, columns, side):
            part = wanted[row : row + side, column : column + side]
            inside = [np.flatnonzero(part.any(axis=axis)) for axis in (1, 0)]
            if inside[0].size:
                yield (
                    slice(row + int(inside[0][0]), row + int(inside[0][-1]) + 1),
                    slice(column + int(inside[1][0]), column + int(inside[1][-1]) + 1),
                )


def _tile_scores(
    model: OnnxModel, image: FloatArray, grid: WindowGrid, tile: _Cells, halo: int, *, stop: RunStop
) -> FloatArray:
    """Return the probabilities (classes, rows, columns) of the cells of a tile, run with ``halo`` cells around it."""
    wide = [
        (max(0, cells.start - halo), min(count, cells.stop + halo))
        for cells, count in zip(tile, grid.counts, strict=True)
    ]
    rows, columns = (
        slice(first * grid.stride, (last - 1) * grid.stride + side)
        for (first, last), side in zip(wide, grid.patch, strict=True)
    )
    logits = model.dense_logits(np.ascontiguousarray(image[:, :, rows, columns]), stop=stop)[0]
    expected = tuple(last - first for first, last in wide)
    if logits.shape[1:] != expected:
        raise ModelError(f"the dense file gives a map of {logits.shape[1:]} where {expected} windows lie")
    inner = [slice(cells.start - first, cells.stop - first) for cells, (first, _) in zip(tile, wide, strict=True)]
    kept: NDArray[np.float32] = logits[:, inner[0], inner[1]]
    scores = model.probabilities(kept.reshape(kept.shape[0], -1).T).T
    return scores.reshape(-1, *kept.shape[1:])
