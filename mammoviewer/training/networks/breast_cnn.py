"""A small sibling of the RSNA classifier of S3, with the same head: mean over the map and one neuron."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from mammoviewer.training.architectures import Network
from mammoviewer.training.networks.film_front import FilmFront, Scaling
from mammoviewer.training.networks.heads import GapLinear


class SquaredReLU(nn.Module):
    """The square of what is above 0: in the mean over a whole breast a small lesion still counts."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of the same shape."""
        return functional.relu(maps) ** 2


class BreastCnn(Network):
    """The fixed measures of :class:`FilmFront`, two layers that mix those of a place, mean over the map, one logit.

    Pictures are (n, 1, rows, columns). A network that learns from grey values was at chance after as many films.
    """

    def __init__(self, *, width: int = 16, rate: float = 0.2) -> None:
        super().__init__()
        self.channels, self.head_outputs = width, 1
        self.front = FilmFront()
        self.scaling = Scaling(self.front.channels)
        self.trunk = nn.Sequential(
            self.front,
            self.scaling,
            nn.Dropout2d(rate / 2),
            nn.Conv2d(self.front.channels, width, 1),
            nn.ReLU(),
            nn.Dropout2d(rate),
            nn.Conv2d(width, width, 1),
            SquaredReLU(),
        )
        self.head = GapLinear(width, 1, rate=rate)
