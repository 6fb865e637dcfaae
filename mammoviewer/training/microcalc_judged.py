"""What both microcalcification recipes say of their network: the figures, and what the manifest tells of the task."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.datasets.infn import CLASSES, PATCH_SHAPE, PIXEL_SIZE_MM
from mammoviewer.datasets.splits import Fold
from mammoviewer.inference.manifest import Tiling
from mammoviewer.training.architectures import Network
from mammoviewer.training.bundle import BundleFacts
from mammoviewer.training.film_check import check_films
from mammoviewer.training.metrics import area_under_curve
from mammoviewer.training.microcalc_data import DATA, KINDS, MicrocalcData, WaveletOption
from mammoviewer.training.microcalc_figures import INTENDED_USE, baselines, judged
from mammoviewer.training.recipe_run import RecipeRun


class Outcome(Protocol):
    """What a run made: folds, out-of-fold scores, the thresholds of the other folds, and scores of the test part."""

    @property
    def data(self) -> MicrocalcData:
        """The patches and which of them are the test part."""

    @property
    def folds(self) -> tuple[Fold, ...]:
        """Of the development patches."""

    @property
    def held_out(self) -> DoubleArray:
        """Score of each development patch by what had not seen it."""

    @property
    def thresholds(self) -> DoubleArray:
        """For each development patch, the one chosen on the other folds."""

    @property
    def threshold(self) -> float:
        """The operating threshold, chosen on all development patches."""

    @property
    def tested(self) -> DoubleArray:
        """Scores of the test patches."""


def judged_outcome(outcome: Outcome, seed: int) -> dict[str, Any]:
    """Return the figures of both parts and of the folds; the unit is the patch, intervals are drawn over cases."""
    data = outcome.data
    truth, known, aside = data.truth, data.development, data.test
    decided = outcome.held_out[known] >= outcome.thresholds[known]
    found = outcome.tested >= round(outcome.threshold, 3)
    return {
        "unit": "patch; intervals over cases",
        "near_duplicate_pairs": data.duplicates,
        "test": judged(truth[aside], outcome.tested, found, data.groups_of(aside), seed),
        "out_of_fold": judged(truth[known], outcome.held_out[known], decided, data.groups_of(known), seed),
        "auc_per_fold": [area_under_curve(truth[f.test], outcome.held_out[f.test]) for f in outcome.folds],
        "baselines": baselines(data, outcome.folds, seed),
    }


def judged_films(run: RecipeRun, network: Network, wavelet: WaveletOption, threshold: float) -> dict[str, Any]:
    """Return what the finished network says of whole films, where the settings name a folder of them."""
    if not run.text("films"):
        return {}
    found = check_films(
        Path(run.text("films")),
        network,
        steps=wavelet.steps(),
        pixel_size_mm=PIXEL_SIZE_MM,
        threshold=round(threshold, 3),
    )
    return {"films": found}


def microcalc_facts(
    run: RecipeRun, outcome: Outcome, metrics: dict[str, Any], *, title: str, stride: int, card: str, **own: Any
) -> BundleFacts:
    """Return what the manifest says of a classifier of these patches; ``own`` are further fields of it."""
    learnt = {"cases": metrics["out_of_fold"]["groups"], "patches": len(outcome.data.development)}
    return BundleFacts(
        name=run.spec.name,
        tag=run.spec.tag,
        title=run.spec.title or title,
        classes=CLASSES,
        positive_class=CLASSES[1],
        operating_threshold=round(outcome.threshold, 3),
        patch=PATCH_SHAPE,
        pixel_size_mm=PIXEL_SIZE_MM,
        kinds=KINDS,
        card=card,
        intended_use=INTENDED_USE,
        training_data=({**DATA, **learnt},),
        metrics=metrics,
        tiling=Tiling(PATCH_SHAPE, stride=stride),
        **own,
    )
