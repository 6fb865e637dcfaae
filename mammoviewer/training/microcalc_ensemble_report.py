"""The figures, the card and the manifest facts of ``microcalc-ensemble``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mammoviewer.datasets.infn import PATCH_SHAPE, PIXEL_SIZE_MM
from mammoviewer.training.architectures import parameter_count
from mammoviewer.training.bundle import BundleFacts
from mammoviewer.training.committee import CommitteeFit
from mammoviewer.training.loop import logits_of, probabilities_of
from mammoviewer.training.marking import UNMEASURED
from mammoviewer.training.metrics import area_under_curve, confusion
from mammoviewer.training.microcalc_data import read_microcalc_data
from mammoviewer.training.microcalc_ensemble import EnsembleOutcome
from mammoviewer.training.microcalc_figures import (
    INTENDED_USE,
    LIMITS,
    data_text,
    figure_lines,
    films_text,
    judged,
    listed,
    roc_points,
    table,
)
from mammoviewer.training.microcalc_judged import judged_films, judged_outcome, microcalc_facts
from mammoviewer.training.microcalc_page import explained_patches, page
from mammoviewer.training.microcalc_settings import augmentation_text, command_of
from mammoviewer.training.recipe_run import RecipeRun

_TITLE = "Microcalcification clusters: five experts and a committee"
# The committee takes five times the work of one network: windows lie half a patch apart, so that a film stays usable.
_STRIDE = PATCH_SHAPE[0] // 2


def ensemble_facts(run: RecipeRun, outcome: EnsembleOutcome) -> BundleFacts:
    """Return everything that the manifest and the card say."""
    metrics = ensemble_figures(run, outcome)
    return microcalc_facts(
        run,
        outcome,
        metrics,
        title=_TITLE,
        stride=_STRIDE,
        card=_card(run, outcome, metrics),
        preprocessing=outcome.wavelet.steps(),
        matrices=outcome.matrices,
    )


def ensemble_figures(run: RecipeRun, outcome: EnsembleOutcome) -> dict[str, Any]:
    """Return all figures; the unit is the patch, intervals are drawn over cases."""
    truth, aside = outcome.data.truth, outcome.data.test
    figures: dict[str, Any] = {
        **judged_outcome(outcome, run.spec.seed),
        "auc_per_expert_out_of_fold": [
            area_under_curve(truth[fold.test], outcome.votes[fold.test, number])
            for number, fold in enumerate(outcome.folds)
        ],
        "auc_per_expert_test": [area_under_curve(truth[aside], votes) for votes in outcome.tested_experts.T],
        "weights": [round(float(weight), 4) for weight in outcome.committee.weights],
        "most_reliable_expert": outcome.committee.most_reliable + 1,
        "hyperparameters": [asdict(chosen) for chosen in outcome.chosen],
    }
    if outcome.leaky:
        figures["leaky_protocol"] = dict(outcome.leaky)
    if run.text("external"):
        figures["external"] = _external(run, outcome)
    return figures | judged_films(run, outcome.network, outcome.wavelet, outcome.threshold)


def ensemble_report(run: RecipeRun, outcome: EnsembleOutcome, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report: both sets of figures, folds with their trials, the committee's course, explanations.

    The expert with the highest weight is the one that is explained.
    """
    committee, threshold = outcome.committee, round(outcome.threshold, 3)
    reliable = outcome.experts[committee.most_reliable].network
    learning = {f"expert {number}": one.curve for number, one in enumerate(outcome.experts, start=1)}
    found = page(
        run,
        outcome.data,
        title=run.spec.title or _TITLE,
        tested=outcome.tested,
        held_out=outcome.held_out,
        threshold=threshold,
        learning=learning,
        gallery=explained_patches(run, outcome.data, reliable, outcome.tested, threshold),
    )
    return {**found, "folds": fold_details(outcome), "metrics": dict(metrics), "committee": _committee(committee)}


def fold_details(outcome: EnsembleOutcome) -> list[dict[str, Any]]:
    """Return, per fold: trials, learning curve, ROC curve and confusion matrix on the held-out cases."""
    truth = outcome.data.truth
    details = []
    for number, fold in enumerate(outcome.folds):
        scores, wanted = outcome.votes[fold.test, number], truth[fold.test]
        details.append(
            {
                "fold": number + 1,
                "hyperparameters": asdict(outcome.chosen[number]),
                "trials": [{**asdict(one.parameters), "loss": one.loss} for one in outcome.trials[number]],
                "curve": [list(point) for point in outcome.experts[number].curve],
                "auc": area_under_curve(wanted, scores),
                "roc": roc_points(wanted, scores),
                "confusion": confusion(wanted, scores >= outcome.thresholds[fold.test]),
            }
        )
    return details


def _committee(committee: CommitteeFit) -> dict[str, list[float]]:
    return {
        "weights": [float(weight) for weight in committee.weights],
        "losses": list(committee.losses),
        "accuracies": list(committee.accuracies),
        "test_losses": list(committee.other_losses),
        "test_accuracies": list(committee.other_accuracies),
    }


