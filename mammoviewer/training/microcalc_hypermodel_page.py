"""The report of ``microcalc-hypermodel``: out-of-fold figures, the folds, learning curves and explanations."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import onnxruntime
import torch

import mammoviewer
from mammoviewer.datasets.infn import CLASSES
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.training.baselines import intensity_statistics
from mammoviewer.training.card import made_by
from mammoviewer.training.evaluation_figures import classification_figures, curves
from mammoviewer.training.evaluation_gallery import Gallery
from mammoviewer.training.metrics import area_under_curve, confusion, finite_or_none
from mammoviewer.training.microcalc_figures import roc_points
from mammoviewer.training.microcalc_recipe import RecipeOutcome, fit_name
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.scored import Scored, ScoredUnit


def hypermodel_report(
    run: RecipeRun, outcome: RecipeOutcome, manifest: ModelManifest, course: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the report of a run; ``course`` are the epochs that were told, of which those of the experts are shown."""
    seed, patches = run.spec.seed, outcome.patches
    scored = _scored(outcome, manifest.outputs.operating_threshold)
    figures = classification_figures(scored, seed=seed)
    learning = _learning(course)
    return {
        "title": manifest.title,
        "intended_use": manifest.intended_use,
        "summary": figures,
        "metrics": dict(manifest.metrics),
        "parts": {"out of fold": {"metrics": figures, "curves": curves(scored, seed=seed)}},
        "folds": _folds(outcome),
        "learning": learning,
        "problems": without_curves(learning, folds=len(outcome.folds), experts=run.integer("experts")),
        "gallery": _gallery(outcome, scored, manifest),
        "parameters": {name: value for name, value in run.settings.items() if name != "films"},
        "command": made_by(run.spec, folders=("films",)),
        "seeds": {"run": seed},
        "data": {
            "patches": len(patches),
            "groups": len(set(outcome.groups)),
            "near-duplicate pairs": outcome.duplicates,
            "sha256 of the patches": hashlib.sha256(np.ascontiguousarray(patches.images).tobytes()).hexdigest(),
        },
        "versions": {
            "mammoviewer": mammoviewer.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    }


def _scored(outcome: RecipeOutcome, threshold: float) -> Scored:
    patches, statistics = outcome.patches, intensity_statistics(outcome.patches.images)
    units = tuple(
        ScoredUnit(
            name=patches.names[index],
            patient=outcome.groups[index],
            breast=outcome.groups[index],
            image=patches.names[index],
            truth=(1 - label, label),
            scores=(1 - score, score),
            strata={},
            statistics=tuple(statistics[index].tolist()),
        )
        for index, (label, score) in enumerate(zip(patches.labels, outcome.held_out.tolist(), strict=True))
    )
    return Scored(CLASSES, CLASSES[1], threshold, False, "patch", units, normal_index=0)


def _folds(outcome: RecipeOutcome) -> list[dict[str, Any]]:
    rows = []
    for number, (fold, found) in enumerate(zip(outcome.folds, outcome.outcomes, strict=True), start=1):
        truth, scores = outcome.truth[fold.test], outcome.held_out[fold.test]
        rows.append(
            {
                "fold": number,
                "n": len(truth),
                "hyperparameters": {**asdict(found.parameters), "threshold": found.threshold},
                "auc": finite_or_none(area_under_curve(truth, scores)),
                "roc": roc_points(truth, scores),
                "confusion": confusion(truth, scores >= found.threshold),
            }
        )
    return rows


def _learning(course: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the curves of the experts; those of trials, and of the threshold, would hide them."""
    runs: dict[str, list[Mapping[str, Any]]] = {}
    kept = ("epoch", "loss", "validation_loss", "auc", "learning_rate")
    for event in course:
        if "expert" in event["text"]:
            runs.setdefault(event["text"], []).append({key: event[key] for key in kept})
    return [{"name": name, "epochs": epochs} for name, epochs in runs.items()]


def without_curves(learning: Sequence[Mapping[str, Any]], *, folds: int, experts: int) -> list[str]:
    """Return, as texts of a report, the experts of which ``learning`` has no curve."""
    shown = {run["name"] for run in learning}
    made = [
        fit_name(fold, f"expert {expert}") for fold in (*range(1, folds + 1), 0) for expert in range(1, experts + 1)
    ]
    reason = "trained on another machine or before the run was resumed"
    return [f"no learning curve of {name}: {reason}" for name in made if name not in shown]


def _gallery(outcome: RecipeOutcome, scored: Scored, manifest: ModelManifest) -> list[dict[str, str]]:
    """Return the surest patches of each outcome out of fold, explained by the published network."""
    gallery = Gallery(OnnxModel(manifest, threads=1))
    images = outcome.patches.images[:, np.newaxis].astype(np.float32) / np.float32(255)
    for unit, values in zip(scored.units, images, strict=True):
        gallery.offer(unit.name, unit.truth, unit.scores, values)
    return gallery.pictures()
