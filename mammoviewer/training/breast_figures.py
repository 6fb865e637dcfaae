"""Figures of classifiers of whole images, per image, per breast (prediction ID) and per patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.inference.aggregate import aggregate
from mammoviewer.training.metrics import Truth, area_under_curve, confusion, decision_figures, finite_or_none
from mammoviewer.training.patch_figures import interval

RULES = ("s3", "max", "mean", "noisy-or", "top-2")


def breast_figures(
    truth: Truth,
    scores: DoubleArray,
    breasts: Sequence[tuple[str, str]],
    *,
    threshold: float,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the figures of images, and the area of each rule of aggregation over breasts and over patients.

    Parameters
    ----------
    truth, scores
        0/1 and probability of each image (n,).
    breasts
        Patient and side of each image.
    """
    patients = [patient for patient, _ in breasts]
    decided = scores >= threshold
    counts = confusion(truth, decided)
    true, said = counts["true_positive"] + counts["false_negative"], counts["true_positive"] + counts["false_positive"]
    return {
        "n": len(truth),
        "n_patients": len(set(patients)),
        "positives": int(truth.sum()),
        "auc": finite_or_none(area_under_curve(truth, scores)),
        "auc_ci": interval(patients, lambda drawn: area_under_curve(truth[drawn], scores[drawn]), seed),
        **{key: finite_or_none(value) for key, value in decision_figures(truth, decided).items()},
        "accuracy_ci": interval(patients, lambda drawn: float(np.mean(decided[drawn] == truth[drawn])), seed),
        "precision": counts["true_positive"] / said if said else None,
        "f1": 2 * counts["true_positive"] / (true + said) if true + said else None,
        "confusion": counts,
        "auc_by_breast": _by_rule(truth, scores, [f"{patient} {side}" for patient, side in breasts]),
        "auc_by_patient": _by_rule(truth, scores, patients),
    }


def _by_rule(truth: Truth, scores: DoubleArray, names: Sequence[str]) -> dict[str, float | None]:
    members = {name: np.flatnonzero(np.asarray(names) == name) for name in dict.fromkeys(names)}
    wanted = np.asarray([truth[inside].max() for inside in members.values()], dtype=np.int64)
    areas = {}
    for rule in RULES:
        found = np.asarray([aggregate(scores[inside].tolist(), rule) for inside in members.values()])
        areas[rule] = finite_or_none(area_under_curve(wanted, found))
    return areas
