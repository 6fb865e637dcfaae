"""Fixed measures of a film at many scales, from which a small network learns sooner than from grey values.

A few dozen lesions do not teach a network what a blob is. The front therefore measures, at every eighth pixel, what
the literature of mass detection looks at: bands of detail (differences of Gaussians), each also against its own spread
nearby, so that a lesion in a dense breast counts like one in a fatty breast; how far gradients point to one place (a
mass or the middle of spicules) and how far they lie in one direction (a duct, a vessel, the pectoral muscle); the
density around; how deep in the breast and how high the place is. Nothing in it is learnt.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE_PX = 8
_FINE_PX = 4
_SHOWN = 0.004
_CONVERGENCE = ((0, 1.0), (0, 2.0), (1, 2.0), (1, 4.0), (2, 4.0), (2, 8.0))
_LEAST = 1e-3
_LEAST_SPREAD, _MOST_SPREADS = 1e-3, 4.0
_SOBEL = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))


class FilmFront(nn.Module):
    """Pictures (n, 1, rows, columns) in [0, 1], 0 outside the breast, to measures (n, ``channels``, rows/8, columns/8).

    Rows and columns that are no multiples of eight are filled up with zeros.
    """

    channels: int = 37
    sobel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sobel", -torch.tensor(_SOBEL)[None, None] / 8, persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the measures; see the class."""
        spare = [-int(size) % STRIDE_PX for size in pictures.shape[2:]]
        if any(spare):
            pictures = functional.pad(pictures, (0, spare[1], 0, spare[0]))
        shown = (pictures > _SHOWN).to(pictures.dtype)
        fine = self._fine(pictures, shown)
        mask = functional.avg_pool2d(shown, _FINE_PX)
        light = functional.avg_pool2d(pictures * shown, _FINE_PX)
        smooth = [blurred(light, sigma) / (blurred(mask, sigma) + _LEAST) for sigma in (0.5, 1.0, 2.0, 4.0, 8.0)]
        coarse = self._bands(smooth, mask)
        shapes = self._shapes(smooth, mask)
        around = [level * mask for level in smooth[1:]]
        depth = [blurred(mask, sigma) for sigma in (2.0, 4.0, 8.0, 16.0)]
        every = torch.cat([*fine, *coarse, *shapes, *around, *depth, *_whole(light, mask)], dim=1)
        return functional.avg_pool2d(every, STRIDE_PX // _FINE_PX)

    @staticmethod
    def _fine(pictures: Tensor, shown: Tensor) -> list[Tensor]:
        """Return strength and brightest point of detail finer than the map: specks and spicules."""
        levels = [pictures, *(blurred(pictures, s) / (blurred(shown, s) + _LEAST) for s in (1.0, 2.0))]
        found = []
        for finer, coarser in zip(levels, levels[1:], strict=False):
            band = (finer - coarser) * shown
            strength = torch.sqrt(functional.avg_pool2d(band**2, _FINE_PX) + 1e-6)
            around = torch.sqrt(blurred(strength**2, 4.0)) + 0.003
            found += [torch.log(strength + 0.003) + 4, functional.max_pool2d(band, _FINE_PX) / around]
        return found

    @staticmethod
    def _bands(smooth: list[Tensor], mask: Tensor) -> list[Tensor]:
        found = []
        for place, (finer, coarser) in enumerate(zip(smooth, smooth[1:], strict=False)):
            band = (finer - coarser) * mask
            wide = min(1.0 * 2.0 ** (place + 1), 8.0)
            spread = torch.sqrt(blurred(band**2, wide) / (blurred(mask, wide) + _LEAST) + 1e-5)
            found += [band * 8, torch.log(spread + 0.003) + 4, band / (spread + 0.004)]
        return found

    def _shapes(self, smooth: list[Tensor], mask: Tensor) -> list[Tensor]:
        inner = -functional.max_pool2d(-mask, 3, 1, 1)
        found, seen = [], {}
        for level, wide in _CONVERGENCE:
            across = self._slope(smooth[level], False) * inner
            down = self._slope(smooth[level], True) * inner
            if level not in seen:
                seen[level] = True
                power = blurred(across**2 + down**2, 2.0**level) + 1e-7
                along = blurred(across**2 - down**2, 2.0**level) / power
                aslant = blurred(2 * across * down, 2.0**level) / power
                found.append(torch.sqrt(along**2 + aslant**2 + 1e-6))
            length = torch.sqrt(across**2 + down**2 + 1e-8) + 0.004
            towards = self._slope(blurred(across / length, wide), False) + self._slope(
                blurred(down / length, wide), True
            )
            found.append(-towards * (4 * wide))
        return found

    def _slope(self, maps: Tensor, down: bool) -> Tensor:
        kernel = self.sobel.transpose(-1, -2) if down else self.sobel
        return functional.conv2d(functional.pad(maps, (1, 1, 1, 1), mode="replicate"), kernel)


class Scaling(nn.Module):
    """Brings measures to mean 0 and spread 1 over the films given to :meth:`settle`, and keeps within four."""

    centre: Tensor
    spread: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(1, channels, 1, 1))
        self.register_buffer("spread", torch.ones(1, channels, 1, 1))

    @torch.no_grad()
    def settle(self, measures: Tensor) -> None:
        """Take mean and spread from measures (n, channels, rows, columns) of training films."""
        self.centre.copy_(measures.mean(dim=(0, 2, 3), keepdim=True))
        self.spread.copy_(measures.std(dim=(0, 2, 3), keepdim=True) + _LEAST_SPREAD)

    def forward(self, measures: Tensor) -> Tensor:
        """Return measures of the same shape."""
        return ((measures - self.centre) / self.spread).clamp(-_MOST_SPREADS, _MOST_SPREADS)


def blurred(maps: Tensor, sigma: float) -> Tensor:
    """Return maps (n, 1, rows, columns) blurred by a Gaussian of so many pixels, zeros beyond their edge."""
    rows, columns = (_band(int(size), sigma).to(maps.dtype) for size in maps.shape[2:])
    return rows @ maps @ columns


@lru_cache(maxsize=64)
def _band(size: int, sigma: float) -> Tensor:
    """Return the symmetric matrix (size, size) that blurs a row: quicker than a convolution with a wide kernel."""
    reach = math.ceil(3 * sigma)
    total = sum(math.exp(-(step**2) / (2 * sigma**2)) for step in range(-reach, reach + 1))
    steps = torch.arange(size, dtype=torch.float32)
    distance = (steps[:, None] - steps[None, :]).abs()
    return torch.exp(-(distance**2) / (2 * sigma**2)) * (distance <= reach) / total


def _whole(light: Tensor, mask: Tensor) -> list[Tensor]:
    """Return mean and spread of the film, size of the breast, and the row from the middle of the breast."""
    area = mask.sum(dim=(2, 3), keepdim=True) + 1
    mean = light.sum(dim=(2, 3), keepdim=True) / area
    spread = torch.sqrt(((light - mean * mask) ** 2).sum(dim=(2, 3), keepdim=True) / area + 1e-6)
    rows = torch.arange(mask.shape[2], dtype=mask.dtype)[:, None] / mask.shape[2]
    middle = (mask * rows).sum(dim=(2, 3), keepdim=True) / area
    whole = torch.ones_like(mask)
    return [mean * whole, spread * whole, area / (mask.shape[2] * mask.shape[3]) * whole, (rows - middle) * 2 * whole]
