"""A small network of windows whose one-pass form over a whole image gives exactly what the windows give.

No convolution has a border and no layer looks at the whole picture, so that a feature depends on the 111x111 pixels
below it alone. The features of a window of 256 are a map of 5x5; moving the window by the stride of 32 moves the map by
one. Mean over 5x5, a layer of 512 and one logit per class are then three convolutions over the map of the whole image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammoviewer.training.architectures import Network
from mammoviewer.training.networks.heads import GapMlp

WINDOW_PX, STRIDE_PX = 256, 32
_MAP = 5
HIDDEN = 512


class WindowCnn(Network):
    """The trunk without borders and the head of S2 (mean, 512 ReLU units, one logit per class).

    Pictures are float32 (n, inputs, 256, 256).
    """

    def __init__(self, inputs: int, classes: int, *, width: int = 24, rate: float = 0.2) -> None:
        super().__init__()
        self.channels, self.head_outputs = 4 * width, classes
        self.trunk = nn.Sequential(
            _unit(inputs, width, 7, 4),
            _unit(width, 2 * width, 3, 2),
            _Inner(2 * width),
            _unit(2 * width, 3 * width, 3, 2),
            _Inner(3 * width),
            _unit(3 * width, 4 * width, 3, 2),
        )
        self.mlp = GapMlp(4 * width, classes, hidden=HIDDEN, rate=rate)
        self.head = self.mlp

    @torch.no_grad()
    def dense(self) -> nn.Module:
        """Return the one-pass form: pictures of at least a window to a map of logits (n, classes, rows, columns)."""
        hidden, last = (layer for layer in self.mlp.layers if isinstance(layer, nn.Linear))
        layers = [
            self.trunk,
            nn.AvgPool2d(_MAP, stride=1),
            _as_convolution(hidden),
            nn.ReLU(),
            _as_convolution(last),
        ]
        return nn.Sequential(*layers).eval()


class _Inner(nn.Module):
    """A residual step without a border: what is added is the inner part of the map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, channels, 3, bias=False), nn.BatchNorm2d(channels))

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(maps[:, :, 1:-1, 1:-1] + self.body(maps))


def _unit(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def _as_convolution(layer: nn.Linear) -> nn.Conv2d:
    result = nn.Conv2d(layer.in_features, layer.out_features, 1)
    result.weight.copy_(layer.weight[:, :, None, None])
    assert result.bias is not None
    result.bias.copy_(layer.bias)
    return result
