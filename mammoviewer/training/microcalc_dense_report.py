"""The figures, the card and the manifest facts of ``microcalc-dense``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mammoviewer.datasets.infn import PIXEL_SIZE_MM
from mammoviewer.training.architectures import parameter_count
from mammoviewer.training.bundle import BundleFacts
from mammoviewer.training.marking import UNMEASURED
from mammoviewer.training.metrics import confusion
from mammoviewer.training.microcalc_data import WaveletOption
from mammoviewer.training.microcalc_dense import DenseOutcome
from mammoviewer.training.microcalc_figures import (
    INTENDED_USE,
    LIMITS,
    data_text,
    figure_lines,
    films_text,
    listed,
    roc_points,
    table,
)
from mammoviewer.training.microcalc_judged import judged_films, judged_outcome, microcalc_facts
from mammoviewer.training.microcalc_page import explained_patches, page
from mammoviewer.training.microcalc_settings import augmentation_text, command_of
from mammoviewer.training.networks.dense_microcalc import DENSE_STRIDE, OnePass
from mammoviewer.training.recipe_run import RecipeRun

_TITLE = "Microcalcification clusters: whole images in one pass"
_STRIDE = 16


def dense_facts(run: RecipeRun, outcome: DenseOutcome) -> BundleFacts:
    """Return everything that the manifest says; its card and the mode "dense" follow when both forms are compared."""
    metrics = judged_outcome(outcome, run.spec.seed)
    metrics |= judged_films(run, outcome.final.network, WaveletOption(), outcome.threshold)
    return microcalc_facts(
        run,
        outcome,
        metrics,
        title=_TITLE,
        stride=_STRIDE,
        card=f"# {run.spec.title or _TITLE}\n",
        preprocessing=WaveletOption().steps(),
        dense=OnePass(outcome.final.network),
    )


def dense_report(run: RecipeRun, outcome: DenseOutcome, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report: both sets of figures, curves, confusion by fold, explanations, agreement of the two forms."""
    data, threshold = outcome.data, round(outcome.threshold, 3)
    network = outcome.final.network
    learning = {f"fold {number}": one.curve for number, one in enumerate(outcome.fitted, start=1)}
    found = page(
        run,
        data,
        title=run.spec.title or _TITLE,
        tested=outcome.tested,
        held_out=outcome.held_out,
        threshold=threshold,
        learning={**learning, "all development cases": outcome.final.curve},
        gallery=explained_patches(run, data, network, outcome.tested, threshold),
    )
    folds = [
        {
            "fold": number + 1,
            "auc": metrics["auc_per_fold"][number],
            "roc": roc_points(data.truth[fold.test], outcome.held_out[fold.test]),
            "confusion": confusion(data.truth[fold.test], outcome.held_out[fold.test] >= outcome.thresholds[fold.test]),
        }
        for number, fold in enumerate(outcome.folds)
    ]
    return {**found, "folds": folds, "metrics": dict(metrics)}


def card(run: RecipeRun, outcome: DenseOutcome, metrics: Mapping[str, Any]) -> str:
    """Return the text of CARD.md."""
    agreement = metrics["dense_patch_agreement"]
    return f"""# {run.spec.title or _TITLE}

{INTENDED_USE}

## Network
Local contrast (ten times the difference of a pixel from the mean of the 9x9 around it, so that absolute brightness
cannot decide), four unpadded 3x3 convolutions with ReLU and batch norm, pooling by 2 after the first two; mean and
maximum of every channel, a dense layer, one sigmoid; {parameter_count(outcome.final.network):,} weights. The input is a
patch of 60x60 pixels of {PIXEL_SIZE_MM} mm in [0, 1] (grey / 255). ONNX opset 17.

No layer pads and none squeezes over the whole picture, so that one pass over an image (`dense.onnx`, a window every
{DENSE_STRIDE} pixels) gives what the patches give one by one. Measured with ONNX Runtime on the test patches and on 400
windows of each of {agreement["images"]} real images: Spearman {agreement["spearman"]:.5f}, mean |dp|
{agreement["mean_abs_dp"]:.1e}, largest |dp| {agreement["max_abs_dp"]:.1e}, difference of the AUC
{agreement["auc_difference"]:+.1e}.

## Data
{data_text(outcome.data, metrics)}

## How it was judged
{len(outcome.folds)} folds of whole cases, {run.integer("epochs")} epochs each; nothing is searched. Thresholds of the
fold figures are chosen on the other folds; the operating threshold, {round(outcome.threshold, 3):g}, on all out-of-fold
scores. The network in this folder was trained in the same way on all development cases, and met the test cases once.
Intervals are 95 % from 2000 draws of whole cases (seed {run.spec.seed}).

Augmentation, of training patches alone: {augmentation_text(outcome.augmentation)}.

{table(metrics)}

- AUC per fold: {listed(metrics["auc_per_fold"])}
{figure_lines(metrics)}
{films_text(metrics)}
{UNMEASURED}
## Limits
{LIMITS}

## Made by
`{command_of(run)}`
"""
