"""The head of a bundle once more in torch, from its ONNX file: its automatic gradient judges the bundle's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from onnx import numpy_helper
from torch import Tensor
from torch.nn import functional

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ModelError
from mammoviewer.inference.cam_checks import Skipped, textured_patches
from mammoviewer.inference.cam_methods import class_map
from mammoviewer.inference.manifest import read_verified
from mammoviewer.inference.onnx_parts import parsed_model, part_between
from mammoviewer.inference.onnx_session import OnnxModel

TOLERANCE = 1e-4
_METHODS = ("gradcam", "hirescam", "gradcam++")
_Attributes = dict[str, Any]


def torch_agreement(model: OnnxModel) -> str:
    """Return how far the maps by the bundle's gradient are from those by torch's, of the largest value of a map.

    Raises
    ------
    ModelError
        Further than 1e-4.
    Skipped
        The bundle has no gradient file, or its head has an operator that is not known here.
    """
    manifest = model.manifest
    if not manifest.cam.head_grad:
        raise Skipped("the bundle has no gradient file")
    outputs = manifest.outputs
    graph = part_between(parsed_model(read_verified(manifest, "model")), outputs.features, outputs.logits).graph
    worst = 0.0
    for patch in textured_patches(manifest, 2):
        _, features = model.run(patch[np.newaxis])
        for index in range(len(outputs.classes)):
            gradient = torch_gradient(graph, features, _column(model, index), outputs.features, outputs.logits)
            gradient = gradient * _sign(model, index)
            stated = model.head_gradient(features, index)
            for method in _METHODS:
                one, other = (class_map(features[0], values[0], method) for values in (stated, gradient))
                worst = max(worst, float(np.abs(one - other).max()) / max(float(np.abs(other).max()), 1e-6))
    if worst > TOLERANCE:
        raise ModelError(f"the maps differ from those by torch's gradient by {worst:.2g} of their largest value")
    return f"the maps agree with those by torch's gradient within {worst:.1g} of their largest value"


def torch_gradient(graph: Any, features: FloatArray, column: int, start: str, end: str) -> FloatArray:
    """Return d logit[column] / d features of a head's ONNX graph by torch's automatic differentiation."""
    weights = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    entry = torch.from_numpy(np.ascontiguousarray(features)).requires_grad_()
    values: dict[str, Any] = {**weights, start: entry}
    for node in graph.node:
        if node.op_type not in _OPERATORS:
            raise Skipped(f"the head has the operator {node.op_type}, which is not known to this check")
        inputs = [values[name] if name else None for name in node.input]
        attributes = {entry.name: _value(entry) for entry in node.attribute}
        found = _OPERATORS[node.op_type](inputs, attributes)
        values.update(zip(node.output, found if isinstance(found, tuple) else (found,), strict=False))
    (gradient,) = torch.autograd.grad(values[end][0, column], entry)
    result: FloatArray = gradient.numpy()
    return result


def _column(model: OnnxModel, index: int) -> int:
    return 0 if model.manifest.outputs.logit_count == 1 else index


def _sign(model: OnnxModel, index: int) -> np.float32:
    outputs = model.manifest.outputs
    return np.float32(-1.0 if outputs.logit_count == 1 and index != outputs.positive_index else 1.0)


def _value(attribute: Any) -> Any:
    import onnx

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return torch.from_numpy(numpy_helper.to_array(value).copy())
    return value


def _gemm(inputs: list[Any], attributes: _Attributes) -> Tensor:
    left = inputs[0].T if attributes.get("transA", 0) else inputs[0]
    right = inputs[1].T if attributes.get("transB", 0) else inputs[1]
    product = attributes.get("alpha", 1.0) * (left @ right)
    result: Tensor = product + attributes.get("beta", 1.0) * inputs[2] if len(inputs) > 2 else product
    return result


def _reshape(inputs: list[Any], attributes: _Attributes) -> Tensor:
    sides = inputs[1].tolist()
    keep = not attributes.get("allowzero", 0)
    result: Tensor = inputs[0].reshape([inputs[0].shape[i] if s == 0 and keep else s for i, s in enumerate(sides)])
    return result


def _flatten(inputs: list[Any], attributes: _Attributes) -> Tensor:
    axis = attributes.get("axis", 1)
    first = int(np.prod(inputs[0].shape[:axis], dtype=np.int64))
    result: Tensor = inputs[0].reshape(first, -1)
    return result


def _reduce_mean(inputs: list[Any], attributes: _Attributes) -> Tensor:
    axes = inputs[1].tolist() if len(inputs) > 1 and inputs[1] is not None else list(attributes["axes"])
    result: Tensor = inputs[0].mean(dim=axes, keepdim=bool(attributes.get("keepdims", 1)))
    return result


def _normalised(inputs: list[Any], attributes: _Attributes) -> Tensor:
    values, scale, shift, mean, variance = inputs
    return functional.batch_norm(values, mean, variance, scale, shift, eps=attributes.get("epsilon", 1e-5))


def _convolved(inputs: list[Any], attributes: _Attributes) -> Tensor:
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    padded = functional.pad(inputs[0], (pads[1], pads[3], pads[0], pads[2]))
    return functional.conv2d(
        padded,
        inputs[1],
        inputs[2] if len(inputs) > 2 else None,
        stride=tuple(attributes.get("strides", [1, 1])),
        dilation=tuple(attributes.get("dilations", [1, 1])),
        groups=attributes.get("group", 1),
    )


def _average_pool(inputs: list[Any], attributes: _Attributes) -> Tensor:
    if any(attributes.get("pads", [])) or attributes.get("ceil_mode", 0):
        raise Skipped("the head has an average pool with padding, which is not known to this check")
    kernel = tuple(attributes["kernel_shape"])
    return functional.avg_pool2d(inputs[0], kernel, stride=tuple(attributes.get("strides", [1] * len(kernel))))


def _split(inputs: list[Any], attributes: _Attributes) -> tuple[Tensor, ...]:
    axis = attributes.get("axis", 0)
    sizes = inputs[1].tolist() if len(inputs) > 1 else list(attributes.get("split", []))
    if not sizes:
        raise Skipped("the head splits into parts of unstated size, which is not known to this check")
    return tuple(torch.split(inputs[0], sizes, dim=axis))


_OPERATORS: dict[str, Callable[[list[Any], _Attributes], Any]] = {
    "Add": lambda i, a: i[0] + i[1],
    "AveragePool": _average_pool,
    "BatchNormalization": _normalised,
    "Concat": lambda i, a: torch.cat(i, dim=a["axis"]),
    "Constant": lambda i, a: a["value"],
    "Conv": _convolved,
    "Div": lambda i, a: i[0] / i[1],
    "Dropout": lambda i, a: i[0],
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda i, a: i[0].mean(dim=(2, 3), keepdim=True),
    "GlobalMaxPool": lambda i, a: i[0].amax(dim=(2, 3), keepdim=True),
    "Identity": lambda i, a: i[0],
    "LeakyRelu": lambda i, a: functional.leaky_relu(i[0], a.get("alpha", 0.01)),
    "MatMul": lambda i, a: i[0] @ i[1],
    "Mul": lambda i, a: i[0] * i[1],
    "ReduceMean": _reduce_mean,
    "Relu": lambda i, a: torch.relu(i[0]),
    "Reshape": _reshape,
    "Sigmoid": lambda i, a: torch.sigmoid(i[0]),
    "Squeeze": lambda i, a: i[0].squeeze(tuple(i[1].tolist())) if len(i) > 1 else i[0].squeeze(),
    "Split": _split,
    "Sub": lambda i, a: i[0] - i[1],
    "Tanh": lambda i, a: torch.tanh(i[0]),
    "Transpose": lambda i, a: i[0].permute(tuple(a["perm"])),
    "Unsqueeze": lambda i, a: i[0].unsqueeze(int(i[1])),
}
