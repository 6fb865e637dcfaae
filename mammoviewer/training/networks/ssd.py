"""The single shot detector of S4: feature maps of several scales, default boxes, and a score and a box for each.

Boxes are (first row, first column, last row, last column), edges in pixels of the input with corner coordinates, so
that a box that fills the picture is (0, 0, rows, columns). Each default box has the logits of its classes, of which the
first is the background, and four offsets: of the centre in units of the default box times ``CENTRE_SCALE``, and of the
logarithm of its sides times ``SIDE_SCALE``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammoviewer.training.architectures import Detector

CENTRE_SCALE, SIDE_SCALE = 0.1, 0.2
STRIDES = (8, 16, 32)
SIDES_PX = ((9.0, 15.0), (23.0, 35.0), (52.0, 78.0))
ASPECTS = (1.0, 1.6, 1 / 1.6)
_MOST_SIDE_OFFSET = 4.0


def default_boxes(rows: int, columns: int) -> Tensor:
    """Return the default boxes (a, 4) of a picture, map by map, row by row, all sides and aspects at each place."""
    parts = []
    for stride, sides in zip(STRIDES, SIDES_PX, strict=True):
        height, width = -(-rows // stride), -(-columns // stride)
        centres = torch.stack(
            torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij"), dim=-1
        )
        shapes = torch.tensor([(s * math.sqrt(a), s / math.sqrt(a)) for s in sides for a in ASPECTS])
        middle = (centres * stride)[:, :, None, :].expand(-1, -1, len(shapes), -1)
        half = (shapes / 2).expand(height, width, -1, -1)
        parts.append(torch.cat([middle - half, middle + half], dim=-1).reshape(-1, 4))
    return torch.cat(parts)


def encode(boxes: Tensor, defaults: Tensor) -> Tensor:
    """Return the offsets (n, 4) that turn default boxes (n, 4) into ``boxes`` (n, 4)."""
    middle, sides = _middle_and_sides(boxes)
    own_middle, own_sides = _middle_and_sides(defaults)
    centre = (middle - own_middle) / own_sides / CENTRE_SCALE
    return torch.cat([centre, torch.log(sides / own_sides) / SIDE_SCALE], dim=-1)


def decode(offsets: Tensor, defaults: Tensor) -> Tensor:
    """Return the boxes (..., 4) of offsets (..., 4) from default boxes (n, 4): the inverse of :func:`encode`."""
    own_middle, own_sides = _middle_and_sides(defaults)
    middle = own_middle + offsets[..., :2] * CENTRE_SCALE * own_sides
    grown = (offsets[..., 2:] * SIDE_SCALE).clamp(-_MOST_SIDE_OFFSET, _MOST_SIDE_OFFSET)
    half = own_sides * torch.exp(grown) / 2
    return torch.cat([middle - half, middle + half], dim=-1)


def intersection_over_union(first: Tensor, second: Tensor) -> Tensor:
    """Return the overlap (n, m) of boxes (n, 4) with boxes (m, 4)."""
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    common = (high - low).clamp(min=0).prod(dim=-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(dim=-1) for boxes in (first, second)]
    return common / (areas[0][:, None] + areas[1][None, :] - common)


def match(boxes: Tensor, labels: Tensor, defaults: Tensor, *, least_overlap: float = 0.5) -> tuple[Tensor, Tensor]:
    """Return the class (a,) and the offsets (a, 4) that each default box should give.

    A default box takes the truth that it overlaps most when that is at least ``least_overlap``; each truth also takes
    the default box that overlaps it most, however little. All others are background, class 0.

    Parameters
    ----------
    boxes, labels
        The true boxes (t, 4) and their classes (t,), from 1.
    """
    classes = torch.zeros(len(defaults), dtype=torch.int64)
    offsets = torch.zeros(len(defaults), 4)
    if len(boxes) == 0:
        return classes, offsets
    overlap = intersection_over_union(boxes, defaults)
    best, owner = overlap.max(dim=0)
    favourite = overlap.argmax(dim=1)
    owner[favourite] = torch.arange(len(boxes))
    best[favourite] = 1.0
    chosen = best >= least_overlap
    classes[chosen] = labels[owner[chosen]]
    offsets[chosen] = encode(boxes[owner[chosen]], defaults[chosen])
    return classes, offsets


def detection_loss(
    logits: Tensor,
    offsets: Tensor,
    classes: Tensor,
    wanted: Tensor,
    *,
    alpha: float = 1.0,
    negatives: float = 3.0,
    fewest_negatives: int = 4,
) -> Tensor:
    """Return L = (L_conf + alpha L_loc) / N over the N positive default boxes of a batch.

    Cross entropy of the positives and, of each picture, of the hardest ``negatives`` times as many negatives (at least
    ``fewest_negatives``), so that a picture without a lesion teaches too; smooth L1 of the positives' offsets.

    Parameters
    ----------
    logits, offsets
        Of the network, (n, a, k) and (n, a, 4).
    classes, wanted
        Of :func:`match`, (n, a) and (n, a, 4).
    """
    positive = classes > 0
    errors = functional.cross_entropy(logits.transpose(1, 2), classes, reduction="none")
    with torch.no_grad():
        hardness = errors.masked_fill(positive, -math.inf)
        rank = hardness.argsort(dim=1, descending=True).argsort(dim=1)
        allowed = (positive.sum(dim=1) * negatives).clamp(min=fewest_negatives)
        mined = (rank < allowed[:, None]) & ~positive
    confidence = errors[positive | mined].sum()
    place = functional.smooth_l1_loss(offsets[positive], wanted[positive], reduction="sum")
    return (confidence + alpha * place) / positive.sum().clamp(min=1)


class SsdNetwork(Detector):
    """A small residual trunk with maps at strides 8, 16 and 32, and a 3x3 predictor of classes and boxes on each.

    Parameters
    ----------
    classes
        With the background.
    width
        Channels of the first layer; those of the further ones are multiples of it.
    shape
        Rows and columns of the pictures that :meth:`forward` is called with.
    """

    defaults: Tensor

    def __init__(self, classes: int = 2, *, width: int = 12, shape: tuple[int, int] = (256, 256)) -> None:
        super().__init__()
        self.classes = classes
        widths = (width, 2 * width, 3 * width, 4 * width, 6 * width)
        self.stem = nn.Sequential(_unit(1, widths[0], 2), _unit(widths[0], widths[1], 2))
        self.stages = nn.ModuleList(
            nn.Sequential(_unit(widths[i], widths[i + 1], 2), _Residual(widths[i + 1]), _Residual(widths[i + 1]))
            for i in range(1, 4)
        )
        count = len(SIDES_PX[0]) * len(ASPECTS)
        self.predictors = nn.ModuleList(nn.Conv2d(w, count * (classes + 4), 3, padding=1) for w in widths[2:])
        self.channels = widths[2]
        self.register_buffer("defaults", default_boxes(*shape), persistent=False)
        self._start_with_background()

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (n, a, k), decoded boxes (n, a, 4) and the finest map with boxes (n, c, rows, columns)."""
        logits, offsets, features = self.raw(pictures)
        return logits, decode(offsets, self.defaults), features

    def raw(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (n, a, k), offsets (n, a, 4) and the finest map with boxes."""
        maps: list[Tensor] = []
        current: Tensor = self.stem(pictures)
        for stage in self.stages:
            current = stage(current)
            maps.append(current)
        size = self.classes + 4
        parts = [
            predictor(one).permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, size))
            for one, predictor in zip(maps, self.predictors, strict=True)
        ]
        every = torch.cat(parts, dim=1)
        return every[..., : self.classes], every[..., self.classes :], maps[0]

    @torch.no_grad()
    def _start_with_background(self) -> None:
        """Let every default box begin as background with probability .99, so that the first steps are calm."""
        for predictor in self.predictors:
            assert isinstance(predictor, nn.Conv2d)
            assert predictor.bias is not None
            predictor.weight.mul_(0.1)
            predictor.bias.zero_()
            predictor.bias.view(-1, self.classes + 4)[:, 0] = math.log(99 * (self.classes - 1))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _unit(channels, channels, 1),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(maps + self.body(maps))


def _unit(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def _middle_and_sides(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]


def boxes_of_circles(circles: Sequence[tuple[float, float, float]]) -> Tensor:
    """Return the squares (n, 4) around circles (row, column, radius) of the same coordinates."""
    squares = [(row - radius, column - radius, row + radius, column + radius) for row, column, radius in circles]
    return torch.tensor(squares, dtype=torch.float32).reshape(-1, 4)
