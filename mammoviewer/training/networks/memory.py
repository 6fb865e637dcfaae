"""How much memory a training takes, told before it begins."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

_FLOAT_BYTES = 4
# Each weight, its gradient, and the two running means that Adam keeps of it.
_COPIES = 4


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of the weights with gradients and Adam's state, and of the activations of one batch that are kept."""

    weights: int
    trainable: int
    weight_bytes: int
    activation_bytes: int

    @property
    def total_bytes(self) -> int:
        """Return both together."""
        return self.weight_bytes + self.activation_bytes


def estimate_memory(network: nn.Module, shape: tuple[int, int, int], batch: int) -> MemoryEstimate:
    """Return what one training step of ``batch`` pictures (channels, rows, columns) takes, in float32.

    The outputs of all innermost parts are counted, which back-propagation keeps. What the library needs for itself and
    for work space is not known and not counted.
    """
    outputs = 0

    def count(_module: nn.Module, _inputs: tuple[Tensor, ...], output: object) -> None:
        nonlocal outputs
        if isinstance(output, Tensor):
            outputs += output.numel()

    handles = [
        module.register_forward_hook(count) for module in network.modules() if not any(True for _ in module.children())
    ]
    mode = network.training
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, *shape))
    finally:
        network.train(mode)
        for handle in handles:
            handle.remove()
    every = sum(weight.numel() for weight in network.parameters())
    trainable = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    kept = every + (_COPIES - 1) * trainable
    return MemoryEstimate(every, trainable, kept * _FLOAT_BYTES, (outputs + _pixels(shape)) * batch * _FLOAT_BYTES)


def _pixels(shape: tuple[int, int, int]) -> int:
    return shape[0] * shape[1] * shape[2]
