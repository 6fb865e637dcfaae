"""Figures of merit with their uncertainty. numpy only; probabilities are float64 (n,), truth is 0/1 (n,)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray

Truth = NDArray[np.int64]


def area_under_curve(truth: Truth, scores: DoubleArray) -> float:
    """Return the area under the ROC curve (ties count one half); NaN when a class is missing."""
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    return float((ranks[truth == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def bootstrap_interval(
    truth: Truth, scores: DoubleArray, groups: Sequence[str], *, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the area under the curve when whole groups are drawn with replacement."""
    areas = [area_under_curve(truth[drawn], scores[drawn]) for drawn in _draws(groups, resamples, seed)]
    low, high = np.nanpercentile(areas, (2.5, 97.5))
    return float(low), float(high)


def bootstrap_gain(
    truth: Truth,
    scores: DoubleArray,
    before: DoubleArray,
    groups: Sequence[str],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % interval of how much larger the area under the curve of ``scores`` is than that of ``before``.

    Both are judged on the same draws of whole groups.
    """
    gains = [
        area_under_curve(truth[drawn], scores[drawn]) - area_under_curve(truth[drawn], before[drawn])
        for drawn in _draws(groups, resamples, seed)
    ]
    low, high = np.nanpercentile(gains, (2.5, 97.5))
    return float(low), float(high)


def bootstrap_accuracy(
    truth: Truth, decided: NDArray[np.bool_], groups: Sequence[str], *, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the share of right decisions when whole groups are drawn with replacement."""
    right = (truth == 1) == decided
    low, high = np.percentile([right[drawn].mean() for drawn in _draws(groups, resamples, seed)], (2.5, 97.5))
    return float(low), float(high)


def best_threshold(truth: Truth, scores: DoubleArray) -> float:
    """Return the threshold with the highest accuracy; the middle of the widest stretch of equals."""
    order = np.sort(np.unique(scores))
    candidates = np.concatenate([[order[0] / 2], (order[:-1] + order[1:]) / 2, [(order[-1] + 1) / 2]])
    accuracy = np.array([np.mean((scores >= candidate) == truth) for candidate in candidates])
    best = candidates[accuracy == accuracy.max()]
    return float(np.median(best))


def confusion(truth: Truth, decided: NDArray[np.bool_]) -> dict[str, int]:
    """Return the numbers of true and false positives and negatives."""
    positive = truth == 1
    return {
        "true_positive": int((positive & decided).sum()),
        "false_negative": int((positive & ~decided).sum()),
        "false_positive": int((~positive & decided).sum()),
        "true_negative": int((~positive & ~decided).sum()),
    }


def decision_figures(truth: Truth, decided: NDArray[np.bool_]) -> dict[str, float]:
    """Return accuracy, sensitivity and specificity; NaN where a class is missing."""
    counts = confusion(truth, decided)
    hits, misses = counts["true_positive"], counts["false_negative"]
    rejections, alarms = counts["true_negative"], counts["false_positive"]
    return {
        "accuracy": (hits + rejections) / len(truth),
        "sensitivity": hits / (hits + misses) if hits + misses else float("nan"),
        "specificity": rejections / (rejections + alarms) if rejections + alarms else float("nan"),
    }


def brier_score(truth: Truth, scores: DoubleArray) -> float:
    """Return the mean squared difference of probability and truth."""
    return float(np.mean((scores - truth) ** 2))


def calibration_error(truth: Truth, scores: DoubleArray, *, bins: int = 10) -> float:
    """Return the expected calibration error over equal-width bins."""
    index = np.minimum((scores * bins).astype(np.intp), bins - 1)
    total = 0.0
    for value in np.unique(index):
        inside = index == value
        total += float(inside.mean()) * abs(float(scores[inside].mean()) - float(truth[inside].mean()))
    return total


def macro_area(truth: Truth, probabilities: DoubleArray) -> float:
    """Return the mean one-against-the-rest area of all classes; ``probabilities`` (n, k). One area for two classes."""
    classes = probabilities.shape[1]
    wanted = range(1, 2) if classes == 2 else range(classes)
    areas = [area_under_curve((truth == k).astype(np.int64), probabilities[:, k]) for k in wanted]
    return float(np.mean(areas))


def log_loss(truth: Truth, probabilities: DoubleArray) -> float:
    """Return the mean negative log probability of the true class; ``probabilities`` (n, k)."""
    right = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.clip(right, 1e-7, 1.0)).mean())


def finite_or_none(value: float) -> float | None:
    """Return the value, or ``None`` where it is not a number, as JSON wants it."""
    return value if np.isfinite(value) else None


def _draws(groups: Sequence[str], resamples: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """Yield the indices of as many groups as there are, drawn with replacement."""
    generator = np.random.default_rng(seed)
    names = np.asarray(groups)
    members = [np.flatnonzero(names == name) for name in np.unique(names)]
    for _ in range(resamples):
        yield np.concatenate([members[i] for i in generator.integers(0, len(members), len(members))])
