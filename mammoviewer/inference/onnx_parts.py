"""Parts of a model's graph as models of their own: the head behind the features, the trunk before them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ModelError
from mammoviewer.inference.manifest import read_verified
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.processor_graph import for_processor

_sessions: WeakKeyDictionary[OnnxModel, dict[str, Any]] = WeakKeyDictionary()
_lock = threading.Lock()


def head_logits(model: OnnxModel, features: FloatArray) -> FloatArray:
    """Return the logits (N, K) that the head gives for ``features`` (N, C, fh, fw).

    Raises
    ------
    ModelError
        The logits do not follow from the features alone.
    """
    outputs = model.manifest.outputs
    session = _part(model, "head", outputs.features, outputs.logits)
    if model.manifest.input.shape[0] is None:
        return _run(session, outputs.logits, outputs.features, features)
    parts = [_run(session, outputs.logits, outputs.features, one[np.newaxis]) for one in features]
    return np.concatenate(parts)


def trunk_features(model: OnnxModel, image: FloatArray) -> FloatArray:
    """Return the feature map (1, C, rows, columns) of an image (1, c, rows, columns) of any size, in one pass.

    Raises
    ------
    ModelError
        The part before the features is not convolutional: it takes one size only.
    """
    manifest = model.manifest
    session = _part(model, "trunk", manifest.input.name, manifest.outputs.features)
    return _run(session, manifest.outputs.features, manifest.input.name, image)


def head_operators(model: OnnxModel) -> tuple[str, ...]:
    """Return the operators of the head, in the order of the graph.

    Raises
    ------
    ModelError
        The logits do not follow from the features alone.
    """
    outputs = model.manifest.outputs
    parsed = parsed_model(read_verified(model.manifest, "model"))
    return tuple(str(node.op_type) for node in part_between(parsed, outputs.features, outputs.logits).graph.node)


def parsed_model(data: bytes) -> Any:
    """Return the graph of checked bytes."""
    import onnx

    return onnx.load_model_from_string(data)


def part_between(model: Any, start: str, end: str) -> Any:
    """Return the part of an ONNX model from the tensor ``start`` (N, C, rows, columns) to the tensor ``end``.

    Raises
    ------
    ModelError
        ``end`` does not follow from ``start``, or needs something else besides.
    """
    import onnx

    graph = model.graph
    by_output = {output: node for node in graph.node for output in node.output}
    source = start
    while source in by_output and by_output[source].op_type == "Identity":
        source = by_output[source].input[0]
    kept: list[Any] = []
    needed = {end}
    for node in reversed(graph.node):
        if needed & set(node.output) and not {source, start} & set(node.output):
            kept.insert(0, node)
            needed |= set(node.input)
    if source not in needed and start not in needed:
        raise ModelError(f"{end!r} does not follow from {start!r} in the model's graph")
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    known = {tensor.name for tensor in weights} | {start, source} | {name for node in kept for name in node.output}
    if not {name for node in kept for name in node.input if name} <= known:
        raise ModelError(f"{end!r} needs more than {start!r} in the model's graph")
    alias = [onnx.helper.make_node("Identity", [start], [source])] if source != start else []
    entry = onnx.helper.make_tensor_value_info(start, onnx.TensorProto.FLOAT, [None] * 4)
    result = onnx.helper.make_tensor_value_info(end, onnx.TensorProto.FLOAT, None)
    part = onnx.helper.make_graph([*alias, *kept], "part", [entry], [result], initializer=weights)
    return onnx.helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)


def cpu_session(model: Any, *, threads: int = 0) -> Any:
    """Return a session of an ONNX model (a part that :func:`part_between` cut) on the CPU.

    Raises
    ------
    ModelError
        It does not load.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            for_processor(bytes(model.SerializeToString())), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # noqa: BLE001 - onnxruntime raises classes of its own that share no base
        raise ModelError("a part of the model does not run by itself") from error


def _part(model: OnnxModel, name: str, start: str, end: str) -> Any:
    with _lock:
        sessions = _sessions.setdefault(model, {})
        if name not in sessions:
            part = part_between(parsed_model(read_verified(model.manifest, "model")), start, end)
            sessions[name] = cpu_session(part, threads=model.threads)
        return sessions[name]


def _run(session: Any, result: str, entry: str, values: FloatArray) -> FloatArray:
    names: Sequence[str] = [result]
    try:
        (found,) = session.run(names, {entry: values})
    except Exception as error:  # noqa: BLE001 - onnxruntime raises classes of its own that share no base
        raise ModelError("a part of the model does not run with this size") from error
    return np.asarray(found, dtype=np.float32)
