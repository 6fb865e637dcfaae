"""The pixels of windows, and their scores from several runs of a model side by side.

A small network gains little when one run is spread over the cores: the cores wait for each other after every layer. So
each core has a run of its own, on few windows at a time, whose values stay near it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ModelError
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.preprocess import PreparedImage
from mammoviewer.inference.window_grid import WindowGrid

BATCH_PIXELS = 8 * 64 * 64
"""A batch on the processor has up to 8 windows, and no more pixels than this unless it is one window."""
BATCH_ON_ACCELERATOR = 512
BATCHES_IN_A_PART = 4
_LARGEST_BATCH = 8


class WindowPixels:
    """Cuts the windows of a grid out of a prepared image, mirrored beyond its edges.

    Parameters
    ----------
    channels
        Of the model; a single channel of the image is repeated.
    scale
        How many times as large as the patch a window is in the image; it is resampled to the patch.

    Raises
    ------
    ModelError
        The image has other channels than the model takes.
    """

    def __init__(self, prepared: PreparedImage, grid: WindowGrid, channels: int, *, scale: float = 1.0) -> None:
        found = prepared.values.shape[0]
        if found not in (1, channels):
            raise ModelError(f"the preparation gives {found} channels where the model takes {channels}")
        self.shape = (channels, *grid.patch)
        values = prepared.values if scale == 1.0 else _resized(prepared.values, scale)
        axes = [_firsts(grid, axis, prepared.shape[axis] / values.shape[1 + axis]) for axis in (0, 1)]
        margins = [
            (max(0, -int(firsts.min())), max(0, int(firsts.max()) + side - size))
            for firsts, side, size in zip(axes, grid.patch, values.shape[1:], strict=True)
        ]
        self._values = np.pad(values, [(0, 0), *margins], mode="symmetric")
        self._rows, self._columns = (
            (firsts + before).tolist() for firsts, (before, _) in zip(axes, margins, strict=True)
        )

    def fill(self, batch: FloatArray, indices: NDArray[np.intp]) -> None:
        """Put the windows ``indices`` (n, 2) into the first n of ``batch`` (N, channels, rows, columns)."""
        _, height, width = self.shape
        for target, (row, column) in zip(batch, indices.tolist(), strict=False):
            top, left = self._rows[row], self._columns[column]
            target[...] = self._values[:, top : top + height, left : left + width]


def _resized(values: FloatArray, scale: float) -> FloatArray:
    """Return the image (c, rows, columns) with pixels ``scale`` times as large."""
    rows, columns = (max(1, round(side / scale)) for side in values.shape[1:])
    way = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return np.stack(
        [np.asarray(cv2.resize(one, (columns, rows), interpolation=way), dtype=np.float32) for one in values]
    )


def _firsts(grid: WindowGrid, axis: int, ratio: float) -> NDArray[np.intp]:
    """Return where the windows begin along an axis of an image whose pixels are ``ratio`` times as large."""
    side = grid.patch[axis]
    starts = grid.origin[axis] + np.arange(grid.counts[axis]) * grid.stride
    if ratio == 1.0:
        return starts.astype(np.intp)
    centres = (starts + side / 2) / ratio
    return np.round(centres - side / 2).astype(np.intp)


class WindowScorer:
    """Scores windows of one image; use it as a context manager, so that no thread outlives the work.

    Parameters
    ----------
    sources
        The pixels of the windows, once per scale; a window has the largest of its scores.
    class_index
        The class whose probability is the score.
    """

    def __init__(self, model: OnnxModel, sources: Sequence[WindowPixels], class_index: int) -> None:
        model.load()
        self._model = model
        self._sources = tuple(sources)
        self._class = class_index
        self.batch = _batch_size(model)
        self._part = self.batch * (BATCHES_IN_A_PART if self.batch < BATCH_ON_ACCELERATOR else 1)
        self._streams = model.streams
        self._pool = ThreadPoolExecutor(self._streams, "windows") if self._streams > 1 else None
        self._buffers = threading.local()

    def __enter__(self) -> WindowScorer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def scores(self, indices: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], FloatArray]]:
        """Yield (part (n, 2) of ``indices``, scores (n,)) in their order, a few batches at a time."""
        parts = [indices[start : start + self._part] for start in range(0, len(indices), self._part)]
        if self._pool is None:
            for part in parts:
                yield part, self._scored(part)
            return
        ahead: deque[tuple[NDArray[np.intp], Future[FloatArray]]] = deque()
        for part in parts:
            ahead.append((part, self._pool.submit(self._scored, part)))
            if len(ahead) > 2 * self._streams:
                first, future = ahead.popleft()
                yield first, future.result()
        for first, future in ahead:
            yield first, future.result()

    def _scored(self, indices: NDArray[np.intp]) -> FloatArray:
        found = np.full(len(indices), -np.inf, dtype=np.float32)
        for source in self._sources:
            for start in range(0, len(indices), self.batch):
                part = indices[start : start + self.batch]
                batch = self._buffer(source.shape)[: len(part)]
                source.fill(batch, part)
                scores = self._model.scores(batch)[:, self._class]
                np.maximum(found[start : start + len(part)], scores, out=found[start : start + len(part)])
        return found

    def _buffer(self, shape: tuple[int, ...]) -> FloatArray:
        """Return this thread's own batch, the same each time."""
        buffer: FloatArray | None = getattr(self._buffers, "batch", None)
        if buffer is None:
            buffer = self._buffers.batch = np.empty((self.batch, *shape), dtype=np.float32)
        return buffer


def _batch_size(model: OnnxModel) -> int:
    if model.manifest.input.shape[0] == 1:
        return 1
    if not model.on_processor:
        return BATCH_ON_ACCELERATOR
    rows, columns = model.manifest.windows.patch
    return min(_LARGEST_BATCH, max(1, BATCH_PIXELS // (rows * columns * model.manifest.channels)))
