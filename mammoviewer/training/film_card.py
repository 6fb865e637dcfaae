"""Sentences that the cards of the film recipes share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mammoviewer.training.recipe_run import RecipeRun


def command_line(run: RecipeRun) -> str:
    """Return the command that makes the model again."""
    settings = "".join(f" --set {key}={value}" for key, value in run.spec.parameters.items())
    seed = f" --set seed={run.spec.seed}" if run.spec.seed != 1 else ""
    return f"mammoviewer train --recipe {run.spec.recipe} --data DIR --out DIR{settings}{seed}"


def with_interval(figures: Mapping[str, Any], key: str) -> str:
    """Return a figure with its interval ``KEY_ci`` in brackets."""
    value, limits = figures[key], figures.get(f"{key}_ci")
    if value is None:
        return "-"
    return f"{value:.3f}" if limits is None else f"{value:.3f} ({limits[0]:.3f} to {limits[1]:.3f})"
