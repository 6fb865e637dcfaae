"""The figures, the card and the manifest facts of the bundled microcalcification model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.datasets.infn import CLASSES, PATCH_SHAPE, PIXEL_SIZE_MM
from mammoviewer.training.architectures import parameter_count
from mammoviewer.training.baselines import majority_out_of_fold, statistics_out_of_fold
from mammoviewer.training.bundle import BundleFacts
from mammoviewer.training.card import Card, CardFigure, DataUsed, made_by
from mammoviewer.training.film_check import check_films
from mammoviewer.training.metrics import (
    area_under_curve,
    best_threshold,
    bootstrap_interval,
    brier_score,
    calibration_error,
    confusion,
    decision_figures,
)
from mammoviewer.training.microcalc_recipe import AUGMENTATION, RecipeOutcome, RecipeSettings, thresholds_of
from mammoviewer.training.recipe_run import RecipeRun

PREPROCESSING: tuple[Mapping[str, Any], ...] = (
    {"op": "voi", "window": "default"},
    {"op": "resample_pixel_size"},
    # 2 mm: past the skin line, whose cut would be saw teeth, and past the frame that a scanner leaves round a film.
    {"op": "fill_air", "margin": 24, "image_edge": True},
    {"op": "scale", "divide_by": 255.0},
)
_KINDS = ("MAMMOGRAM", "TOMO", "SYNTHETIC_2D", "SECONDARY", "RASTER")
_INTENDED_USE = (
    "Research and teaching: shows where a patch of 5.1 x 5.1 mm looks like one with a microcalcification cluster in "
    "digitised films. Not for diagnosis; never tested on patients of a screening programme."
)
_LIMITS = """Patches of digitised films from one teaching set, about half of them positive: on whole images nearly all
patches are normal, so that many marks are false. Vessel calcifications, skin folds, edges of labels and noise may be
marked."""
_DATA = {
    "name": "INFN microcalcification patches (Pisa)",
    "terms": "teaching set without a stated licence: research use, not redistributed here",
}


def bundle_facts(run: RecipeRun, outcome: RecipeOutcome) -> BundleFacts:
    """Return everything that the manifest and the card say."""
    spec = run.spec
    metrics = figures(outcome, spec.seed)
    threshold = float(np.median([fold.threshold for fold in outcome.outcomes]))
    if run.text("films"):
        metrics["films"] = check_films(
            Path(run.text("films")),
            outcome.network,
            steps=PREPROCESSING,
            pixel_size_mm=PIXEL_SIZE_MM,
            threshold=threshold,
        )
    return BundleFacts(
        name=spec.name,
        tag=spec.tag,
        title=spec.title or "Microcalcification clusters (patches)",
        classes=CLASSES,
        positive_class=CLASSES[1],
        operating_threshold=round(threshold, 3),
        patch=PATCH_SHAPE,
        pixel_size_mm=PIXEL_SIZE_MM,
        preprocessing=PREPROCESSING,
        kinds=_KINDS,
        card=_card(run, outcome, metrics, threshold),
        intended_use=_INTENDED_USE,
        training_data=({**_DATA, "cases": metrics["cases"], "patches": metrics["patches"]},),
        metrics=metrics,
    )


def figures(outcome: RecipeOutcome, seed: int) -> dict[str, Any]:
    """Return all out-of-fold figures; the unit is the patch, intervals are drawn over cases."""
    truth = outcome.truth
    decided = outcome.held_out >= outcome.thresholds
    statistics = statistics_out_of_fold(outcome.patches.images, truth, outcome.folds)
    majority = majority_out_of_fold(truth, outcome.folds)
    fold_areas = [area_under_curve(truth[f.test], outcome.held_out[f.test]) for f in outcome.folds]
    low, high = bootstrap_interval(truth, outcome.held_out, outcome.groups, seed=seed)
    baseline_low, baseline_high = bootstrap_interval(truth, statistics, outcome.groups, seed=seed)
    return {
        "unit": "patch, out of fold, grouped by case",
        "patches": len(truth),
        "positives": int(truth.sum()),
        "cases": len(set(outcome.patches.groups)),
        "groups_after_joining_near_duplicates": len(set(outcome.groups)),
        "near_duplicate_pairs": outcome.duplicates,
        "auc": area_under_curve(truth, outcome.held_out),
        "auc_95": [low, high],
        "auc_per_fold": fold_areas,
        "auc_single_expert": area_under_curve(truth, outcome.single_expert),
        **decision_figures(truth, decided),
        "confusion": confusion(truth, decided),
        "brier": brier_score(truth, outcome.held_out),
        "calibration_error": calibration_error(truth, outcome.held_out),
        "thresholds_per_fold": thresholds_of(outcome.outcomes),
        "baseline_statistics_auc": area_under_curve(truth, statistics),
        "baseline_statistics_auc_95": [baseline_low, baseline_high],
        "baseline_statistics_accuracy": _accuracy(outcome, statistics),
        "baseline_majority_accuracy": float(np.mean((majority >= 0.5) == truth)),
    }


def _accuracy(outcome: RecipeOutcome, scores: DoubleArray) -> float:
    """Return the accuracy at thresholds taken, for each fold, from the scores of the other folds."""
    truth = outcome.truth
    decided = np.zeros(len(truth), dtype=np.bool_)
    for fold in outcome.folds:
        decided[fold.test] = scores[fold.test] >= best_threshold(truth[fold.train], scores[fold.train])
    return float(np.mean(decided == truth))


def _card(run: RecipeRun, outcome: RecipeOutcome, metrics: Mapping[str, Any], threshold: float) -> str:
    spec = run.spec
    amounts = {"patches": metrics["patches"], "of them with a cluster": metrics["positives"], "cases": metrics["cases"]}
    regression, majority = "regression on 9 grey statistics", "majority"
    baseline = metrics["baseline_statistics_accuracy"]
    figures = (
        CardFigure(
            "AUC", metrics["auc"], metrics["auc_95"], {regression: metrics["baseline_statistics_auc"], majority: 0.5}
        ),
        CardFigure(
            "accuracy",
            metrics["accuracy"],
            baselines={regression: baseline, majority: metrics["baseline_majority_accuracy"]},
        ),
    )
    return Card(
        title=spec.title or "Microcalcification clusters (patches)",
        intended_use=_INTENDED_USE,
        network=_network(run, outcome),
        data=(DataUsed(_DATA["name"], _DATA["terms"], amounts),),
        judged=_judged(run, metrics),
        figures=figures,
        notes=_notes(metrics, threshold),
        whole_images=True,
        limits=_LIMITS,
        command=made_by(spec, folders=("films",)),
    ).text()


def _network(run: RecipeRun, outcome: RecipeOutcome) -> str:
    chosen = outcome.final.parameters
    return f"""The microcalcification hypermodel{_experts(run.integer("experts"))}: three blocks of 3x3 convolution,
