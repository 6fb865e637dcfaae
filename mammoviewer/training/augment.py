"""Random changes of training patches, on whole batches. Held-out patches never pass through here."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Augmentation:
    """How far pictures are changed; ranges are symmetric, on a log scale where they multiply.

    Any quarter turn and mirroring come on top of ``rotation_degrees``. ``shift_px`` moves, ``zoom`` scales. Blur
    (sigma .4 to 1.2 px), gamma, contrast about the patch mean, brightness and noise stand for other films, detectors
    and windows.
    """

    rotation_degrees: float = 50.0
    shift_px: float = 3.0
    zoom: float = 0.1
    blur_probability: float = 0.3
    gamma: float = 0.25
    contrast: tuple[float, float] = (0.55, 2.4)
    brightness: float = 0.25
    noise: float = 0.02

    def __call__(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """Return changed float32 pictures (n, 1, rows, columns), within [0, 1]."""
        changed = self._geometry(pictures, generator)
        changed = self._blur(changed, generator)
        count = len(pictures)
        changed = changed.clamp(0.004, 1.0) ** _exponential(count, -self.gamma, self.gamma, generator)
        mean = changed.mean(dim=(2, 3), keepdim=True)
        low, high = (math.log(limit) for limit in self.contrast)
        changed = (changed - mean) * _exponential(count, low, high, generator) + mean
        changed = changed + _uniform(count, -self.brightness, self.brightness, generator)
        noise = torch.randn(changed.shape, generator=generator) * _uniform(count, 0.0, self.noise, generator)
        return (changed + noise * _chosen(count, 0.5, generator)).clamp(0.0, 1.0)

    def _geometry(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        count = len(pictures)
        limit = math.radians(self.rotation_degrees)
        angle = _uniform(count, -limit, limit, generator).flatten()
        angle = angle + torch.randint(0, 4, (count,), generator=generator) * (math.pi / 2)
        zoom = 1 + _uniform(count, -self.zoom, self.zoom, generator).flatten()
        mirror = torch.randint(0, 2, (count,), generator=generator) * 2.0 - 1.0
        shift = (torch.rand((count, 2), generator=generator) * 2 - 1) * (2 * self.shift_px / pictures.shape[-1])
        cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
        first = torch.stack([cosine * mirror, -sine, shift[:, 0]], dim=1)
        second = torch.stack([sine * mirror, cosine, shift[:, 1]], dim=1)
        grid = functional.affine_grid(torch.stack([first, second], dim=1), list(pictures.shape), align_corners=False)
        return functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)

    def _blur(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        chosen = _chosen(len(pictures), self.blur_probability, generator).flatten().bool()
        if not bool(chosen.any()):
            return pictures
        some = pictures[chosen]
        count = len(some)
        sigma = _uniform(count, 0.4, 1.2, generator).flatten()
        weights = torch.exp(-(torch.arange(-3, 4.0) ** 2) / (2 * sigma[:, None] ** 2))
        weights = weights / weights.sum(dim=1, keepdim=True)
        rows = functional.pad(some, (3, 3, 3, 3), mode="reflect").transpose(0, 1)
        rows = functional.conv2d(rows, weights.view(count, 1, 7, 1), groups=count)
        blurred = functional.conv2d(rows, weights.view(count, 1, 1, 7), groups=count).transpose(0, 1)
        result = pictures.clone()
        result[chosen] = blurred
        return result


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand((count, 1, 1, 1), generator=generator) * (high - low) + low


def _exponential(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.exp(_uniform(count, low, high, generator))


def _chosen(count: int, probability: float, generator: torch.Generator) -> Tensor:
    return (torch.rand((count, 1, 1, 1), generator=generator) < probability).float()
