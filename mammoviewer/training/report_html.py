"""One HTML file from the report of a run or an evaluation: no network, no scripts, dark on screen and light on paper.

A report is a mapping that JSON can hold. Every key may be absent:

- ``title``, ``intended_use``, ``problems`` (texts), ``summary`` (the metrics whose main figures stand on top)
- ``parts``: by name (train, validation, test, ...) ``{"metrics": ..., "curves": ...}`` of
  :func:`mammoviewer.training.evaluation_figures.classification_figures` and ``curves``
- ``learning``: ``[{"name": ..., "epochs": [{"epoch", "loss", "validation_loss", "auc", "learning_rate"}, ...]}, ...]``
- ``metrics``: all figures of the run, where ``summary`` is but a part of them
- ``folds``: ``[{"fold", "auc", "n", "n_patients", "hyperparameters", "roc", "confusion"}, ...]``, else those of
  ``cross_validation``, ``fold_auc`` or ``auc_per_fold`` of the summary
- ``committee``: ``{"weights", "losses", "test_losses", "accuracies", "test_accuracies"}``
- ``froc``: ``{"points": [{"false_per_image", "sensitivity"}], "at": {"1": ...}, "at_ci": ..., "rule": ...,
  "baseline": {"1": ...}, "others": {"training": [points], ...}}``
- ``gallery``: ``[{"caption": ..., "png": ...}]`` with :func:`png_text`
- ``leaks``, ``parameters``, ``versions``, ``seeds``, ``data``: mappings
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mammoviewer.base.arrays import ByteArray
from mammoviewer.base.errors import ArgumentError, ExportError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.training.report_details import (
    committee_section,
    figure_text,
    folds_section,
    further_section,
    label_confusion,
    table,
)
from mammoviewer.training.report_plots import Axes, Line, interval_plot, plot, value_range
from mammoviewer.training.report_style import STYLE

_TABLES = (
    ("parameters", "Parameters"), ("seeds", "Seeds"), ("data", "Data"), ("leaks", "Leaks"), ("versions", "Versions"),
)  # fmt: skip
_CLASS_COLUMNS = ("auc", "average_precision", "sensitivity", "specificity", "precision")
_CLASS_TITLES = ("AUC", "average precision", "sensitivity", "specificity", "precision")
_MOST_FALSE = 8.0


def write_report(folder: Path, report: Mapping[str, Any]) -> Path:
    """Write ``report.html`` and ``report.json`` into a folder that is there; return the path of the former.

    Raises
    ------
    ExportError
        A file cannot be written, or the report holds what JSON cannot.
    """
    try:
        text = json.dumps(json_ready(report), indent=2, allow_nan=False, ensure_ascii=False)
        write_text_atomically(folder / "report.json", text + "\n")
        write_text_atomically(folder / "report.html", render_report(report))
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror or error}", path=folder) from error
    except (TypeError, ValueError) as error:
        raise ExportError(f"the report cannot be written as JSON: {error}", path=folder) from error
    return folder / "report.html"


def json_ready(value: Any) -> Any:
    """Return a value with numpy numbers as plain ones, tuples as lists, and ``None`` for what is no finite number."""
    if isinstance(value, Mapping):
        return {str(key): json_ready(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [json_ready(one) for one in value]
    if isinstance(value, np.generic):
        return json_ready(value.item())
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def png_text(picture: ByteArray) -> str:
    """Return a picture, uint8 (rows, columns) or (rows, columns, 3) RGB, as PNG in base64.

    Raises
    ------
    ArgumentError
        It cannot be encoded.
    """
    shown = picture[..., ::-1] if picture.ndim == 3 else picture
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(shown))
    if not done:
        raise ArgumentError("the picture cannot be written as PNG")
    return base64.b64encode(encoded.tobytes()).decode("ascii")


def render_report(report: Mapping[str, Any]) -> str:
    """Return the page of a report."""
    value = json_ready(report)
    if value.get("command"):
        value["parameters"] = {**(value.get("parameters") or {}), "command": value["command"]}
    title = str(value.get("title") or "Report")
    sections = [
        _head(title, value),
        _learning(value.get("learning") or []),
        *(_part(name, part) for name, part in (value.get("parts") or {}).items()),
        _froc(value.get("froc") or {}),
        folds_section(value),
        committee_section(value.get("committee") or {}),
        further_section(value.get("metrics") or value.get("summary") or {}),
        _gallery(value.get("gallery") or []),
        *(_mapping(heading, value[key]) for key, heading in _TABLES if value.get(key)),
        _problems(value.get("problems") or []),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><main>{''.join(sections)}</main></body></html>\n"
    )


def _head(title: str, report: Mapping[str, Any]) -> str:
    summary = report.get("summary") or {}
    tiles = []
    for key, name in (("auc", "AUC"), ("accuracy", "Accuracy")):
        if key in summary:
            tiles.append(_tile(name, summary[key], summary.get(f"{key}_ci")))
    at, at_ci = summary.get("sensitivity_at_fp") or {}, summary.get("sensitivity_at_fp_ci") or {}
    for rate in ("1", "2"):
        if rate in at:
            tiles.append(_tile(f"Sensitivity at {rate} false per image", at[rate], at_ci.get(rate)))
    told = [f"{summary['n']} x {summary['unit']}", f"{summary['n_patients']} patients"] if "n" in summary else []
    if summary.get("note"):
        told.append(str(summary["note"]))
    if summary.get("training_patients_among_them"):
        told.append(f"{summary['training_patients_among_them']} of these patients were learned from")
    note = " &middot; ".join(escape(text) for text in told)
    use = f"<p class='use'>{escape(str(report['intended_use']))}</p>" if report.get("intended_use") else ""
    return f"<header><h1>{escape(title)}</h1><p>{note}</p>{use}<div class='tiles'>{''.join(tiles)}</div></header>"


def _tile(name: str, value: float | None, interval: Sequence[float] | None) -> str:
    range_text = f"95 % {interval[0]:.3f} to {interval[1]:.3f}" if interval else "no interval"
    shown = "-" if value is None else f"{value:.3f}"
    return f"<div class='tile'><span>{escape(name)}</span><b>{shown}</b><small>{range_text}</small></div>"


def _learning(runs: Sequence[Mapping[str, Any]]) -> str:
    plots = []
    for key, title in (("loss", "Loss"), ("auc", "AUC of the validation part"), ("learning_rate", "Learning rate")):
        lines = []
        for run in runs:
            epochs = [epoch for epoch in run.get("epochs", []) if epoch.get(key) is not None]
            label = str(run.get("name", ""))
            if epochs:
                numbers = [epoch["epoch"] for epoch in epochs]
                lines.append(
                    Line(f"{label} training".strip() if key == "loss" else label, numbers, [e[key] for e in epochs])
                )
            if key == "loss" and any(epoch.get("validation_loss") is not None for epoch in epochs):
                values = [epoch.get("validation_loss") for epoch in epochs]
                lines.append(Line(f"{label} validation".strip(), numbers, values, dashed=True))
        if lines:
            last = max(max(line.x) for line in lines)
            first = min(min(line.x) for line in lines)
            axes = Axes("epoch", title, (first, max(last, first + 1)), value_range(lines, from_zero=key != "auc"))
            plots.append(plot(title, lines, axes))
    return f"<section><h2>Learning</h2><div class='plots'>{''.join(plots)}</div></section>" if plots else ""


def _part(name: str, part: Mapping[str, Any]) -> str:
    metrics, curves = part.get("metrics") or {}, part.get("curves") or {}
    plots = [_curve_plot("ROC", curves.get("roc"), "1 - specificity", "sensitivity", diagonal=True)]
    plots += [_curve_plot("Precision and recall", curves.get("pr"), "recall", "precision", prevalence=True)]
    plots += [_reliability(metrics.get("calibration") or {})]
    unit = f"{metrics['n']} x {metrics['unit']}, {metrics['n_patients']} patients" if "n" in metrics else ""
    return (
        f"<section><h2>{escape(name.capitalize())}</h2><p>{escape(unit)}</p>{_classtable(metrics)}"
        f"<div class='plots'>{''.join(plots)}</div>"
        f"{_confusion(metrics)}{_baselines(metrics)}{_strata(metrics)}</section>"
    )


def _curve_plot(
    title: str,
    found: Mapping[str, Any] | None,
    x_title: str,
    y_title: str,
    *,
    diagonal: bool = False,
    prevalence: bool = False,
) -> str:
    if not found:
        return ""
    lines = [Line(name, c["x"], c["y"], c.get("low"), c.get("high")) for name, c in found.items()]
    if prevalence:
        lines += [
            Line(f"prevalence of {name}", (0.0, 1.0), (c["prevalence"],) * 2, dashed=True) for name, c in found.items()
        ]
    return plot(title, lines, Axes(x_title, y_title), diagonal=diagonal)


def _reliability(calibration: Mapping[str, Any]) -> str:
    lines = []
    for name, found in calibration.items():
        bins = found["bins"]
        label = f"{name}: Brier {found['brier']:.3f}, ECE {found['ece']:.3f}"
        lines.append(Line(label, [b["mean_score"] for b in bins], [b["observed"] for b in bins], dots=True))
    return plot("Reliability", lines, Axes("mean score", "observed share"), diagonal=True) if lines else ""


def _classtable(metrics: Mapping[str, Any]) -> str:
    classes = metrics.get("classes") or {}
    if not classes:
        return ""
    rows = [
        [
            name,
            str(found["support"]),
            *(figure_text(found[c], found.get(f"{c}_ci")) for c in _CLASS_COLUMNS),
            figure_text(found["f1"]),
        ]
        for name, found in classes.items()
    ]
    macro = metrics.get("macro") or {}
    rows.append(["macro", "", *(figure_text(macro.get(c)) for c in _CLASS_COLUMNS), figure_text(macro.get("f1"))])
    return table(["class", "support", *_CLASS_TITLES, "F1"], rows)


def _confusion(metrics: Mapping[str, Any]) -> str:
    counts = metrics.get("confusion")
    if not counts:
        return label_confusion(metrics.get("classes") or {})
    names = list((metrics.get("classes") or {}).keys())
    cells = []
    for name, row in zip(names, counts, strict=True):
        total = max(1, sum(row))
        shown = "".join(f"<td class='cell' style='--share:{count / total:.3f}'>{count}</td>" for count in row)
        cells.append(f"<tr><th>{escape(name)}</th>{shown}</tr>")
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    return (
        f"<h3>Confusion (rows: truth, columns: decided)</h3>"
        f"<table class='confusion'><tr><th></th>{head}</tr>{''.join(cells)}</table>"
    )


def _baselines(metrics: Mapping[str, Any]) -> str:
    found = metrics.get("baselines") or {}
    rows = [
        [
            "this model",
            figure_text(metrics.get("auc"), metrics.get("auc_ci")),
            figure_text(metrics.get("accuracy"), metrics.get("accuracy_ci")),
        ]
    ]
    rows += [
        [name, figure_text(one["auc"], one.get("auc_ci")), figure_text(one["accuracy"])]
        for name, one in found.items()
        if one is not None
    ]
    return f"<h3>Beside baselines</h3>{table(['', 'AUC', 'accuracy'], rows)}" if found else ""


def _strata(metrics: Mapping[str, Any]) -> str:
    plots = []
    for name, values in (metrics.get("strata") or {}).items():
        rows = [
            (f"{value} ({one['n']}, {one['n_patients']} patients)", one["auc"], one["auc_ci"])
            for value, one in values.items()
            if one["auc"] is not None
        ]
        if rows:
            plots.append(interval_plot(f"By {name}", rows, x_title="AUC"))
    return f"<h3>Strata</h3><div class='plots'>{''.join(plots)}</div>" if plots else ""


def _froc(froc: Mapping[str, Any]) -> str:
    points = froc.get("points")
    if not points:
        return ""
    x = [point["false_per_image"] for point in points]
    shown = min(_MOST_FALSE, max([*x, 1.0]))
    kept = [point for point in points if point["false_per_image"] <= shown]
    lines = [Line("marks", [p["false_per_image"] for p in kept], [p["sensitivity"] for p in kept])]
    for name, others in (froc.get("others") or {}).items():
        inside = [point for point in others if point["false_per_image"] <= shown]
        across, up = [p["false_per_image"] for p in inside], [p["sensitivity"] for p in inside]
        lines.append(Line(name, across, up, dashed=True))
    at, at_ci = froc.get("at") or {}, froc.get("at_ci") or {}
    if at_ci and all(at_ci.get(rate) for rate in at):
        rates = [rate for rate in at if float(rate) <= shown]
        low, high = [at_ci[rate][0] for rate in rates], [at_ci[rate][1] for rate in rates]
        lines.append(Line("95 % by patient", [float(r) for r in rates], [at[r] for r in rates], low, high, dots=True))
    figure = plot("FROC", lines, Axes("false marks per image", "sensitivity", (0.0, shown)))
    blind = froc.get("baseline") or {}
    rows = [[rate, figure_text(value, at_ci.get(rate))] for rate, value in at.items()]
    if blind:
        rows = [[*row, figure_text(blind.get(row[0]))] for row in rows]
    rule = f"<p>{escape(str(froc['rule']))}</p>" if froc.get("rule") else ""
    head = ["false marks per image", "sensitivity", *(["marks that know nothing of the image"] if blind else [])]
    return f"<section><h2>FROC</h2>{rule}<div class='plots'>{figure}<div>{table(head, rows)}</div></div></section>"


def _gallery(pictures: Sequence[Mapping[str, Any]]) -> str:
    shown = [
        f"<figure class='picture'><img alt='' src='data:image/png;base64,{escape(str(one['png']), quote=True)}'>"
        f"<figcaption>{escape(str(one.get('caption', '')))}</figcaption></figure>"
        for one in pictures
    ]
    return f"<section><h2>Explanations</h2><div class='gallery'>{''.join(shown)}</div></section>" if shown else ""


def _mapping(heading: str, values: Mapping[str, Any]) -> str:
    rows = [[str(key), _short(value)] for key, value in values.items()]
    return f"<section class='facts'><h2>{escape(heading)}</h2>{table(['', ''], rows)}</section>"


def _problems(problems: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(str(problem))}</li>" for problem in problems)
    return f"<section><h2>Passed over</h2><ul>{items}</ul></section>" if items else ""


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
