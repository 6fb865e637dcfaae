"""Figures of merit of scored units, as ``metrics.json`` and the report have them.

Intervals are 95 %, from whole patients drawn with replacement. With fewer than ten patients there are none, and the set
is called not assessable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.training.baselines import statistics_baseline
from mammoviewer.training.metrics import Truth, brier_score, calibration_error, confusion, finite_or_none
from mammoviewer.training.patient_bootstrap import (
    RESAMPLES,
    Draws,
    Statistic,
    WeightedRoc,
    draw_patients,
    weighted_share,
)
from mammoviewer.training.scored import Scored
from mammoviewer.training.spec import FEWEST_PATIENTS_TO_ASSESS

_GRID = np.concatenate([np.linspace(0.0, 0.1, 21), np.linspace(0.12, 1.0, 45)])
"""Close together where ROC curves of rare findings rise."""
LESION_TYPE = "lesion type"
_BAND_DRAWS = 400
_BINS = 10
_EVEN = 0.5


def classification_figures(scored: Scored, *, seed: int = 20, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Return n, n_patients, unit, auc, auc_ci, accuracy, accuracy_ci, classes, macro, calibration, strata, baselines.

    ``auc`` is that of the positive class where there are two, else the mean over the classes (one against the rest) of
    which there are positives and negatives. ``accuracy`` is the share of units, or of labels of units where several may
    hold together, that the model decides rightly. Values that cannot be had are ``None``.
    """
    draws = draw_patients(scored.patients, resamples=resamples, seed=seed)
    right = scored.decided == scored.truth
    right_of_unit = right.mean(axis=1) if scored.multi_label else right.all(axis=1).astype(np.float64)
    chosen = judged_classes(scored)
    rocs = {index: WeightedRoc(scored.truth[:, index], scored.scores[:, index]) for index in chosen}
    auc = _figure(_mean_of([roc.area for roc in rocs.values()]), draws)
    accuracy = _figure(_mean_value(right_of_unit), draws)
    classes = {name: _class_figures(scored, index, draws) for index, name in enumerate(scored.classes)}
    return {
        "n": len(scored),
        "n_patients": draws.patients,
        "unit": scored.unit,
        "assessable": draws.patients >= FEWEST_PATIENTS_TO_ASSESS,
        "auc": auc["value"],
        "auc_ci": auc["ci"],
        "accuracy": accuracy["value"],
        "accuracy_ci": accuracy["ci"],
        "positive_class": scored.positive_class,
        "threshold": scored.threshold,
        "classes": classes,
        "macro": _macro(classes),
        "confusion": None if scored.multi_label else confusion_matrix(scored),
        "calibration": {name: _calibration(scored, scored.classes.index(name)) for name in _told(scored, chosen)},
        "strata": _strata(scored, seed=seed, resamples=resamples),
        "baselines": _baselines(scored, draws, seed),
        "bootstrap": {"resamples": resamples, "seed": seed, "unit": "patient"},
    }


def curves(scored: Scored, *, seed: int = 20) -> dict[str, Any]:
    """Return the ROC and PR curve of each judged class with bands, on points from 0 to 1, for the report."""
    draws = draw_patients(scored.patients, resamples=_BAND_DRAWS, seed=seed)
    everyone = np.ones(len(scored))
    found: dict[str, Any] = {"roc": {}, "pr": {}, "band_draws": _BAND_DRAWS}
    for index in judged_classes(scored):
        roc = WeightedRoc(scored.truth[:, index], scored.scores[:, index])
        name = scored.classes[index]
        found["roc"][name] = _curve(partial(roc.sensitivity_at, _GRID), everyone, draws)
        found["pr"][name] = _curve(partial(roc.precision_at, _GRID), everyone, draws)
        found["pr"][name]["prevalence"] = float(scored.truth[:, index].mean())
    return found


