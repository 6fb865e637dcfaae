"""Explanations of a score: of one patch, of a whole image, without torch.

The formulas are in :mod:`mammoviewer.inference.cam_methods`; the gradient of the head is an ONNX file of the bundle.
``occlusion`` is the fall of the class probability when the neighbourhood is covered by the mean of the patch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, FloatArray
from mammoviewer.base.errors import ArgumentError, ModelError
from mammoviewer.base.progress import Progress, no_progress, subprogress
from mammoviewer.inference.cam_canvas import CamCanvas, cam_overlay
from mammoviewer.inference.cam_maps import Explainer
from mammoviewer.inference.dense import run_dense
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.manifest_schema import WHOLE_IMAGE
from mammoviewer.inference.onnx_parts import trunk_features
from mammoviewer.inference.onnx_session import OnnxModel, as_batch
from mammoviewer.inference.preprocess import PreparedImage
from mammoviewer.inference.tiling import iter_patches, run_patches
from mammoviewer.inference.window_grid import WindowGrid, window_grid

# Windows below this share of the operating threshold weigh too little to be worth a gradient.
_WORTH = 0.2
_BATCH = 16
_LEVEL = 99.5
MOST_EXPLAINED = 400


@dataclass(frozen=True, eq=False)
class Cam:
    """The explanation of one patch.

    ``values`` float32 (feature rows, feature columns) in the units of the method; ``score`` the probability of
    ``class_name``; ``box`` the corner points (r0, c0, r1, c1) of the patch in the stored image; ``overlay`` the same
    map scaled to [0, 1] and placed on the image.
    """

    values: FloatArray
    method: str
    class_name: str
    score: float
    box: tuple[float, float, float, float]
    overlay: Heatmap


def cam_for_patch(
    prepared: PreparedImage,
    model: OnnxModel,
    row: float,
    column: float,
    *,
    method: str | None = None,
    class_index: int | None = None,
    quiet: bool = False,
) -> Cam:
    """Explain the patch centred at a stored point; beyond the edge of the image it is mirrored.

    Of a model that looks at whole images it is the image, whatever the point.

    Parameters
    ----------
    method, class_index
        As in :class:`mammoviewer.inference.cam_maps.Explainer`.
    quiet
        Leave out of the overlay what is below the mean plus one standard deviation.

    Raises
    ------
    ArgumentError
        The point lies outside the image.
    """
    rows, columns = prepared.stored_shape
    if not (-0.5 <= row <= rows - 0.5 and -0.5 <= column <= columns - 0.5):
        raise ArgumentError("the point lies outside the image")
    explainer = Explainer(model, method, class_index)
    manifest = model.manifest
    if manifest.task == WHOLE_IMAGE:
        size, start = prepared.shape, (0, 0)
    else:
        size = manifest.windows.patch
        centre = prepared.to_model(row, column)
        start = (round(centre[0] - (size[0] - 1) / 2), round(centre[1] - (size[1] - 1) / 2))
    picks = [_mirrored(first, side, n) for first, side, n in zip(start, size, prepared.shape, strict=True)]
    maps, scores = explainer.maps(prepared.values[np.newaxis, :, picks[0][:, np.newaxis], picks[1]])
    first = prepared.to_stored(start[0] - 0.5, start[1] - 0.5)
    last = prepared.to_stored(start[0] + size[0] - 0.5, start[1] + size[1] - 0.5)
    inside = np.zeros(prepared.shape, dtype=np.bool_)
    inside[max(0, start[0]) : start[0] + size[0], max(0, start[1]) : start[1] + size[1]] = True
    overlay = _own_overlay(explainer, prepared, maps[0], size, start, mask=inside, quiet=quiet)
    box = (first[0], first[1], last[0], last[1])
    return Cam(maps[0], explainer.method, explainer.class_name, float(scores[0]), box, overlay)


def cam_for_image(
    prepared: PreparedImage,
    model: OnnxModel,
    heatmap: Heatmap | None = None,
    *,
    method: str | None = None,
    quiet: bool = False,
    progress: Progress = no_progress,
) -> Heatmap:
    """Explain a whole image: the patch maps of the windows of ``heatmap``, weighted by their scores and blended.

    Of windows that lie nearer to each other than half their size the one with the highest score is explained, and of
    those at most the ``MOST_EXPLAINED`` with the highest scores: each costs a gradient.

    Without a heatmap the windows are run first. Where the model proves that one pass over the image gives what its
    windows give (``dense_patch_agreement`` of its manifest), the features of all windows are cut out of those of one
    pass. A model that looks at whole images has one map.

    Returns a map in [0, 1] on the stored image, NaN outside the breast; 1 is the strongest evidence in this image, the
    half per cent of the positive cells with the most.
    Blending is sum(w p map) / sum(w), w a Gaussian over the patch, so that a window without a score pulls the map down.

    Raises
    ------
    ArgumentError
        The heatmap was not made from this image.
    """
    manifest = model.manifest
    if manifest.task == WHOLE_IMAGE:
        return _whole(prepared, model, method, quiet)
    dense = not manifest.windows.lacks_dense
    if heatmap is None:
        run = run_dense if dense else run_patches
        heatmap = run(prepared, model, progress=subprogress(progress, 0.0, 0.5))
        progress = subprogress(progress, 0.5, 1.0)
    explainer = Explainer(model, method, manifest.outputs.classes.index(heatmap.class_name))
    grid = window_grid(prepared.shape, manifest.windows.patch, round(heatmap.step[0] / prepared.scale[0]))
    if grid.counts != heatmap.scores.shape:
        raise ArgumentError("the heatmap was not made from this image")
    known = np.nan_to_num(heatmap.scores)
    speaking = _speaking(heatmap.scores, grid)
    worth = _strongest(speaking & (known >= manifest.outputs.operating_threshold * _WORTH), known)
    places = explainer.places_of(_feature_size(model), manifest.windows.patch)
    canvas = CamCanvas(grid, places)
    canvas.add_weights(speaking)
    cut = _Cut.of(explainer, prepared, grid) if dense and explainer.method != "occlusion" else None
    windows = _windows(explainer, prepared, grid, worth) if cut is None else cut.windows(worth)
    for done, (index, values) in enumerate(windows, start=1):
        # The score is the heatmap's: what is blended is what the reader sees there.
        canvas.add_map(index, np.maximum(values, 0.0) * np.float32(known[index[0], index[1]]))
        progress(done / len(worth), f"explaining window {done} of {len(worth)}")
    return _blended_overlay(explainer, prepared, canvas, grid, quiet=quiet)


def _blended_overlay(
    explainer: Explainer, prepared: PreparedImage, canvas: CamCanvas, grid: WindowGrid, *, quiet: bool
) -> Heatmap:
    """Return the overlay of the maps that a canvas has taken."""
    return cam_overlay(
        prepared,
        explainer.model.manifest,
        _levelled(canvas.blended()),
        (grid.origin[0] + (canvas.step - 1) / 2, grid.origin[1] + (canvas.step - 1) / 2),
        (float(canvas.step), float(canvas.step)),
        mask=prepared.mask,
        method=explainer.method,
        class_name=explainer.class_name,
        quiet=quiet,
    )


def _strongest(worth: BoolArray, scores: FloatArray) -> NDArray[np.intp]:
    """Return the windows (n, 2), row by row, that are worth explaining; of too many those with the highest scores."""
    places = np.argwhere(worth)
    if len(places) > MOST_EXPLAINED:
        order = np.argsort(-scores[places[:, 0], places[:, 1]], kind="stable")[:MOST_EXPLAINED]
        places = places[np.sort(order)]
    return places


def _speaking(scores: FloatArray, grid: WindowGrid) -> BoolArray:
    """Return the windows that are explained: of those nearer to each other than half a window the highest speaks.

    Maps of windows a few pixels apart say the same.
    """
    side = max(1, min(grid.patch) // (2 * grid.stride))
    rows, columns = scores.shape
    padded = np.full((-(-rows // side) * side, -(-columns // side) * side), -np.inf, dtype=np.float32)
    padded[:rows, :columns] = np.where(np.isfinite(scores), scores, np.float32(-np.inf))
    blocks = padded.reshape(padded.shape[0] // side, side, padded.shape[1] // side, side).swapaxes(1, 2)
    flat = blocks.reshape(*blocks.shape[:2], side * side)
    chosen = np.arange(side * side) == flat.argmax(axis=2)[..., np.newaxis]
    spread = chosen.reshape(blocks.shape).swapaxes(1, 2).reshape(padded.shape)
    speaking: BoolArray = spread[:rows, :columns] & np.isfinite(scores)
    return speaking


def _levelled(values: FloatArray) -> FloatArray:
    """Return a map cut where one in 200 of its positive cells exceeds it: one window must not hide the rest."""
    positive = values[np.isfinite(values) & (values > 0)]
    limit = np.float32(np.percentile(positive, _LEVEL)) if positive.size else np.float32(0.0)
    return np.minimum(values, limit)


def _whole(prepared: PreparedImage, model: OnnxModel, method: str | None, quiet: bool) -> Heatmap:
    explainer = Explainer(model, method)
    maps, _ = explainer.maps(prepared.values[np.newaxis])
    return _own_overlay(explainer, prepared, maps[0], prepared.shape, (0, 0), mask=prepared.mask, quiet=quiet)


def _own_overlay(
    explainer: Explainer,
    prepared: PreparedImage,
    values: FloatArray,
    size: tuple[int, int],
    start: tuple[int, int],
    *,
    mask: BoolArray,
    quiet: bool,
) -> Heatmap:
    """Return the overlay of one map, of what begins at the model pixel ``start`` and has ``size``."""
    framed, places = explainer.places(values, size).framed(values)
    return cam_overlay(
        prepared,
        explainer.model.manifest,
        framed,
        (start[0] + places.first[0], start[1] + places.first[1]),
        places.step,
        mask=mask,
        method=explainer.method,
        class_name=explainer.class_name,
        quiet=quiet,
    )


def _windows(
    explainer: Explainer, prepared: PreparedImage, grid: WindowGrid, indices: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.intp], FloatArray]]:
    """Yield the index and the map of each window, run one by one or in batches."""
    for part, patches in iter_patches(prepared, grid, indices, batch=_BATCH):
        maps, _ = explainer.maps(patches)
        yield from zip(part, maps, strict=True)


class _Cut:
    """The features of windows, cut out of those of one pass over the image."""

    def __init__(self, explainer: Explainer, features: FloatArray, grid: WindowGrid, cell: tuple[int, int]) -> None:
        self._explainer, self._features = explainer, features
        self._size = (grid.patch[0] // cell[0], grid.patch[1] // cell[1])
        self._jump = (grid.stride // cell[0], grid.stride // cell[1])

    @classmethod
    def of(cls, explainer: Explainer, prepared: PreparedImage, grid: WindowGrid) -> _Cut | None:
        """Return the features of an image; None where windows do not begin at cells of the feature map."""
        model = explainer.model
        if any(side % cells for side, cells in zip(grid.patch, _feature_size(model), strict=True)):
            # cells that do not part a window evenly are of an unpadded trunk, which shows less than the window
            return None
        image = as_batch(grid.padded(prepared.values)[np.newaxis], model.manifest.channels)
        try:
            features = trunk_features(model, image)[0]
        except ModelError:
            return None
        padded = grid.padded_shape()
        cell = (padded[0] // features.shape[1], padded[1] // features.shape[2])
        sizes = (*grid.patch, grid.stride, grid.stride)
        fits = all(side % cell[axis % 2] == 0 for axis, side in enumerate(sizes))
        return cls(explainer, features, grid, cell) if fits and features.shape[1] * cell[0] == padded[0] else None

    def windows(self, indices: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], FloatArray]]:
        """Yield the index and the map of each window."""
        for index in indices:
            top, left = int(index[0]) * self._jump[0], int(index[1]) * self._jump[1]
            own = self._features[:, top : top + self._size[0], left : left + self._size[1]]
            yield index, self._explainer.of_features(np.ascontiguousarray(own))


def _mirrored(first: int, count: int, size: int) -> NDArray[np.intp]:
    """Return the indices of ``count`` pixels from ``first`` on in an axis of ``size``, mirrored at its ends."""
    folded = np.arange(first, first + count) % (2 * size)
    return np.where(folded < size, folded, 2 * size - 1 - folded)


def _feature_size(model: OnnxModel) -> tuple[int, int]:
    """Return the rows and columns of the feature map of one window."""
    rows, columns = model.manifest.windows.patch
    _, features = model.run(np.zeros((1, model.manifest.channels, rows, columns), dtype=np.float32))
    return int(features.shape[2]), int(features.shape[3])
