"""Sections of a report on how a run came to its figures: folds, committee, and whatever else was counted."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from mammoviewer.training.report_plots import Axes, Line, plot, value_range

_SHOWN_ELSEWHERE = frozenset(
    ("n", "n_patients", "unit", "auc", "auc_ci", "accuracy", "accuracy_ci", "classes", "macro", "confusion",
     "calibration", "strata", "baselines", "assessable", "bootstrap", "curves", "froc", "fold_auc", "auc_per_fold",
     "problems", "note", "task", "sensitivity_at_fp", "training_patients_among_them", "hyperparameters")
)  # fmt: skip
_INTERVALS = ("_ci", "_95")
_MOST_NUMBERS = 24
_COUNTS = ("true_positive", "false_negative", "false_positive", "true_negative")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows of texts as a table; a head of empty texts is left out."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<tr>{top}</tr>' if any(head) else ''}{body}</table>"


def figure_text(value: float | None, interval: Sequence[float] | None = None) -> str:
    """Return a figure with its interval, such as ``0.931 (0.901 to 0.957)``."""
    if value is None:
        return "-"
    return f"{value:.3f}" if interval is None else f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


def folds_section(report: Mapping[str, Any]) -> str:
    """Return what is known of each fold: area, patients, decisions, what was chosen, and the ROC curves."""
    folds = _folds(report)
    if not folds:
        return ""
    columns = [key for key in ("auc", "n", "n_patients", *_COUNTS, "hyperparameters") if any(key in f for f in folds)]
    rows = [
        [str(fold["fold"]), *(figure_text(fold.get(key)) if key == "auc" else _cell(fold.get(key)) for key in columns)]
        for fold in folds
    ]
    areas = [fold["auc"] for fold in folds if fold.get("auc") is not None]
    if areas:
        spread = f" +- {statistics.stdev(areas):.3f}" if len(areas) > 1 else ""
        rows.append(["mean", f"{statistics.fmean(areas):.3f}{spread}", *("" for _ in columns[1:])])
    titles = ["AUC" if key == "auc" else key.replace("n_patients", "patients").replace("_", " ") for key in columns]
    curves = [
        Line(f"fold {fold['fold']}", [x for x, _ in fold["roc"]], [y for _, y in fold["roc"]])
        for fold in folds
        if fold.get("roc")
    ]
    shown = plot("ROC of each fold", curves, Axes("1 - specificity", "sensitivity"), diagonal=True) if curves else ""
    plots = f"<div class='plots'>{shown}</div>" if shown else ""
    return f"<section><h2>Folds</h2>{table(['fold', *titles], rows)}{plots}</section>"


def committee_section(committee: Mapping[str, Any]) -> str:
    """Return the weight of each expert, and how right the committee was while they were learnt."""
    weights = committee.get("weights")
    if not weights:
        return ""
    rows = [[str(number), f"{weight:.3f}"] for number, weight in enumerate(weights, start=1)]
    weighed = table(["expert", "weight"], rows)
    plots = _course(committee, "losses", "Loss") + _course(committee, "accuracies", "Accuracy")
    return f"<section><h2>Committee</h2><div class='plots'><div>{weighed}</div>{plots}</div></section>"


def _course(committee: Mapping[str, Any], key: str, title: str) -> str:
    """Return the plot of a value step by step, on the votes and on the test part."""
    lines = [
        Line(name, list(range(1, len(committee[of]) + 1)), committee[of], dashed=of != key)
        for of, name in ((key, "votes it is learnt from"), (f"test_{key}", "test part"))
        if committee.get(of)
    ]
    if not lines:
        return ""
    values = (0.0, 1.0) if key == "accuracies" else value_range(lines)
    return plot(title, lines, Axes("step", title.lower(), (1, max(2, *(len(line.x) for line in lines))), values))


def further_section(figures: Mapping[str, Any]) -> str:
    """Return all figures of a run that no other section shows, as a table."""
    rows = [[name, text] for name, text in _flat(figures, ()) if text]
    return f"<section class='facts'><h2>Further figures</h2>{table(['', ''], rows)}</section>" if rows else ""


def label_confusion(classes: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the decisions of classes that may hold together, one row each; empty where they are not known."""
    counted = {name: found["decisions"] for name, found in classes.items() if found.get("decisions")}
    if not counted:
        return ""
    rows = [[name, *(str(counts[key]) for key in _COUNTS)] for name, counts in counted.items()]
    head = ["class", *(key.replace("_", " ") for key in _COUNTS)]
    return f"<h3>Confusion, each class for itself</h3>{table(head, rows)}"


def _folds(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the folds of a report as rows, whichever way a recipe tells of them."""
    summary = report.get("summary") or {}
    if report.get("folds"):
        return [{**fold, **(fold.get("confusion") or {})} for fold in report["folds"]]
    crossed = summary.get("cross_validation") or {}
    areas = crossed.get("auc_per_fold") or summary.get("fold_auc") or summary.get("auc_per_fold") or []
    told = {key: crossed[key] for key in ("n", "n_patients") if isinstance(crossed.get(key), list)}
    return [
        {"fold": number + 1, "auc": area, **{key: values[number] for key, values in told.items()}}
        for number, area in enumerate(areas)
    ]


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_cell(one)}" for key, one in value.items())
    if value is None:
        return "-"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _flat(figures: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the name and text of every figure, those of a mapping inside under the names of both."""
    for key, value in figures.items():
        if (not above and key in _SHOWN_ELSEWHERE) or key.endswith(_INTERVALS):
            continue
        if isinstance(value, Mapping):
            if _measured(value):
                yield from _flat(value, (*above, key))
            continue
        interval = next((figures[key + end] for end in _INTERVALS if figures.get(key + end)), None)
        yield ": ".join((*above, key)).replace("_", " "), _figure(value, interval)


def _measured(values: Mapping[str, Any]) -> bool:
    """Return whether something in a mapping, or in those inside, is a figure."""
    return any(_measured(one) if isinstance(one, Mapping) else _figure(one, None) for one in values.values())


def _figure(value: Any, interval: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and math.isfinite(value):
        return figure_text(value, interval if isinstance(interval, Sequence) and len(interval) == 2 else None)
    if isinstance(value, int | str):
        return str(value)
    plain = isinstance(value, list) and len(value) <= _MOST_NUMBERS
    if plain and value and all(isinstance(one, int | float) or one is None for one in value):
        return ", ".join("-" if one is None else _cell(one) for one in value)
    return ""
