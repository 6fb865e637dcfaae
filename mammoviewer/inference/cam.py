"""Class activation maps: where in a patch, or in an image, a score comes from. No torch: the gradient is an ONNX file.

With features f (channels k) and the gradient g of the class logit with respect to them, at every place of the map:

- ``gradcam``: sum_k mean(g_k) f_k, positive part (Selvaraju 2017)
- ``hirescam``: sum_k g_k f_k, positive part (Draelos 2020); for a linear head it adds up to the logit
- ``cam``: as gradcam, times the number of places and with its sign, where g is constant over the map, that is for a
  head of global average pooling and one linear layer: mean(CAM) + b = logit (Zhou 2016)
- ``eigencam``: projection of f on its first principal component (Muhammad 2020); knows no class
- ``occlusion``: fall of the class probability when the neighbourhood is covered by the mean of the patch
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, FloatArray
from mammoviewer.base.errors import ArgumentError, ModelError
from mammoviewer.base.progress import Progress, no_progress, subprogress
from mammoviewer.inference.heatmap import Heatmap
from mammoviewer.inference.onnx_session import OnnxModel, as_batch
from mammoviewer.inference.preprocess import PreparedImage
from mammoviewer.inference.tiling import iter_patches, run_patches
from mammoviewer.inference.window_grid import WindowGrid, window_grid

GRADIENT_METHODS = ("cam", "gradcam", "hirescam")
METHODS = (*GRADIENT_METHODS, "eigencam", "occlusion")
# Windows below this share of the operating threshold weigh too little to be worth a gradient.
_WORTH = 0.2


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


def class_map(features: FloatArray, gradient: FloatArray, method: str) -> FloatArray:
    """Return the map (rows, columns), with its sign, of ``features`` and ``gradient`` (channels, rows, columns).

    Raises
    ------
    ModelError
        The method is "cam" and the head is not global average pooling with a linear layer.
    """
    if method == "hirescam":
        return np.asarray((gradient * features).sum(axis=0), dtype=np.float32)
    weights = gradient.mean(axis=(1, 2), keepdims=True)
    if method == "gradcam":
        return np.asarray((weights * features).sum(axis=0), dtype=np.float32)
    largest = float(np.abs(gradient).max())
    if not np.allclose(gradient, weights, rtol=0.0, atol=1e-4 * largest + 1e-12):
        raise ModelError("CAM needs a model that ends in global average pooling", hint="use Grad-CAM or HiResCAM")
    return np.asarray((weights * features).sum(axis=0) * features[0].size, dtype=np.float32)


def eigen_map(features: FloatArray) -> FloatArray:
    """Return the projection (rows, columns) of ``features`` (channels, rows, columns) on their first component.

    The sign, which the decomposition leaves open, is that of the mean activation.
    """
    flat = features.reshape(features.shape[0], -1).T.astype(np.float64)
    _, _, components = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    projected = flat @ components[0]
    if float(projected @ flat.mean(axis=1)) < 0:
        projected = -projected
    return np.asarray(projected.reshape(features.shape[1:]), dtype=np.float32)


def patch_cam(model: OnnxModel, patch: FloatArray, class_index: int, method: str) -> tuple[FloatArray, float]:
    """Return the map float32 (feature rows, feature columns) of one patch, and its class probability.

    ``patch`` is float32 (channels, rows, columns).

    Negative values are cut to 0, except by the method "cam".

    Raises
    ------
    ModelError
        The bundle has no gradient and the method needs one, or the method does not fit the model.
    """
    if method not in METHODS:
        raise ArgumentError(f"there is no method {method!r}", hint="one of " + ", ".join(METHODS))
    scores, features = model.run(as_batch(patch[np.newaxis], model.manifest.channels))
    score = float(scores[0, class_index])
    if method in GRADIENT_METHODS:
        if not model.manifest.cam.head_grad:
            raise ModelError(f"model {model.manifest.identity} has no gradient file", hint="use eigencam or occlusion")
        values = class_map(features[0], model.head_gradient(features, class_index)[0], method)
    elif method == "eigencam":
        values = eigen_map(features[0])
    else:
        values = _occlusion(model, patch, class_index, score, (features.shape[2], features.shape[3]))
    return (values if method == "cam" else np.maximum(values, 0.0)), score


def cam_for_patch(
    prepared: PreparedImage,
    model: OnnxModel,
    row: float,
    column: float,
    *,
    method: str | None = None,
    class_index: int | None = None,
) -> Cam:
    """Explain the patch centred at a stored point; beyond the edge of the image it is mirrored.

    Raises
    ------
    ArgumentError
        The point lies outside the image.
    """
    rows, columns = prepared.stored_shape
    if not (-0.5 <= row <= rows - 0.5 and -0.5 <= column <= columns - 0.5):
        raise ArgumentError("the point lies outside the image")
    manifest = model.manifest
    chosen = method or manifest.cam.method
    index = manifest.outputs.positive_index if class_index is None else class_index
    size = manifest.windows.patch
    centre = prepared.to_model(row, column)
    start = [round(place - (side - 1) / 2) for place, side in zip(centre, size, strict=True)]
    picks = [_mirrored(first, side, n) for first, side, n in zip(start, size, prepared.shape, strict=True)]
    values, score = patch_cam(model, prepared.values[:, picks[0][:, np.newaxis], picks[1]], index, chosen)
    first = prepared.to_stored(start[0] - 0.5, start[1] - 0.5)
    last = prepared.to_stored(start[0] + size[0] - 0.5, start[1] + size[1] - 0.5)
    inside = np.zeros(prepared.shape, dtype=np.bool_)
    inside[max(0, start[0]) : start[0] + size[0], max(0, start[1]) : start[1] + size[1]] = True
    corner, cell = (start[0], start[1]), (size[0] / values.shape[0], size[1] / values.shape[1])
    overlay = _overlay(prepared, model, values, corner, cell, mask=inside, method=chosen, class_index=index)
    box = (first[0], first[1], last[0], last[1])
    return Cam(values, chosen, manifest.outputs.classes[index], score, box, overlay)


def cam_for_image(
    prepared: PreparedImage,
    model: OnnxModel,
    heatmap: Heatmap | None = None,
    *,
    method: str | None = None,
    progress: Progress = no_progress,
) -> Heatmap:
    """Explain a whole image: the patch maps of the windows of ``heatmap``, weighted by their scores and blended.

    Without a heatmap the windows are run first.

    Returns a map in [0, 1] on the stored image, NaN outside the breast; 1 is the strongest evidence in this image.
    Blending is sum(w p map) / sum(w), w a Gaussian over the patch, so that a window without a score pulls the map down.
    """
    manifest = model.manifest
    chosen = method or manifest.cam.method
    if heatmap is None:
        heatmap = run_patches(prepared, model, progress=subprogress(progress, 0.0, 0.5))
        progress = subprogress(progress, 0.5, 1.0)
    index = manifest.outputs.classes.index(heatmap.class_name)
    grid = window_grid(prepared.shape, manifest.windows.patch, round(heatmap.step[0] / prepared.scale[0]))
    if grid.counts != heatmap.scores.shape:
        raise ArgumentError("the heatmap was not made from this image")
    worth = np.nan_to_num(heatmap.scores) >= manifest.outputs.operating_threshold * _WORTH
    canvas = _Canvas(grid, fineness=_feature_cell(model))
    canvas.add_weights(np.isfinite(heatmap.scores))
    total = max(1, int(worth.sum()))
    for done, (part, patches) in enumerate(iter_patches(prepared, grid, np.argwhere(worth), batch=1), start=1):
        values, score = patch_cam(model, patches[0], index, chosen)
        canvas.add_map(part[0], np.maximum(values, 0.0) * np.float32(score))
        progress(done / total, f"explaining window {done} of {total}")
    cell = (float(canvas.step), float(canvas.step))
    values = canvas.blended()
    return _overlay(prepared, model, values, grid.origin, cell, mask=prepared.mask, method=chosen, class_index=index)


class _Canvas:
    """Sums of patch maps on a fine grid that divides both the patch and the stride."""

    def __init__(self, grid: WindowGrid, *, fineness: int) -> None:
        common = math.gcd(*grid.patch, grid.stride)
        self.step = max(d for d in range(1, common + 1) if common % d == 0 and d <= fineness)
        self.tile = (grid.patch[0] // self.step, grid.patch[1] // self.step)
        self.jump = grid.stride // self.step
        rows, columns = grid.padded_shape()
        self.total = np.zeros((rows // self.step, columns // self.step), dtype=np.float64)
        self.weight = np.zeros_like(self.total)
        along = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 4)) ** 2) for n in self.tile]
        self.gaussian = np.outer(along[0], along[1])

    def add_weights(self, ran: BoolArray) -> None:
        for row, column in np.argwhere(ran).tolist():
            self.weight[self._place(row, column)] += self.gaussian

    def add_map(self, index: NDArray[np.intp], values: FloatArray) -> None:
        import cv2

        enlarged = cv2.resize(values, (self.tile[1], self.tile[0]), interpolation=cv2.INTER_LINEAR)
        self.total[self._place(int(index[0]), int(index[1]))] += self.gaussian * enlarged

    def blended(self) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.weight > 0, self.total / self.weight, np.nan).astype(np.float32)

    def _place(self, row: int, column: int) -> tuple[slice, slice]:
        top, left = row * self.jump, column * self.jump
        return slice(top, top + self.tile[0]), slice(left, left + self.tile[1])


def _overlay(
    prepared: PreparedImage,
    model: OnnxModel,
    values: FloatArray,
    first: tuple[int, int],
    cell: tuple[float, float],
    *,
    mask: BoolArray,
    method: str,
    class_index: int,
) -> Heatmap:
    """Return a map whose cells of ``cell`` model pixels start at model pixel ``first``, scaled to [0, 1]."""
    manifest = model.manifest
    patch = manifest.windows.patch
    positive = np.maximum(values, np.float32(0.0))
    peak = float(np.nanmax(positive)) if np.isfinite(positive).any() else 0.0
    return Heatmap(
        values=np.asarray(positive / (peak if peak > 0 else 1.0), dtype=np.float32),
        origin=prepared.to_stored(first[0] + (cell[0] - 1) / 2, first[1] + (cell[1] - 1) / 2),
        step=(cell[0] * prepared.scale[0], cell[1] * prepared.scale[1]),
        shape=prepared.stored_shape,
        image_uid=prepared.image_uid,
        frame=prepared.frame,
        model=manifest.identity,
        class_name=manifest.outputs.classes[class_index],
        patch_px=(patch[0] * prepared.scale[0], patch[1] * prepared.scale[1]),
        mode=f"cam:{method}",
        complete=True,
        scores=np.full(values.shape, np.nan, dtype=np.float32),
        mask=prepared.on_image(mask),
    )


def _mirrored(first: int, count: int, size: int) -> NDArray[np.intp]:
    """Return the indices of ``count`` pixels from ``first`` on in an axis of ``size``, mirrored at its ends."""
    folded = np.arange(first, first + count) % (2 * size)
    return np.where(folded < size, folded, 2 * size - 1 - folded)


def _occlusion(
    model: OnnxModel, patch: FloatArray, class_index: int, score: float, shape: tuple[int, int]
) -> FloatArray:
    """Return the fall of the score for a covering square of two cells around each cell of a map of ``shape``."""
    cell = (patch.shape[1] / shape[0], patch.shape[2] / shape[1])
    falls = np.empty(shape, dtype=np.float32)
    for row in range(shape[0]):
        covered = np.repeat(patch[np.newaxis], shape[1], axis=0)
        rows = slice(max(0, round((row - 0.5) * cell[0])), round((row + 1.5) * cell[0]))
        for column in range(shape[1]):
            columns = slice(max(0, round((column - 0.5) * cell[1])), round((column + 1.5) * cell[1]))
            covered[column, :, rows, columns] = patch.mean(axis=(1, 2))[:, np.newaxis, np.newaxis]
        falls[row] = score - _scores(model, covered)[:, class_index]
    return falls


def _scores(model: OnnxModel, patches: FloatArray) -> FloatArray:
    size = len(patches) if model.manifest.input.shape[0] is None else 1
    parts = [patches[start : start + size] for start in range(0, len(patches), size)]
    return np.concatenate([model.scores(as_batch(part, model.manifest.channels)) for part in parts])


def _feature_cell(model: OnnxModel) -> int:
    """Return the size of a cell of the feature map in model pixels, rounded down, at least 1."""
    rows, columns = model.manifest.windows.patch
    _, features = model.run(np.zeros((1, model.manifest.channels, rows, columns), dtype=np.float32))
    height, width = features.shape[2:]
    return max(1, min(rows // int(height), columns // int(width)))
