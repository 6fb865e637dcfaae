"""The weights of a committee, learnt by stacking: from votes of experts on patches that none of them has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.training.metrics import Truth

LOWEST_WEIGHT = 0.01
"""No expert is left out altogether."""
_STEP = 0.05
_TINY = 1e-7
# Towards equal weights: experts that do equally well on few patches are not told apart by chance.
_EQUALITY = 0.1


@dataclass(frozen=True, eq=False)
class CommitteeFit:
    """Weights (k,) in [.01, 1] that add up to 1, and the course of their training.

    ``losses`` and ``accuracies`` have one value per step for the patches the weights were learnt from;
    ``other_losses`` and ``other_accuracies`` for patches kept aside, where there were any.
    """

    weights: DoubleArray
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    other_losses: tuple[float, ...] = ()
    other_accuracies: tuple[float, ...] = ()

    @property
    def most_reliable(self) -> int:
        """Return the index of the expert with the highest weight."""
        return int(np.argmax(self.weights))


def fit_committee(
    predictions: DoubleArray,
    truth: Truth,
    *,
    steps: int = 200,
    others: tuple[DoubleArray, Truth] | None = None,
) -> CommitteeFit:
    """Learn how much each expert's vote counts, by the log loss of the weighted mean.

    Parameters
    ----------
    predictions
        Probabilities (n, k) of k experts for n patches, none of which any of them was trained on.
    truth
        0 or 1 (n,).
    others
        Predictions and truth of patches that only the curves are drawn for.
    """
    scores, wanted = torch.from_numpy(predictions), torch.from_numpy(truth).double()
    votes = torch.zeros(predictions.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([votes], _STEP)
    course: list[tuple[float, float, float, float]] = []
    for _ in range(steps):
        weights = _weights(votes)
        mean = scores @ weights
        loss = functional.binary_cross_entropy(mean.clamp(_TINY, 1 - _TINY), wanted)
        optimizer.zero_grad()
        (loss + _EQUALITY * ((weights * len(weights) - 1) ** 2).mean()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        used = weights.detach().numpy()
        course.append((*_figures(predictions @ used, truth), *_of_others(used, others)))
    columns = list(zip(*course, strict=True))
    kept = columns if others is not None else columns[:2]
    result: DoubleArray = _weights(votes).detach().numpy()
    return CommitteeFit(result / result.sum(), *kept)


def _weights(votes: torch.Tensor) -> torch.Tensor:
    return LOWEST_WEIGHT + (1 - len(votes) * LOWEST_WEIGHT) * torch.softmax(votes, dim=0)


def _figures(scores: DoubleArray, truth: Truth) -> tuple[float, float]:
    right = np.where(truth == 1, scores, 1 - scores)
    return float(-np.log(np.clip(right, _TINY, 1.0)).mean()), float(np.mean((scores >= 0.5) == truth))


def _of_others(weights: DoubleArray, others: tuple[DoubleArray, Truth] | None) -> tuple[float, float]:
    return (0.0, 0.0) if others is None else _figures(others[0] @ weights, others[1])
