"""Networks to ONNX (opset 17): the model, the gradient of its head for CAM, and its one-pass form.

What is written is compared with torch on inputs it was not traced with, see :mod:`mammoviewer.training.verify_onnx`.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch._decomp import core_aten_decompositions
from torch.fx.experimental.proxy_tensor import make_fx

from mammoviewer.training.architectures import Detector, Network

OPSET = 17
INPUT, LOGITS, FEATURES, BOXES = "input", "logits", "features", "boxes"
CLASS_WEIGHTS, GRADIENT = "class_weights", "gradient"


def export_model(
    network: Network | Detector, path: Path, shape: tuple[int, int, int], *, any_size: bool = False
) -> None:
    """Write ``input`` (n, channels, rows, columns) to ``logits`` and ``features``; a detector's ``boxes`` too.

    Parameters
    ----------
    shape
        Channels, rows and columns of one picture.
    any_size
        Whether rows and columns may be others than those of ``shape``.
    """
    outputs = [LOGITS, BOXES, FEATURES] if isinstance(network, Detector) else [LOGITS, FEATURES]
    axes = {name: {0: "batch"} for name in (INPUT, *outputs)}
    if any_size:
        axes[INPUT].update({2: "rows", 3: "columns"})
        axes[FEATURES].update({2: "feature_rows", 3: "feature_columns"})
        for name in outputs[:-1]:
            axes[name][1] = "boxes_found"
    _export(network.eval(), (torch.zeros(2, *shape),), path, inputs=[INPUT], outputs=outputs, axes=axes)


def export_dense(module: nn.Module, path: Path, shape: tuple[int, int, int]) -> None:
    """Write whole pictures ``input`` (1, channels, any rows, any columns) to a map of ``logits`` (1, K, rows, columns).

    Parameters
    ----------
    module
        The one-pass form: pictures to a map with one place per window.
    shape
        Channels, rows and columns of an example of at least one patch.
    """
    axes = {INPUT: {2: "rows", 3: "columns"}, LOGITS: {2: "grid_rows", 3: "grid_columns"}}
    _export(module.eval(), (torch.zeros(1, *shape),), path, inputs=[INPUT], outputs=[LOGITS], axes=axes)


def export_head_gradient(network: Network, path: Path, shape: tuple[int, int, int]) -> None:
    """Write ``features`` (1, c, rows, columns) and ``class_weights`` (1, k) to ``gradient`` (1, c, rows, columns).

    The gradient of sum(class_weights * logits) is traced into plain operations, because ONNX runtimes have no
    automatic differentiation.
    """
    network.eval()
    with torch.no_grad():
        logits, features = network(torch.rand(1, *shape, generator=torch.Generator().manual_seed(1)))

    def gradient(features: Tensor, class_weights: Tensor) -> Tensor:
        pull_back = torch.func.vjp(network.head, features)[1]
        result: Tensor = pull_back(class_weights)[0]
        # the gradient of a linear head does not depend on the features, which must be an input all the same
        return result + features * 0.0

    example = (features.contiguous(), torch.ones_like(logits))
    # decomposed to the core operators, of which the exporter knows every one
    traced = make_fx(gradient, decomposition_table=dict(core_aten_decompositions()))(*example)
    _export(traced, example, path, inputs=[FEATURES, CLASS_WEIGHTS], outputs=[GRADIENT], axes={})


def _export(
    module: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    *,
    inputs: list[str],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
) -> None:
    with warnings.catch_warnings():
        # The newer exporter starts at opset 18 and cannot go back; this one writes 17 and keeps parameter names. It
        # warns of being old and of shapes it takes for constants: what that spoils, the comparison finds.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            example,
            str(path),
            opset_version=OPSET,
            dynamo=False,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=axes,
            do_constant_folding=False,
        )
