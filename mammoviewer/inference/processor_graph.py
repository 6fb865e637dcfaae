"""A model's graph in the form that the kernels of the processor are fast with: the same numbers but for rounding.

ONNX Runtime keeps the channels of a convolution side by side in memory, which is about twice as fast, where its inputs
come in fours (``NchwcTransformer``); networks of 15 or 30 filters miss that. So filters whose weights are zero are
added to such a layer, and weights of zero for them to the next one. A batch normalisation in front of a maximum pooling
is moved behind it, where there are four times fewer values; the two commute where no scale is negative.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CHANNELS_AT_ONCE = 4
_FEWEST_CHANNELS = 8
_PASSED = frozenset({"Relu", "LeakyRelu", "Clip", "Identity", "MaxPool", "AveragePool", "BatchNormalization"})
_WEIGHTED = ("Conv", "BatchNormalization")
"""Those of them whose every weight holds one entry, or filter, per channel that they give."""
_VARIANCE = 4
"""Which input of a batch normalisation is the variance."""


def for_processor(data: bytes) -> bytes:
    """Return an ONNX file with the inputs and outputs of ``data`` and the same values, for ONNX Runtime on a CPU.

    What cannot be seen to stay the same is left as it is.
    """
    import onnx

    model = onnx.load_model_from_string(data)
    graph = _Graph(model.graph)
    moved = [graph.pool_first(node) for node in list(model.graph.node) if node.op_type == "BatchNormalization"]
    widened = [graph.widen(node) for node in model.graph.node if node.op_type == "Conv"]
    if not any(moved) and not any(widened):
        return data
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


class _Graph:
    """The nodes and weights of a graph that is being changed."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._given = {value.name for value in (*graph.output, *graph.input)}
        self._readers: dict[str, list[Any]] = {}
        for node in graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)

    def pool_first(self, norm: Any) -> bool:
        """Move a batch normalisation behind the maximum pooling that alone reads it; return whether it was."""
        pool = self._only_reader(norm.output[0])
        if pool is None or pool.op_type != "MaxPool" or len(pool.output) > 1 or len(norm.output) > 1:
            return False
        scale = self._weight(norm.input[1])
        if scale is None or bool((scale < 0).any()):
            return False
        # The two trade their places in the list, which stays in the order in which they run.
        source, between, result = norm.input[0], norm.output[0], pool.output[0]
        pool.input[0], pool.output[0] = source, between
        norm.input[0], norm.output[0] = between, result
        kept = type(norm)()
        kept.CopyFrom(norm)
        norm.CopyFrom(pool)
        pool.CopyFrom(kept)
        return True

    def widen(self, conv: Any) -> bool:
        """Give a convolution filters of zeros up to a multiple of four; return whether that was possible."""
        weights = self._weight(conv.input[1])
        missing = -len(weights) % CHANNELS_AT_ONCE if weights is not None else 0
        if weights is None or weights.ndim != 4 or not missing or len(weights) < _FEWEST_CHANNELS or _parted(conv):
            return False
        passed, following = self._way(conv)
        own = [name for node in (conv, *passed) if node.op_type in _WEIGHTED for name in node.input[1:] if name]
        after = self._weight(following.input[1]) if following is not None else None
        if following is None or after is None or _parted(following) or any(self._weight(name) is None for name in own):
            return False
        variances = {node.input[_VARIANCE] for node in passed if node.op_type == "BatchNormalization"}
        for name in own:
            self._grow(name, 0, missing, 1.0 if name in variances else 0.0)
        self._grow(following.input[1], 1, missing, 0.0)
        return True

    def _way(self, conv: Any) -> tuple[list[Any], Any | None]:
        """Return the nodes, each with channels as it gets them, on the only way to the next convolution, and that."""
        passed: list[Any] = []
        reader = self._only_reader(conv.output[0])
        while reader is not None and reader.op_type in _PASSED:
            passed.append(reader)
            reader = self._only_reader(reader.output[0]) if len(reader.output) == 1 else None
        return passed, reader if reader is not None and reader.op_type == "Conv" else None

    def _only_reader(self, name: str) -> Any | None:
        readers = self._readers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self._given and readers[0].input[0] == name else None

    def _weight(self, name: str) -> NDArray[np.float32] | None:
        """Return float32 weights that one node alone reads; None of others."""
        from onnx import TensorProto, numpy_helper

        tensor = self._weights.get(name)
        alone = len(self._readers.get(name, [])) == 1 and name not in self._given
        if tensor is None or tensor.data_type != TensorProto.FLOAT or not alone:
            return None
        return np.asarray(numpy_helper.to_array(tensor), dtype=np.float32)

    def _grow(self, name: str, axis: int, count: int, value: float) -> None:
        from onnx import numpy_helper

        values = numpy_helper.to_array(self._weights[name])
        margins = [(0, count if number == axis else 0) for number in range(values.ndim)]
        grown = np.pad(values, margins, constant_values=value)
        self._weights[name].CopyFrom(numpy_helper.from_array(grown, name))


def _parted(conv: Any) -> bool:
    """Return whether a convolution looks at its channels in groups."""
    return any(attribute.name == "group" and attribute.i != 1 for attribute in conv.attribute)
