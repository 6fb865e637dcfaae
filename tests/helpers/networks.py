"""Tiny networks of every form that is trained and exported. Needs torch."""

from __future__ import annotations

from torch import Tensor, nn

from mammoviewer.training.architectures import Detector, Network


class SmallNetwork(Network):
    """Three channels in, ``classes`` logits out, of pictures of any size."""

    def __init__(self, classes: int = 4, channels: int = 3) -> None:
        super().__init__()
        self.channels, self.head_outputs = 5, classes
        self.trunk = nn.Sequential(nn.Conv2d(channels, 5, 3, stride=2, padding=1), nn.ReLU())
        self.linear = nn.Linear(5, classes)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), self.linear)


class SmallDetector(Detector):
    """Two classes and a box for each place of the feature map."""

    def __init__(self) -> None:
        super().__init__()
        self.channels = 6
        self.trunk = nn.Conv2d(3, 6, 4, stride=4)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (n, A, 2), boxes (n, A, 4), features (n, 6, rows, columns)."""
        features: Tensor = self.trunk(pictures)
        flat = features.flatten(2).transpose(1, 2)
        return flat[:, :, :2], flat[:, :, 2:] * 10, features


class SmallDense(nn.Module):
    """A map of one logit for each 8x8 window, every 4 pixels."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.window = nn.Conv2d(channels, 1, 8, stride=4)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (n, 1, rows, columns)."""
        logits: Tensor = self.window(pictures)
        return logits
