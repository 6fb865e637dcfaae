"""What a network has to beat: the majority class, and a logistic regression on statistics of the grey values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mammoviewer.base.arrays import DoubleArray, StoredArray
from mammoviewer.datasets.splits import Fold, workable_folds
from mammoviewer.training.metrics import Truth

STATISTICS = ("mean", "standard deviation", "minimum", "5 %", "median", "95 %", "maximum", "skewness", "kurtosis")


def intensity_statistics(images: StoredArray) -> DoubleArray:
    """Return float64 (n, 9): the statistics named in ``STATISTICS`` of each patch (n, rows, columns).

    Skewness and kurtosis of a patch without any contrast are 0.
    """
    # Takes longer to load than all the rest of a command that never asks for it.
    from scipy.stats import kurtosis, skew

    flat = images.reshape(len(images), -1).astype(np.float64)
    varied = flat.std(axis=1) > 0
    shape = np.zeros((len(flat), 2))
    shape[varied] = np.stack([skew(flat[varied], axis=1), kurtosis(flat[varied], axis=1)], axis=1)
    percentiles = np.percentile(flat, (0, 5, 50, 95, 100), axis=1).T
    result: DoubleArray = np.column_stack([flat.mean(axis=1), flat.std(axis=1), percentiles, shape])
    return result


def statistics_out_of_fold(images: StoredArray, truth: Truth, folds: Sequence[Fold]) -> DoubleArray:
    """Return the probability of class 1 of each patch by a regression fitted without its fold."""
    from sklearn.linear_model import LogisticRegression

    features = intensity_statistics(images)
    result = np.full(len(truth), np.nan)
    for fold in folds:
        mean, deviation = features[fold.train].mean(axis=0), features[fold.train].std(axis=0) + 1e-9
        model = LogisticRegression(max_iter=2000)
        model.fit((features[fold.train] - mean) / deviation, truth[fold.train])
        result[fold.test] = model.predict_proba((features[fold.test] - mean) / deviation)[:, 1]
    return result


def majority_out_of_fold(truth: Truth, folds: Sequence[Fold]) -> DoubleArray:
    """Return the share of class 1 among the training patches of each patch's fold."""
    result = np.full(len(truth), np.nan)
    for fold in folds:
        result[fold.test] = truth[fold.train].mean()
    return result


def statistics_baseline(
    features: DoubleArray, labels: Truth, groups: Sequence[str], classes: int, *, folds: int = 5, seed: int = 20
) -> DoubleArray | None:
    """Return the probabilities (n, classes) by a regression on ``features`` (n, m), each fitted without its group.

    ``None`` where the groups do not allow folds. Classes that do not occur have the probability 0.
    """
    from sklearn.linear_model import LogisticRegression

    chosen = workable_folds(labels.tolist(), groups, folds, seed) if len(np.unique(labels)) > 1 else ()
    if not chosen:
        return None
    result = np.zeros((len(labels), classes))
    for fold in chosen:
        mean, deviation = features[fold.train].mean(axis=0), features[fold.train].std(axis=0) + 1e-9
        model = LogisticRegression(max_iter=2000)
        model.fit((features[fold.train] - mean) / deviation, labels[fold.train])
        result[np.ix_(fold.test, model.classes_)] = model.predict_proba((features[fold.test] - mean) / deviation)
    return result
