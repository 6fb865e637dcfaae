"""The model folder that a retraining ends with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mammoviewer.base.errors import TrainingError
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.inference.manifest import load_manifest
from mammoviewer.training.bundle import BundleFacts, check_output, published_folder, write_bundle
from mammoviewer.training.regions_run import train_regions
from mammoviewer.training.spec import Emit, TrainingSpec

_INTENDED_USE = "Research only. Made from the regions of one user; not for diagnosis."


def build_region_model(spec: TrainingSpec, patches: PatchSet, emit: Emit) -> Mapping[str, Any]:
    """Retrain as ``spec`` says, publish the folder ``spec.output`` and return the metrics."""
    if spec.pixel_size_mm is None or spec.base_model is None:
        raise TrainingError("retraining needs a base model and the pixel size of the patches")
    check_output(spec.output, replace=False)
    parent = load_manifest(spec.base_model).identity
    result = train_regions(spec, patches, emit)
    emit({"event": "log", "text": "writing the model", "fraction": 0.95})
    facts = BundleFacts(
        name=spec.name,
        tag=spec.tag,
        title=spec.title or spec.name,
        classes=patches.classes,
        positive_class=spec.positive_class,
        operating_threshold=result.threshold,
        patch=(patches.images.shape[1], patches.images.shape[2]),
        pixel_size_mm=spec.pixel_size_mm,
        preprocessing=spec.preprocessing,
        kinds=spec.kinds,
        card=_card(spec, patches, result.metrics, parent),
        intended_use=_INTENDED_USE,
        training_data=({"name": "regions of this library", "terms": "the user's own", **_amount(patches)},),
        metrics=result.metrics,
        parent=parent,
    )
    with published_folder(spec.output, replace=False) as folder:
        write_bundle(folder, result.network, facts)
    return result.metrics


def _amount(patches: PatchSet) -> dict[str, Any]:
    return {"regions": len(set(patches.names)), "patches": len(patches)}


def _card(spec: TrainingSpec, patches: PatchSet, metrics: Mapping[str, Any], parent: str) -> str:
    lines = [
        f"# {spec.title or spec.name}",
        "",
        _INTENDED_USE,
        "",
        f"Retrained from {parent} on {metrics['regions']} regions ({len(patches)} patches) of {_patients(metrics)}.",
        f"Classes: {', '.join(patches.classes)}. Positive: {spec.positive_class}.",
        f"Pixel size {spec.pixel_size_mm} mm, seed {spec.seed}.",
        "",
        f"**{metrics['verdict']}**",
        "",
        f"Regions were held out by {metrics['unit']}: {metrics['groups']} groups, the smallest class has",
        f"{metrics['smallest_class_groups']}. Regions that are the same picture never stand on both sides of a split.",
        "Accuracy, sensitivity and specificity come from one decision rule (`decision_rule`); no fold's threshold or",
        "number of epochs was chosen on the fold itself.",
        "",
        "| figure | value |",
        "|---|---|",
        *(f"| {key} | {_shown(value)} |" for key, value in metrics.items() if key != "verdict"),
    ]
    return "\n".join(lines) + "\n"


def _patients(metrics: Mapping[str, Any]) -> str:
    count = metrics["patients"]
    return f"{count} patient{'s' if count != 1 else ''}" if count else "patients not known"


def _shown(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
