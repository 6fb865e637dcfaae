"""The recipe ``microcalc-hypermodel``: train, count and publish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mammoviewer.training.bundle import published_folder, write_bundle
from mammoviewer.training.microcalc_recipe import MicrocalcRecipe
from mammoviewer.training.microcalc_report import bundle_facts
from mammoviewer.training.recipe_run import RecipeRun


def run_microcalc_hypermodel(run: RecipeRun) -> Mapping[str, Any]:
    """Run the recipe, publish its model and return the metrics."""
    outcome = MicrocalcRecipe(run).run()
    run.tell("counting", 0.99)
    facts = bundle_facts(run, outcome)
    with published_folder(run.spec.output, replace=True) as folder:
        write_bundle(folder, outcome.network, facts)
    return facts.metrics
