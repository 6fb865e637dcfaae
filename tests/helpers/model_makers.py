"""Small classifiers as ONNX bundles, made by hand: their answers can be worked out with numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mammoviewer.base.arrays import FloatArray
from mammoviewer.inference.manifest import (
    Acceptance,
    CamSettings,
    DenseAgreement,
    ModelInput,
    ModelManifest,
    ModelOutputs,
    Tiling,
    describe_file,
    write_manifest,
)

CHANNELS = 4
CELLS = 4


def onnx_bytes(
    nodes: Sequence[Any],
    inputs: dict[str, Sequence[int | str | None]],
    outputs: dict[str, Sequence[int | str | None]],
    weights: dict[str, np.ndarray[Any, Any]] | None = None,
    *,
    opset: int = 17,
    domain: str = "",
) -> bytes:
    """Return a serialized float32 ONNX model."""
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        initializer=[numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return bytes(model.SerializeToString())


def make_bundle(
    folder: Path,
    model: bytes,
    *,
    head_grad: bytes | None = None,
    dense: bytes | None = None,
    dense_stride: int | None = None,
    patch: tuple[int, int] = (16, 16),
    stride: int = 8,
    pixel_size_mm: float | None = 0.1,
    method: str = "",
    classes: tuple[str, ...] = ("normal", "finding"),
    activation: str = "sigmoid",
    **changes: Any,
) -> ModelManifest:
    """Write a bundle with an own ``model.onnx`` and return its manifest; ``changes`` replace manifest fields."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"model": model, "head_grad": head_grad, "dense": dense}
    files = {}
    for role, data in contents.items():
        if data is not None:
            (folder / f"{role}.onnx").write_bytes(data)
            files[role] = describe_file(folder, f"{role}.onnx")
    steps: list[dict[str, Any]] = [{"op": "voi", "window": "default"}, {"op": "scale", "divide_by": 255}]
    if pixel_size_mm is not None:
        steps.insert(1, {"op": "resample_pixel_size"})
    manifest = ModelManifest(
        name=folder.name,
        tag="1",
        title="A model for tests",
        task="patch-classification",
        created="2026-01-02",
        files=files,
        input=ModelInput("input", (None, 1, *patch), pixel_size_mm, (0.0, 1.0)),
        preprocessing=tuple(steps),
        accepts=Acceptance(("MAMMOGRAM", "TOMO", "RASTER")),
        tiling=Tiling(
            patch,
            stride,
            modes=("patches", "dense") if dense is not None else ("patches",),
            dense_stride=dense_stride,
            dense_patch_agreement=DenseAgreement(1.0, 0.0, 0.0, 0.0) if dense is not None else None,
        ),
        outputs=ModelOutputs("logits", "features", classes, activation, classes[-1], 0.5),
        cam=CamSettings(
            "features", "head_grad" if head_grad else "", method or ("hirescam" if head_grad else "eigencam")
        ),
        folder=folder,
    )
    manifest = replace(manifest, **changes)
    write_manifest(folder, manifest)
    return manifest


def linear_head_weights(head: str, classes: int = 1) -> tuple[FloatArray, FloatArray]:
    """Return (W, b) of the head of :func:`linear_bundle`: W is (features, K)."""
    generator = np.random.Generator(np.random.Philox(7))
    size = CHANNELS if head == "gap" else CHANNELS * CELLS * CELLS
    weights = generator.standard_normal((size, classes)).astype(np.float32)
    return weights, generator.standard_normal(classes).astype(np.float32)


