"""The trained trunk of a model folder, taken from the named weights of its ONNX file: no pickle anywhere."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from mammoviewer.base.errors import MammoViewerError, TrainingError
from mammoviewer.inference.manifest import load_manifest, read_verified
from mammoviewer.training.architectures import CommitteeTrunk, Hyperparameters, MicrocalcHypermodel, Network
from mammoviewer.training.networks.dense_microcalc import DenseMicrocalc

_MAX_DIM = 512
_DENSE_BLOCKS = 4
_WEIGHT = re.compile(r"trunk\.(?:base\.)?((?:experts\.\d+\.)?\d+\.\d+\.(?:weight|bias|running_mean|running_var))")


def load_trunk(folder: Path) -> tuple[nn.Module, int]:
    """Return the trunk of a model made by this program, in evaluation mode, and its number of channels.

    A model that was itself retrained gives the trunk as it stands after that.

    Raises
    ------
    TrainingError
        The folder holds no such model, its files are not those of its manifest, or weights are missing.
    """
    weights = _named_weights(folder)
    experts = sorted({int(name.split(".")[1]) for name in weights if name.startswith("experts.")})
    if not experts:
        return _single(weights, folder)
    parts = [_single(_below(weights, f"experts.{index}."), folder) for index in experts]
    return CommitteeTrunk([trunk for trunk, _ in parts]).eval(), sum(channels for _, channels in parts)


def _named_weights(folder: Path) -> dict[str, Tensor]:
    import onnx

    try:
        manifest = load_manifest(folder)
        graph = onnx.load_model_from_string(read_verified(manifest, "model")).graph
        weights = {}
        for initializer in graph.initializer:
            match = _WEIGHT.fullmatch(initializer.name)
            if match:
                weights[match[1]] = torch.from_numpy(onnx.numpy_helper.to_array(initializer).copy())
    except MammoViewerError as error:
        raise TrainingError(f"the base model cannot be used: {error.reason}", path=folder) from error
    except (ValueError, TypeError, onnx.checker.ValidationError) as error:
        raise TrainingError("the base model is not a readable ONNX file", path=folder) from error
    return weights


def _single(weights: dict[str, Tensor], folder: Path) -> tuple[nn.Module, int]:
    first = weights.get("1.0.weight")
    if first is None or first.ndim != 4 or not 1 <= len(first) <= _MAX_DIM:
        raise TrainingError(
            "this model cannot be retrained: it has none of the weights that retraining starts from",
            hint="choose a model that was made by this program",
            path=folder,
        )
    network = _empty(weights)
    try:
        missing, unknown = network.trunk.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise TrainingError("the weights of the base model do not fit together", path=folder) from error
    # the exported graph has no count of batches, which only matters to cumulative statistics
    if unknown or any(not name.endswith("num_batches_tracked") for name in missing):
        raise TrainingError("the weights of the base model do not fit together", path=folder)
    return network.trunk.eval(), network.channels


def _empty(weights: dict[str, Tensor]) -> Network:
    """Return the network that the weights fit; the dense one has a fourth convolution."""
    widths = [len(weights[name]) for name in (f"{block}.0.weight" for block in range(1, 5)) if name in weights]
    if len(widths) == _DENSE_BLOCKS:
        return DenseMicrocalc((widths[0], widths[1], widths[2], widths[3]))
    return MicrocalcHypermodel(Hyperparameters(dim=widths[0]))


def _below(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
