"""Manifest facts and model card of the recipe ``dbt-slices``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mammoviewer.datasets.layouts import detect_layout
from mammoviewer.datasets.phantom_exams import LAYOUT as PHANTOM
from mammoviewer.training.architectures import Network
from mammoviewer.training.bundle import BundleFacts
from mammoviewer.training.networks.dbt_cnn import SLICE_PX
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.slice_data import PREPROCESSING, VALUE_RANGE
from mammoviewer.training.slice_report import THRESHOLD

SYNTHETIC = "Synthetic training data, demonstration only."
_USE = (
    "Research and teaching: tells slices of breast tomosynthesis with a lesion from those without. Not for diagnosis."
)
_OPTIMISTIC = """
These figures are optimistic: the hyperparameters were chosen before on the validation patients, who are among those of
the folds."""


def bundle_facts(run: RecipeRun, classes: Sequence[str], network: Network, metrics: Mapping[str, Any]) -> BundleFacts:
    """Return what the manifest of a run says."""
    synthetic = detect_layout(run.spec.data) == PHANTOM
    use = f"{SYNTHETIC} {_USE}" if synthetic else _USE
    data = {
        "name": "phantom exams (mammoviewer phantom)" if synthetic else run.spec.data.name,
        "terms": "computed, Apache-2.0" if synthetic else "those of the data set",
        "patients": metrics["patients"],
        "slices": metrics["slices"],
    }
    return BundleFacts(
        name=run.spec.name,
        tag=run.spec.tag,
        title=run.spec.title or f"Tomosynthesis slices, {len(classes)} classes ({run.text('network')})",
        classes=tuple(classes),
        positive_class=classes[1],
        operating_threshold=THRESHOLD,
        patch=(SLICE_PX, SLICE_PX),
        pixel_size_mm=None,
        preprocessing=PREPROCESSING,
        kinds=("TOMO",),
        card=_card(run, classes, metrics, use, data),
        intended_use=use,
        training_data=(data,),
        metrics=metrics,
        task="image-classification",
        value_range=VALUE_RANGE,
        cam_method="hirescam",
    )


def _card(run: RecipeRun, classes: Sequence[str], metrics: Mapping[str, Any], use: str, data: Mapping[str, Any]) -> str:
    volumes, baselines = metrics["volumes"], metrics["baselines"]
    counted = f"{metrics['n']} of {metrics['n_patients']} patients"
    settings = "".join(f" --set {key}={value}" for key, value in run.spec.parameters.items())
    per_class = "\n".join(
        f"| {name} | {_shown(row.get('auc'))} | {_shown(row.get('sensitivity'))} | {_shown(row.get('specificity'))} |"
        for name, row in metrics["classes"].items()
    )
    folds = ", ".join("-" if area is None else f"{area:.3f}" for area in metrics["fold_auc"]) or "none were run"
    optimistic = _OPTIMISTIC if metrics["fold_auc"] and run.text("search_method") != "none" else ""
    grey = baselines["intensity regression"] or {}
    return f"""# {run.spec.title or "Tomosynthesis slices"}

{use}

## Network
{metrics["network"]}, {metrics["weights"]:,} weights. A slice is shown by its own window, fitted into
{SLICE_PX}x{SLICE_PX} pixels, and brought to mean 0 and standard deviation 1 over what is not air. Classes:
{", ".join(classes)}. ONNX opset 17. A training step of {run.integer("batch")} slices takes about
{metrics["memory_mib"]} MiB.

## Data
{data["name"]} ({data["terms"]}): patients {_parts(data["patients"])}; slices {_parts(data["slices"])}. At most
{run.integer("positives")} slices of each lesion class, evenly over those that its lesions reach, and at most
{run.integer("negatives")} without, evenly over the others, of each volume; {run.integer("margin")} slices beside a
lesion are left out.

## How it was judged
Patients were split once by a fixed seed; the test patients were looked at once, by the network of the epoch with the
lowest loss on the validation patients. Intervals are 95 %, from 2000 resamplings of patients. Hyperparameters chosen by
search: {metrics["chosen"] or "none, those of the command"}. Augmentation, of training slices alone: mirroring, zoom
5 %, rotation 15 degrees, shift 5.8 %.

| | AUC | accuracy |
|---|---|---|
| slices, test ({counted}) | {_with(metrics, "auc")} | {_with(metrics, "accuracy")} |
| volumes, highest slice ({volumes["n"]}) | {_with(volumes, "auc")} | {_with(volumes, "accuracy")} |
| regression on grey statistics | {_shown(grey.get("auc"))} | {_shown(grey.get("accuracy"))} |
| nearness to the middle slice alone | {_shown(metrics["baseline_depth_auc"])} | |

| class | AUC | sensitivity | specificity |
|---|---|---|---|
{per_class}

Cross-validation of the other patients, AUC per fold: {folds}.{optimistic}

## Limits
The slices are chosen: lesions are far more frequent among them than among the slices of a screening examination.
Shadows of a lesion in slices beside it are not told from the lesion by their position.

## Made by
`mammoviewer train --recipe dbt-slices --data DIR --out DIR --set seed={run.spec.seed}{settings}`
"""


def _parts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{part} {count}" for part, count in counts.items())


def _with(figures: Mapping[str, Any], key: str) -> str:
    limits = figures.get(f"{key}_ci")
    shown = _shown(figures.get(key))
    return f"{shown} ({limits[0]:.3f} to {limits[1]:.3f})" if limits else shown


def _shown(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "not assessable"