def judged_classes(scored: Scored) -> tuple[int, ...]:
    """Return the classes whose area counts: the positive one of two, else those with positives and negatives."""
    if len(scored.classes) == 2 and not scored.multi_label:
        return (scored.classes.index(scored.positive_class),)
    sums = scored.truth.sum(axis=0)
    return tuple(index for index, count in enumerate(sums.tolist()) if 0 < count < len(scored))


def confusion_matrix(scored: Scored) -> list[list[int]]:
    """Return how often each true class (row) was decided to be each class (column)."""
    size = len(scored.classes)
    pairs = scored.labels * size + scored.decided.argmax(axis=1)
    counts: list[list[int]] = np.bincount(pairs, minlength=size * size).reshape(size, size).tolist()
    return counts


def _class_figures(scored: Scored, index: int, draws: Draws) -> dict[str, Any]:
    truth, decided = scored.truth[:, index] == 1, scored.decided[:, index] == 1
    roc = WeightedRoc(scored.truth[:, index], scored.scores[:, index])
    figures: dict[str, Any] = {"support": int(truth.sum())}
    statistics: Mapping[str, Statistic] = {
        "auc": roc.area,
        "average_precision": roc.average_precision,
        "sensitivity": _share_among(decided, truth),
        "specificity": _share_among(~decided, ~truth),
        "precision": _share_among(truth, decided),
    }
    for name, statistic in statistics.items():
        figure = _figure(statistic, draws)
        figures[name], figures[f"{name}_ci"] = figure["value"], figure["ci"]
    recall, precision = figures["sensitivity"], figures["precision"]
    figures["f1"] = 2 * recall * precision / (recall + precision) if recall and precision else recall and 0.0
    figures["prevalence"] = float(truth.mean()) if len(truth) else None
    if scored.multi_label:
        figures["decisions"] = confusion(truth.astype(np.int64), decided)
    return figures


