"""The message that tells of one epoch: what the curves and the confusion matrix of the panel are drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.training.loop import Epoch
from mammoviewer.training.metrics import Truth, area_under_curve, finite_or_none, macro_area


def epoch_event(epoch: Epoch, epochs: int, labels: Tensor | None, **more: Any) -> dict[str, Any]:
    """Return the event of an epoch.

    Parameters
    ----------
    epochs
        How many there are to be.
    labels
        Of what is held out: classes (n,), or (n, k) where several may hold together; ``None`` where nothing is.
    more
        Further fields: classes, fold, folds, fraction, seconds_left.
    """
    auc, confusion = None, None
    if labels is not None and epoch.probabilities is not None:
        truth: Truth = labels.numpy().astype(np.int64)
        auc = finite_or_none(_area(truth, epoch.probabilities))
        confusion = None if truth.ndim == 2 else confusion_matrix(truth, epoch.probabilities)
    return {
        "event": "epoch",
        "epoch": epoch.number,
        "epochs": epochs,
        "loss": epoch.loss,
        "validation_loss": epoch.validation_loss,
        "auc": auc,
        "learning_rate": epoch.learning_rate,
        "confusion": confusion,
        "seconds": epoch.seconds,
        "replayed": epoch.replayed,
        **more,
    }


def confusion_matrix(truth: Truth, probabilities: DoubleArray) -> list[list[int]]:
    """Return how often each class (row) was taken for each class (column), the most probable one being decided."""
    classes = probabilities.shape[1]
    pairs = truth * classes + probabilities.argmax(axis=1)
    counts: list[list[int]] = np.bincount(pairs, minlength=classes**2).reshape(classes, classes).tolist()
    return counts


def _area(truth: Truth, probabilities: DoubleArray) -> float:
    """Return the mean area over the classes, or over those columns of labels that have both values."""
    if truth.ndim == 1:
        return macro_area(truth, probabilities)
    areas = [area_under_curve(truth[:, k], probabilities[:, k]) for k in range(truth.shape[1])]
    known = [area for area in areas if np.isfinite(area)]
    return float(np.mean(known)) if known else float("nan")
