"""Judging the folds of a recipe: one after the other here, or on the machines of a Dask cluster. No torch here."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mammoviewer.training.cluster import Task
from mammoviewer.training.recipe_files import Value
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.spec import TrainingSpec

ONE_AT_A_TIME = threading.Lock()
"""Held by whoever judges a fold: the generator of torch is one for all threads of a process, as of a Dask worker."""


@dataclass(frozen=True)
class FoldTask:
    """What another machine needs to judge one fold; data and checkpoints have the same names there.

    Attributes
    ----------
    spec, settings
        Of the run.
    number
        Of the fold, from 0.
    more
        What the recipe found out before, such as hyperparameters.
    """

    spec: TrainingSpec
    settings: Mapping[str, Value]
    number: int
    more: Mapping[str, Any] = field(default_factory=dict)

    def run(self) -> RecipeRun:
        """Return the run on a machine that knows nothing of it yet; nobody listens to what it tells."""
        self.spec.checkpoints.mkdir(parents=True, exist_ok=True)
        return RecipeRun(self.spec, self.settings, lambda _event: None, self.spec.checkpoints)


def judged_folds(
    run: RecipeRun,
    count: int,
    judge: Callable[[int], Mapping[str, Any]],
    elsewhere: Task,
    more: Mapping[str, Any] | None = None,
    *,
    chosen: str = "",
) -> list[Mapping[str, Any]]:
    """Return what is found of each fold, in their order.

    Parameters
    ----------
    judge
        Judges the fold of a number, from 0, in this process.
    elsewhere
        Does the same with a :class:`FoldTask`, on a machine of the scheduler, where one is named.
    more
        See :class:`FoldTask`.
    chosen
        A text that differs with what was found out before: results kept of another are not taken for these.

    Raises
    ------
    TrainingError
        A fold could not be judged elsewhere.
    """
    if not run.spec.scheduler:
        found = []
        for number in range(count):
            run.emit({"event": "fold", "fold": number + 1, "folds": count, "text": f"fold {number + 1} of {count}"})
            found.append(judge(number))
        return found
    names = [f"fold{number + 1} {chosen}".rstrip() for number in range(count)]
    items = {
        name: FoldTask(run.spec, dict(run.settings), number, dict(more or {})) for number, name in enumerate(names)
    }
    return list(run.tasks("folds", elsewhere, items).values())


def fold_figures(found: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the area ``auc`` of each fold, and mean and standard deviation of those that have one; None without folds.

    A fold that lacks a class has no area.
    """
    if not found:
        return None
    areas = [one["auc"] for one in found]
    known = [float(area) for area in areas if area is not None]
    return {
        "folds": len(found),
        "n": [one["n"] for one in found],
        "n_patients": [one["n_patients"] for one in found],
        "auc_per_fold": areas,
        "auc_mean": statistics.fmean(known) if known else None,
        "auc_deviation": statistics.stdev(known) if len(known) > 1 else None,
    }


def fold_text(figures: Mapping[str, Any] | None) -> str:
    """Return the figures of :func:`fold_figures` as a paragraph of a card; empty without folds."""
    if figures is None:
        return ""
    areas = ", ".join("-" if area is None else f"{area:.3f}" for area in figures["auc_per_fold"])
    mean, deviation = figures["auc_mean"], figures["auc_deviation"]
    spread = "" if mean is None else f"; mean {mean:.3f}"
    spread += "" if deviation is None else f", standard deviation {deviation:.3f}"
    shared = sum(figures.get("pictures_on_two_sides", ()))
    alike = f" The folds leak: {shared} times a film is almost the same as one learnt from." if shared else ""
    return f"""Cross-validation of the patients that are not in the test split, each fold judged by a network that saw
none of its patients: AUC per fold {areas}{spread}.{alike}

"""
