"""The recipe ``microcalc-hypermodel``: train, count and publish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mammoviewer.inference.manifest import load_manifest
from mammoviewer.training.bundle import published_folder, write_bundle
from mammoviewer.training.int8_step import add_int8
from mammoviewer.training.microcalc_hypermodel_page import hypermodel_report
from mammoviewer.training.microcalc_recipe import MicrocalcRecipe
from mammoviewer.training.microcalc_report import bundle_facts
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.report_html import write_report


def run_microcalc_hypermodel(run: RecipeRun) -> Mapping[str, Any]:
    """Run the recipe, publish its model with a report, and an int8 form where that agrees; return the metrics."""
    course: list[Mapping[str, Any]] = []

    def told(event: Mapping[str, Any]) -> None:
        run.emit(event)
        if event["event"] == "epoch":
            course.append(event)

    outcome = MicrocalcRecipe(replace(run, emit=told)).run()
    run.tell("counting", 0.98)
    facts = bundle_facts(run, outcome)
    patches = outcome.patches.images[:, np.newaxis].astype(np.float32) / np.float32(255)
    with published_folder(run.spec.output, replace=True) as folder:
        manifest = write_bundle(folder, outcome.network, facts)
        write_report(folder, hypermodel_report(run, outcome, manifest, course))
        add_int8(run, folder, patches, outcome.patches.labels, outcome.groups, data="the data set")
        return load_manifest(folder).metrics
