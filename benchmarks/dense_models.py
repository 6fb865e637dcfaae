"""Dense-capable classifiers with random weights: plain convolutions, a mean over the window, one linear layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

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

FIRST_CHANNELS, MOST_CHANNELS = 16, 128
PIXEL_MM = 0.085


def dense_bundle(folder: Path, *, patch: int, stages: int) -> ModelManifest:
    """Write a classifier whose ``stages`` each halve the size and double the channels; the dense stride is 2^stages."""
    generator = np.random.default_rng(stages)
    nodes: list[Any] = []
    weights: dict[str, Any] = {}
    source, channels, reach = "input", 1, 0
    for stage in range(stages):
        wide = min(FIRST_CHANNELS << stage, MOST_CHANNELS)
        shape = (wide, channels, 3, 3)
        weights[f"w{stage}"] = (generator.standard_normal(shape) / np.sqrt(4.5 * channels)).astype(np.float32)
        result = "features" if stage == stages - 1 else f"pool{stage}"
        nodes += [
            helper.make_node("Conv", [source, f"w{stage}"], [f"conv{stage}"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"conv{stage}"], [f"relu{stage}"]),
            helper.make_node("MaxPool", [f"relu{stage}"], [result], kernel_shape=[2, 2], strides=[2, 2]),
        ]
        source, channels, reach = result, wide, reach + (1 << stage)
    cells, stride = patch >> stages, 1 << stages
    weights["head"] = (generator.standard_normal((1, channels, 1, 1)) / np.sqrt(channels)).astype(np.float32)
    nodes.append(helper.make_node("AveragePool", ["features"], ["mean"], kernel_shape=[cells, cells], strides=[1, 1]))
    flat = [
        helper.make_node("Conv", ["mean", "head"], ["map"]),
        helper.make_node("Flatten", ["map"], ["logits"]),
    ]
    features = ["n", channels, cells, cells]
    one = {"input": ["n", 1, patch, patch]}
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(
        _bytes([*nodes, *flat], one, {"logits": ["n", 1], "features": features}, weights)
    )
    (folder / "dense.onnx").write_bytes(
        _bytes(
            [*nodes, helper.make_node("Conv", ["mean", "head"], ["logits"])],
            {"input": ["n", 1, "rows", "columns"]},
            {"logits": ["n", 1, "r", "c"], "features": ["n", channels, "fr", "fc"]},
            weights,
        )
    )
    gradient = [
        helper.make_node("Mul", ["class_weights", "transposed"], ["per_channel"]),
        helper.make_node("Reshape", ["per_channel", "column"], ["shaped"]),
        helper.make_node("Shape", ["features"], ["shape"]),
        helper.make_node("Expand", ["shaped", "shape"], ["gradient"]),
    ]
    constants = {
        "transposed": np.ascontiguousarray(weights["head"].reshape(1, channels) / np.float32(cells * cells)),
        "column": np.array([1, channels, 1, 1], dtype=np.int64),
    }
    (folder / "head_grad.onnx").write_bytes(
        _bytes(
            gradient,
            {"features": [1, *features[1:]], "class_weights": [1, 1]},
            {"gradient": [1, *features[1:]]},
            constants,
        )
    )
    return _manifest(folder, patch, stride, halo=-(-reach // stride) * stride)


def _bytes(nodes: list[Any], inputs: dict[str, Any], outputs: dict[str, Any], weights: dict[str, Any]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "benchmark",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        initializer=[numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def _manifest(folder: Path, patch: int, stride: int, *, halo: int) -> ModelManifest:
    manifest = ModelManifest(
        name=folder.name,
        tag="1",
        title="Random weights, for measuring",
        task="patch-classification",
        created="2026-01-01",
        files={role: describe_file(folder, f"{role}.onnx") for role in ("model", "head_grad", "dense")},
        input=ModelInput("input", (None, 1, patch, patch), PIXEL_MM, (0.0, 1.0)),
        preprocessing=(
            {"op": "voi", "window": "default"},
            {"op": "resample_pixel_size"},
            {"op": "scale", "divide_by": 255},
        ),
        accepts=Acceptance(("MAMMOGRAM",)),
        tiling=Tiling(
            (patch, patch),
            stride,
            modes=("patches", "dense"),
            dense_stride=stride,
            dense_halo=halo,
            dense_patch_agreement=DenseAgreement(1.0, 0.0, 0.0, 0.0),
        ),
        outputs=ModelOutputs("logits", "features", ("normal", "finding"), "sigmoid", "finding", 0.5, 0.99),
        cam=CamSettings("features", "head_grad", "cam"),
    )
    manifest = replace(manifest, folder=folder)
    write_manifest(folder, manifest)
    return manifest
