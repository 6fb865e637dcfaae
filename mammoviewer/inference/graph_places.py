"""Where the cells of a feature map lie, as the layers of an ONNX graph make it.

The centre of what a cell sees follows from the layers before it (Araujo et al. 2019, "Computing receptive fields of
convolutional neural networks"): behind a layer with kernel k, stride s, dilation d and padding p, cell i lies where
cell i s + d (k - 1) / 2 - p lay before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

_SLIDING = frozenset({"Conv", "MaxPool", "AveragePool", "LpPool"})
_IN_PLACE = frozenset(
    {"Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Clip", "Erf", "Abs"}
    | {"Sqrt", "Exp", "Log", "Neg", "Pow", "Softplus", "BatchNormalization", "InstanceNormalization", "Identity"}
    | {"Dropout", "Cast", "Add", "Sub", "Mul", "Div", "Max", "Min", "Concat", "Split"}
)
_WEIGHING = frozenset({"Mul", "Div"})
_ALONG_AN_AXIS = frozenset({"Concat", "Split"})
_CHANNELS = (1, -3)
Axes = tuple[tuple[float, float], tuple[float, float]]
"""(first, step) along rows and columns."""


def places_in(graph: Any, image: str, features: str) -> Axes | None:
    """Return where the cells of the tensor ``features`` of an ONNX graph lie in its input ``image``.

    As the layers between them make it; None where one of them is not known.
    """
    kernels = {
        tensor.name: (int(tensor.dims[2]), int(tensor.dims[3])) for tensor in graph.initializer if len(tensor.dims) == 4
    }
    places: dict[str, Axes] = {image: ((0.0, 1.0), (0.0, 1.0))}
    for node in graph.node:
        before = [places[name] for name in node.input if name in places]
        if not before:
            continue
        after = _behind(node, before, kernels.get(node.input[1], (0, 0)) if len(node.input) > 1 else (0, 0))
        if after is not None:
            places.update((name, after) for name in node.output)
    return places.get(features)


def _behind(node: Any, before: list[Axes], weights: tuple[int, int]) -> Axes | None:
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


def _reach(axes: Axes) -> tuple[float, float]:
    """Return (step, first) of both axes together, least for the largest map: the others are its weights.

    Maps that are multiplied cell by cell are of one size and lie alike; a squeezed one is of a single cell.
    """
    (first_row, row_step), (first_column, column_step) = axes
    return row_step + column_step, first_row + first_column


def _together(before: list[Axes]) -> Axes | None:
    """Return the places of a sum: ways of other lengths may be half a pixel apart, of other steps there is none."""
    first = [float(np.mean([axes[axis][0] for axes in before])) for axis in (0, 1)]
    (rows, columns), *others = {tuple(step for _, step in axes) for axes in before}
    return None if others else ((first[0], rows), (first[1], columns))


def _pair(attribute: Any, default: int) -> tuple[int, int]:
    """Return the first two numbers of an attribute, those of rows and columns."""
    values: Iterable[int] = attribute.ints if attribute is not None else (default, default)
    rows, columns, *_ = (*values, default, default)
    return int(rows), int(columns)
