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
from mammoviewer.training.networks.film_front import FilmFront, Scaling

CENTRE_SCALE, SIDE_SCALE = 0.1, 0.2
STRIDES = (8, 16, 32)
SIDES_PX = ((9.0, 15.0), (23.0, 35.0), (52.0, 78.0))
ASPECTS = (1.0, 1.6, 1 / 1.6)
_MOST_SIDE_OFFSET = 4.0
_MOST_SPREADS = 4.0
_NOISE = 0.1


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
    the default box that overlaps it most, however little. Of the others those with their middle in a truth, which are
    only of another size or shape, are neither (-1: they teach nothing); the rest is background, class 0.

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
    middle, _ = _middle_and_sides(defaults)
    within = ((middle[None] >= boxes[:, None, :2]) & (middle[None] <= boxes[:, None, 2:])).all(dim=2).any(dim=0)
    classes[within] = -1
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
    count: float | None = None,
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
    count
        N; by default that of the batch, at least 1. Of a share of a batch it is that of the whole.
    """
    positive = classes > 0
    errors = functional.cross_entropy(logits.transpose(1, 2), classes.clamp(min=0), reduction="none")
    with torch.no_grad():
        allowed = (positive.sum(dim=1) * negatives).clamp(min=fewest_negatives)
        most = min(int(allowed.max()), classes.shape[1])
        hardest = errors.masked_fill(classes != 0, -math.inf).topk(most, dim=1).indices
        chosen = torch.arange(most)[None] < allowed[:, None]
        mined = torch.zeros_like(positive).scatter(1, hardest, chosen) & (classes == 0)
    confidence = errors[positive | mined].sum()
    place = functional.smooth_l1_loss(offsets[positive], wanted[positive], reduction="sum")
    return (confidence + alpha * place) / (positive.sum().clamp(min=1) if count is None else count)


class SsdNetwork(Detector):
    """Measures of :class:`FilmFront`, mixed place by place, with maps at strides 8, 16 and 32 and predictors on each.

    Several readers, which differ by their start alone, look at the same measures; so many are cheap, and their mean is
    steadier than any. ``forward`` also looks at the mirrored picture and takes the mean.

    Parameters
    ----------
    classes
        With the background.
    width
        Units of the two layers that mix the measures of a place.
    readers
        How many are averaged.
    dropout
        Share of units left out in training.
    shape
        Rows and columns of the pictures that :meth:`forward` is called with.
    """

    defaults: Tensor

    def __init__(
        self,
        classes: int = 2,
        *,
        width: int = 32,
        readers: int = 2,
        dropout: float = 0.2,
        shape: tuple[int, int] = (256, 256),
    ) -> None:
        super().__init__()
        self.front = FilmFront()
        self.readers = nn.ModuleList(_Reader(self.front.channels, classes, width, dropout) for _ in range(readers))
        self.classes, self.channels = classes, width * readers
        self.scaling = Scaling(self.front.channels)
        self.register_buffer("defaults", default_boxes(*shape), persistent=False)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (n, a, k), decoded boxes (n, a, 4) and the finest map with boxes (n, c, rows, columns)."""
        measures = self.front(pictures)
        seen, features = self.maps(measures)
        mirrored, _ = self.maps(measures.flip(-1))
        turn = torch.ones(len(SIDES_PX[0]) * len(ASPECTS), self.classes + 4)
        turn[:, self.classes + 1] = -1.0
        turned = [one.flip(-1) * turn.view(1, -1, 1, 1) for one in mirrored]
        logits, offsets = self._flat([(one + two) / 2 for one, two in zip(seen, turned, strict=True)])
        return logits, decode(offsets, self.defaults), features

    def raw(self, measures: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return logits (n, a, k) and offsets (n, a, 4) of each reader for measures of the front."""
        scaled = self.scaling(measures)
        return [self._flat(reader(scaled)[0]) for reader in self.readers]

    def maps(self, measures: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the mean of the readers at each stride (n, boxes * (k + 4), rows, columns), and their features."""
        scaled = self.scaling(measures)
        found = [reader(scaled) for reader in self.readers]
        means = [torch.stack(parts).mean(dim=0) for parts in zip(*(maps for maps, _ in found), strict=True)]
        return means, torch.cat([features for _, features in found], dim=1)

    def _flat(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        size = self.classes + 4
        every = torch.cat([one.permute(0, 2, 3, 1).reshape(one.shape[0], -1, size) for one in maps], dim=1)
        return every[..., : self.classes], every[..., self.classes :]


class _Reader(nn.Module):
    """Two layers that mix the measures of a place, means over wider and wider places, a predictor of each."""

    def __init__(self, inputs: int, classes: int, width: int, dropout: float) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Dropout2d(dropout / 2),
            nn.Conv2d(inputs, width, 1),
            nn.ReLU(),
            nn.Dropout2d(dropout),
            nn.Conv2d(width, width, 1),
            nn.ReLU(),
        )
        count = len(SIDES_PX[0]) * len(ASPECTS)
        self.predictors = nn.ModuleList(nn.Conv2d(width, count * (classes + 4), 1) for _ in STRIDES)
        self._start_with_background(classes)

    def forward(self, scaled: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return what is predicted at each stride, and the mixed measures at the finest."""
        if self.training:
            scaled = scaled + _NOISE * torch.randn_like(scaled)
        current = finest = self.mix(scaled)
        found = []
        for place, predictor in enumerate(self.predictors):
            if place:
                current = functional.avg_pool2d(current, 2)
            found.append(predictor(current))
        return found, finest

    @torch.no_grad()
    def _start_with_background(self, classes: int) -> None:
        """Let every default box begin as background with probability .98, so that the first steps are calm."""
        for predictor in self.predictors:
            assert isinstance(predictor, nn.Conv2d)
            assert predictor.bias is not None
            predictor.weight.mul_(0.3)
            predictor.bias.zero_()
            predictor.bias.view(-1, classes + 4)[:, 0] = math.log(49 * (classes - 1))


def _middle_and_sides(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]


def boxes_of_circles(circles: Sequence[tuple[float, float, float]]) -> Tensor:
    """Return the squares (n, 4) around circles (row, column, radius) of the same coordinates."""
    squares = [(row - radius, column - radius, row + radius, column + radius) for row, column, radius in circles]
    return torch.tensor(squares, dtype=torch.float32).reshape(-1, 4)
