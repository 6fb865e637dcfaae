"""Networks of inverted residuals: MobileNetV2 (Sandler 2018), EfficientNet-B4 (Tan 2019), EfficientNetV2-S (Tan 2021).

A block widens its input by 1x1, filters each channel by itself, and narrows it again; B4 and V2 weigh the channels in
between by squeeze and excitation, V2's first stages widen by 3x3 instead (fused). MobileNetV2 has no squeeze.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mammoviewer.training.networks.plain import FeatureSequence

_B4_WIDTH, _B4_DEPTH = 1.4, 1.8


@dataclass(frozen=True)
class Stage:
    """Blocks of one resolution: kernel side, first stride, widening, outputs, number; ``fused`` has no depthwise."""

    kernel: int
    stride: int
    widening: int
    outputs: int
    count: int
    fused: bool = False


_B0 = (
    Stage(3, 1, 1, 16, 1),
    Stage(3, 2, 6, 24, 2),
    Stage(5, 2, 6, 40, 2),
    Stage(3, 2, 6, 80, 3),
    Stage(5, 1, 6, 112, 3),
    Stage(5, 2, 6, 192, 4),
    Stage(3, 1, 6, 320, 1),
)
_V2_S = (
    Stage(3, 1, 1, 24, 2, fused=True),
    Stage(3, 2, 4, 48, 4, fused=True),
    Stage(3, 2, 4, 64, 4, fused=True),
    Stage(3, 2, 4, 128, 6),
    Stage(3, 1, 6, 160, 9),
    Stage(3, 2, 6, 256, 15),
)
_MOBILE_V2 = (
    Stage(3, 1, 1, 16, 1),
    Stage(3, 2, 6, 24, 2),
    Stage(3, 2, 6, 32, 3),
    Stage(3, 2, 6, 64, 4),
    Stage(3, 1, 6, 96, 3),
    Stage(3, 2, 6, 160, 3),
    Stage(3, 1, 6, 320, 1),
)


class SqueezeExcitation(nn.Module):
    """Weigh each channel by what the means of all channels say (Hu 2018)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = nn.SiLU()

    def forward(self, values: Tensor) -> Tensor:
        """Return values of the same shape."""
        means = values.mean(dim=(2, 3), keepdim=True)
        return values * torch.sigmoid(self.fc2(self.activation(self.fc1(means))))


class Block(nn.Module):
    """A sequence of convolutions around a shortcut where the shape stays; its sequence is named as torchvision's."""

    def __init__(self, layers: Sequence[nn.Module], *, name: str, shortcut: bool) -> None:
        super().__init__()
        self.add_module(name, nn.Sequential(*layers))
        self._name = name
        self._shortcut = shortcut

    def forward(self, values: Tensor) -> Tensor:
        """Return the block's result, with its input added where the shape allows."""
        result: Tensor = self.get_submodule(self._name)(values)
        return values + result if self._shortcut else result


def mobilenet_v2(inputs: int = 3) -> FeatureSequence:
    """Return the convolutional part of MobileNetV2."""
    layers: list[nn.Module] = [_unit(inputs, 32, 3, 2, activation=nn.ReLU6, epsilon=1e-5)]
    width = 32
    for stage in _MOBILE_V2:
        for place in range(stage.count):
            layers.append(_mobile_block(width, stage, stage.stride if place == 0 else 1))
            width = stage.outputs
    layers.append(_unit(width, 1280, 1, 1, activation=nn.ReLU6, epsilon=1e-5))
    return FeatureSequence(layers, 1280)


def efficientnet_b4(inputs: int = 3) -> FeatureSequence:
    """Return the convolutional part of EfficientNet-B4: B0 with 1.4 times the width and 1.8 times the depth."""
    stages = [
        Stage(s.kernel, s.stride, s.widening, _rounded(s.outputs * _B4_WIDTH), math.ceil(s.count * _B4_DEPTH))
        for s in _B0
    ]
    return _efficientnet(inputs, _rounded(32 * _B4_WIDTH), stages, 4 * stages[-1].outputs, epsilon=1e-5)


def efficientnet_v2_s(inputs: int = 3) -> FeatureSequence:
    """Return the convolutional part of EfficientNetV2-S."""
    return _efficientnet(inputs, 24, _V2_S, 1280, epsilon=1e-3)


def _efficientnet(inputs: int, stem: int, stages: Sequence[Stage], last: int, *, epsilon: float) -> FeatureSequence:
    layers: list[nn.Module] = [_unit(inputs, stem, 3, 2, activation=nn.SiLU, epsilon=epsilon)]
    width = stem
    for stage in stages:
        blocks: list[nn.Module] = []
        for place in range(stage.count):
            stride = stage.stride if place == 0 else 1
            make = _fused_block if stage.fused else _squeezed_block
            blocks.append(make(width, stage, stride, epsilon))
            width = stage.outputs
        layers.append(nn.Sequential(*blocks))
    layers.append(_unit(width, last, 1, 1, activation=nn.SiLU, epsilon=epsilon))
    return FeatureSequence(layers, last)


def _squeezed_block(inputs: int, stage: Stage, stride: int, epsilon: float) -> Block:
    inner = inputs * stage.widening
    layers: list[nn.Module] = []
    if stage.widening > 1:
        layers.append(_unit(inputs, inner, 1, 1, activation=nn.SiLU, epsilon=epsilon))
    layers.append(_unit(inner, inner, stage.kernel, stride, activation=nn.SiLU, epsilon=epsilon, groups=inner))
    layers.append(SqueezeExcitation(inner, max(1, inputs // 4)))
    layers.append(_unit(inner, stage.outputs, 1, 1, activation=None, epsilon=epsilon))
    return Block(layers, name="block", shortcut=stride == 1 and inputs == stage.outputs)


def _fused_block(inputs: int, stage: Stage, stride: int, epsilon: float) -> Block:
    inner = inputs * stage.widening
    wide = stage.widening > 1
    first = inner if wide else stage.outputs
    layers: list[nn.Module] = [_unit(inputs, first, stage.kernel, stride, activation=nn.SiLU, epsilon=epsilon)]
    if wide:
        layers.append(_unit(inner, stage.outputs, 1, 1, activation=None, epsilon=epsilon))
    return Block(layers, name="block", shortcut=stride == 1 and inputs == stage.outputs)


def _mobile_block(inputs: int, stage: Stage, stride: int) -> Block:
    inner = inputs * stage.widening
    layers: list[nn.Module] = []
    if stage.widening > 1:
        layers.append(_unit(inputs, inner, 1, 1, activation=nn.ReLU6, epsilon=1e-5))
    layers.append(_unit(inner, inner, stage.kernel, stride, activation=nn.ReLU6, epsilon=1e-5, groups=inner))
    layers += [nn.Conv2d(inner, stage.outputs, 1, bias=False), nn.BatchNorm2d(stage.outputs)]
    return Block(layers, name="conv", shortcut=stride == 1 and inputs == stage.outputs)


def _unit(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int,
    *,
    activation: Callable[[], nn.Module] | None,
    epsilon: float,
    groups: int = 1,
) -> nn.Sequential:
    """Return convolution, batch norm and, where there is one, the activation."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=epsilon),
    ]
    return nn.Sequential(*layers, *([activation()] if activation is not None else []))


def _rounded(width: float) -> int:
    """Return the multiple of 8 next to ``width`` that is not below nine tenths of it."""
    result = max(8, int(width + 4) // 8 * 8)
    return result + 8 if result < 0.9 * width else result
