"""The networks made for slices of breast tomosynthesis, 300x300 pixels of one channel: DBT-DCNN, CNN1 and CNN2."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mammoviewer.training.architectures import Network

SLICE_PX = 300
_FULL = ((96, 11, 1), (128, 5, 1), (384, 3, 1), (192, 3, 1), (128, 3, 1))
_SIMPLIFIED = ((8, 9, 2), (16, 5, 1), (32, 3, 1), (64, 3, 1), (64, 3, 1))
_SLOPE = 0.2
_MATLAB_SLOPE = 0.01


class DbtCnn(Network):
    """Five convolutions with batch norm (without weights of its own) and leaky ReLU, pooled after the first four.

    "Same" convolutions, 3x3 pooling of stride 2. The feature map is flattened into one linear layer of ``dense``
    outputs, then dropout and a layer of one logit per class.
    """

    def __init__(
        self, layers: Sequence[tuple[int, int, int]], dense: int, classes: int, *, slope: float, rate: float
    ) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        width, side = 1, SLICE_PX
        for number, (filters, kernel, stride) in enumerate(layers):
            parts += [
                nn.Conv2d(width, filters, kernel, stride, kernel // 2),
                nn.BatchNorm2d(filters, affine=False),
                nn.LeakyReLU(slope),
            ]
            width, side = filters, -(-side // stride)
            if number < len(layers) - 1:
                parts.append(nn.MaxPool2d(3, 2, 1))
                side = -(-side // 2)
        self.trunk = nn.Sequential(*parts)
        self.channels = width
        self.head_outputs = classes
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(width * side * side, dense), nn.Dropout(rate), nn.Linear(dense, classes)
        )


class SmallCnn(Network):
    """Pairs of three linear 3x3 convolutions, batch norm, leaky ReLU and pooling; then two dense layers."""

    def __init__(self, widths: Sequence[int], dense: int, classes: int, *, rate: float) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        width, side = 1, SLICE_PX
        for filters in widths:
            for place in range(3):
                parts.append(nn.Conv2d(width if place == 0 else filters, filters, 3, padding=1))
            parts += [nn.BatchNorm2d(filters), nn.LeakyReLU(_SLOPE), nn.MaxPool2d(2)]
            width, side = filters, side // 2
        self.trunk = nn.Sequential(*parts)
        self.channels = width
        self.head_outputs = classes
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(width * side * side, dense),
            nn.LeakyReLU(_SLOPE),
            nn.Dropout(rate),
            nn.Linear(dense, classes),
        )


class GreyToColour(nn.Module):
    """A 16x16 convolution of one channel to three, in front of a network that was trained on colour pictures."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        # Keras' "same" for an even kernel: one more pixel at the end than at the beginning.
        self.margin = nn.ZeroPad2d((7, 8, 7, 8))
        self.first = nn.Conv2d(1, 3, 16)
        self.backbone = backbone

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the feature maps of the backbone."""
        features: Tensor = self.backbone(self.first(self.margin(pictures)))
        return features


def dbt_dcnn_matlab(classes: int, *, rate: float = 0.5) -> DbtCnn:
    """Return the first DBT-DCNN: 190,927,106 weights with two classes."""
    return DbtCnn(_FULL, 4096, classes, slope=_MATLAB_SLOPE, rate=rate)


def dbt_dcnn(classes: int, *, rate: float = 0.5) -> DbtCnn:
    """Return the simplified DBT-DCNN: fewer and smaller filters, 166,386 weights with two classes."""
    return DbtCnn(_SIMPLIFIED, 16, classes, slope=_SLOPE, rate=rate)


def cnn1(classes: int, *, rate: float = 0.1) -> SmallCnn:
    """Return CNN1: blocks of 6 and 12 filters, a dense layer of 5."""
    return SmallCnn((6, 12), 5, classes, rate=rate)


def cnn2(classes: int, *, rate: float = 0.1) -> SmallCnn:
    """Return CNN2, our reading of a network the source only names: CNN1 with a third block, of 24 filters."""
    return SmallCnn((6, 12, 24), 5, classes, rate=rate)
