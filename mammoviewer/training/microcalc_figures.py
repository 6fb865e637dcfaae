"""Figures of a two-class patch classifier on held-out patches, beside those of what it has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.datasets.infn import PIXEL_SIZE_MM
from mammoviewer.datasets.splits import Fold
from mammoviewer.training.baselines import majority_out_of_fold, statistics_out_of_fold
from mammoviewer.training.metrics import (
    Truth,
    area_under_curve,
    best_threshold,
    bootstrap_accuracy,
    bootstrap_interval,
    brier_score,
    calibration_error,
    confusion,
    decision_figures,
)
from mammoviewer.training.microcalc_data import DATA, MicrocalcData

INTENDED_USE = (
    "Research and teaching: shows where a patch of 5.1 x 5.1 mm looks like one with a microcalcification cluster in "
    "digitised films. Not for diagnosis; never tested on patients of a screening programme."
)
LIMITS = """Patches of digitised films from one teaching set, about half of them positive: on whole images nearly all
patches are normal, so that many marks are false. Vessel calcifications, skin folds, edges of labels and noise may be
marked. The set tells nothing of detectors, views, breast densities or readers, so there are no figures by stratum. The
local contrast and the augmentation were settled earlier by comparing about a dozen runs on folds of all cases of this
set, the test cases among them, which makes every figure a little too good."""


def judged(
    truth: Truth, scores: DoubleArray, decided: NDArray[np.bool_], groups: Sequence[str], seed: int
) -> dict[str, Any]:
    """Return area, accuracy and the rest; intervals are 95 % from 2000 draws of whole groups."""
    return {
        "patches": len(truth),
        "positives": int(truth.sum()),
        "groups": len(set(groups)),
        "auc": area_under_curve(truth, scores),
        "auc_95": list(bootstrap_interval(truth, scores, groups, seed=seed)),
        **decision_figures(truth, decided),
        "accuracy_95": list(bootstrap_accuracy(truth, decided, groups, seed=seed)),
        "confusion": confusion(truth, decided),
        "average_precision": average_precision(truth, scores),
        "prevalence": float(truth.mean()),
        "brier": brier_score(truth, scores),
        "calibration_error": calibration_error(truth, scores),
    }


def baselines(data: MicrocalcData, folds: Sequence[Fold], seed: int) -> dict[str, Any]:
    """Return what the regression on grey statistics and the majority reach, out of fold and on the test part."""
    truth, images = data.truth, data.patches.images
    inside, outside = data.development, data.test
    scores = statistics_out_of_fold(images, truth, folds)
    decided = np.zeros(len(truth), dtype=np.bool_)
    for fold in folds:
        threshold = best_threshold(truth[fold.train], scores[fold.train])
        decided[fold.test] = scores[fold.test] >= threshold
    whole = [Fold(inside, outside)]
    tested = statistics_out_of_fold(images, truth, whole)[outside]
    found = tested >= best_threshold(truth[inside], scores[inside])
    return {
        "out_of_fold": _baseline(truth[inside], scores[inside], decided[inside], data.groups_of(inside), seed)
        | {"majority_accuracy": _majority(truth, folds, inside)},
        "test": _baseline(truth[outside], tested, found, data.groups_of(outside), seed)
        | {"majority_accuracy": _majority(truth, whole, outside)},
    }


def roc_points(truth: Truth, scores: DoubleArray) -> list[list[float]]:
    """Return the corners (false-positive rate, true-positive rate) of the ROC curve, from (0, 0) to (1, 1)."""
    order = np.argsort(-scores, kind="stable")
    hits, alarms = np.cumsum(truth[order] == 1), np.cumsum(truth[order] == 0)
    last = np.append(np.diff(scores[order]) != 0, True)
    rates = np.column_stack([alarms[last] / max(alarms[-1], 1), hits[last] / max(hits[-1], 1)])
    return [[0.0, 0.0], *np.round(rates, 5).tolist()]


def average_precision(truth: Truth, scores: DoubleArray) -> float:
    """Return the area under the precision-recall curve, as the mean of the precision at each positive."""
    order = np.argsort(-scores, kind="stable")
    hits = truth[order] == 1
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean()) if hits.any() else float("nan")


def shown_with_interval(figures: Mapping[str, Any], key: str) -> str:
    """Return a figure and its interval as a card shows them."""
    low, high = figures[f"{key}_95"]
    return f"{figures[key]:.3f} ({low:.3f} to {high:.3f})"


def _baseline(
    truth: Truth, scores: DoubleArray, decided: NDArray[np.bool_], groups: Sequence[str], seed: int
) -> dict[str, Any]:
    return {
        "auc": area_under_curve(truth, scores),
        "auc_95": list(bootstrap_interval(truth, scores, groups, seed=seed)),
        "accuracy": float(np.mean(decided == (truth == 1))),
        "accuracy_95": list(bootstrap_accuracy(truth, decided, groups, seed=seed)),
    }


def _majority(truth: Truth, folds: Sequence[Fold], part: NDArray[np.intp]) -> float:
    guessed = majority_out_of_fold(truth, folds)[part]
    return float(np.mean((guessed >= 0.5) == (truth[part] == 1)))


def table(metrics: Mapping[str, Any]) -> str:
    """Return the table of a card: test and fold figures beside those of the baselines."""
    test, folds, base = metrics["test"], metrics["out_of_fold"], metrics["baselines"]
    inside, outside = base["out_of_fold"], base["test"]
    return "\n".join(
        [
            "| | this model | regression on 9 grey statistics | majority |",
            "|---|---|---|---|",
            f"{_row('AUC, test', test, outside, 'auc')} 0.5 |",
            f"{_row('accuracy, test', test, outside, 'accuracy')} {outside['majority_accuracy']:.3f} |",
            f"{_row('AUC, folds', folds, inside, 'auc')} 0.5 |",
            f"{_row('accuracy, folds', folds, inside, 'accuracy')} {inside['majority_accuracy']:.3f} |",
        ]
    )


def figure_lines(metrics: Mapping[str, Any]) -> str:
    """Return sensitivity, counts, average precision and calibration as a list of a card."""
    test, folds = metrics["test"], metrics["out_of_fold"]
    return f"""- test: sensitivity {test["sensitivity"]:.3f}, specificity {test["specificity"]:.3f}, {_counts(test)}
