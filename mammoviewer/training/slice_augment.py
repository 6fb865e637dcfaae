"""Random changes of tomosynthesis slices: mirrored, zoomed, turned and shifted a little, some of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class SliceAugmentation:
    """How far slices are changed; ``share`` of them are, each within symmetric ranges.

    ``zoom`` and ``shift`` are shares of the size. What comes in from outside is 0, the mean grey.
    """

    share: float = 0.6
    flip: bool = True
    zoom: float = 0.05
    rotation_degrees: float = 15.0
    shift: float = 0.058

    def __call__(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """Return pictures (n, 1, rows, columns) of the same shape."""
        count = len(pictures)
        chosen = (torch.rand(count, generator=generator) < self.share).float()
        angle = _symmetric(count, math.radians(self.rotation_degrees), generator) * chosen
        zoom = 1 + _symmetric(count, self.zoom, generator) * chosen
        shift = torch.stack([_symmetric(count, 2 * self.shift, generator) * chosen for _ in range(2)], dim=1)
        mirrored = torch.randint(0, 2, (count,), generator=generator).float() * chosen * float(self.flip)
        sign = 1 - 2 * mirrored
        cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
        first = torch.stack([cosine * sign, -sine, shift[:, 0]], dim=1)
        second = torch.stack([sine * sign, cosine, shift[:, 1]], dim=1)
        grid = functional.affine_grid(torch.stack([first, second], dim=1), list(pictures.shape), align_corners=False)
        return functional.grid_sample(pictures, grid, padding_mode="zeros", align_corners=False)


def _symmetric(count: int, limit: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(count, generator=generator) * 2 - 1) * limit
