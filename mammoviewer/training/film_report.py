"""What the film recipes lay beside a model: ``report.html``, ``report.json`` and ``split.json``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mammoviewer
from mammoviewer.datasets.splits import write_split
from mammoviewer.training.bundle import BundleFacts
from mammoviewer.training.film_card import command_line
from mammoviewer.training.films import FilmSets
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.report_html import write_report


def write_film_report(
    folder: Path, run: RecipeRun, facts: BundleFacts, films: FilmSets, more: Mapping[str, Any] | None = None
) -> None:
    """Write the split and the report: main figures, learning curves, FROC where there is one, settings, problems.

    ``more`` are further keys of the report, such as those of :func:`mammoviewer.training.film_scores.report_parts`;
    ``froc_more`` among them are further keys of ``froc``.
    """
    import torch

    write_split(folder / "split.json", films.split)
    metrics = facts.metrics
    report: dict[str, Any] = {
        "title": facts.title,
        "intended_use": facts.intended_use,
        "summary": metrics,
        "learning": [{"name": facts.name, "epochs": metrics["curves"]}],
        "parameters": {**run.settings, "command": command_line(run)},
        "seeds": {"run": run.spec.seed, "split": films.split.seed},
        "data": {"films": metrics["films"], "films left out": len(films.problems), "sha256": films.digest},
        "leaks": films.leaks.to_json(),
        "versions": {"mammoviewer": mammoviewer.__version__, "torch": torch.__version__},
        **(more or {}),
        "problems": [f"left out: {problem}" for problem in films.problems],
    }
    if "froc" in metrics:
        report["froc"] = {
            "points": metrics["froc"],
            "at": metrics["sensitivity_at_fp"],
            "at_ci": metrics["sensitivity_at_fp_ci"],
            "baseline": metrics["baseline_same_places"],
            **report.pop("froc_more", {}),
        }
    write_report(folder, report)
