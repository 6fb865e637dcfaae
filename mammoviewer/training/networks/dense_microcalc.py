"""A small network without any padding: over a whole image it gives, window by window, what it gives for patches.

Every layer is "valid": a window sees its own pixels and nothing else. Windows whose distance is a multiple of
:data:`STEP` share all of the work, so that one pass over an image equals the patches one by one, but for rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammoviewer.training.architectures import Contrast, Network, pooled

STEP = 4
"""Pixels of the input from place to place of the feature map."""
DENSE_STRIDE = 8
"""Pixels from window to window of the one-pass form."""
MAP_SIDE = 7
"""Places of the feature map, in each direction, that a patch of 60x60 pixels has."""
_CONTRAST_WINDOW_PX = 9
_CONTRAST_GAIN = 10.0


class ValidContrast(Contrast):
    """Ten times the difference of each pixel from the mean of the 9x9 around it, where these all exist."""

    margin_px = _CONTRAST_WINDOW_PX // 2

    def forward(self, pictures: Tensor) -> Tensor:
        """Return float32 (n, 1, rows - 8, columns - 8)."""
        half = self.margin_px
        rows = functional.avg_pool2d(pictures, (_CONTRAST_WINDOW_PX, 1), stride=1)
        surround = functional.avg_pool2d(rows, (1, _CONTRAST_WINDOW_PX), stride=1)
        return (pictures[:, :, half:-half, half:-half] - surround) * _CONTRAST_GAIN


class PoolingHead(nn.Module):
    """Mean and maximum of each channel, then two small dense layers, one logit."""

    def __init__(self, channels: int, hidden: int, rate: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Dropout(rate), nn.Linear(2 * channels, hidden), nn.ReLU(), nn.Dropout(rate), nn.Linear(hidden, 1)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (n, 1)."""
        logits: Tensor = self.layers(pooled(features))
        return logits

    def over(self, features: Tensor) -> Tensor:
        """Return the logits (n, 1, rows, columns) of every window of a larger map."""
        stride = DENSE_STRIDE // STEP
        means = functional.avg_pool2d(features, MAP_SIDE, stride=stride)
        result = torch.cat([means, functional.max_pool2d(features, MAP_SIDE, stride=stride)], dim=1)
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                result = functional.conv2d(result, layer.weight[:, :, None, None], layer.bias)
            else:
                result = layer(result)
        return result


class DenseMicrocalc(Network):
    """Local contrast, four unpadded 3x3 convolutions with ReLU and batch norm, pooling by 2 after the first two.

    Parameters
    ----------
    widths
        Filters of the four convolutions.
    hidden, rate
        Units and dropout of the head.
    """

    def __init__(
        self, widths: tuple[int, int, int, int] = (16, 24, 48, 48), *, hidden: int = 64, rate: float = 0.2
    ) -> None:
        super().__init__()
        inputs = (1, *widths[:3])
        blocks = [_block(inputs[i], widths[i], pool=i < 2) for i in range(4)]
        self.trunk = nn.Sequential(ValidContrast(), *blocks)
        self.pooling_head = PoolingHead(widths[3], hidden, rate)
        self.head = self.pooling_head
        self.channels = widths[3]


class OnePass(nn.Module):
    """The one-pass form of a :class:`DenseMicrocalc`: whole pictures to a map of logits, one place per window."""

    def __init__(self, network: DenseMicrocalc) -> None:
        super().__init__()
        self.trunk = network.trunk
        self.head = network.pooling_head

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits (n, 1, rows, columns) of windows :data:`DENSE_STRIDE` apart."""
        return self.head.over(self.trunk(pictures))


def _block(inputs: int, outputs: int, *, pool: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 3), nn.ReLU(), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, nn.MaxPool2d(2)) if pool else nn.Sequential(*layers)
