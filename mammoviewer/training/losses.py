"""What a fit makes small. A loss takes logits and labels and returns their mean over the batch.

Labels are class indices int64 (n,), or, where several may hold together, 0 and 1 as float (n, k).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Loss(Protocol):
    """Anything that turns logits and labels into one number; a detector's logits are all that its forward gives."""

    def __call__(self, logits: Any, labels: Tensor) -> Tensor:
        """Return the mean over the batch."""


@dataclass(frozen=True, eq=False)
class CrossEntropy:
    """One column of logits is a sigmoid over two classes, several are a softmax.

    ``class_weights`` (classes,) multiply the error of each picture by the weight of its class; the mean is taken over
    pictures, not over weights, so that shares of a batch add up.
    """

    smoothing: float = 0.0
    class_weights: Tensor | None = None

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over the batch."""
        if logits.shape[1] == 1:
            wanted = labels.float()[:, None] * (1 - self.smoothing) + self.smoothing / 2
            errors = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")[:, 0]
        else:
            errors = functional.cross_entropy(logits, labels, label_smoothing=self.smoothing, reduction="none")
        return _weighted(errors, labels, self.class_weights)


@dataclass(frozen=True, eq=False)
class MultiLabel:
    """A sigmoid for each column; labels are 0 and 1 as float (n, k). ``positive_weights`` (k,) count the ones more."""

    positive_weights: Tensor | None = None

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over batch and columns."""
        weights = None if self.positive_weights is None else self.positive_weights.to(logits.device)
        return functional.binary_cross_entropy_with_logits(logits, labels.float(), pos_weight=weights)


@dataclass(frozen=True, eq=False)
class Focal:
    """Cross entropy in which what is told apart already counts little: times (1 - p)^gamma (Lin et al. 2017).

    Labels of one column each, or of a softmax, or float (n, k) for a sigmoid each.
    """

    gamma: float = 2.0
    class_weights: Tensor | None = None

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over the batch (and over the columns of sigmoids)."""
        if labels.ndim == 2 or logits.shape[1] == 1:
            wanted = labels.float() if labels.ndim == 2 else labels.float()[:, None]
            errors = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
            errors = ((1 - torch.exp(-errors)) ** self.gamma * errors).mean(dim=1)
        else:
            errors = functional.cross_entropy(logits, labels, reduction="none")
            errors = (1 - torch.exp(-errors)) ** self.gamma * errors
        return _weighted(errors, labels, self.class_weights if labels.ndim == 1 else None)


def inverse_frequencies(labels: Sequence[int] | Tensor, classes: int) -> Tensor:
    """Return the weight float32 (classes,) of each class, n / (classes * n of the class); 0 where there is none."""
    counts = torch.bincount(torch.as_tensor(labels, dtype=torch.int64), minlength=classes).float()
    return torch.where(counts > 0, counts.sum() / (classes * counts.clamp(min=1)), torch.zeros(()))


def _weighted(errors: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    return errors.mean() if weights is None else (errors * weights.to(errors.device)[labels]).mean()
