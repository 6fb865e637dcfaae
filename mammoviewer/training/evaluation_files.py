"""The files of an evaluation: ``metrics.json``, ``units.csv`` and ``report.html``."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from mammoviewer.base.errors import ExportError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.training.evaluation import Evaluation
from mammoviewer.training.report_html import render_report
from mammoviewer.training.scored import Scored


def write_evaluation(folder: Path, result: Evaluation, manifest: ModelManifest) -> Path:
    """Write the files into ``folder``, which is made if need be, and return the path of the report.

    Raises
    ------
    ExportError
        A file cannot be written.
    """
    report = folder / "report.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(result.metrics, indent=2, allow_nan=False, ensure_ascii=False)
        write_text_atomically(folder / "metrics.json", text + "\n")
        write_text_atomically(folder / "units.csv", units_table(result.scored))
        write_text_atomically(report, render_report(evaluation_report(result, manifest)))
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror or error}", path=folder) from error
    return report


def units_table(scored: Scored) -> str:
    """Return a CSV with each unit's name, patient, truth and scores."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    names = [f"truth {name}" for name in scored.classes] + [f"score {name}" for name in scored.classes]
    writer.writerow(["unit", "patient", "breast", "image", *names])
    for unit in scored.units:
        shown = [f"{score:.6g}" for score in unit.scores]
        writer.writerow([unit.name, unit.patient, unit.breast, unit.image, *unit.truth, *shown])
    return text.getvalue()


def evaluation_report(result: Evaluation, manifest: ModelManifest) -> dict[str, Any]:
    """Return the report of an evaluation, as :func:`render_report` takes it."""
    metrics = result.metrics
    return {
        "title": f"{manifest.title or manifest.identity} on {metrics['layout']}",
        "summary": metrics,
        "parts": {"evaluated": {"metrics": metrics, "curves": result.curves}},
        "froc": {"points": metrics.get("froc"), "at": metrics.get("sensitivity_at_fp"),
                 "at_ci": metrics.get("sensitivity_at_fp_ci"), "rule": metrics.get("froc_rule")},
        "parameters": {"mode": metrics["mode"], "seed": metrics["bootstrap"]["seed"],
                       "resamples": metrics["bootstrap"]["resamples"], "threshold": metrics["threshold"]},
        "versions": {"program": metrics["program"], "model": metrics["model"]},
        "data": {"layout": metrics["layout"], "sha256": metrics["data_hash"], "images": metrics["images"],
                 "left out": metrics["left_out"], "problems": metrics["problems"]},
        "problems": list(result.problems),
        "gallery": list(result.gallery),
        "intended_use": manifest.intended_use,
    }  # fmt: skip
