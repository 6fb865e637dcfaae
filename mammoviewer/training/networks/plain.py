"""Plain convolutional networks: AlexNet (Krizhevsky 2014), VGG16 and VGG19 (Simonyan 2014), Darknet19 (Redmon 2016)."""

from __future__ import annotations

from torch import Tensor, nn

_VGG_BLOCKS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_VGG_WIDTHS = (64, 128, 256, 512, 512)
# Filters of each 3x3 convolution; the even ones of a group are 1x1 and halve the number.
_DARKNET = ((32,), (64,), (128, 64, 128), (256, 128, 256), (512, 256, 512, 256, 512), (1024, 512, 1024, 512, 1024))


class FeatureSequence(nn.Module):
    """A network whose feature maps come out of one sequence called ``features``."""

    def __init__(self, layers: list[nn.Module], channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers)
        self.channels = channels

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the feature maps (n, channels, rows, columns)."""
        features: Tensor = self.features(pictures)
        return features


def alexnet(inputs: int = 3) -> FeatureSequence:
    """Return the convolutional part of AlexNet as "One weird trick" has it, without its last pooling's dense layers."""
    layers: list[nn.Module] = []
    width = inputs
    for filters, kernel, stride, padding, pooled in (
        (64, 11, 4, 2, True),
        (192, 5, 1, 2, True),
        (384, 3, 1, 1, False),
        (256, 3, 1, 1, False),
        (256, 3, 1, 1, True),
    ):
        layers += [nn.Conv2d(width, filters, kernel, stride, padding), nn.ReLU()]
        if pooled:
            layers.append(nn.MaxPool2d(3, 2))
        width = filters
    return FeatureSequence(layers, width)


def vgg(depth: int, inputs: int = 3) -> FeatureSequence:
    """Return the convolutional part of VGG16 or VGG19, without batch norm."""
    layers: list[nn.Module] = []
    width = inputs
    for filters, count in zip(_VGG_WIDTHS, _VGG_BLOCKS[depth], strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(width, filters, 3, padding=1), nn.ReLU()]
            width = filters
        layers.append(nn.MaxPool2d(2))
    return FeatureSequence(layers, width)


def darknet19(inputs: int = 3) -> FeatureSequence:
    """Return the convolutional part of Darknet19: 3x3 and 1x1 convolutions with batch norm and leaky ReLU."""
    layers: list[nn.Module] = []
    width = inputs
    for number, group in enumerate(_DARKNET):
        if number:
            layers.append(nn.MaxPool2d(2))
        for place, filters in enumerate(group):
            side = 1 if place % 2 else 3
            layers += [
                nn.Conv2d(width, filters, side, padding=side // 2, bias=False),
                nn.BatchNorm2d(filters),
                nn.LeakyReLU(0.1),
            ]
            width = filters
    return FeatureSequence(layers, width)
