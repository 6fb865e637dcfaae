"""Figures of classifiers whose classes may hold together, with intervals drawn over patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mammoviewer.base.arrays import DoubleArray, FloatArray
from mammoviewer.training.metrics import area_under_curve, finite_or_none
from mammoviewer.training.patch_figures import interval


def label_figures(
    labels: FloatArray,
    probabilities: DoubleArray,
    groups: Sequence[str],
    classes: Sequence[str],
    *,
    threshold: float,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the area of the first class with its interval, and of each class area, prevalence and F1.

    Parameters
    ----------
    labels, probabilities
        0/1 and probabilities, both (n, k).
    threshold
        Of the first class; the others are decided at the one that gives their best F1, which flatters them.
    """
    truth = (labels > 0).astype(np.int64)
    first = truth[:, 0]
    per_class = {}
    for index, name in enumerate(classes):
        own, scores = truth[:, index], probabilities[:, index]
        per_class[name] = {
            "n": int(own.sum()),
            "auc": finite_or_none(area_under_curve(own, scores)),
            "best_f1": _best_f1(own, scores),
        }
    decided = probabilities[:, 0] >= threshold
    known = [row for name, row in per_class.items() if row["auc"] is not None and name != classes[0]]
    return {
        "n": len(first),
        "n_patients": len(set(groups)),
        "auc": finite_or_none(area_under_curve(first, probabilities[:, 0])),
        "auc_ci": interval(groups, lambda drawn: area_under_curve(first[drawn], probabilities[drawn, 0]), seed),
        "accuracy": float(np.mean(decided == first)),
        "accuracy_ci": interval(groups, lambda drawn: float(np.mean(decided[drawn] == first[drawn])), seed),
        "sensitivity": float(decided[first == 1].mean()) if first.any() else None,
        "specificity": float((~decided)[first == 0].mean()) if not first.all() else None,
        "macro_auc_of_kinds": float(np.mean([row["auc"] for row in known])) if known else None,
        "macro_best_f1_of_kinds": float(np.mean([row["best_f1"] for row in known])) if known else None,
        "per_class": per_class,
    }


def _best_f1(truth: np.ndarray, scores: DoubleArray) -> float:
    if not truth.any():
        return 0.0
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(truth) + 1) + truth.sum())
    return float(f1.max())
