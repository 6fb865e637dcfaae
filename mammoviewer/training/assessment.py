"""How well a retrained model did on what it had not seen, and how much of that may be said.

One decision rule gives accuracy, sensitivity and specificity. Its threshold is chosen for each fold on the other
folds, so that no region has a say in the threshold that it is judged by. Below ten patients per class nothing is
claimed: the figures then only show that training ran.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.datasets.splits import Fold, smallest_class_groups
from mammoviewer.training.metrics import (
    Truth,
    area_under_curve,
    best_threshold,
    bootstrap_gain,
    bootstrap_interval,
    decision_figures,
    finite_or_none,
    macro_area,
)
from mammoviewer.training.spec import FEWEST_PATIENTS_TO_ASSESS, TrainingSpec

UNCHOSEN_THRESHOLD = 0.5
_LOWEST, _HIGHEST = 0.1, 0.9
_CHANCE = 0.5


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predictions for patches by fits that saw nothing of their groups.

    Parameters
    ----------
    tuned, probe
        Probabilities (n, classes) of the retrained model, and of a linear head on the trunk as it was.
    before
        Probability (n,) of the positive class by the model that the retraining started from; ``None`` where that
        model cannot be compared.
    splits
        The folds.
    """

    tuned: DoubleArray
    probe: DoubleArray
    before: DoubleArray | None
    splits: Sequence[Fold]


@dataclass(frozen=True, eq=False)
class _Units:
    """What is counted: the patches of each class in each group, as one; scores are means over them."""

    groups: tuple[str, ...]
    truth: Truth
    folds: NDArray[np.intp]
    members: NDArray[np.bool_]

    def mean(self, values: DoubleArray) -> DoubleArray:
        """Return the mean over the patches of each unit."""
        result: DoubleArray = np.stack([values[inside].mean(axis=0) for inside in self.members])
        return result


def amounts(spec: TrainingSpec, patches: PatchSet) -> dict[str, Any]:
    """Return what was held out together, and how much of it there is."""
    groups = len(set(patches.groups))
    return {
        "unit": spec.group_unit,
        "patients": min(spec.patients, groups) if spec.group_unit == "patient" else spec.patients,
        "groups": groups,
        "smallest_class_groups": smallest_class_groups(patches.labels, patches.groups),
        "regions": len(set(patches.names)),
        "patches": len(patches),
    }


def why_not_assessable(counts: Mapping[str, Any], *, from_own_model: bool) -> str:
    """Return why nothing may be claimed; empty when something may.

    Parameters
    ----------
    counts
        Of :func:`amounts`.
    from_own_model
        Whether the model retrained from was itself retrained, perhaps from the same regions.
    """
    patients, smallest = counts["patients"], counts["smallest_class_groups"]
    if smallest < 2:
        return "a class has a single independent region, so nothing can be held out"
    if from_own_model:
        return "the model retrained from may have learnt from these regions"
    if patients == 0:
        return "the images do not say which patients they are of"
    if patients < FEWEST_PATIENTS_TO_ASSESS:
        return f"{patients} patient{'s' if patients != 1 else ''}, {FEWEST_PATIENTS_TO_ASSESS} are needed"
    if counts["unit"] != "patient":
        return "a class comes from a single patient"
    if smallest < FEWEST_PATIENTS_TO_ASSESS:
        return f"a class comes from {smallest} patients, {FEWEST_PATIENTS_TO_ASSESS} are needed"
    return ""


def not_held_out(spec: TrainingSpec, patches: PatchSet, *, from_own_model: bool) -> dict[str, Any]:
    """Return the metrics of a training of which no part could be held out."""
    counts = amounts(spec, patches)
    reason = "the regions are too few or too uneven, so nothing can be held out"
    if counts["smallest_class_groups"] < 2:
        reason = why_not_assessable(counts, from_own_model=from_own_model)
    return {**counts, **_no_claim(reason, "", from_own_model=from_own_model)}


