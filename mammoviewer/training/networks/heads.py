"""From feature maps to logits."""

from __future__ import annotations

from torch import Tensor, nn


class GapLinear(nn.Module):
    """The mean over the map and one linear layer; its class activation map adds up to the logit (Zhou 2016)."""

    def __init__(self, channels: int, classes: int, *, rate: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(rate)
        self.linear = nn.Linear(channels, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (n, classes)."""
        logits: Tensor = self.linear(self.dropout(features.mean(dim=(2, 3))))
        return logits


class GapMlp(nn.Module):
    """The mean over the map, a layer of ``hidden`` ReLU units, and one logit per class."""

    def __init__(self, channels: int, classes: int, *, hidden: int = 512, rate: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(), nn.Dropout(rate), nn.Linear(hidden, classes)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (n, classes)."""
        logits: Tensor = self.layers(features.mean(dim=(2, 3)))
        return logits


class FlattenDense(nn.Module):
    """The whole map into two dense layers with a leaky ReLU between them; needs pictures of one size."""

    def __init__(self, shape: tuple[int, int, int], classes: int, *, dense: int = 16, rate: float = 0.5) -> None:
        super().__init__()
        channels, rows, columns = shape
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * rows * columns, dense),
            nn.LeakyReLU(0.2),
            nn.Dropout(rate),
            nn.Linear(dense, classes),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (n, classes)."""
        logits: Tensor = self.layers(features)
        return logits
