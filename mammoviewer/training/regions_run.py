"""Retraining from the user's regions: a probe on the frozen trunk, then fine tuning when that proves better.

Both are judged on groups they have not seen. The fine tuning is kept, at the length that was best on the held-out
groups, only when its held-out loss is lower than that of the probe.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mammoviewer.base.errors import TrainingError
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.datasets.splits import Fold, workable_folds
from mammoviewer.inference.manifest import load_manifest
from mammoviewer.training.architectures import RegionClassifier
from mammoviewer.training.assessment import UNCHOSEN_THRESHOLD, HeldOut, assess, not_held_out
from mammoviewer.training.fine_tuning import tune_folds, tune_on_everything
from mammoviewer.training.incumbent import incumbent_scores
from mammoviewer.training.independence import with_same_pictures_joined
from mammoviewer.training.linear_fit import Embedding, choose_strength, fit_linear, out_of_fold
from mammoviewer.training.probe import embed, set_head
from mammoviewer.training.spec import Emit, TrainingSpec
from mammoviewer.training.weights import load_trunk


@dataclass(frozen=True, eq=False)
class RegionResult:
    """The network, how it did on held-out groups, and the threshold chosen there."""

    network: RegionClassifier
    metrics: Mapping[str, Any]
    threshold: float


def train_regions(spec: TrainingSpec, patches: PatchSet, emit: Emit) -> RegionResult:
    """Run the whole retraining; see the module's text.

    Raises
    ------
    TrainingError
        A class has no patches, the patches are not square, or the base model cannot be retrained.
    """
    if set(patches.labels) != set(range(len(patches.classes))) or patches.images.shape[1] != patches.images.shape[2]:
        raise TrainingError("every class needs at least one region, and patches must be square")
    if spec.base_model is None or spec.pixel_size_mm is None:
        raise TrainingError("retraining needs a base model and the pixel size of the patches")
    trunk, channels = load_trunk(spec.base_model)
    parent = load_manifest(spec.base_model)
    # what a retrained trunk has learnt from cannot be held out any more
    own = parent.parent is not None
    patches = with_same_pictures_joined(patches)
    base = RegionClassifier(trunk, channels, len(patches.classes)).eval()
    emit({"event": "log", "text": f"looking at {len(patches)} patches", "fraction": 0.02})
    data = embed(base.trunk, patches.images, patches.labels, patches.groups, len(patches.classes))
    network = _with_probe(base, data, spec.seed)
    splits = workable_folds(patches.labels, patches.groups, spec.folds, spec.seed)
    if not splits:
        metrics = not_held_out(spec, patches, from_own_model=own)
        emit({"event": "log", "text": metrics["note"], "fraction": 0.85})
        return RegionResult(network, metrics, UNCHOSEN_THRESHOLD)
    probe = out_of_fold(data, splits, lambda part: choose_strength(part, spec.seed))

    def start(split: Fold) -> RegionClassifier:
        return _with_probe(base, data.subset(split.train.tolist()), spec.seed)

    curves = tune_folds(spec, patches, splits, start, emit)
    epochs = curves.best()
    if epochs:
        emit({"event": "log", "text": f"final fit on all regions, {epochs} epochs", "fraction": 0.87})
        tune_on_everything(network, spec, patches, epochs)
    before = incumbent_scores(parent, patches, spec.positive_class, spec.pixel_size_mm)
    held_out = HeldOut(curves.nested(splits, probe), probe, before, splits)
    metrics, threshold = assess(spec, patches, held_out, from_own_model=own)
    return RegionResult(network, {**metrics, "fine_tuning_epochs": epochs}, threshold)


def _with_probe(base: RegionClassifier, data: Embedding, seed: int) -> RegionClassifier:
    network = copy.deepcopy(base)
    set_head(network.pooled_head, fit_linear(data, choose_strength(data, seed)))
    return network
