"""The recipe ``microcalc-dense``: train, test, compare the one-pass form with patches, and publish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from mammoviewer.base.paths import write_text_atomically
from mammoviewer.datasets.splits import write_split
from mammoviewer.inference.manifest import CARD_NAME, write_manifest
from mammoviewer.training.bundle import published_folder, write_bundle
from mammoviewer.training.dense_agreement import dense_agreement, images_of
from mammoviewer.training.int8_step import add_int8_of
from mammoviewer.training.microcalc_dense import run_dense_training
from mammoviewer.training.microcalc_dense_report import card, dense_facts, dense_report
from mammoviewer.training.networks.dense_microcalc import DENSE_STRIDE
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.report_html import write_report


def run_microcalc_dense(run: RecipeRun) -> Mapping[str, Any]:
    """Run the recipe, publish its model with its report and split, and return the metrics."""
    images = images_of(run.text("images"))
    outcome = run_dense_training(run)
    data = outcome.data
    run.tell("counting", 0.98)
    facts = dense_facts(run, outcome)
    with published_folder(run.spec.output, replace=True) as folder:
        manifest = write_bundle(folder, outcome.final.network, facts)
        run.tell("comparing the one-pass form with patches", 0.99)
        patches = data.part(data.test).pictures.numpy()
        agreement = dense_agreement(
            manifest, images, patches, data.truth[data.test], dense_stride=DENSE_STRIDE, seed=run.spec.seed
        )
        tiling = replace(
            manifest.windows,
            modes=("patches", "dense"),
            dense_stride=DENSE_STRIDE,
            dense_patch_agreement=agreement,
            # a window sees nothing but itself
            dense_halo=0,
        )
        metrics = {**facts.metrics, "dense_patch_agreement": {**asdict(agreement), "images": len(images)}}
        write_manifest(folder, replace(manifest, tiling=tiling, metrics=metrics))
        write_text_atomically(folder / CARD_NAME, card(run, outcome, metrics))
        write_split(folder / "split.json", data.split)
        write_report(folder, dense_report(run, outcome, metrics))
        add_int8_of(run, folder, data)
    return metrics
