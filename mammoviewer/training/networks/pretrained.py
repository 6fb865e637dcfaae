"""Weights trained elsewhere, from a file that the user names: state dicts of torchvision and of timm.

Backbones carry torchvision's names, so that its weights are taken by name. timm calls most parts otherwise but lists
them in the same order; its weights are taken by order, and only where kind and shape agree all along. safetensors
keeps no order, so that names have to agree there. Nothing is fetched, and nothing is unpickled but tensors.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mammoviewer.base.errors import TrainingError
from mammoviewer.training.networks.safetensors_file import SAFETENSORS, read_safetensors

MOST_BYTES = 2_000_000_000
_WRAPPERS = ("state_dict", "model", "model_state_dict", "state_dict_ema")
_COUNTERS = ("num_batches_tracked", "relative_position_index", "attn_mask")
_CLASSIFIERS = ("classifier.", "fc.", "head.", "pre_logits.", "last_linear.")


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name.

    Raises
    ------
    TrainingError
        The file cannot be read, is too large, or holds anything but tensors.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise TrainingError("the file of weights is larger than any network here", path=path)
        if path.suffix.lower() == SAFETENSORS:
            return read_safetensors(path)
        with warnings.catch_warnings():
            # It warns of pickle protocols it may not know; what it does not know it refuses.
            warnings.simplefilter("ignore", UserWarning)
            document = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        hint = "it must be a state dict saved by torch.save, or safetensors: names and tensors, no code"
        raise TrainingError("the weights cannot be read", hint=hint, path=path) from error
    for wrapper in _WRAPPERS:
        if isinstance(document, Mapping) and isinstance(document.get(wrapper), Mapping):
            document = document[wrapper]
    if not isinstance(document, Mapping) or not document:
        raise TrainingError("the file holds no state dict", path=path)
    tensors = {str(name).removeprefix("module."): value for name, value in document.items()}
    if not all(isinstance(value, Tensor) for value in tensors.values()):
        raise TrainingError("the file holds more than tensors", path=path)
    return tensors


def load_backbone(backbone: nn.Module, weights: Mapping[str, Tensor]) -> str:
    """Set a backbone of the zoo to weights for colour pictures; return how they were matched, for the report.

    A first layer of other than three channels takes the sum over the colours, shared among its channels: a grey
    picture then gives what it would give as a colour picture of equal channels.

    Raises
    ------
    TrainingError
        The weights are of another network.
    """
    own = _counted(backbone.state_dict())
    given = {name: value for name, value in _counted(weights).items() if not name.startswith(_CLASSIFIERS)}
    if set(own) <= set(given):
        chosen, how = {name: given[name] for name in own}, "by name"
    else:
        chosen, how = _by_order(own, given), "by order and shape"
    first = next(iter(own))
    chosen[first] = _for_channels(chosen[first], own[first])
    wrong = [name for name, value in own.items() if chosen[name].shape != value.shape]
    if wrong:
        raise _other_network(f"{wrong[0]} has the shape {list(chosen[wrong[0]].shape)}")
    backbone.load_state_dict(chosen, strict=False)
    return how


def _by_order(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if len(given) != len(own):
        raise _other_network(f"it has {len(given)} tensors where {len(own)} are needed")
    if list(given) == sorted(given):
        # as safetensors writes them
        raise _other_network("its names are others, and the file does not keep the order of the layers")
    pairs = list(zip(own.items(), given.items(), strict=True))
    for number, ((name, value), (other, offered)) in enumerate(pairs):
        same = _kind(name) == _kind(other) and (value.shape == offered.shape or number == 0)
        if not same:
            raise _other_network(f"{other} stands where {name} is needed")
    return {name: offered for (name, _), (_, offered) in pairs}


def _for_channels(offered: Tensor, own: Tensor) -> Tensor:
    if offered.ndim != 4 or offered.shape == own.shape or offered.shape[1] != 3:
        return offered
    return offered.sum(dim=1, keepdim=True).repeat(1, own.shape[1], 1, 1) / own.shape[1]


def _counted(weights: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: value for name, value in weights.items() if not name.endswith(_COUNTERS)}


def _kind(name: str) -> str:
    return name.rsplit(".", maxsplit=1)[-1]


def _other_network(detail: str) -> TrainingError:
    return TrainingError(
        f"the weights are of another network: {detail}",
        hint="choose the file of the same architecture, as torchvision or timm save it",
    )
