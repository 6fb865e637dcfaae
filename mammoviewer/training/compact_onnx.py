"""Large weight matrices of an ONNX file as bytes with a scale per row: a quarter of the size, the same numbers.

:func:`round_matrices` first rounds a network's matrices to what bytes can hold, so that everything measured afterwards
is measured of the network that is stored. :func:`compact` then stores them as bytes, and the graph multiplies them out
in single precision, which gives the rounded matrices bit by bit; runtimes do it once, when they load the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mammoviewer.base.arrays import FloatArray

FEWEST_VALUES = 1 << 14
"""Smaller matrices are left as they are."""
_STEPS = 127

Stored = tuple[np.ndarray[Any, np.dtype[np.int8]], FloatArray]


def round_matrices(network: nn.Module) -> dict[bytes, Stored]:
    """Round the large matrices of a network's linear layers in place; return bytes and scales by the rounded values."""
    table: dict[bytes, Stored] = {}
    for layer in network.modules():
        if isinstance(layer, nn.Linear) and layer.weight.numel() >= FEWEST_VALUES:
            values: FloatArray = layer.weight.detach().numpy()
            scales = np.maximum(np.abs(values).max(axis=1, keepdims=True) / _STEPS, 1e-12).astype(np.float32)
            small = np.round(values / scales).astype(np.int8)
            rounded = small.astype(np.float32) * scales
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(rounded))
            table[_key(rounded)] = (small, scales)
            table[_key(rounded.T)] = (np.ascontiguousarray(small.T), np.ascontiguousarray(scales.T))
    return table


def compact(path: Path, table: Mapping[bytes, Stored]) -> None:
    """Rewrite an ONNX file with the matrices of ``table`` (see :func:`round_matrices`) stored as bytes."""
    import onnx
    from onnx import helper, numpy_helper

    if not table:
        return
    model = onnx.load_model_from_string(path.read_bytes())
    kept, added, nodes = [], [], []
    for tensor in model.graph.initializer:
        stored = table.get(_key(numpy_helper.to_array(tensor))) if len(tensor.dims) == 2 else None
        if stored is None:
            kept.append(tensor)
            continue
        name = tensor.name
        added += [
            numpy_helper.from_array(stored[0], f"{name}.bytes"),
            numpy_helper.from_array(stored[1], f"{name}.scales"),
        ]
        nodes += [
            helper.make_node("Cast", [f"{name}.bytes"], [f"{name}.values"], to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}.values", f"{name}.scales"], [name]),
        ]
    behind = list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend([*kept, *added])
    model.graph.node.extend([*nodes, *behind])
    path.write_bytes(model.SerializeToString())


def _key(values: FloatArray) -> bytes:
    return repr(values.shape).encode() + np.ascontiguousarray(values, dtype=np.float32).tobytes()
