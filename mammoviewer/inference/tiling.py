"""Sliding windows: a patch classifier over a whole image, with a heatmap that grows while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, FloatArray
from mammoviewer.base.errors import Cancelled
from mammoviewer.base.progress import Progress, no_progress
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.heatmap_builder import HeatmapBuilder
from mammoviewer.inference.model_records import Tiling
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.preprocess import PreparedImage
from mammoviewer.inference.window_grid import COARSE_FACTORS, WindowGrid, coarse_to_fine, window_grid
from mammoviewer.inference.window_scores import WindowPixels, WindowScorer

PARTIAL_INTERVAL_S = 0.2
REFINE_SHARE = 0.1
"""Around coarse windows of at least this share of the score from which marks are shown it is worth looking closer.

Chosen by ``benchmarks/coarse_agreement.py``, see docs/inference.md.
"""
_COARSE_OVERLAP = 0.25

PartialHandler = Callable[[Heatmap], None]


@dataclass(frozen=True)
class _Level:
    """Windows to look at next: how far apart those before lie, their indices (n, 2), and where in all the work."""

    reached: int
    indices: NDArray[np.intp]
    begins: float
    ends: float


def iter_patches(
    prepared: PreparedImage, grid: WindowGrid, indices: NDArray[np.intp], *, batch: int
) -> Iterator[tuple[NDArray[np.intp], FloatArray]]:
    """Yield (indices (n, 2), patches float32 (n, channels, rows, columns)) of the windows ``indices`` (N, 2)."""
    pixels = WindowPixels(prepared, grid, prepared.values.shape[0])
    for start in range(0, len(indices), batch):
        part = indices[start : start + batch]
        patches = np.empty((len(part), *pixels.shape), dtype=np.float32)
        pixels.fill(patches, part)
        yield part, patches


def run_patches(
    prepared: PreparedImage,
    model: OnnxModel,
    *,
    stride: int | None = None,
    class_index: int | None = None,
    known: FloatArray | None = None,
    on_partial: PartialHandler | None = None,
    progress: Progress = no_progress,
) -> Heatmap:
    """Look at every window that sees enough breast, coarse to fine, and return the heatmap.

    A model with several scales looks at windows of each size around the same centres; the largest score counts.

    Parameters
    ----------
    stride
        Model pixels between windows; that of the manifest by default.
    class_index
        The class whose probability is mapped; the positive one by default.
    known
        The ``scores`` of an earlier run with the same settings: its windows are not run again.
    on_partial
        Called on this thread about five times a second with what is known so far, and once more when the run is
        cancelled.
    progress
        Called after each few windows; may raise ``Cancelled``.
    """
    builder = _builder(prepared, model, stride, class_index, "patches")
    builder.take(known)
    total = max(1, int(builder.wanted.sum()))
    levels = []
    done = total - int(builder.open.sum())
    for number, indices in enumerate(coarse_to_fine(builder.open)):
        # While a level runs, the windows not yet seen lie as far apart as those of the level before.
        reached = COARSE_FACTORS[max(0, number - 1)]
        levels.append(_Level(reached, indices, done / total, (done + len(indices)) / total))
        done += len(indices)
    _look(builder, iter(levels), class_index, on_partial, progress)
    return builder.heatmap(complete=True)


def run_coarse(
    prepared: PreparedImage,
    model: OnnxModel,
    *,
    stride: int | None = None,
    class_index: int | None = None,
    worth: float | None = None,
    known: FloatArray | None = None,
    on_partial: PartialHandler | None = None,
    progress: Progress = no_progress,
) -> Heatmap:
    """Look at windows far apart, and closer only around those with a score that is worth it.

    Every score is that of :func:`run_patches` for the same window; between windows that were left out the map is
    blended from the coarse ones, and ``share`` of the heatmap says how many ran. The coarsest windows still overlap by
    a quarter of a patch, so that no place is left unseen; a patch of less than 8/3 strides has no coarse level.

    Parameters
    ----------
    worth
        The score from which it is worth looking closer; by default :data:`REFINE_SHARE` of that from which marks are
        shown.
    stride, class_index, known, on_partial, progress
        As in :func:`run_patches`.
    """
    builder = _builder(prepared, model, stride, class_index, "coarse")
    builder.take(known)
    limit = model.manifest.outputs.marks_from * REFINE_SHARE if worth is None else worth
    factors = _coarse_factors(builder.grid.patch, builder.grid.stride)
    _look(builder, _worthwhile(builder, factors, limit), class_index, on_partial, progress)
    return builder.heatmap(coarse_factor=factors[0], complete=True)


def coarse_windows(scores: FloatArray, tiling: Tiling, *, worth: float) -> BoolArray:
    """Return which windows :func:`run_coarse` would look at, from the scores of all of them.

    Parameters
    ----------
    scores
        float32 (grid rows, grid columns) of an exact run at the stride of ``tiling``; NaN where no window ran.
    worth
        The score from which it is worth looking closer.
    """
    wanted = np.isfinite(scores)
    seen = np.zeros_like(wanted)
    factors = _coarse_factors(tiling.patch, tiling.stride)
    for number, factor in enumerate(factors):
        before = factors[number - 1] if number else 0
        seen |= _level(np.where(seen, scores, np.float32(np.nan)), wanted, factor, before, worth)
    return seen


def _builder(
    prepared: PreparedImage, model: OnnxModel, stride: int | None, class_index: int | None, mode: str
) -> HeatmapBuilder:
    windows = model.manifest.windows
    grid = window_grid(prepared.shape, windows.patch, stride or windows.stride)
    return HeatmapBuilder(prepared, model, grid, class_index=_class(model, class_index), mode=mode)


def _class(model: OnnxModel, class_index: int | None) -> int:
    return model.manifest.outputs.positive_index if class_index is None else class_index


def _coarse_factors(patch: tuple[int, int], stride: int) -> list[int]:
    """Return how many strides apart the windows of each level may lie without leaving anything between them unseen."""
    farthest = min(patch) * (1 - _COARSE_OVERLAP)
    return [factor for factor in COARSE_FACTORS if factor == 1 or factor * stride <= farthest]


def _worthwhile(builder: HeatmapBuilder, factors: list[int], worth: float) -> Iterator[_Level]:
    """Yield the windows of each level that lie beside one of the level before with at least the score ``worth``."""
    for number, factor in enumerate(factors):
        level = _level(builder.scores, builder.wanted, factor, factors[number - 1] if number else 0, worth)
        indices = np.argwhere(level & builder.open)
        yield _Level(factors[max(0, number - 1)], indices, number / len(factors), (number + 1) / len(factors))


def _level(scores: FloatArray, wanted: BoolArray, factor: int, before: int, worth: float) -> BoolArray:
    """Return the ``wanted`` windows ``factor`` strides apart; beside high ones of those ``before`` apart, if not 0."""
    level = _lattice(wanted.shape, factor) & wanted
    if before:
        # Windows of this level may be known already from a run that was stopped: they decide nothing here.
        high = _lattice(wanted.shape, before) & (np.nan_to_num(scores, nan=-1.0) >= worth)
        around = np.ones((2 * before - 1, 2 * before - 1), dtype=np.uint8)
        level &= cv2.dilate(high.astype(np.uint8), around).astype(np.bool_)
    return level


def _lattice(shape: tuple[int, ...], factor: int) -> BoolArray:
    """Return the windows ``factor`` strides apart."""
    lattice = np.zeros(shape, dtype=np.bool_)
    lattice[::factor, ::factor] = True
    return lattice


def _look(
    builder: HeatmapBuilder,
    levels: Iterator[_Level],
    class_index: int | None,
    on_partial: PartialHandler | None,
    progress: Progress,
) -> None:
    """Fill the scores of the builder, level by level."""
    model, manifest = builder.model, builder.model.manifest
    sources = [
        WindowPixels(builder.prepared, builder.grid, manifest.channels, scale=scale)
        for scale in manifest.windows.scales
    ]
    shown_at = time.monotonic()
    reached = COARSE_FACTORS[0]
    try:
        with WindowScorer(model, sources, _class(model, class_index)) as scorer:
            for level in levels:
                reached, done = level.reached, 0
                for part, scores in scorer.scores(level.indices):
                    builder.scores[part[:, 0], part[:, 1]] = scores
                    done += len(part)
                    share = level.begins + (level.ends - level.begins) * done / len(level.indices)
                    progress(share, f"{np.isfinite(builder.scores).sum()} windows")
                    if on_partial is not None and time.monotonic() - shown_at >= PARTIAL_INTERVAL_S:
                        on_partial(builder.heatmap(coarse_factor=reached, complete=False))
                        shown_at = time.monotonic()
    except Cancelled:
        if on_partial is not None:
            on_partial(builder.heatmap(coarse_factor=reached, complete=False))
        raise
