"""A head fitted on the regions drawn so far: its scores over windows, how good it is, and where to draw next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, DoubleArray, FloatArray
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.datasets.splits import smallest_class_groups, workable_folds
from mammoviewer.inference.embedding import WindowEmbeddings
from mammoviewer.training.assessment import why_not_assessable
from mammoviewer.training.independence import with_same_pictures_joined
from mammoviewer.training.linear_fit import Embedding, LinearFit, choose_strength, fit_linear, out_of_fold
from mammoviewer.training.metrics import area_under_curve, bootstrap_interval

SEED = 1
_FOLDS = 5


@dataclass(frozen=True, eq=False)
class EmbeddedRegion:
    """One region: its label, its centred patch (rows, columns), and embeddings (versions, 2 C) of it and its like."""

    label: str
    patch: FloatArray
    features: FloatArray


@dataclass(frozen=True, eq=False)
class Draft:
    """The head and what it was fitted on.

    Attributes
    ----------
    fit
        Standardisation and weights.
    classes, positive
        Names in the order of the scores, and the one that heatmaps show.
    data
        The embeddings, one row per region, with the groups that stay together.
    unit, patients
        What a group is, and how many patients there are; 0 where images do not say.
    """

    fit: LinearFit
    classes: tuple[str, ...]
    positive: str
    data: Embedding
    unit: str
    patients: int

    @property
    def positive_index(self) -> int:
        """Return the place of the positive class."""
        return self.classes.index(self.positive)


@dataclass(frozen=True)
class DraftFigures:
    """The out-of-fold AUC with its 95 % interval, or why there is none to be told."""

    auc: float = float("nan")
    interval: tuple[float, float] = (float("nan"), float("nan"))
    reason: str = ""

    @property
    def text(self) -> str:
        """Return it in words."""
        if self.reason:
            return f"Not assessable: {self.reason}."
        low, high = self.interval
        return f"AUC on regions it has not seen {self.auc:.2f} ({low:.2f} to {high:.2f})."


def make_draft(
    regions: Sequence[EmbeddedRegion],
    groups: Sequence[str],
    classes: tuple[str, ...],
    positive: str,
    *,
    unit: str,
    patients: int,
) -> Draft:
    """Fit a head; the strength of its regularisation is chosen on groups that a fit has not seen.

    Regions that plainly show the same picture are joined into one group, whatever they are called.
    """
    labels = tuple(classes.index(region.label) for region in regions)
    names = tuple(str(number) for number in range(len(regions)))
    pictures = np.stack([region.patch for region in regions])
    joined = with_same_pictures_joined(PatchSet(pictures, labels, tuple(groups), names, classes))
    features = np.stack([region.features for region in regions], axis=1)
    data = Embedding(features, np.asarray(labels, dtype=np.int64), joined.groups, len(classes))
    return Draft(fit_linear(data, choose_strength(data, SEED)), classes, positive, data, unit, patients)


def assess_draft(draft: Draft, *, from_own_model: bool) -> DraftFigures:
    """Return how well heads fitted in the same way do on groups they have not seen."""
    data = draft.data
    labels = data.labels.tolist()
    smallest = smallest_class_groups(labels, data.groups)
    patients = min(draft.patients, len(set(data.groups))) if draft.unit == "patient" else draft.patients
    counts = {"unit": draft.unit, "patients": patients, "smallest_class_groups": smallest}
    reason = why_not_assessable(counts, from_own_model=from_own_model)
    splits = workable_folds(labels, data.groups, _FOLDS, SEED)
    if reason or not splits:
        return DraftFigures(reason=reason or "the regions are too uneven to hold any out")
    scores = out_of_fold(data, splits, lambda part: choose_strength(part, SEED))[:, draft.positive_index]
    truth = (data.labels == draft.positive_index).astype(np.int64)
    return DraftFigures(area_under_curve(truth, scores), bootstrap_interval(truth, scores, data.groups))


def window_scores(draft: Draft, windows: WindowEmbeddings) -> FloatArray:
    """Return the probability of the positive class on the grid of the windows, NaN where none ran."""
    scores = np.full(windows.grid.counts, np.nan, dtype=np.float32)
    known = windows.known
    if windows.features is not None and known.any():
        scores[known] = draft.fit.probabilities(windows.features[known][np.newaxis])[:, draft.positive_index]
    return scores


def next_window(
    windows: WindowEmbeddings, labelled: FloatArray, draft: Draft | None, taken: BoolArray
) -> NDArray[np.intp] | None:
    """Return the window (row, column of the grid) whose label would tell most; None where there is none to be had.

    The one about which the draft is least sure (one minus the margin between its two likeliest classes), times how far
    it lies from everything labelled; without a draft the distance alone.

    Parameters
    ----------
    labelled
        float32 (n, 2 C), the embeddings of the regions there are.
    taken
        bool (grid rows, grid columns), windows that are labelled already.
    """
    open_windows = windows.known & ~taken
    if windows.features is None or not open_windows.any() or not len(labelled):
        return None
    candidates = windows.features[open_windows]
    mean, deviation = candidates.mean(axis=0), candidates.std(axis=0) + np.float32(1e-3)
    distance = _nearest((candidates - mean) / deviation, (labelled - mean) / deviation)
    worth = distance
    if draft is not None:
        ordered = np.sort(draft.fit.probabilities(candidates[np.newaxis]), axis=1)
        worth = distance * (1 - (ordered[:, -1] - ordered[:, -2]))
    best: NDArray[np.intp] = np.argwhere(open_windows)[int(np.argmax(worth))]
    return best


def _nearest(points: FloatArray, others: FloatArray) -> DoubleArray:
    """Return the Euclidean distance (n,) of each point to the nearest of the others."""
    squares = (
        (points.astype(np.float64) ** 2).sum(axis=1)[:, np.newaxis]
        + (others.astype(np.float64) ** 2).sum(axis=1)
        - 2 * points.astype(np.float64) @ others.astype(np.float64).T
    )
    result: DoubleArray = np.sqrt(np.maximum(squares.min(axis=1), 0.0))
    return result
