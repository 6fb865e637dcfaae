"""The card of models made by the recipe ``cnni-bcc``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mammoviewer.training.architectures import parameter_count
from mammoviewer.training.film_card import command_line, with_interval
from mammoviewer.training.films import DATA
from mammoviewer.training.fold_tasks import fold_text
from mammoviewer.training.networks.cnni import CnniBcc
from mammoviewer.training.recipe_run import RecipeRun

INTENDED_USE = (
    "Research and teaching: shows which patches of 25.6 x 25.6 mm of a digitised film look like normal tissue, a "
    "benign or a malignant lesion. Not for diagnosis; trained on a few dozen lesions."
)
_TARGET = 0.9


def card(run: RecipeRun, network: CnniBcc, metrics: Mapping[str, Any]) -> str:
    """Return CARD.md."""
    reading = "depthwise kernels of 32x32 and 64x64" if network.kernels == "paper" else "depthwise kernels of 3x3"
    films = metrics["films"]
    return f"""# {run.spec.title or "Normal, benign or malignant patch (CNNI-BCC)"}

{INTENDED_USE}

## Network
CNNI-BCC with {reading}: {parameter_count(network):,} weights. Patches of 128x128 pixels of 0.2 mm; the percentiles 1
and 99 of the breast are brought to 0 and 1. {_form(run, network)}ONNX opset 17.

## Data
{DATA["name"]}; {DATA["terms"]}. {films["train"]} films to learn from, {films["validation"]} for the threshold,
{films["test"]} for the figures below; the two films of a patient stand on one side. Of the 8x8 grid of a film the
middle four columns count, 32 patches. {_labels(run)}

## Training
Patches are cut anywhere in the training films, half of them normal, a quarter each benign and malignant; turned,
mirrored, zoomed up to 22 %, gamma, contrast and brightness changed. {_synthetic(run)}Benign and malignant are
confused on purpose with {run.number("severity_smoothing"):.0%} of the target. {run.integer("epochs")} passes of
{run.integer("steps")} batches of {run.integer("batch")}. Validation and test films are never changed.

{_figures(run, metrics)}

{fold_text(metrics["cross_validation"])}## Limits
A few dozen lesions of digitised films of the 1990s; benign and malignant can hardly be told apart from so few.
Lesions between two fields of the grid are seen in part. Calcifications are mostly finer than the pixels.

## Made by
`{command_line(run)}`
"""


def _figures(run: RecipeRun, metrics: Mapping[str, Any]) -> str:
    reached = "reached" if (metrics["auc"] or 0.0) >= _TARGET else "not reached"
    per_class = "\n".join(
        f"| {name} | {row['n']} | {_shown(row['auc'])} | {_shown(row['recall'])} | {_shown(row['precision'])} |"
        for name, row in metrics["per_class"].items()
    )
    grey, majority = metrics["baseline_statistics"], metrics["baseline_majority_accuracy"]
    rows = "\n".join(
        f"| {name} | {' | '.join(map(str, row))} |"
        for name, row in zip(metrics["per_class"], metrics["confusion"], strict=True)
    )
    return f"""## Figures
Unit: the patch of the grid, {metrics["n"]} patches of {metrics["n_patients"]} patients of the test split, met once;
intervals are 95 % from 2000 resamplings of patients (seed {run.spec.seed}).

| | this model | regression on 9 grey statistics | majority |
|---|---|---|---|
| AUC, mean of one against the rest | {with_interval(metrics, "auc")} | {with_interval(grey, "auc")} | 0.5 |
| accuracy | {with_interval(metrics, "accuracy")} | {grey["accuracy"]:.3f} | {majority:.3f} |
| mean recall of the classes | {metrics["balanced_accuracy"]:.3f} | {grey["balanced_accuracy"]:.3f} | 0.333 |

| class | patches | AUC | recall | precision |
|---|---|---|---|---|
{per_class}

| true \\ said | normal | benign | malignant |
|---|---|---|---|
{rows}

The wanted mean AUC of {_TARGET:.2f} is {reached}. The paper reports an accuracy of .905, its reading in S4 .7325,
neither with a split described as one of patients. On the validation films the mean AUC is
{_shown(metrics["validation_auc"])}. The classes are drawn evenly in training, so that the scores are not prevalences:
of the patches of a film nearly all are normal."""


def _form(run: RecipeRun, network: CnniBcc) -> str:
    if network.kernels != "paper" or run.text("form") != "squares":
        return ""
    return (
        "In training only part of the large kernels was free: a middle of 5x5 pixels, and in the last "
        f"{1 - run.number('fine_share'):.0%} of the rounds squares of 8x8 pixels with one weight each; here they are "
        "written out as full kernels. "
    )


def _labels(run: RecipeRun) -> str:
    if run.text("label") == "film":
        return "Every patch has the severity of its film."
    share = f"{run.number('overlap'):.0%}"
    return f"A patch has the severity of a lesion when {share} of the smaller of the two, patch or circle, is covered."


def _synthetic(run: RecipeRun) -> str:
    share = run.number("synthetic")
    if not share:
        return ""
    return f"At first {share:.0%} of the lesions, fading to none, are drawn into normal patches. "


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
