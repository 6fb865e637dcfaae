"""What an ONNX file may hold before it is given to the run-time: standard operators and its own weights, nothing else.

Refused are external data (it would read other files), operators and functions outside the standard domain (they could
need code that is not here), control flow (its cost cannot be told beforehand) and random numbers (a heatmap has to come
out the same twice).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mammoviewer.base.errors import ModelError

STANDARD_DOMAINS = ("", "ai.onnx")
OPSET_RANGE = (13, 22)
REFUSED_OPERATORS = frozenset(
    {"If", "Loop", "Scan", "SequenceMap", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
    | {"Bernoulli", "Multinomial", "StringNormalizer", "TfIdfVectorizer"}
)
MAX_NODES = 50_000

Shape = Sequence[int | None]


def check_onnx(data: bytes, *, inputs: Mapping[str, Shape], outputs: Sequence[str]) -> tuple[str, ...]:
    """Check one ONNX file and return the operators it uses, sorted.

    Parameters
    ----------
    data
        The bytes of the file.
    inputs
        The inputs the file must have, no more and no fewer, with their shapes; None fits any size.
    outputs
        Names the file must give.

    Raises
    ------
    ModelError
        In one sentence, what is not allowed or does not fit.
    """
    model = _parsed(data)
    _check_domains(model)
    _check_nodes(model.graph)
    if any(_is_external(tensor) for tensor in _tensors(model.graph)):
        raise ModelError("the ONNX file keeps weights in other files; all must be inside it")
    _check_inputs(model.graph, inputs)
    missing = sorted(set(outputs) - {value.name for value in model.graph.output})
    if missing:
        raise ModelError(f"the ONNX file has no output named {missing[0]!r}")
    return tuple(sorted({str(node.op_type) for node in model.graph.node}))


def _parsed(data: bytes) -> Any:
    import onnx

    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # noqa: BLE001 - the parser raises protobuf's own error, which has no public base
        raise ModelError("the file is not an ONNX model") from error
    if not model.graph.node:
        raise ModelError("the file is not an ONNX model")
    return model


def _check_domains(model: Any) -> None:
    if len(model.functions):
        raise ModelError("the ONNX file defines its own functions; only standard operators are allowed")
    for opset in model.opset_import:
        if opset.domain not in STANDARD_DOMAINS:
            raise ModelError(
                f"the ONNX file asks for operators of the domain {opset.domain!r}; only the standard ones run"
            )
        if not OPSET_RANGE[0] <= opset.version <= OPSET_RANGE[1]:
            low, high = OPSET_RANGE
            raise ModelError(f"the ONNX file uses operator set {opset.version}; {low} to {high} are supported")


def _check_nodes(graph: Any) -> None:
    if len(graph.node) > MAX_NODES:
        raise ModelError(f"the ONNX file has more than {MAX_NODES} operators")
    for node in graph.node:
        if node.domain not in STANDARD_DOMAINS:
            raise ModelError(f"the ONNX file uses the custom operator {node.domain}::{node.op_type}")
        has_graph = any(attribute.HasField("g") or len(attribute.graphs) for attribute in node.attribute)
        if node.op_type in REFUSED_OPERATORS or has_graph:
            raise ModelError(f"the ONNX file uses the operator {node.op_type}, which is not allowed")


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield every tensor that is stored in the graph: weights, sparse weights, attributes of constants."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)


def _is_external(tensor: Any) -> bool:
    return bool(len(tensor.external_data)) or tensor.data_location == tensor.EXTERNAL


def _check_inputs(graph: Any, expected: Mapping[str, Shape]) -> None:
    weights = {tensor.name for tensor in graph.initializer}
    found = {value.name: value.type.tensor_type for value in graph.input if value.name not in weights}
    if set(found) != set(expected):
        raise ModelError(f"the ONNX file has the inputs {sorted(found)} where {sorted(expected)} are needed")
    for name, shape in expected.items():
        if found[name].elem_type != 1:  # TensorProto.FLOAT
            raise ModelError(f"the input {name!r} of the ONNX file is not float32")
        dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in found[name].shape.dim]
        fits = len(dims) == len(shape) and all(
            have is None or want is None or have == want for have, want in zip(dims, shape, strict=True)
        )
        if not fits:
            raise ModelError(f"the input {name!r} of the ONNX file has the shape {dims} where {list(shape)} is needed")
