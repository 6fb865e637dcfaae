"""Figures and report of the recipe ``dbt-slices``: by slice, by volume, and against what depth alone tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import mammoviewer
from mammoviewer.base.arrays import DoubleArray
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.training.baselines import intensity_statistics
from mammoviewer.training.evaluation_figures import classification_figures, curves
from mammoviewer.training.evaluation_gallery import Gallery
from mammoviewer.training.metrics import area_under_curve, finite_or_none
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.scored import Scored, ScoredUnit, grouped_units
from mammoviewer.training.slice_data import SliceData, depth_of, volume_of

THRESHOLD = 0.5
_BATCH = 32


def scored_slices(data: SliceData, part: str, probabilities: DoubleArray, classes: Sequence[str]) -> Scored:
    """Return the slices of a part with their truth, scores (n, classes), strata and grey statistics."""
    slices = data.part(part)
    labels = slices.labels.tolist()
    described = _statistics(data, part)
    units = []
    for index, (name, patient) in enumerate(zip(slices.names, slices.patients, strict=True)):
        case = data.cases[volume_of(name)]
        truth = tuple(int(labels[index] == k) for k in range(len(classes)))
        units.append(
            ScoredUnit(
                name=name,
                patient=patient,
                breast=case.breast,
                image=volume_of(name),
                truth=truth,
                scores=tuple(probabilities[index].tolist()),
                strata=case.strata,
                statistics=tuple(described[index].tolist()),
            )
        )
    return Scored(tuple(classes), classes[1], THRESHOLD, False, "patch", tuple(units), normal_index=0)


def figures_of(data: SliceData, scored: Scored, seed: int) -> dict[str, Any]:
    """Return the figures of the slices, those of the volumes (highest slice), and the area by depth alone."""
    whole = classification_figures(grouped_units(scored, "image"), seed=seed)
    lesion = 1 - scored.truth[:, 0]
    depth = np.array([-abs(depth_of(unit.name) - 0.5) for unit in scored.units])
    figures = classification_figures(scored, seed=seed)
    return {
        **figures,
        "task": "image-classification",
        "unit": "slice, patients of the test part",
        "volumes": {key: whole[key] for key in ("n", "n_patients", "auc", "auc_ci", "accuracy", "accuracy_ci")},
        "baseline_depth_auc": finite_or_none(area_under_curve(lesion, depth)),
    }


def report_of(
    run: RecipeRun,
    data: SliceData,
    manifest: ModelManifest,
    scored: Mapping[str, Scored],
    *,
    epochs: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the report of a run for :func:`mammoviewer.training.report_html.write_report`."""
    import torch

    seed = run.spec.seed
    return {
        "title": manifest.title,
        "intended_use": manifest.intended_use,
        "problems": list(data.problems),
        "summary": metrics,
        "parts": {
            part: {
                "metrics": {**classification_figures(one, seed=seed), "unit": "slice"},
                "curves": curves(one, seed=seed),
            }
            for part, one in scored.items()
        },
        "learning": [{"name": "training part", "epochs": [dict(epoch) for epoch in epochs]}],
        "gallery": _gallery(data, manifest, scored["test"]),
        "parameters": dict(run.settings),
        "versions": {"mammoviewer": mammoviewer.__version__, "torch": torch.__version__},
        "leaks": data.leaks.to_json() if data.leaks is not None else {},
        "seeds": {"run": seed, "split": data.split.seed},
        "data": {"folder": run.spec.data.name, "slices": len(data.reader), "sha256": data.reader.digest},
    }


def _gallery(data: SliceData, manifest: ModelManifest, scored: Scored) -> list[dict[str, str]]:
    gallery = Gallery(OnnxModel(manifest, threads=1))
    slices = data.part("test")
    for index, unit in enumerate(scored.units):
        values = np.asarray(data.reader.at([slices.places[index]]).pictures, dtype=np.float32)
        gallery.offer(unit.name, unit.truth, unit.scores, values)
    return gallery.pictures()


def _statistics(data: SliceData, part: str) -> DoubleArray:
    places = data.part(part).places
    parts = [
        intensity_statistics(np.asarray(data.reader.at(places[start : start + _BATCH]).pictures, dtype=np.float32))
        for start in range(0, len(places), _BATCH)
    ]
    return np.concatenate(parts)