def assess(
    spec: TrainingSpec, patches: PatchSet, held_out: HeldOut, *, from_own_model: bool
) -> tuple[dict[str, Any], float]:
    """Return the metrics and the operating threshold of the new model."""
    units = _units(patches, held_out.splits)
    positive = patches.classes.index(spec.positive_class)
    truth = (units.truth == positive).astype(np.int64)
    tuned, probe = units.mean(held_out.tuned), units.mean(held_out.probe)
    before = None if held_out.before is None else units.mean(held_out.before)
    counts = amounts(spec, patches)
    reason = why_not_assessable(counts, from_own_model=from_own_model)
    scores = tuned[:, positive]
    thresholds = np.full(len(truth), UNCHOSEN_THRESHOLD) if reason else nested_thresholds(truth, scores, units.folds)
    figures: dict[str, Any] = {
        **counts,
        "held_out_auc": finite_or_none(macro_area(units.truth, tuned)),
        "probe_auc": finite_or_none(macro_area(units.truth, probe)),
        "before_auc": None if before is None else finite_or_none(area_under_curve(truth, before)),
        **decision_figures(truth, scores >= thresholds),
        "majority_accuracy": float(max(truth.mean(), 1 - truth.mean())),
        "decision_rule": _rule(spec.positive_class, chosen=not reason),
    }
    if reason:
        caution = "; the figures only show that training ran"
        if counts["unit"] == "region":
            caution += ", for regions of a class may show one lesion"
        return {**figures, **_no_claim(reason, caution, from_own_model=from_own_model)}, UNCHOSEN_THRESHOLD
    interval = bootstrap_interval(truth, scores, units.groups)
    figures["positive_class_auc_95"] = [finite_or_none(value) for value in interval]
    comparison = compare(truth, scores, probe[:, positive], before, units.groups)
    everything = nested_thresholds(truth, scores, np.zeros(len(truth), dtype=np.intp))
    return {**figures, "assessable": True, "from_own_model": False, **comparison}, float(everything[0])


def nested_thresholds(truth: Truth, scores: DoubleArray, folds: NDArray[np.intp]) -> DoubleArray:
    """Return the threshold (n,) that each score is judged by, chosen on the scores of all other folds.

    Where there is a single fold it is chosen on that: the threshold to work with, not to judge by.
    """
    result = np.full(len(truth), UNCHOSEN_THRESHOLD)
    for fold in np.unique(folds):
        others = folds != fold if (folds != fold).any() else folds == fold
        result[folds == fold] = np.clip(best_threshold(truth[others], scores[others]), _LOWEST, _HIGHEST)
    return result


def compare(
    truth: Truth, scores: DoubleArray, probe: DoubleArray, before: DoubleArray | None, groups: Sequence[str]
) -> dict[str, Any]:
    """Return whether the new model is better than what there was, by how much, and that in a line.

    The model before is what counts where it knows the class. Where it does not, the new one must beat chance and be
    no worse than a linear head on the unchanged trunk.
    """
    area = area_under_curve(truth, scores)
    if before is not None:
        other = area_under_curve(truth, before)
        low, high = bootstrap_gain(truth, scores, before, groups)
        better = low > 0
        said = "Better than" if better else "Not shown to be better than"
        gain = f"difference {low:+.2f} to {high:+.2f}"
        verdict = f"{said} the model before: AUC {area:.2f} against {other:.2f} ({gain})."
        return {"better_than_before": better, "compared_with": "model before", "verdict": verdict}
    low, high = bootstrap_interval(truth, scores, groups)
    other = area_under_curve(truth, probe)
    better = low > _CHANCE and area >= other
    said = "Better than" if better else "Not shown to be better than"
    verdict = f"{said} chance and the probe, AUC {area:.2f} ({low:.2f} to {high:.2f}), probe {other:.2f}."
    return {"better_than_before": better, "compared_with": "chance and probe", "verdict": verdict}


def _no_claim(reason: str, caution: str, *, from_own_model: bool) -> dict[str, Any]:
    advice = "nothing shows that it is better" if from_own_model else "compare the heatmaps before you keep it"
    return {
        "assessable": False,
        "from_own_model": from_own_model,
        "better_than_before": None,
        "note": f"not assessable: {reason}{caution}",
        "verdict": f"Not assessable ({reason}): {advice}.",
    }


def _rule(positive: str, *, chosen: bool) -> str:
    how = "each fold's threshold is chosen on the other folds" if chosen else f"the threshold is {UNCHOSEN_THRESHOLD}"
    return f"{positive} where its score reaches a threshold, else the rest; {how}"


def _units(patches: PatchSet, splits: Sequence[Fold]) -> _Units:
    names = sorted(set(zip(patches.groups, patches.labels, strict=True)))
    groups, labels = np.asarray(patches.groups), np.asarray(patches.labels)
    members = np.stack([(groups == group) & (labels == label) for group, label in names])
    fold_of = np.zeros(len(patches), dtype=np.intp)
    for number, split in enumerate(splits):
        fold_of[split.test] = number
    truth = np.array([label for _, label in names], dtype=np.int64)
    folds = np.array([fold_of[inside][0] for inside in members], dtype=np.intp)
    return _Units(tuple(group for group, _ in names), truth, folds, members)
