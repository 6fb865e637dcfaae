"""The graph of an ONNX file made elsewhere: its input, its logits, its last feature map, and a copy that gives both."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from mammoviewer.base.errors import ModelError
from mammoviewer.inference.manifest_schema import TENSOR_PATTERN

_CLOSING = {"Sigmoid": "sigmoid", "Softmax": "softmax"}
_PASSING = ("Identity", "Cast", "Dropout")
_FLOAT = 1
_MOST_CHANNELS = 64

Dims = tuple[int | None, ...]


class Copy(NamedTuple):
    """The bytes of a copy and the name of its input."""

    data: bytes
    input_name: str


class Graph:
    """One ONNX file with one image as its input.

    Raises
    ------
    ModelError
        It is no ONNX file, or its input is not one float32 image (batch, channels, rows, columns).
    """

    def __init__(self, data: bytes) -> None:
        import onnx

        try:
            model = onnx.load_model_from_string(data)
            # Of what cannot be told beforehand nothing is known, and the file is looked at all the same.
            self._model = onnx.shape_inference.infer_shapes(model)
        except Exception as error:  # noqa: BLE001 - the parser raises protobuf's own error, which has no public base
            raise ModelError("the file is not an ONNX model") from error
        self._graph = self._model.graph
        if not self._graph.node:
            raise ModelError("the file is not an ONNX model")
        self._shapes = {
            value.name: _dims(value)
            for value in (*self._graph.input, *self._graph.value_info, *self._graph.output)
            if value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape")
        }
        self._maker = {output: node for node in self._graph.node for output in node.output}
        weights = {tensor.name for tensor in self._graph.initializer}
        inputs = [value for value in self._graph.input if value.name not in weights]
        if len(inputs) != 1:
            raise ModelError(f"the file has {len(inputs)} inputs; one image is wanted")
        self.input_name: str = inputs[0].name
        self.shape = self._checked_shape(inputs[0])

    def _checked_shape(self, value: Any) -> Dims:
        shape = self._shapes.get(value.name, ())
        if value.type.tensor_type.elem_type != _FLOAT:
            raise ModelError(f"the input {value.name!r} is not float32")
        if len(shape) != 4:
            raise ModelError(f"the input {value.name!r} is not an image (batch, channels, rows, columns)")
        if shape[0] not in (None, 1):
            raise ModelError(f"the file takes batches of {shape[0]}", hint="export it with a batch of 1 or of any size")
        if shape[1] is None or shape[1] > _MOST_CHANNELS:
            hint = "export it with channels before rows and columns"
            raise ModelError(
                f"the input {value.name!r} has the shape {list(shape)}, where channels come second", hint=hint
            )
        return shape

    def logits(self) -> tuple[str, int, str]:
        """Return the tensor of the logits, how many there are, and the activation behind them ("" for none).

        Raises
        ------
        ModelError
            No output is a row of values per image.
        """
        rows = [value.name for value in self._graph.output if len(self._shapes.get(value.name, ())) == 2]
        if not rows:
            raise ModelError("no output of the file is a row of values per image: is it a classifier?")
        name, activation = rows[0], ""
        node = self._maker.get(name)
        while node is not None and node.op_type in (*_PASSING, *_CLOSING):
            if node.op_type in _CLOSING:
                name, activation = str(node.input[0]), _CLOSING[node.op_type]
                break
            node = self._maker.get(node.input[0])
        count = self._shapes[rows[0]][1]
        if count is None:
            raise ModelError("how many values the file gives per image cannot be told from it")
        return name, count, activation

    def features(self, logits: str) -> tuple[str, Dims]:
        """Return the last feature map on the way to the logits and its (channels, rows, columns).

        Raises
        ------
        ModelError
            There is none of more than one place.
        """
        needed = {logits}
        for node in reversed(self._graph.node):
            if not needed & set(node.output):
                continue
            needed |= set(node.input)
            for name in node.output:
                shape = self._shapes.get(name, ())
                if name in needed and len(shape) == 4 and shape[2:] != (1, 1):
                    return name, shape[1:]
        raise ModelError("the file has no feature map before its logits, so nothing could be explained")

    def with_outputs(self, *, logits: str, features: str) -> Copy:
        """Return a copy whose outputs are "logits" and "features", and whose input has a name a manifest allows."""
        import onnx
        from onnx import helper

        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        graph = model.graph
        tensors = {"logits": logits, "features": features, "input": self.input_name}
        for wanted in ("logits", "features"):
            if tensors[wanted] != wanted:
                _give_way(graph, wanted)
                tensors = {key: f"{wanted}_of_the_file" if name == wanted else name for key, name in tensors.items()}
        if re.fullmatch(TENSOR_PATTERN, tensors["input"]) is None:
            entry = next(value for value in graph.input if value.name == tensors["input"])
            entry.name = "image_input"
            graph.node.insert(0, helper.make_node("Identity", [entry.name], [tensors["input"]]))
            tensors["input"] = entry.name
        del graph.output[:]
        for wanted, rank in (("logits", 2), ("features", 4)):
            if tensors[wanted] != wanted:
                graph.node.append(helper.make_node("Identity", [tensors[wanted]], [wanted]))
            graph.output.append(helper.make_tensor_value_info(wanted, _FLOAT, [None] * rank))
        return Copy(bytes(model.SerializeToString()), tensors["input"])


def _give_way(graph: Any, wanted: str) -> None:
    """Rename a tensor of the file that has a name which is needed."""
    taken = f"{wanted}_of_the_file"
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == wanted:
                    names[index] = taken
    for value in (*graph.value_info, *graph.input, *graph.initializer):
        if value.name == wanted:
            value.name = taken


def _dims(value: Any) -> Dims:
    return tuple(
        int(dim.dim_value) if dim.HasField("dim_value") and dim.dim_value > 0 else None
        for dim in value.type.tensor_type.shape.dim
    )
