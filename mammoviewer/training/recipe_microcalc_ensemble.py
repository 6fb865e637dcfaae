"""The recipe ``microcalc-ensemble``: train, test, and publish the committee."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mammoviewer.datasets.splits import write_split
from mammoviewer.training.bundle import published_folder, write_bundle
from mammoviewer.training.int8_step import add_int8_of
from mammoviewer.training.microcalc_ensemble import EnsembleOutcome, EnsembleRecipe
from mammoviewer.training.microcalc_ensemble_report import ensemble_facts, ensemble_report
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.report_html import write_report


def run_microcalc_ensemble(run: RecipeRun) -> Mapping[str, Any]:
    """Run the recipe, publish its model with its report and split, and return the metrics."""
    return publish(run, EnsembleRecipe(run).run())


def publish(run: RecipeRun, outcome: EnsembleOutcome) -> Mapping[str, Any]:
    """Count, write the model folder with report and split, and return the metrics."""
    run.tell("counting", 0.98)
    facts = ensemble_facts(run, outcome)
    with published_folder(run.spec.output, replace=True) as folder:
        write_bundle(folder, outcome.network, facts)
        write_split(folder / "split.json", outcome.data.split)
        write_report(folder, ensemble_report(run, outcome, facts.metrics))
        add_int8_of(run, folder, outcome.data)
    return facts.metrics
