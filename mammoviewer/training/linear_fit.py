"""A regularised logistic regression on embeddings: the surest classifier at ten regions a class. Needs no torch.

Every patch is seen in several versions; probabilities of held-out patches are averaged over them. The strength of the
regularisation is chosen on groups that the final fit does not see.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.datasets.splits import Fold, workable_folds
from mammoviewer.training.metrics import Truth, log_loss

STRENGTHS = (0.003, 0.03, 0.3)
DEFAULT_STRENGTH = 0.03
_INNER_FOLDS = 3


def _go_on() -> None:
    """Hold nothing up."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """Pooled features float32 (versions, n, c) of each patch, turned and mirrored, with labels and groups."""

    features: FloatArray
    labels: Truth
    groups: tuple[str, ...]
    classes: int

    def subset(self, indices: Sequence[int]) -> Embedding:
        """Return the chosen patches."""
        chosen = np.asarray(indices)
        groups = tuple(self.groups[i] for i in chosen.tolist())
        return Embedding(self.features[:, chosen], self.labels[chosen], groups, self.classes)


@dataclass(frozen=True, eq=False)
class LinearFit:
    """Standardisation and weights: logits = ((x - mean) / deviation) @ weights.T + bias."""

    mean: FloatArray
    deviation: FloatArray
    weights: FloatArray
    bias: FloatArray

    def probabilities(self, features: FloatArray) -> DoubleArray:
        """Return (n, classes), the mean over the versions of ``features`` (versions, n, c)."""
        logits = (((features - self.mean) / self.deviation) @ self.weights.T + self.bias).astype(np.float64)
        logits -= logits.max(axis=-1, keepdims=True)
        odds = np.exp(logits)
        result: DoubleArray = (odds / odds.sum(axis=-1, keepdims=True)).mean(axis=0)
        return result


def load_solver() -> None:
    """Load what fits and folds need, which takes seconds the first time: before somebody waits for a fit."""
    import sklearn.linear_model
    import sklearn.model_selection  # noqa: F401

    _thread_pools()


@contextmanager
def on_one_core() -> Iterator[None]:
    """Let fits in this block stay on one core.

    They are too small to be shared: where other programs use the cores too, threads that wait for each other take many
    times as long.
    """
    with _thread_pools().limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _thread_pools() -> Any:
    """Return what sets the threads of libraries; it is looked for once, which takes the time of several frames."""
    import sklearn.linear_model  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def fit_linear(data: Embedding, strength: float) -> LinearFit:
    """Fit a softmax regression with an L2 penalty; every class weighs the same."""
    from sklearn.linear_model import LogisticRegression

    flat = data.features.reshape(-1, data.features.shape[2])
    mean, deviation = flat.mean(axis=0), flat.std(axis=0) + np.float32(1e-3)
    labels = np.tile(data.labels, len(data.features))
    # the versions of a patch are one observation, hence the strength is shared among them
    model = LogisticRegression(C=strength / len(data.features), class_weight="balanced", max_iter=300)
    model.fit((flat - mean) / deviation, labels)
    weights, bias = model.coef_, model.intercept_
    if len(weights) == 1:
        # scikit-learn gives one logit for two classes; a softmax over (-z/2, z/2) is the same
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return LinearFit(mean, deviation, weights.astype(np.float32), bias.astype(np.float32))


def choose_strength(data: Embedding, seed: int, hold: Callable[[], None] = _go_on) -> float:
    """Return the strength with the lowest grouped cross-validated log loss; a cautious one if groups are few.

    ``hold`` is called before each fit, and may raise.
    """
    splits = workable_folds(data.labels.tolist(), data.groups, _INNER_FOLDS, seed)
    if not splits:
        return DEFAULT_STRENGTH
    losses = []
    for strength in STRENGTHS:
        held_out = out_of_fold(data, splits, functools.partial(_always, strength), hold)
        losses.append(log_loss(data.labels, held_out))
    return STRENGTHS[int(np.argmin(losses))]


def out_of_fold(
    data: Embedding,
    splits: Sequence[Fold],
    strength: Callable[[Embedding], float],
    hold: Callable[[], None] = _go_on,
) -> DoubleArray:
    """Return the probabilities (n, classes) of each patch by a fit that saw nothing of its group.

    ``hold`` is called before each fit, and may raise.
    """
    result = np.full((len(data.labels), data.classes), np.nan)
    for split in splits:
        hold()
        train = data.subset(split.train.tolist())
        fitted = fit_linear(train, strength(train))
        result[split.test] = fitted.probabilities(data.features[:, split.test])
    return result


def _always(strength: float, _: Embedding) -> float:
    return strength