def linear_bundle(folder: Path, *, head: str = "gap", classes: int = 1, broken_gradient: bool = False) -> ModelManifest:
    """Write a patch classifier of 16x16: conv 4x4 stride 4, ReLU -> features (4, 4, 4) -> ``head``, one linear layer.

    ``head`` is "gap" (global average pooling) or "flatten". One class means a single sigmoid logit, more a softmax.
    """
    generator = np.random.Generator(np.random.Philox(3))
    kernel = generator.standard_normal((CHANNELS, 1, 4, 4)).astype(np.float32)
    weights, bias = linear_head_weights(head, classes)
    pool = [helper.make_node("GlobalAveragePool", ["features"], ["pooled"])] if head == "gap" else []
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["conv"], strides=[4, 4]),
        helper.make_node("Relu", ["conv"], ["features"]),
        *pool,
        helper.make_node("Flatten", ["pooled" if pool else "features"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
    ]
    model = onnx_bytes(
        nodes,
        {"input": ["n", 1, 16, 16]},
        {"logits": ["n", classes], "features": ["n", CHANNELS, CELLS, CELLS]},
        {"kernel": kernel, "weights": weights, "bias": bias},
    )
    gradient = _gap_gradient(weights, classes) if head == "gap" else _flatten_gradient(weights, classes)
    if broken_gradient:
        gradient = _gap_gradient(-3 * weights, classes)
    names = ("normal", "finding") if classes == 1 else tuple(f"class{i}" for i in range(classes))
    activation = "sigmoid" if classes == 1 else "softmax"
    return make_bundle(folder, model, head_grad=gradient, classes=names, activation=activation)


def _gap_gradient(weights: FloatArray, classes: int) -> bytes:
    nodes = [
        helper.make_node("MatMul", ["class_weights", "transposed"], ["per_channel"]),
        helper.make_node("Reshape", ["per_channel", "column"], ["shaped"]),
        helper.make_node("Shape", ["features"], ["shape"]),
        helper.make_node("Expand", ["shaped", "shape"], ["gradient"]),
    ]
    constants = {
        "transposed": np.ascontiguousarray(weights.T / np.float32(CELLS * CELLS)),
        "column": np.array([1, CHANNELS, 1, 1], dtype=np.int64),
    }
    return _gradient_bytes(nodes, classes, constants)


def _flatten_gradient(weights: FloatArray, classes: int) -> bytes:
    nodes = [
        helper.make_node("MatMul", ["class_weights", "transposed"], ["flat"]),
        helper.make_node("Shape", ["features"], ["shape"]),
        helper.make_node("Reshape", ["flat", "shape"], ["gradient"]),
    ]
    return _gradient_bytes(nodes, classes, {"transposed": np.ascontiguousarray(weights.T)})


def _gradient_bytes(nodes: Sequence[Any], classes: int, weights: dict[str, np.ndarray[Any, Any]]) -> bytes:
    shape = [1, CHANNELS, CELLS, CELLS]
    return onnx_bytes(nodes, {"features": shape, "class_weights": [1, classes]}, {"gradient": shape}, weights)


def brightest_bundle(folder: Path, *, patch: tuple[int, int] = (16, 16), **options: Any) -> ModelManifest:
    """Write a classifier whose logit is 20 * (brightest 2x2 mean of the patch - 0.5); it has no gradient file."""
    nodes = [
        helper.make_node("AveragePool", ["input"], ["features"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalMaxPool", ["features"], ["peak"]),
        helper.make_node("Flatten", ["peak"], ["flat"]),
        helper.make_node("Sub", ["flat", "half"], ["above"]),
        helper.make_node("Mul", ["above", "gain"], ["logits"]),
    ]
    shape = ["n", 1, patch[0] // 2, patch[1] // 2]
    weights = {"half": np.array([0.5], dtype=np.float32), "gain": np.array([20.0], dtype=np.float32)}
    model = onnx_bytes(nodes, {"input": ["n", 1, *patch]}, {"logits": ["n", 1], "features": shape}, weights)
    return make_bundle(folder, model, patch=patch, **options)


def dense_bundle(folder: Path, *, stride: int = 8) -> ModelManifest:
    """Write a linear 16x16 classifier with its exact dense form: the same kernel as one strided convolution."""
    generator = np.random.Generator(np.random.Philox(5))
    kernel = (generator.standard_normal((1, 1, 16, 16)) / 16).astype(np.float32)
    patch_nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["map"]),
        helper.make_node("Flatten", ["map"], ["logits"]),
        helper.make_node("AveragePool", ["input"], ["features"], kernel_shape=[4, 4], strides=[4, 4]),
    ]
    dense_nodes = [helper.make_node("Conv", ["input", "kernel"], ["logits"], strides=[stride, stride])]
    model = onnx_bytes(
        patch_nodes,
        {"input": ["n", 1, 16, 16]},
        {"logits": ["n", 1], "features": ["n", 1, 4, 4]},
        {"kernel": kernel},
    )
    whole = onnx_bytes(
        dense_nodes, {"input": ["n", 1, "rows", "columns"]}, {"logits": ["n", 1, "r", "c"]}, {"kernel": kernel}
    )
    return make_bundle(folder, model, dense=whole, dense_stride=stride, stride=stride)


def padded_dense_bundle(folder: Path, *, halo: int = 12) -> ModelManifest:
    """Write a 16x16 classifier of padded convolutions; its dense form sees up to 12 pixels beyond a window.

    Two 5x5 convolutions with a pooling after each (8 = 2 + 2 + 2 * 2 pixels of reach, rounded up to whole cells), then
    a mean over 4x4 cells. Windows have zeros around them where the whole image goes on, so the two forms differ.
    """
    generator = np.random.Generator(np.random.Philox(9))
    weights = {
        "first": (generator.standard_normal((CHANNELS, 1, 5, 5)) / 3).astype(np.float32),
        "second": (generator.standard_normal((CHANNELS, CHANNELS, 5, 5)) / 6).astype(np.float32),
        "last": generator.standard_normal((1, CHANNELS, 1, 1)).astype(np.float32),
    }
    trunk = [
        helper.make_node("Conv", ["input", "first"], ["conv1"], pads=[2, 2, 2, 2]),
        helper.make_node("Relu", ["conv1"], ["relu1"]),
        helper.make_node("MaxPool", ["relu1"], ["pool1"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["pool1", "second"], ["conv2"], pads=[2, 2, 2, 2]),
        helper.make_node("Relu", ["conv2"], ["relu2"]),
        helper.make_node("MaxPool", ["relu2"], ["features"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("AveragePool", ["features"], ["mean"], kernel_shape=[CELLS, CELLS], strides=[1, 1]),
    ]
    head = helper.make_node("Conv", ["mean", "last"], ["map"])
    model = onnx_bytes(
        [*trunk, head, helper.make_node("Flatten", ["map"], ["logits"])],
        {"input": ["n", 1, 16, 16]},
        {"logits": ["n", 1], "features": ["n", CHANNELS, CELLS, CELLS]},
        weights,
    )
    whole = onnx_bytes(
        [*trunk, helper.make_node("Conv", ["mean", "last"], ["logits"])],
        {"input": ["n", 1, "rows", "columns"]},
        {"logits": ["n", 1, "r", "c"]},
        weights,
    )
    manifest = make_bundle(folder, model, dense=whole, dense_stride=4, stride=4)
    tiling = replace(manifest.windows, dense_halo=halo)
    manifest = replace(manifest, tiling=tiling)
    write_manifest(folder, manifest)
    return manifest


def whole_image_bundle(folder: Path, *, size: tuple[int, int] = (40, 30)) -> ModelManifest:
    """Write a classifier of a whole image into three labels that may hold together.

    Its logits are 20 * (mean - .5), 20 * (brightest 2x2 mean - .5) and 0, of the image resized to ``size``.
    """
    nodes = [
        helper.make_node("AveragePool", ["input"], ["features"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["features"], ["mean"]),
        helper.make_node("GlobalMaxPool", ["features"], ["peak"]),
        helper.make_node("Concat", ["mean", "peak", "middle"], ["both"], axis=1),
        helper.make_node("Flatten", ["both"], ["flat"]),
        helper.make_node("Sub", ["flat", "half"], ["above"]),
        helper.make_node("Mul", ["above", "gain"], ["logits"]),
    ]
    rows, columns = size
    model = onnx_bytes(
        nodes,
        {"input": [1, 1, rows, columns]},
        {"logits": [1, 3], "features": [1, 1, rows // 2, columns // 2]},
        {
            "middle": np.full((1, 1, 1, 1), 0.5, dtype=np.float32),
            "half": np.array([0.5], dtype=np.float32),
            "gain": np.array([20.0], dtype=np.float32),
        },
    )
    steps = (
        {"op": "voi", "window": "default"},
        {"op": "resize", "rows": rows, "columns": columns, "keep_aspect": False},
        {"op": "scale", "divide_by": 255},
    )
    return make_bundle(
        folder,
        model,
        pixel_size_mm=None,
        classes=("dense", "bright", "even"),
        task="image-classification",
        tiling=None,
        input=ModelInput("input", (1, 1, rows, columns), None, (0.0, 1.0)),
        preprocessing=steps,
        outputs=ModelOutputs("logits", "features", ("dense", "bright", "even"), "sigmoid", "bright", 0.5),
    )


def boxes_bundle(folder: Path, *, shape: tuple[int | None, int | None] = (None, None)) -> ModelManifest:
    """Write a detection model with four boxes at fixed places; the last two are the same lesion twice.

    Every box is a mass with the probability sigmoid(20 * (brightest pixel - .5) + its own number).
    """
    boxes = [[[10, 20, 30, 44], [50, 60, 58, 70], [100, 80, 120, 110], [102, 82, 121, 111]]]
    nodes = [
        helper.make_node("AveragePool", ["input"], ["features"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalMaxPool", ["input"], ["peak"]),
        helper.make_node("Reshape", ["peak", "one"], ["flat"]),
        helper.make_node("Sub", ["flat", "half"], ["above"]),
        helper.make_node("Mul", ["above", "gain"], ["bright"]),
        helper.make_node("Add", ["bright", "own"], ["logits"]),
        helper.make_node("Identity", ["places"], ["boxes"]),
    ]
    own = np.array([[[0.0, 0.0], [0.0, -30.0], [0.0, -5.0], [0.0, -4.0]]], dtype=np.float32)
    model = onnx_bytes(
        nodes,
        {"input": [1, 1, shape[0] or "rows", shape[1] or "columns"]},
        {"logits": [1, 4, 2], "boxes": [1, 4, 4], "features": [1, 1, "r", "c"]},
        {
            "one": np.array([1, 1, 1], dtype=np.int64),
            "half": np.array([0.5], dtype=np.float32),
            "gain": np.array([[[0.0, 20.0]]], dtype=np.float32),
            "own": own,
            "places": np.array(boxes, dtype=np.float32),
        },
    )
    return make_bundle(
        folder,
        model,
        pixel_size_mm=0.2,
        classes=("background", "mass"),
        task="detection",
        tiling=None,
        input=ModelInput("input", (1, 1, *shape), 0.2, (0.0, 1.0)),
        outputs=ModelOutputs("logits", "features", ("background", "mass"), "softmax", "mass", 0.5, boxes="boxes"),
    )


def external_data_model(path: Path) -> bytes:
    """Return the bytes of an ONNX model whose weights are said to lie in another file."""
    model = onnx.load_model_from_string(
        onnx_bytes(
            [helper.make_node("Add", ["input", "w"], ["logits"]), helper.make_node("Relu", ["input"], ["features"])],
            {"input": ["n", 1, 16, 16]},
            {"logits": ["n", 1, 16, 16], "features": ["n", 1, 16, 16]},
            {"w": np.ones(1, dtype=np.float32)},
        )
    )
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", str(path)
    return bytes(model.SerializeToString())