ReLU, batch norm, pooling and dropout, then dense layers and one sigmoid, with dim {chosen.dim}, depth {chosen.depth},
rate {chosen.rate}; {parameter_count(outcome.network):,} weights in all. The input is a patch of 60x60 pixels of
{PIXEL_SIZE_MM} mm in [0, 1] (grey / 255). Inside the graph it is turned into its local contrast (the pixel less the
mean of the 15x15 around it), so that absolute brightness cannot decide. ONNX opset 17."""


def _judged(run: RecipeRun, metrics: Mapping[str, Any]) -> str:
    settings = RecipeSettings.of(run)
    return f"""Near-duplicates, turned and mirrored ones too: {metrics["near_duplicate_pairs"]} pairs, whose cases were
joined before splitting; {metrics["groups_after_joining_near_duplicates"]} groups.
{settings.outer_folds} folds of whole groups. In each, hyperparameters (trials of {settings.search_epochs} epochs) and
threshold (one full training) were chosen on a quarter of the groups of the training part; then the experts were
trained on the whole training part ({settings.epochs} epochs each) and met the held-out groups once. Figures are of
the pooled held-out patches, intervals are 95 % from 2000 resamplings of groups (seed {run.spec.seed}). The model in
this folder was made in the same way from all groups. Augmentation, of training patches alone: {_augmentation()}.

The local contrast, the augmentation, and the numbers of epochs and experts were settled by comparing about a dozen
runs on held-out cases of this same set, which makes the figures a little too good."""


def _notes(metrics: Mapping[str, Any], threshold: float) -> tuple[str, ...]:
    counts, (low, high) = metrics["confusion"], metrics["baseline_statistics_auc_95"]
    thresholds = ", ".join(map(str, metrics["thresholds_per_fold"]))
    return (
        f"AUC of the regression, 95 %: {low:.3f} to {high:.3f}",
        "AUC per fold: " + ", ".join(f"{value:.3f}" for value in metrics["auc_per_fold"]),
        f"AUC of one expert: {metrics['auc_single_expert']:.3f}",
        f"sensitivity {metrics['sensitivity']:.3f}, specificity {metrics['specificity']:.3f} at the thresholds of the "
        f"folds ({thresholds}; their median, {threshold:.3f}, is the operating threshold)",
        f"{counts['true_positive']} true and {counts['false_positive']} false positives, {counts['true_negative']} "
        f"true and {counts['false_negative']} false negatives",
        f"Brier score {metrics['brier']:.4f}, expected calibration error {metrics['calibration_error']:.4f}",
        *_films(metrics),
    )


def _experts(count: int) -> str:
    return "" if count == 1 else f", {count} experts whose logits are averaged"


def _films(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    if "films" not in metrics:
        return ()
    films = metrics["films"]
    return (
        "On whole films of mini-MIAS (Suckling 1994, research only), never trained on but looked at when the "
        f"augmentation was chosen, 200 um per pixel brought to {PIXEL_SIZE_MM * 1000:g}: "
        f"{films['normal_patches_marked']:.1%} of the patches of {films['normal_films']} normal films reach the "
        f"operating threshold, as do {films['calcifications_marked']:.0%} of the {films['calcifications']} places "
        "listed as calcifications.",
    )


def _augmentation() -> str:
    a = AUGMENTATION
    return (
        f"quarter turns, mirroring, rotation up to {a.rotation_degrees:g} degrees, shift {a.shift_px:g} px, zoom "
        f"{a.zoom:.0%}, blur, gamma e^+-{a.gamma:g}, contrast {a.contrast[0]:g} to {a.contrast[1]:g}, brightness "
        f"+-{a.brightness:g}, noise up to {a.noise:g}"
    )
