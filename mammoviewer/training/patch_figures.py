"""Figures of classifiers over classes that exclude each other, with intervals drawn over patients, and baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mammoviewer.base.arrays import DoubleArray, StoredArray
from mammoviewer.training.baselines import intensity_statistics
from mammoviewer.training.metrics import Truth, area_under_curve, finite_or_none

_RESAMPLES = 2000
_FEWEST_VALID = 0.5


def class_figures(
    truth: Truth, probabilities: DoubleArray, groups: Sequence[str], classes: Sequence[str], *, seed: int = 0
) -> dict[str, Any]:
    """Return areas one against the rest, their mean, accuracy and confusion, with 95 % intervals over groups.

    Parameters
    ----------
    truth, probabilities
        Class index (n,) and probability (n, k) of each item.
    groups
        The patient of each item; whole patients are drawn with replacement, 2000 times, from ``seed``.
    """
    decided = probabilities.argmax(axis=1)
    table = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(table, (truth, decided), 1)
    per_class = {}
    for index, name in enumerate(classes):
        binary = (truth == index).astype(np.int64)
        recall = table[index, index] / table[index].sum() if table[index].sum() else float("nan")
        given = table[:, index].sum()
        per_class[name] = {
            "n": int(binary.sum()),
            "auc": finite_or_none(area_under_curve(binary, probabilities[:, index])),
            "recall": finite_or_none(float(recall)),
            "precision": finite_or_none(float(table[index, index] / given)) if given else None,
        }
    return {
        "n": len(truth),
        "n_patients": len(set(groups)),
        "auc": finite_or_none(_macro(truth, probabilities)),
        "auc_ci": interval(groups, lambda drawn: _macro(truth[drawn], probabilities[drawn]), seed),
        "accuracy": float(np.mean(decided == truth)),
        "accuracy_ci": interval(groups, lambda drawn: float(np.mean(decided[drawn] == truth[drawn])), seed),
        "balanced_accuracy": float(np.mean([row["recall"] for row in per_class.values() if row["recall"] is not None])),
        "per_class": per_class,
        "confusion": table.tolist(),
    }


def interval(groups: Sequence[str], figure: Callable[[Any], float], seed: int) -> list[float] | None:
    """Return the 95 % interval of a figure of drawn items; ``None`` where most draws lack a class."""
    generator = np.random.default_rng(seed)
    names = np.asarray(groups)
    members = [np.flatnonzero(names == name) for name in np.unique(names)]
    values = []
    for _ in range(_RESAMPLES):
        drawn = np.concatenate([members[i] for i in generator.integers(0, len(members), len(members))])
        values.append(figure(drawn))
    finite = np.asarray(values)[np.isfinite(values)]
    if len(finite) < _FEWEST_VALID * _RESAMPLES:
        return None
    low, high = np.percentile(finite, (2.5, 97.5)).tolist()
    return [low, high]


def statistics_baseline(train: StoredArray, labels: Truth, test: StoredArray, classes: int = 2) -> DoubleArray:
    """Return the probabilities (n, classes) of ``test`` by a regression on nine grey statistics of ``train``.

    A class without a training picture has probability 0.
    """
    result = np.zeros((len(test), classes))
    present = np.unique(labels)
    if len(present) < 2:
        result[:, present] = 1.0
        return result
    from sklearn.linear_model import LogisticRegression

    features, unseen = intensity_statistics(train), intensity_statistics(test)
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-9
    model = LogisticRegression(max_iter=2000, class_weight="balanced")
    model.fit((features - mean) / deviation, labels)
    result[:, present] = model.predict_proba((unseen - mean) / deviation)
    return result


def balanced_threshold(truth: Truth, scores: DoubleArray) -> float:
    """Return the threshold with the highest sum of sensitivity and specificity, .5 where a class is missing."""
    positives, negatives = np.sort(scores[truth == 1]), np.sort(scores[truth == 0])
    if not len(positives) or not len(negatives):
        return 0.5
    ordered = np.unique(scores)
    middle = (ordered[:-1] + ordered[1:]) / 2 if len(ordered) > 1 else ordered
    sensitivity = 1 - np.searchsorted(positives, middle) / len(positives)
    specificity = np.searchsorted(negatives, middle) / len(negatives)
    gain = sensitivity + specificity
    return float(np.clip(np.median(middle[gain >= gain.max() - 1e-12]), 0.01, 0.99))


def _macro(truth: Truth, probabilities: DoubleArray) -> float:
    areas = [
        area_under_curve((truth == k).astype(np.int64), probabilities[:, k]) for k in range(probabilities.shape[1])
    ]
    return float(np.mean(areas))
