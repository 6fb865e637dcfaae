"""Where the cells of a feature map lie in the image: without padding they look at less of it than its whole.

The centre of what a cell sees follows from the layers before it (Araujo et al. 2019, "Computing receptive fields of
convolutional neural networks"): behind a layer with kernel k, stride s, dilation d and padding p, cell i lies where
cell i s + d (k - 1) / 2 - p lay before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.inference.heatmap import interpolated
from mammoviewer.inference.manifest import read_verified
from mammoviewer.inference.onnx_parts import parsed_model
from mammoviewer.inference.onnx_session import OnnxModel

_SLIDING = frozenset({"Conv", "MaxPool", "AveragePool", "LpPool"})
_IN_PLACE = frozenset(
    {"Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Clip", "Erf", "Abs"}
    | {"Sqrt", "Exp", "Log", "Neg", "Pow", "Softplus", "BatchNormalization", "InstanceNormalization", "Identity"}
    | {"Dropout", "Cast", "Add", "Sub", "Mul", "Div", "Max", "Min", "Concat", "Split"}
)
_WEIGHING = frozenset({"Mul", "Div"})
_ALONG_AN_AXIS = frozenset({"Concat", "Split"})
_CHANNELS = (1, -3)
_Axes = tuple[tuple[float, float], tuple[float, float]]
"""(first, step) along rows and columns."""

_known: WeakKeyDictionary[OnnxModel, _Axes | None] = WeakKeyDictionary()
_lock = threading.Lock()


@dataclass(frozen=True)
class FeaturePlaces:
    """The places of a feature map in an image of ``size`` model pixels.

    ``first`` (row, column) is the centre of cell (0, 0), ``step`` the distance from cell to cell, in model pixels.
    """

    first: tuple[float, float]
    step: tuple[float, float]
    size: tuple[int, int]

    def framed(self, values: FloatArray) -> tuple[FloatArray, FeaturePlaces]:
        """Return a map (rows, columns) and its places, with a frame of zeros where its cells do not reach the edge.

        What lies farther out than a cell has a part in the cell that sees it, but is not what the cell speaks of: the
        evidence fades out.
        """
        margins = []
        for first, step, side, cells in zip(self.first, self.step, self.size, values.shape, strict=True):
            last = first + (cells - 1) * step
            margins.append((int(first > step), int(side - 1 - last > step)))
        if not any(any(pair) for pair in margins):
            return values, self
        (above, _), (left, _) = margins
        origin = (self.first[0] - above * self.step[0], self.first[1] - left * self.step[1])
        return np.pad(values, margins), FeaturePlaces(origin, self.step, self.size)

    def spread(self, values: FloatArray, shape: tuple[int, int]) -> FloatArray:
        """Return a map (rows, columns) over the whole image as float32 of ``shape``, linear between the centres."""
        framed, places = self.framed(values)
        axes = [
            ((np.arange(count) + 0.5) * side / count - 0.5 - first) / step
            for count, side, first, step in zip(shape, self.size, places.first, self.step, strict=True)
        ]
        return interpolated(framed, axes[0], axes[1])


def feature_places(model: OnnxModel, size: tuple[int, int], cells: tuple[int, int]) -> FeaturePlaces:
    """Return where the ``cells`` (rows, columns) of a model's feature map lie in an image of ``size``.

    Where its graph does not tell, they are taken to part the image evenly.
    """
    with _lock:
        if model not in _known:
            _known[model] = _by_graph(model)
        axes = _known[model]
    if axes is None or not all(_inside(*axis, *sides) for axis, *sides in zip(axes, size, cells, strict=True)):
        return even_places(size, cells)
    (first_row, row_step), (first_column, column_step) = axes
    return FeaturePlaces((first_row, first_column), (row_step, column_step), size)


def even_places(size: tuple[int, int], cells: tuple[int, int]) -> FeaturePlaces:
    """Return the places of ``cells`` (rows, columns) that part an image of ``size`` evenly."""
    step = (size[0] / cells[0], size[1] / cells[1])
    return FeaturePlaces(((step[0] - 1) / 2, (step[1] - 1) / 2), step, size)


def _inside(first: float, step: float, side: int, cells: int) -> bool:
    return first > -step and first + (cells - 1) * step < side - 1 + step


def _by_graph(model: OnnxModel) -> _Axes | None:
    """Return the places as the layers between the input and the features make them, None where one is not known."""
    manifest = model.manifest
    graph = parsed_model(read_verified(manifest, "model")).graph
    kernels = {
        tensor.name: (int(tensor.dims[2]), int(tensor.dims[3])) for tensor in graph.initializer if len(tensor.dims) == 4
    }
    places: dict[str, _Axes] = {manifest.input.name: ((0.0, 1.0), (0.0, 1.0))}
    for node in graph.node:
        before = [places[name] for name in node.input if name in places]
        if not before:
            continue
        after = _behind(node, before, kernels.get(node.input[1], (0, 0)) if len(node.input) > 1 else (0, 0))
        if after is not None:
            places.update((name, after) for name in node.output)
    return places.get(manifest.outputs.features)


def _behind(node: Any, before: list[_Axes], weights: tuple[int, int]) -> _Axes | None:
    """Return the places behind a node, None where it moves them in a way that is not known here.

    ``weights`` is the size of its kernel, where it has weights.
    """
    stated = {one.name: one for one in node.attribute}
    if node.op_type in _ALONG_AN_AXIS and ("axis" not in stated or stated["axis"].i not in _CHANNELS):
        return None
    if node.op_type in _WEIGHING:
        return min(before, key=_reach)
    if node.op_type in _IN_PLACE:
        return _together(before)
    if node.op_type not in _SLIDING:
        return None
    if "auto_pad" in stated and stated["auto_pad"].s not in (b"NOTSET", b"VALID"):
        return None
    kernel = _pair(stated["kernel_shape"], 0) if "kernel_shape" in stated else weights
    if not all(kernel):
        return None
    strides, dilations = _pair(stated.get("strides"), 1), _pair(stated.get("dilations"), 1)
    pads = _pair(stated.get("pads"), 0)
    moved = [
        (first + step * (dilations[axis] * (kernel[axis] - 1) / 2 - pads[axis]), step * strides[axis])
        for axis, (first, step) in enumerate(before[0])
    ]
    return moved[0], moved[1]


def _reach(axes: _Axes) -> tuple[float, float]:
    """Return (step, first) of both axes together, least for the largest map: the others are its weights.

    Maps that are multiplied cell by cell are of one size and lie alike; a squeezed one is of a single cell.
    """
    (first_row, row_step), (first_column, column_step) = axes
    return row_step + column_step, first_row + first_column


def _together(before: list[_Axes]) -> _Axes | None:
    """Return the places of a sum: ways of other lengths may be half a pixel apart, of other steps there is none."""
    first = [float(np.mean([axes[axis][0] for axes in before])) for axis in (0, 1)]
    (rows, columns), *others = {tuple(step for _, step in axes) for axes in before}
    return None if others else ((first[0], rows), (first[1], columns))


def _pair(attribute: Any, default: int) -> tuple[int, int]:
    """Return the first two numbers of an attribute, those of rows and columns."""
    values: Iterable[int] = attribute.ints if attribute is not None else (default, default)
    rows, columns, *_ = (*values, default, default)
    return int(rows), int(columns)
