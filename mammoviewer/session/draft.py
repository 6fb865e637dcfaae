"""A head fitted on the regions drawn so far: its scores over windows, how good it is, and where to draw next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import BoolArray, DoubleArray, FloatArray
from mammoviewer.datasets.patch_set import PatchSet
from mammoviewer.datasets.splits import smallest_class_groups, workable_folds
from mammoviewer.inference.embedding import WindowEmbeddings
from mammoviewer.training.assessment import why_not_assessable
from mammoviewer.training.independence import with_same_pictures_joined
from mammoviewer.training.linear_fit import (
    DEFAULT_STRENGTH,
    Embedding,
    LinearFit,
    choose_strength,
    fit_linear,
    on_one_core,
    out_of_fold,
)
from mammoviewer.training.metrics import area_under_curve, bootstrap_interval

SEED = 1
_FOLDS = 5


@dataclass(frozen=True, eq=False)
class EmbeddedRegion:
    """One region: its label, its centred patch (rows, columns), and embeddings (versions, K) of it and its like."""

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
    pictures
        float32 (n, rows, columns), the centred patch of each region.
    strength
        Of the regularisation.
    unit, patients
        What a group is, and how many patients there are; 0 where images do not say.
    """

    fit: LinearFit
    classes: tuple[str, ...]
    positive: str
    data: Embedding
    pictures: FloatArray
    strength: float
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
    strength: float = DEFAULT_STRENGTH,
) -> Draft:
    """Fit a head at once, with the strength of regularisation given; :func:`settled` looks for a better one."""
    labels = tuple(classes.index(region.label) for region in regions)
    pictures = np.stack([region.patch for region in regions])
    features = np.stack([region.features for region in regions], axis=1)
    data = Embedding(features, np.asarray(labels, dtype=np.int64), tuple(groups), len(classes))
    with on_one_core():
        fit = fit_linear(data, strength)
    return Draft(fit, classes, positive, data, pictures, strength, unit, patients)


def settled(draft: Draft, hold: Callable[[], None]) -> Draft:
    """Return the draft with the strength of regularisation that does best on groups that a fit has not seen.

    ``hold`` is called before each of the many fits, and may raise. The same head comes back where its strength is best.
    """
    with on_one_core():
        strength = choose_strength(_apart(draft, hold), SEED, hold)
        if strength == draft.strength:
            return draft
        return replace(draft, fit=fit_linear(draft.data, strength), strength=strength)


def assess_draft(draft: Draft, *, from_own_model: bool, hold: Callable[[], None]) -> DraftFigures:
    """Return how well heads fitted in the same way do on groups they have not seen.

    ``hold`` is called before each of the many fits, and may raise.
    """
    with on_one_core():
        return _assessed(draft, _apart(draft, hold), hold, from_own_model=from_own_model)


def _apart(draft: Draft, hold: Callable[[], None]) -> Embedding:
    """Return the data; regions that plainly show the same picture are in one group, whatever they are called."""
    hold()
    labels, names = tuple(draft.data.labels.tolist()), tuple(str(number) for number in range(len(draft.pictures)))
    joined = with_same_pictures_joined(PatchSet(draft.pictures, labels, draft.data.groups, names, draft.classes))
    return replace(draft.data, groups=joined.groups)


def _assessed(draft: Draft, data: Embedding, hold: Callable[[], None], *, from_own_model: bool) -> DraftFigures:
    labels = data.labels.tolist()
    smallest = smallest_class_groups(labels, data.groups)
    patients = min(draft.patients, len(set(data.groups))) if draft.unit == "patient" else draft.patients
    counts = {"unit": draft.unit, "patients": patients, "smallest_class_groups": smallest}
    reason = why_not_assessable(counts, from_own_model=from_own_model)
    splits = workable_folds(labels, data.groups, _FOLDS, SEED)
    if reason or not splits:
        return DraftFigures(reason=reason or "the regions are too uneven to hold any out")
    found = out_of_fold(data, splits, lambda part: choose_strength(part, SEED, hold), hold)
    scores = found[:, draft.positive_index]
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
        float32 (n, K), the embeddings of the regions there are.
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