def _macro(classes: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the means over the classes that occur, of what is known."""
    means: dict[str, float | None] = {}
    for name in ("auc", "average_precision", "sensitivity", "specificity", "precision", "f1"):
        known = [figures[name] for figures in classes.values() if figures["support"] and figures[name] is not None]
        means[name] = float(np.mean(known)) if known else None
    return means


def _calibration(scored: Scored, index: int) -> dict[str, Any]:
    truth: Truth = scored.truth[:, index]
    scores = scored.scores[:, index]
    place = np.minimum((scores * _BINS).astype(np.intp), _BINS - 1)
    bins = [
        {
            "from": value / _BINS,
            "mean_score": float(scores[place == value].mean()),
            "observed": float(truth[place == value].mean()),
            "n": int((place == value).sum()),
        }
        for value in np.unique(place).tolist()
    ]
    return {"brier": brier_score(truth, scores), "ece": calibration_error(truth, scores, bins=_BINS), "bins": bins}


def _strata(scored: Scored, *, seed: int, resamples: int) -> dict[str, dict[str, Any]]:
    """Return n, patients, area and accuracy of each value of each stratum that has more than one value."""
    names = sorted({name for unit in scored.units for name in unit.strata})
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        values = np.array([unit.strata.get(name, "") for unit in scored.units])
        present = [value for value in np.unique(values).tolist() if value]
        if len(present) < 2:
            continue
        # Of a kind of lesion the images without any are the counterpart.
        others = (values == "") if name == LESION_TYPE else np.zeros(len(values), np.bool_)
        found[name] = {value: _stratum(scored, (values == value) | others, seed, resamples) for value in present}
    return found


def _stratum(scored: Scored, inside: np.ndarray, seed: int, resamples: int) -> dict[str, Any]:
    patients = [patient for patient, wanted in zip(scored.patients, inside.tolist(), strict=True) if wanted]
    draws = draw_patients(patients, resamples=resamples, seed=seed)
    truth, scores = scored.truth[inside], scored.scores[inside]
    rocs = [WeightedRoc(truth[:, index], scores[:, index]) for index in judged_classes(scored)]
    usable = [roc.area for roc in rocs if np.isfinite(roc.area(np.ones(len(truth))))]
    figure = _figure(_mean_of(usable), draws) if usable else {"value": None, "ci": None}
    right = scored.decided[inside] == truth
    return {
        "n": len(patients),
        "n_patients": draws.patients,
        "auc": figure["value"],
        "auc_ci": figure["ci"],
        "accuracy": float(right.mean() if scored.multi_label else right.all(axis=1).mean()),
    }


def _baselines(scored: Scored, draws: Draws, seed: int) -> dict[str, Any]:
    """Return what is had without a network: always the commonest class, chance, and a regression on grey statistics."""
    shares = scored.truth.mean(axis=0) if len(scored) else np.zeros(len(scored.classes))
    either = np.maximum(shares, 1 - shares)
    found: dict[str, Any] = {
        "majority": {"auc": 0.5, "accuracy": float(either.mean() if scored.multi_label else shares.max())},
        "random": {"auc": 0.5, "accuracy": float(0.5 if scored.multi_label else (shares**2).sum())},
        "intensity regression": None,
    }
    fitted = _by_grey_values(scored, seed) if all(unit.statistics for unit in scored.units) else None
    if fitted is None:
        return found
    rocs = [WeightedRoc(scored.truth[:, index], fitted[:, index]) for index in judged_classes(scored)]
    area = _figure(_mean_of([roc.area for roc in rocs]), draws)
    found["intensity regression"] = {
        "auc": area["value"],
        "auc_ci": area["ci"],
        "accuracy": float(
            np.mean((fitted >= _EVEN) == (scored.truth == 1))
            if scored.multi_label
            else np.mean(fitted.argmax(axis=1) == scored.labels)
        ),
        "how": "fitted out of fold on other patients of this same set",
    }
    return found


def _by_grey_values(scored: Scored, seed: int) -> DoubleArray | None:
    """Return the probabilities (n, classes) by a regression on grey statistics; ``None`` where no folds can be had.

    Of classes that may hold together each is fitted for itself; one that cannot be has the probability 0.
    """
    features = np.array([unit.statistics for unit in scored.units])
    if not scored.multi_label:
        return statistics_baseline(features, scored.labels, scored.patients, len(scored.classes), seed=seed)
    columns = [
        statistics_baseline(features, scored.truth[:, index], scored.patients, 2, seed=seed)
        for index in range(len(scored.classes))
    ]
    if all(column is None for column in columns):
        return None
    return np.stack([np.zeros(len(scored)) if column is None else column[:, 1] for column in columns], axis=1)


def _told(scored: Scored, chosen: tuple[int, ...]) -> list[str]:
    return [scored.classes[index] for index in chosen]


def _figure(statistic: Statistic, draws: Draws) -> dict[str, Any]:
    value = finite_or_none(statistic(np.ones(len(draws.of))))
    if value is None or draws.patients < FEWEST_PATIENTS_TO_ASSESS:
        return {"value": value, "ci": None}
    low, high = draws.interval(statistic)
    return {"value": value, "ci": [low, high]}


def _curve(curve: Callable[[DoubleArray], DoubleArray], everyone: DoubleArray, draws: Draws) -> dict[str, Any]:
    result: dict[str, Any] = {"x": _GRID.tolist(), "y": curve(everyone).tolist(), "low": None, "high": None}
    if draws.patients >= FEWEST_PATIENTS_TO_ASSESS:
        low, high = draws.band(curve)
        result.update(low=low.tolist(), high=high.tolist())
    return result


def _mean_of(statistics: Sequence[Statistic]) -> Statistic:
    def mean(weights: DoubleArray) -> float:
        values = [statistic(weights) for statistic in statistics]
        return float(np.mean(values)) if values else float("nan")

    return mean


def _mean_value(values: DoubleArray) -> Statistic:
    def mean(weights: DoubleArray) -> float:
        return float((weights * values).sum() / weights.sum()) if weights.sum() else float("nan")

    return mean


def _share_among(right: np.ndarray, among: np.ndarray) -> Statistic:
    def share(weights: DoubleArray) -> float:
        return weighted_share(right[among])(weights[among])

    return share