- folds: sensitivity {folds["sensitivity"]:.3f}, specificity {folds["specificity"]:.3f}, {_counts(folds)}
- average precision: test {test["average_precision"]:.3f} (prevalence {test["prevalence"]:.2f}), folds
  {folds["average_precision"]:.3f} ({folds["prevalence"]:.2f})
- Brier score: test {test["brier"]:.4f}, folds {folds["brier"]:.4f}; expected calibration error: test
  {test["calibration_error"]:.4f}, folds {folds["calibration_error"]:.4f}"""


def data_text(data: MicrocalcData, metrics: Mapping[str, Any]) -> str:
    """Return what a card says of the data."""
    test, folds = metrics["test"], metrics["out_of_fold"]
    return f"""{len(data.patches)} patches of {folds["groups"] + test["groups"]} cases: {DATA["name"]};
{DATA["terms"]}. Near-duplicates, turned and mirrored
ones too: {data.duplicates} pairs, whose cases would be joined before anything is split. Learnt from:
{folds["patches"]} patches ({folds["positives"]} with a cluster) of {folds["groups"]} cases. Kept aside:
{test["patches"]} patches ({test["positives"]} with a cluster) of {test["groups"]} cases, the project's own test split
(seed {data.split.seed}, listed in `split.json`)."""


def films_text(metrics: Mapping[str, Any]) -> str:
    """Return what a card says of whole films; empty where none were looked at."""
    if "films" not in metrics:
        return ""
    films = metrics["films"]
    return f"""
On whole films of mini-MIAS (Suckling 1994, research only), never trained on, 200 um per pixel brought to
{PIXEL_SIZE_MM * 1000:g}: {films["normal_patches_marked"]:.1%} of the patches of {films["normal_films"]} normal films
reach the operating threshold, as do {films["calcifications_marked"]:.0%} of the {films["calcifications"]} places listed
as calcifications.
"""


def listed(values: Sequence[float]) -> str:
    """Return figures with three decimals, with commas between."""
    return ", ".join(f"{value:.3f}" for value in values)


def _row(title: str, figures: Mapping[str, Any], base: Mapping[str, Any], key: str) -> str:
    return f"| {title} | {shown_with_interval(figures, key)} | {shown_with_interval(base, key)} |"


def _counts(figures: Mapping[str, Any]) -> str:
    c = figures["confusion"]
    return (
        f"{c['true_positive']} true and {c['false_positive']} false positives,\n  {c['true_negative']} true and "
        f"{c['false_negative']} false negatives"
    )
