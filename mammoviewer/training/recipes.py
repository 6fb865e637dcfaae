"""Recipes by name: a data set folder in, a model folder out, the same every time."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mammoviewer.base.errors import TrainingError
from mammoviewer.training.bundle import check_output
from mammoviewer.training.claim import CLAIM_NAME, claimed
from mammoviewer.training.distributed import present_group
from mammoviewer.training.recipe_cnni_bcc import run_cnni_bcc
from mammoviewer.training.recipe_dbt_slices import run_dbt_slices
from mammoviewer.training.recipe_files import Value, load_recipe
from mammoviewer.training.recipe_findings_patches import run_findings_patches
from mammoviewer.training.recipe_lesion_ssd import run_lesion_ssd
from mammoviewer.training.recipe_microcalc_dense import run_microcalc_dense
from mammoviewer.training.recipe_microcalc_ensemble import run_microcalc_ensemble
from mammoviewer.training.recipe_microcalc_hypermodel import run_microcalc_hypermodel
from mammoviewer.training.recipe_rsna_breast import run_rsna_breast
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.spec import SPEC_NAME, Emit, TrainingSpec

_FEWEST_FOLDS = 2
RECIPES: Mapping[str, Callable[[RecipeRun], Mapping[str, Any]]] = {
    "cnni-bcc": run_cnni_bcc,
    "findings-patches": run_findings_patches,
    "lesion-ssd": run_lesion_ssd,
    "dbt-slices": run_dbt_slices,
    "microcalc-dense": run_microcalc_dense,
    "microcalc-ensemble": run_microcalc_ensemble,
    "microcalc-hypermodel": run_microcalc_hypermodel,
    "rsna-breast": run_rsna_breast,
}
"""What carries out each recipe of ``resources/recipes``: publishes ``spec.output`` and returns the metrics."""


def run_recipe(spec: TrainingSpec, emit: Emit) -> Mapping[str, Any]:
    """Run the recipe ``spec.recipe``, publish ``spec.output`` and return the metrics.

    Raises
    ------
    TrainingError
        There is no such recipe, a setting is not one of it, the output is something other than an earlier model,
        another process is making it, or the run that is to be resumed was another one.
    """
    recipe = load_recipe(spec.recipe)
    settings = recipe.settings(spec.parameters)
    if spec.recipe not in RECIPES:
        raise TrainingError(f"the recipe {spec.recipe} cannot be carried out")
    if spec.scheduler and not has_folds(spec.recipe, settings):
        emit({"event": "log", "text": "no folds are asked for that a cluster could run: all is done here"})
    group = present_group()
    check_output(spec.output, replace=True)
    with claimed(spec.checkpoints) if group.is_first else contextlib.nullcontext():
        checkpoints = _checkpoint_folder(spec) if group.is_first else spec.checkpoints
        group.wait()
        metrics = RECIPES[spec.recipe](RecipeRun(spec, settings, emit, checkpoints))
        group.wait()
        if group.is_first:
            # the model is published: what cannot be removed takes nothing from it
            with contextlib.suppress(OSError):
                _clear(checkpoints)
    return metrics


def has_folds(recipe: str, settings: Mapping[str, Value]) -> bool:
    """Return whether a run has folds that other machines can judge; the experts of S1 learn where it runs."""
    if recipe in ("microcalc-dense", "microcalc-ensemble"):
        return False
    folds = int(settings.get("outer_folds", settings.get("folds", 0)))
    return folds >= _FEWEST_FOLDS or int(settings.get("repeats", 1)) > 1


def _checkpoint_folder(spec: TrainingSpec) -> Path:
    """Return the folder of checkpoints: that of an interrupted run where it is resumed, else an empty one."""
    folder, kept = spec.checkpoints, spec.checkpoints / SPEC_NAME
    if spec.resume and kept.is_file():
        before = TrainingSpec.from_json(kept.read_text(encoding="utf-8"))
        if _what_decides(before) != _what_decides(spec):
            hint = "resume it with the settings it was started with, or start anew without --resume"
            raise TrainingError("the interrupted run had other settings or other data", hint=hint, path=folder)
        return folder
    _clear(folder)
    spec.write(kept)
    return folder


def _clear(folder: Path) -> None:
    """Remove what lies in a folder of checkpoints, but for the claim to it."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != CLAIM_NAME:
            entry.unlink(missing_ok=True)


def _what_decides(spec: TrainingSpec) -> tuple[object, ...]:
    return spec.recipe, spec.data, spec.seed, dict(spec.parameters)
