"""Networks to ONNX (opset 17): the model with logits and features, and the gradient of its head for CAM."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch._decomp import core_aten_decompositions
from torch.fx.experimental.proxy_tensor import make_fx

from mammoviewer.training.architectures import Network

OPSET = 17
INPUT, LOGITS, FEATURES = "input", "logits", "features"


def export_model(network: Network, path: Path, patch: tuple[int, int]) -> None:
    """Write ``input`` (n, 1, rows, columns) to ``logits`` (n, k) and ``features`` (n, c, rows, columns)."""
    names = {name: {0: "batch"} for name in (INPUT, LOGITS, FEATURES)}
    _export(network.eval(), (torch.zeros(2, 1, *patch),), path, inputs=[INPUT], outputs=[LOGITS, FEATURES], axes=names)


def export_head_gradient(network: Network, path: Path, patch: tuple[int, int]) -> None:
    """Write ``features`` (1, c, rows, columns) and ``class_weights`` (1, k) to ``gradient`` (1, c, rows, columns).

    The gradient of sum(class_weights * logits) is traced into plain operations, because ONNX runtimes have no
    automatic differentiation.
    """
    network.eval()
    with torch.no_grad():
        logits, features = network(torch.rand(1, 1, *patch, generator=torch.Generator().manual_seed(1)))

    def gradient(features: Tensor, class_weights: Tensor) -> Tensor:
        pull_back = torch.func.vjp(network.head, features)[1]
        result: Tensor = pull_back(class_weights)[0]
        return result

    example = (features.contiguous(), torch.ones_like(logits))
    # decomposed to the core operators, of which the exporter knows every one
    traced = make_fx(gradient, decomposition_table=dict(core_aten_decompositions()))(*example)
    _export(traced, example, path, inputs=[FEATURES, "class_weights"], outputs=["gradient"], axes={})


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
        # The newer exporter starts at opset 18 and cannot go back; this one writes 17 and keeps parameter names.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module="torch")
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
