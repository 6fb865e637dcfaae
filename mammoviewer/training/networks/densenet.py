"""DenseNet121 (Huang 2017)."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

_GROWTH = 32
_BOTTLENECK = 4
_BLOCKS = (6, 12, 24, 16)
_STEM = 64


class DenseLayer(nn.Module):
    """Normalise, 1x1, normalise, 3x3; the result is put beside the input."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, _BOTTLENECK * _GROWTH, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(_BOTTLENECK * _GROWTH)
        self.conv2 = nn.Conv2d(_BOTTLENECK * _GROWTH, _GROWTH, 3, padding=1, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        """Return (n, inputs + 32, rows, columns)."""
        inner = self.conv1(functional.relu(self.norm1(values)))
        return torch.cat([values, self.conv2(functional.relu(self.norm2(inner)))], dim=1)


class DenseNet121(nn.Module):
    """Four blocks of dense layers with halving transitions; feature maps are 32 times smaller than the picture."""

    def __init__(self, inputs: int = 3) -> None:
        super().__init__()
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(inputs, _STEM, 7, 2, 3, bias=False),
            norm0=nn.BatchNorm2d(_STEM),
            relu0=nn.ReLU(),
            pool0=nn.MaxPool2d(3, 2, 1),
        )
        width = _STEM
        for number, count in enumerate(_BLOCKS, start=1):
            layers = [(f"denselayer{i + 1}", DenseLayer(width + i * _GROWTH)) for i in range(count)]
            parts[f"denseblock{number}"] = nn.Sequential(OrderedDict(layers))
            width += count * _GROWTH
            if number < len(_BLOCKS):
                parts[f"transition{number}"] = _transition(width)
                width //= 2
        parts["norm5"] = nn.BatchNorm2d(width)
        self.features = nn.Sequential(parts)
        self.channels = width

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the feature maps (n, 1024, rows / 32, columns / 32)."""
        return functional.relu(self.features(pictures))


def _transition(width: int) -> nn.Sequential:
    parts = OrderedDict(
        norm=nn.BatchNorm2d(width),
        relu=nn.ReLU(),
        conv=nn.Conv2d(width, width // 2, 1, bias=False),
        pool=nn.AvgPool2d(2),
    )
    return nn.Sequential(parts)
