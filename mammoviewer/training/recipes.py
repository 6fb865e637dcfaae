"""Recipes by name: a data set folder in, a model folder out, the same every time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mammoviewer.base.errors import TrainingError
from mammoviewer.training.bundle import check_output, published_folder, write_bundle
from mammoviewer.training.fine_tuning import Emit
from mammoviewer.training.microcalc_recipe import MicrocalcRecipe
from mammoviewer.training.microcalc_report import bundle_facts
from mammoviewer.training.spec import TrainingSpec


def run_recipe(spec: TrainingSpec, emit: Emit) -> Mapping[str, Any]:
    """Run the recipe ``spec.recipe``, publish ``spec.output`` and return the metrics.

    Raises
    ------
    TrainingError
        There is no such recipe, or the output is something other than an earlier model.
    """
    if spec.recipe not in _RECIPES:
        raise TrainingError(f"there is no recipe {spec.recipe!r}", hint="recipes: " + ", ".join(_RECIPES))
    check_output(spec.output, replace=True)
    return _RECIPES[spec.recipe](spec, emit)


def _microcalc_hypermodel(spec: TrainingSpec, emit: Emit) -> Mapping[str, Any]:
    outcome = MicrocalcRecipe(spec, emit).run()
    emit({"event": "log", "text": "counting", "fraction": 0.99})
    facts = bundle_facts(spec, outcome)
    with published_folder(spec.output, replace=True) as folder:
        write_bundle(folder, outcome.network, facts)
    return facts.metrics


_RECIPES: Mapping[str, Callable[[TrainingSpec, Emit], Mapping[str, Any]]] = {
    "microcalc-hypermodel": _microcalc_hypermodel,
}
