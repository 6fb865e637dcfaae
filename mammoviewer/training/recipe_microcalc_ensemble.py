"""The recipe ``microcalc-ensemble``: train, test, and publish the committee."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mammoviewer.datasets.splits import write_split
from mammoviewer.inference.manifest import describe_file, write_manifest
from mammoviewer.training.bundle import published_folder, write_bundle
from mammoviewer.training.compact_onnx import compact
from mammoviewer.training.microcalc_ensemble import EnsembleOutcome, EnsembleRecipe
from mammoviewer.training.microcalc_ensemble_report import ensemble_facts, ensemble_report
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.report_html import write_report
from mammoviewer.training.verify_onnx import verify_head_gradient, verify_model


def run_microcalc_ensemble(run: RecipeRun) -> Mapping[str, Any]:
    """Run the recipe, publish its model with its report and split, and return the metrics."""
    return publish(run, EnsembleRecipe(run).run())


def publish(run: RecipeRun, outcome: EnsembleOutcome) -> Mapping[str, Any]:
    """Count, write the model folder with report and split, and return the metrics."""
    run.tell("counting", 0.98)
    facts = ensemble_facts(run, outcome)
    with published_folder(run.spec.output, replace=True) as folder:
        manifest = write_bundle(folder, outcome.network, facts)
        _compact(folder, outcome, facts.shape)
        write_manifest(
            folder, replace(manifest, files={role: describe_file(folder, f"{role}.onnx") for role in manifest.files})
        )
        write_split(folder / "split.json", outcome.data.split)
        write_report(folder, ensemble_report(run, outcome, facts.metrics))
    return facts.metrics


def _compact(folder: Path, outcome: EnsembleOutcome, shape: tuple[int, int, int]) -> None:
    """Store the large matrices as bytes, and see that the files still say what torch says."""
    for role in ("model", "head_grad"):
        compact(folder / f"{role}.onnx", outcome.matrices)
    verify_model(outcome.network, folder / "model.onnx", shape, (0.0, 1.0))
    verify_head_gradient(outcome.network, folder / "head_grad.onnx", shape)
