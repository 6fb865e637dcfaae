"""Whether ONNX files say what torch says, on inputs that they were not traced with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from mammoviewer.base.errors import TrainingError
from mammoviewer.training.architectures import Detector, Network
from mammoviewer.training.export_onnx import BOXES, CLASS_WEIGHTS, FEATURES, GRADIENT, INPUT, LOGITS

TOLERANCE = 1e-4
"""Largest difference, in units of the largest value where that is above 1."""
_SEED = 2
_BATCHES = (1, 3)


def verify_model(
    network: Network | Detector, path: Path, shape: tuple[int, int, int], value_range: tuple[float, float]
) -> float:
    """Compare ``model.onnx`` with the network on fresh pictures; return the largest difference.

    Parameters
    ----------
    shape, value_range
        Channels, rows, columns of one picture, and between which values its pixels lie.

    Raises
    ------
    TrainingError
        They differ by more than :data:`TOLERANCE`.
    """
    names = [LOGITS, BOXES, FEATURES] if isinstance(network, Detector) else [LOGITS, FEATURES]
    return max(_compare(network, path, names, _pictures((batch, *shape), value_range)) for batch in _BATCHES)


def verify_dense(module: nn.Module, path: Path, shape: tuple[int, int, int], value_range: tuple[float, float]) -> float:
    """Compare ``dense.onnx`` on whole pictures of two sizes, ``shape`` and a third larger; see :func:`verify_model`."""
    channels, rows, columns = shape
    sizes = ((rows, columns), (rows + rows // 3, columns + columns // 2))
    return max(_compare(module, path, [LOGITS], _pictures((1, channels, *size), value_range)) for size in sizes)


def verify_head_gradient(network: Network, path: Path, shape: tuple[int, int, int]) -> float:
    """Compare ``head_grad.onnx`` with autograd, class by class; see :func:`verify_model`."""
    with torch.no_grad():
        logits, features = network.eval()(_pictures((1, *shape), (0.0, 1.0)))
    run = _session(path)
    worst = 0.0
    for index in range(min(logits.shape[1], 3)):
        chosen = torch.zeros_like(logits)
        chosen[0, index] = 1.0
        point = features.detach().clone().requires_grad_()
        (expected,) = torch.autograd.grad((network.head(point) * chosen).sum(), point)
        (given,) = run.run([GRADIENT], {FEATURES: features.numpy(), CLASS_WEIGHTS: chosen.numpy()})
        worst = max(worst, _difference(path, [expected], [given]))
    return worst


def _compare(module: nn.Module, path: Path, names: list[str], pictures: Tensor) -> float:
    given = _session(path).run(names, {INPUT: pictures.numpy()})
    with torch.no_grad():
        expected = module.eval()(pictures)
    return _difference(path, [expected] if isinstance(expected, Tensor) else list(expected), given)


def _difference(path: Path, expected: Sequence[Tensor], given: Sequence[Any]) -> float:
    worst = 0.0
    for wanted, array in zip(expected, given, strict=True):
        reference = wanted.numpy()
        if reference.shape != array.shape:
            raise TrainingError(f"{path.name} gives shape {array.shape} where the network gives {reference.shape}")
        scale = max(1.0, float(np.abs(reference).max(initial=0.0)))
        difference = float(np.abs(reference - array).max(initial=0.0)) / scale
        # not "difference > TOLERANCE": a value that is no number is no agreement
        if not difference <= TOLERANCE:
            raise TrainingError(
                f"{path.name} differs from the network it was made from by {difference:.2g}",
                hint="the model is not published; the ONNX exporter or runtime mistranslates one of its layers",
            )
        worst = max(worst, difference)
    return worst


def _pictures(shape: tuple[int, ...], value_range: tuple[float, float]) -> Tensor:
    low, high = value_range
    return torch.rand(shape, generator=torch.Generator().manual_seed(_SEED)) * (high - low) + low


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path.read_bytes(), sess_options=options, providers=["CPUExecutionProvider"])
