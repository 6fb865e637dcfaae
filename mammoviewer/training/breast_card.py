"""The card of models made by the recipe ``rsna-breast``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mammoviewer.training.architectures import parameter_count
from mammoviewer.training.film_card import command_line, with_interval
from mammoviewer.training.fold_tasks import fold_text
from mammoviewer.training.networks.film_front import FilmFront
from mammoviewer.training.recipe_run import RecipeRun

INTENDED_USE = (
    "Research and teaching: one score for a whole mammogram, with a class activation map. Not for diagnosis; made to "
    "show the method of the RSNA screening classifier, not its result."
)


def card(run: RecipeRun, network: nn.Module, metrics: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Return CARD.md."""
    films = metrics["films"]
    rules = "\n".join(
        f"| {rule} | {_shown(metrics['auc_by_breast'][rule])} | {_shown(metrics['auc_by_patient'][rule])} |"
        for rule in metrics["auc_by_breast"]
    )
    return f"""# {run.spec.title or f"Whole mammogram: {metrics['target']} or not"}

{INTENDED_USE}

## Network
"{run.text("network")}": {parameter_count(network):,} weights; mean over the last map and one neuron, so that the class
activation map (sum of w f) averages to the logit less the bias. {_not_b4(run)}Window rule "{run.text("window")}",
breast minimum to 0 and maximum to 1, empty rows and columns off, {run.integer("columns")} columns and
{run.integer("rows")} rows. ONNX opset 17.

## Data
{data["name"]}; {data["terms"]}. {films["train"]} images to learn from, {films["validation"]} for threshold and
schedule, {films["test"]} for the figures below; a patient stands on one side. Positive: {metrics["target"]}.

## Training
Batches of {run.integer("batch")} prediction IDs (a breast with all its images), positive and negative ones drawn
equally often; mirrored, turned, moved, sheared. Learning rate {run.number("learning_rate"):g}, schedule
"{run.text("schedule")}", unfrozen: {run.text("unfreeze")}; {len(metrics["curves"])} passes of {run.integer("steps")}
batches.

## Figures
{metrics["n"]} images of {metrics["n_patients"]} patients of the test split, {metrics["positives"]} positive, met once;
intervals are 95 % from 2000 resamplings of patients (seed {run.spec.seed}).

| | this model | regression on 9 grey statistics | majority |
|---|---|---|---|
| AUC | {with_interval(metrics, "auc")} | {_shown(metrics["baseline_statistics_auc"])} | 0.5 |
| accuracy | {with_interval(metrics, "accuracy")} | | {metrics["baseline_majority_accuracy"]:.3f} |

Precision {_shown(metrics["precision"])}, recall {_shown(metrics["sensitivity"])}, F1 {_shown(metrics["f1"])} at the
threshold chosen on the validation images.

| aggregation | AUC per breast | AUC per patient |
|---|---|---|
{rules}

"s3" is P = 1 - (1 - mean(p^2))^n, which for one image is p^2.

{fold_text(metrics["cross_validation"])}## Limits
{_limits(run)}

## Made by
`{command_line(run)}`
"""


def _not_b4(run: RecipeRun) -> str:
    if run.text("network") != "small":
        return ""
    return (
        "A small sibling of the EfficientNet-B4 of S3, which the recipe can train but which is not bundled: "
        f"{FilmFront.channels} fixed\nmeasures at every eighth pixel (bands of detail, convergence of gradients, "
        "density, depth) and two layers that mix them. "
    )


def _limits(run: RecipeRun) -> str:
    if run.text("network") == "small":
        return (
            "Research demonstration only: learnt from fewer than two hundred digitised films, of which it tells normal"
            "\nfrom abnormal ones little better than chance (see the interval)."
        )
    return "Not tested on other devices than those of its training data."


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
