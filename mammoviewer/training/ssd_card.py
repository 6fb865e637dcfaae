"""The card of models made by the recipe ``lesion-ssd``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mammoviewer.training.architectures import parameter_count
from mammoviewer.training.film_card import command_line
from mammoviewer.training.films import DATA
from mammoviewer.training.networks.film_front import FilmFront
from mammoviewer.training.recipe_run import RecipeRun

RATES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""False marks per image at which sensitivities are told."""
INTENDED_USE = (
    "Research and teaching: boxes where a film looks like one with a mass, a distortion, an asymmetry or "
    "calcifications. Not for diagnosis; trained on a few dozen lesions of digitised films."
)
APART_PX = 30.0
"""24 mm of mini-MIAS: the rule of counting takes marks that are closer than 20 mm to a lesion for one."""
_TARGET = 0.75


def card(run: RecipeRun, network: nn.Module, metrics: Mapping[str, Any], threshold: float) -> str:
    """Return CARD.md."""
    films, at = metrics["films"], metrics["sensitivity_at_fp"]
    reached = "reached" if at["2"] >= _TARGET else "not reached"
    rows = "\n".join(
        f"| {rate} | {at[rate]:.2f} ({limits[0]:.2f} to {limits[1]:.2f}) |"
        f" {metrics['baseline_same_places'][rate]:.2f} | {metrics['validation_sensitivity_at_fp'][rate]:.2f} |"
        for rate, limits in metrics["sensitivity_at_fp_ci"].items()
    )
    passes, steps = run.integer("epochs"), run.integer("steps")
    crossed = _crossed(metrics["cross_validation"])
    kinds = ", ".join(f"{count} {kind}" for kind, count in metrics["lesions_by_kind"].items())
    return f"""# {run.spec.title or "Lesion locator (SSD)"}

{INTENDED_USE}

## Network
A single shot detector that does not learn from grey values but from {FilmFront.channels} fixed measures at every eighth
pixel: bands of detail from 0.8 to 26 mm, each also against its spread nearby, how far gradients point to one place or
lie in one direction, density, depth in the breast, height. Two layers mix the measures of a place; maps at strides 8,
16 and 32 with default boxes of 9 to 78 pixels in three aspects follow; {run.integer("readers")} such readers and the
mirrored film are averaged in the graph. {parameter_count(network):,} learnt weights. The film is fitted into 256x256
pixels (0.8 mm each for mini-MIAS), the percentiles 1 and 99 of the breast at 0 and 1. Marks lie at least
{APART_PX:g} pixels apart (24 mm). ONNX opset 17.

## Data
{DATA["name"]}; {DATA["terms"]}. {films["train"]} films with {metrics["lesions_train"]} lesions to learn from,
{films["validation"]} for the threshold, {films["test"]} for the figures below; the two films of a patient stand on one
side. The listed circles are taken as boxes. Films with a lesion without a place are left out.

## Training
L = (L_conf + alpha L_loc) / N with smooth L1, alpha {run.number("alpha"):g}, {run.number("negatives"):g} hard negatives
for each positive; default boxes of another size or shape in the middle of a lesion teach nothing. Each training film is
used in {run.integer("versions")} versions, all but one turned, mirrored, zoomed and toned.
{passes} passes of {steps} batches of {run.integer("batch")}; the weights are a running mean over the steps
({run.number("average"):g}).

Tried in cross-validation before: real lesions pasted and lesions drawn into normal films (no gain); a residual network
on grey values (the first version of this model, worse than one measure alone).

## Figures
{metrics["n"]} films of {metrics["n_patients"]} patients of the test split with {metrics["lesions"]} lesions ({kinds}).
A mark finds a lesion when the distance of their centres is at most half the diagonal of the lesion's box or 100 stored
pixels (20 mm), whichever is more; intervals are 95 % from 2000 resamplings of patients. Beside it the sensitivity of
marks at random places of training lesions, which know nothing of the film, and that on the validation films.

| false marks per film | sensitivity | places of training lesions | validation |
|---|---|---|---|
{rows}

{crossed}The wanted sensitivity of {_TARGET:.2f} at 2 false marks per film is {reached}.
Marks begin at {threshold:.4g}, from which the validation films have at most one false mark each.

## Limits
At 0.8 mm per pixel calcifications are mostly not seen. The few lesions of one archive of digitised films do not stand
for screening with today's detectors. The rule of counting is generous for small lesions.

## Made by
`{command_line(run)}`
"""


def _crossed(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return ""
    at, limits = figures["sensitivity_at_fp"], figures["sensitivity_at_fp_ci"]
    shared = sum(figures["pictures_on_two_sides"])
    alike = f" The folds leak: {shared} times a film is almost the same as one learnt from." if shared else ""
    told = "; ".join(f"{at[r]:.2f} ({limits[r][0]:.2f} to {limits[r][1]:.2f}) at {r}" for r in at)
    return f"""Cross-validation, by which the method was chosen, on the {figures["n"]} films of {figures["n_patients"]}
patients that are not in the test split, each judged by a network that saw none of its patient ({figures["lesions"]}
lesions): sensitivity {told} false marks per film.{alike}

"""
