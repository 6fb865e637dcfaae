"""What a fit learns from, and in which order it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class Examples(Protocol):
    """Pictures and their labels; the pictures may come from a file batch by batch, so that memory stays bounded."""

    @property
    def labels(self) -> Tensor:
        """Return class indices int64 (n,), or float (n, k), or whatever the loss takes, one row per picture."""

    def batch(self, indices: Tensor) -> Tensor:
        """Return float32 pictures (len(indices), channels, rows, columns)."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Pictures float32 (n, channels, rows, columns) and their labels, in memory."""

    pictures: Tensor
    labels: Tensor

    def batch(self, indices: Tensor) -> Tensor:
        """Return the chosen pictures."""
        return self.pictures[indices]

    def subset(self, indices: Tensor) -> Labelled:
        """Return the chosen pictures with their labels."""
        return Labelled(self.pictures[indices], self.labels[indices])


def derived_seed(*parts: int) -> int:
    """Return a seed made of several whole numbers (run, epoch, process): the same for the same, unlike any other."""
    return int(np.random.SeedSequence([part % 2**32 for part in parts]).generate_state(1, np.uint32)[0])


def epoch_order(count: int, seed: int, epoch: int, weights: Tensor | None = None) -> Tensor:
    """Return int64 indices: a random order of all, or as many draws with replacement by ``weights`` (n,).

    It depends on seed and epoch alone, so that all processes of a run, and a run that is resumed, have the same.
    """
    generator = torch.Generator().manual_seed(derived_seed(seed, epoch))
    if weights is None:
        return torch.randperm(count, generator=generator)
    return torch.multinomial(weights.double(), count, replacement=True, generator=generator)
