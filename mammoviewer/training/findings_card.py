"""The card of models made by the recipe ``findings-patches``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mammoviewer.training.architectures import parameter_count
from mammoviewer.training.film_card import command_line, with_interval
from mammoviewer.training.fold_tasks import fold_text
from mammoviewer.training.recipe_run import RecipeRun

INTENDED_USE = (
    "Research and teaching: shows which windows of 51 x 51 mm of a digitised film look like one of the kinds of "
    "findings it was trained on. Not for diagnosis; mini-MIAS has a few dozen lesions."
)


def card(run: RecipeRun, network: nn.Module, metrics: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Return CARD.md."""
    films = metrics["films"]
    rows = "\n".join(
        f"| {name} | {row['n']} | {_shown(row['auc'])} | {row['best_f1']:.3f} |"
        for name, row in metrics["per_class"].items()
    )
    return f"""# {run.spec.title or "Findings in windows (mini-MIAS kinds)"}

{INTENDED_USE}

## Network
Backbone "{run.text("backbone")}", mean over the map, 512 ReLU units, one sigmoid for each kind and one for any finding;
{parameter_count(network):,} weights. Windows of 256x256 pixels of 0.2 mm with three channels: the film, and the film
equalised (CLAHE) in 8x8 and in 16x16 tiles. ONNX opset 17.{_dense(metrics)}

## Data
{data["name"]}; {data["terms"]}. {films["train"]} films to learn from, {films["validation"]} for the threshold,
{films["test"]} for the figures below; the two films of a patient stand on one side. A window shows a finding when 30 %
of the square around its circle, or of the window where that is smaller, is covered.

## Training
Proposals around the lesions, of each kind equally often: area .05 to 5 and aspect .33 to 1.66 times that of the box,
centre within 50 pixels, resized to 256x256; {run.number("native_share"):.0%} are squares of 256 pixels as the sliding
window sees them; {run.number("normal_share"):.0%} come from anywhere on the breast. Turned, mirrored, contrast,
brightness and gain changed. Focal loss (gamma {run.number("gamma"):g}), schedule "{run.text("schedule")}",
{run.integer("epochs")} passes of {run.integer("steps")} batches of {run.integer("batch")}.

## Figures
Unit: windows of a grid with steps of 128 pixels on the breast, {metrics["n"]} windows of {metrics["n_patients"]}
patients of the test split, met once; intervals are 95 % from 2000 resamplings of patients (seed {run.spec.seed}).

| | this model | regression on 9 grey statistics |
|---|---|---|
| AUC, any finding | {with_interval(metrics, "auc")} | {_shown(metrics["baseline_statistics_auc"])} |

At the threshold of any finding, chosen on the validation films: sensitivity {_shown(metrics["sensitivity"])},
specificity {_shown(metrics["specificity"])}, accuracy {with_interval(metrics, "accuracy")}.

| class | windows | AUC | best F1 |
|---|---|---|---|
{rows}

Mean best F1 of the kinds: {_shown(metrics["macro_best_f1_of_kinds"])} (at the best threshold of each class on these
very windows, which flatters it; S2 reports .324 for ten findings of VinDr-Mammo).

{fold_text(metrics["cross_validation"])}## Limits
A few dozen lesions of mini-MIAS are too few to tell its six kinds from one another. Digitised films alone.

## Made by
`{command_line(run)}`
"""


def _dense(metrics: Mapping[str, Any]) -> str:
    agreement = metrics.get("dense_patch_agreement")
    if agreement is None:
        return ""
    return f"""

No convolution has a border, so that one pass over the whole image gives every window at stride 32. Measured on all
windows of four test films: Spearman {agreement["spearman"]:.6f}, |dp| at most {agreement["max_abs_dp"]:.1e} and
{agreement["mean_abs_dp"]:.1e} on average, difference of the AUC {agreement["auc_difference"]:.1e}."""


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