def _external(run: RecipeRun, outcome: EnsembleOutcome) -> dict[str, Any]:
    other = read_microcalc_data(Path(run.text("external")), outcome.wavelet)
    scores = probabilities_of(logits_of(outcome.network, other.tensors.pictures))[:, 1]
    decided = scores >= round(outcome.threshold, 3)
    found = judged(other.truth, scores, decided, other.groups, run.spec.seed)
    return {key: value for key, value in found.items() if not _unknown(value)}


def _unknown(value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(isinstance(one, float) and not np.isfinite(one) for one in values)


def _card(run: RecipeRun, outcome: EnsembleOutcome, metrics: Mapping[str, Any]) -> str:
    return f"""# {run.spec.title or _TITLE}

{INTENDED_USE}

## Network
{_network(outcome)}

## Data
{data_text(outcome.data, metrics)}

## How it was judged
{_method(run, outcome)}

{table(metrics)}

- AUC per fold: {listed(metrics["auc_per_fold"])}; of each expert on its own fold
  {listed(metrics["auc_per_expert_out_of_fold"])}; of each expert on the test cases
  {listed(metrics["auc_per_expert_test"])}
{figure_lines(metrics)}
- most reliable expert, by weight: {metrics["most_reliable_expert"]}
{_leaky(metrics)}{films_text(metrics)}
{UNMEASURED}
## Limits
{LIMITS}

## Made by
`{command_of(run)}`
"""


def _network(outcome: EnsembleOutcome) -> str:
    experts = "\n".join(
        f"- expert {number}: dim {one.dim}, depth {one.depth}, rate {one.rate:g}, weight {weight:.3f}"
        for number, (one, weight) in enumerate(zip(outcome.chosen, outcome.committee.weights, strict=True), start=1)
    )
    return f"""{len(outcome.experts)} experts of the microcalcification hypermodel: three blocks of 3x3 convolution,
ReLU, batch norm, pooling and dropout, then dense layers and one sigmoid; {parameter_count(outcome.network):,}
weights in all.
{experts}

Their probabilities are averaged with the weights. The input is a patch of 60x60 pixels of {PIXEL_SIZE_MM} mm in [0, 1]
(grey / 255{_filter(outcome)}). Inside the graph it is turned into its local contrast (the pixel less the mean of the
15x15 around it), so that absolute brightness cannot decide. Dense layers are stored as bytes with a scale per row; all
figures are of the network with these rounded weights. `features` are the last maps of all experts, one after the
other. ONNX opset 17."""


def _filter(outcome: EnsembleOutcome) -> str:
    w = outcome.wavelet
    return "" if w.family == "none" else f", wavelet {w.family}, {w.levels} levels, {w.q:g} standard deviations"


def _method(run: RecipeRun, outcome: EnsembleOutcome) -> str:
    searched = "Hyperparameters are the saved ones of the source (fast_execution): none was searched here."
    if not run.flag("fast_execution"):
        searched = (
            f"Hyperparameters: a tree-structured Parzen search over {run.number('searching_fraction'):.0%} of dims "
            f"{run.text('dims')} x depths {run.text('depths')} x rates\n{run.text('rates')}, by the log loss of a "
            f"quarter of the fold's training cases after {run.integer('search_epochs')} epochs."
        )
    return f"""{len(outcome.folds)} folds of whole cases. {searched}
One expert per fold, {run.integer("epochs")} epochs. The committee's weights (each at least .01, sum 1) are learnt by
log loss from votes on patches that no voting network has seen: for the cases of a fold its own expert votes, and in
place of each other expert a stand-in that was searched and trained in the same way without either of the two folds
({run.integer("left_out")} folds left out at a time; on less than the experts, which makes fold figures of the committee
a little too low). Fold figures use weights and thresholds learnt without the fold. The operating threshold,
{round(outcome.threshold, 3):g}, is chosen on these out-of-fold votes. The test cases met the finished committee once.
Intervals are 95 % from 2000 draws of whole cases (seed {run.spec.seed}).

Augmentation, of training patches alone: {augmentation_text(outcome.augmentation)}."""


def _leaky(metrics: Mapping[str, Any]) -> str:
    if "leaky_protocol" not in metrics:
        return ""
    leaky = metrics["leaky_protocol"]
    return f"""
With the leaks of the source's protocol (augmented before a k-fold of single pictures; committee learnt from the
experts' own training patches; {leaky["epochs"]} epochs on {leaky["pictures"]} pictures, same hyperparameters) the mean
AUC of the folds would read {leaky["auc_mean"]:.3f} ({listed(leaky["auc_per_fold"])}) and the committee, on the patches
it was learnt from, {leaky["committee_auc_on_training_patches"]:.3f} with an accuracy of
{leaky["committee_accuracy_on_training_patches"]:.3f}.
"""
