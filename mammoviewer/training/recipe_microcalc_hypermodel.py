"""The recipe ``microcalc-hypermodel``: train, count and publish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mammoviewer.inference.manifest import load_manifest
from mammoviewer.training.bundle import published_folder, write_bundle
from mammoviewer.training.microcalc_recipe import MicrocalcRecipe
from mammoviewer.training.microcalc_report import bundle_facts
from mammoviewer.training.quantise import quantised
from mammoviewer.training.recipe_run import RecipeRun


def run_microcalc_hypermodel(run: RecipeRun) -> Mapping[str, Any]:
    """Run the recipe, publish its model, with an int8 form where that agrees, and return the metrics."""
    outcome = MicrocalcRecipe(run).run()
    run.tell("counting", 0.98)
    facts = bundle_facts(run, outcome)
    patches = outcome.patches.images[:, np.newaxis].astype(np.float32) / np.float32(255)
    with published_folder(run.spec.output, replace=True) as folder:
        write_bundle(folder, outcome.network, facts)
        int8 = quantised(folder, patches, outcome.patches.labels, outcome.groups)
        run.tell("int8: " + (int8["reason"] or f"mean difference {int8['mean_abs_dp']:.4f}, kept"), 0.99)
        return load_manifest(folder).metrics
