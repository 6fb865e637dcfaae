"""A small sibling of the RSNA classifier of S3, with the same head: mean over the map and one neuron."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from mammoviewer.training.architectures import Network
from mammoviewer.training.networks.heads import GapLinear


class BreastCnn(Network):
    """Five halvings of a whole picture (n, 1, rows, columns), residual steps, mean over the map, one logit."""

    def __init__(self, *, width: int = 16, rate: float = 0.2) -> None:
        super().__init__()
        self.channels, self.head_outputs = 6 * width, 1
        self.trunk = nn.Sequential(
            _unit(1, width, 7, 4),
            _unit(width, 2 * width, 3, 2),
            _unit(2 * width, 4 * width, 3, 2),
            _Residual(4 * width),
            _unit(4 * width, 6 * width, 3, 2),
            _Residual(6 * width),
        )
        self.head = GapLinear(self.channels, 1, rate=rate)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(maps + self.body(maps))


def _unit(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    layers = (nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False), nn.BatchNorm2d(outputs))
    return nn.Sequential(*layers, nn.ReLU())
