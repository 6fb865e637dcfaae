"""Residual networks (He 2016): ResNet18 of basic blocks, ResNet50 of bottlenecks with the stride in their 3x3."""

from __future__ import annotations

from torch import Tensor, nn

_WIDTHS = (64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, values: Tensor) -> Tensor:
        """Return (n, width, rows / stride, columns / stride)."""
        inner = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(values)))))
        result: Tensor = self.relu(inner + (values if self.downsample is None else self.downsample(values)))
        return result


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions around a shortcut; gives four times the width."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, values: Tensor) -> Tensor:
        """Return (n, 4 width, rows / stride, columns / stride)."""
        inner = self.relu(self.bn1(self.conv1(values)))
        inner = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(inner)))))
        result: Tensor = self.relu(inner + (values if self.downsample is None else self.downsample(values)))
        return result


class ResNet(nn.Module):
    """A 7x7 stem and four stages of residual blocks; its feature maps are 32 times smaller than the picture."""

    def __init__(self, block: type[BasicBlock] | type[Bottleneck], counts: tuple[int, ...], inputs: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        width = 64
        for number, (filters, count) in enumerate(zip(_WIDTHS, counts, strict=True), start=1):
            blocks: list[nn.Module] = []
            for place in range(count):
                blocks.append(block(width, filters, 2 if number > 1 and place == 0 else 1))
                width = filters * block.expansion
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        self.channels = width

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the feature maps (n, channels, rows / 32, columns / 32)."""
        values: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(pictures))))
        for number in range(1, 5):
            values = self.get_submodule(f"layer{number}")(values)
        return values


def resnet18(inputs: int = 3) -> ResNet:
    """Return the convolutional part of ResNet18."""
    return ResNet(BasicBlock, (2, 2, 2, 2), inputs)


def resnet50(inputs: int = 3) -> ResNet:
    """Return the convolutional part of ResNet50."""
    return ResNet(Bottleneck, (3, 4, 6, 3), inputs)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
