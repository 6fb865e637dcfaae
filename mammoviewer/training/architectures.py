"""The networks: the microcalcification hypermodel, a committee of it, and a classifier for the user's own regions.

Every network has a ``trunk`` (pictures to the last feature map) and a ``head`` (feature map to logits), and its
``forward`` returns both (logits, features), so that the same code exports, explains and retrains all of them.
Pictures are float32 (n, channels, rows, columns); those of the networks here (n, 1, 60, 60) in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

PATCH_PX = 60
_CONTRAST_WINDOW_PX = 15
_CONTRAST_GAIN = 10.0


@dataclass(frozen=True)
class Hyperparameters:
    """``dim`` filters in the first block (doubled in each further one), ``depth`` dense layers, dropout ``rate``."""

    dim: int = 15
    depth: int = 1
    rate: float = 0.1


class Contrast(nn.Module):
    """First step of a trunk: detail without absolute brightness. ``margin_px`` fewer pixels come out on every side."""

    margin_px: int = 0


class LocalContrast(Contrast):
    """Replace each pixel by ten times its difference from the mean of the 15x15 pixels around it.

    Specks stand out of what surrounds them whatever the window, the film or the detector; absolute brightness, by
    which the teaching set alone can be sorted to an AUC above .9, does not reach the network.
    """

    def forward(self, pictures: Tensor) -> Tensor:
        """Return float32 of the shape of ``pictures``."""
        half = _CONTRAST_WINDOW_PX // 2
        padded = functional.pad(pictures, (half, half, half, half), mode="replicate")
        rows = functional.avg_pool2d(padded, (_CONTRAST_WINDOW_PX, 1), stride=1)
        surround = functional.avg_pool2d(rows, (1, _CONTRAST_WINDOW_PX), stride=1)
        return (pictures - surround) * _CONTRAST_GAIN


class Network(nn.Module):
    """A trunk and a head; see the module's text.

    Attributes
    ----------
    channels
        Of the feature map.
    head_outputs
        K, the number of logits: 1 is one sigmoid over two classes; several are a softmax, or one sigmoid each.
    """

    trunk: nn.Module
    head: nn.Module
    channels: int
    head_outputs: int = 1

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (n, k) and the feature map (n, channels, rows, columns)."""
        features: Tensor = self.trunk(pictures)
        return self.head(features), features


class Detector(nn.Module):
    """A network that finds boxes.

    Its ``forward`` returns logits (n, A, K) over K classes of which the first is background, boxes (n, A, 4) as first
    row, first column, last row, last column in corner coordinates of the input's pixels, decoded, and the feature map
    (n, channels, rows, columns) that explanations look at. A is the number of default boxes.
    """

    channels: int

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, boxes and features."""
        raise NotImplementedError


class MicrocalcHypermodel(Network):
    """Three blocks of [3x3 same convolution, ReLU, batch norm, pool 2, dropout], dense layers of 256 // i, one logit.

    The input is turned into local contrast first, which adds no parameters.
    """

    def __init__(self, parameters: Hyperparameters) -> None:
        super().__init__()
        self.parameters_used = parameters
        widths = (1, parameters.dim, 2 * parameters.dim, 4 * parameters.dim)
        blocks = [_block(widths[i], widths[i + 1], parameters.rate) for i in range(3)]
        self.trunk = nn.Sequential(LocalContrast(), *blocks)
        self.channels = widths[3]
        layers: list[nn.Module] = [nn.Flatten(), nn.Dropout(parameters.rate + 0.1)]
        width = self.channels * (PATCH_PX // 8) ** 2
        for index in range(parameters.depth):
            layers += [nn.Linear(width, 256 // (index + 1)), nn.ReLU()]
            width = 256 // (index + 1)
        self.head = nn.Sequential(*layers, nn.Linear(width, 1))


class CommitteeTrunk(nn.Module):
    """The feature maps of several trunks, one after the other along the channels."""

    def __init__(self, trunks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.experts = nn.ModuleList(trunks)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (n, sum of channels, rows, columns)."""
        return torch.cat([expert(pictures) for expert in self.experts], dim=1)


class CommitteeHead(nn.Module):
    """The mean of the logits of several heads, each fed with its own channels."""

    def __init__(self, heads: Sequence[nn.Module], channels: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(heads)
        self.channels = channels

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (n, 1)."""
        parts = torch.split(features, self.channels, dim=1)
        logits = [expert(part) for expert, part in zip(self.experts, parts, strict=True)]
        return torch.stack(logits).mean(dim=0)


class Committee(Network):
    """Experts of one architecture whose logits are averaged."""

    def __init__(self, experts: Sequence[MicrocalcHypermodel]) -> None:
        super().__init__()
        self.trunk = CommitteeTrunk([expert.trunk for expert in experts])
        self.head = CommitteeHead([expert.head for expert in experts], experts[0].channels)
        self.channels = sum(expert.channels for expert in experts)


class PooledHead(nn.Module):
    """Mean and maximum of every channel, standardised, then one linear layer: small enough for ten regions a class."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(2 * channels))
        self.register_buffer("deviation", torch.ones(2 * channels))
        self.linear = nn.Linear(2 * channels, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (n, classes)."""
        logits: Tensor = self.linear((pooled(features) - self.mean) / self.deviation)
        return logits


class RegionTrunk(nn.Module):
    """A trained trunk looked through twice: at local contrast, and at the whole patch for larger structures."""

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base = base

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (n, twice the channels of the base, rows, columns)."""
        centred = pictures - pictures.mean(dim=(2, 3), keepdim=True)
        smooth = functional.avg_pool2d(centred, 5, stride=1, padding=2)
        return torch.cat([self.base(pictures), _past_contrast(self.base, smooth * _CONTRAST_GAIN / 2)], dim=1)


class RegionClassifier(Network):
    """A trained trunk with a new head for the user's classes (softmax over two or more)."""

    def __init__(self, base_trunk: nn.Module, base_channels: int, classes: int) -> None:
        super().__init__()
        self.channels = 2 * base_channels
        self.head_outputs = classes
        self.trunk = RegionTrunk(base_trunk)
        self.pooled_head = PooledHead(self.channels, classes)
        self.head = self.pooled_head


def pooled(features: Tensor) -> Tensor:
    """Return mean and maximum of each channel: (n, c, rows, columns) to (n, 2 c)."""
    return torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)


def parameter_count(network: nn.Module) -> int:
    """Return the number of weights, running statistics of batch norm included (as Keras counts them)."""
    statistics = sum(b.numel() for name, b in network.named_buffers() if name.endswith(("running_mean", "running_var")))
    return statistics + sum(weight.numel() for weight in network.parameters())


def _block(inputs: int, outputs: int, rate: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.ReLU(),
        nn.BatchNorm2d(outputs),
        nn.MaxPool2d(2),
        nn.Dropout(rate),
    )


def _past_contrast(base: nn.Module, pictures: Tensor) -> Tensor:
    """Run a trunk without its first step, the local contrast."""
    if isinstance(base, CommitteeTrunk):
        return torch.cat([_past_contrast(expert, pictures) for expert in base.experts], dim=1)
    if not isinstance(base, nn.Sequential) or not isinstance(base[0], Contrast):
        raise TypeError("a trunk is a sequence that begins with a contrast")
    margin = base[0].margin_px
    if margin:
        pictures = pictures[:, :, margin:-margin, margin:-margin]
    result: Tensor = base[1:](pictures)
    return result
