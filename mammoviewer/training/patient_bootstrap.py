"""Figures with 95 % intervals when whole patients are drawn with replacement: sorted once, weighted for each draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.training.metrics import Truth

RESAMPLES = 2000
Weights = NDArray[np.float64]
Statistic = Callable[[Weights], float]


@dataclass(frozen=True, eq=False)
class Draws:
    """How often each patient comes in each draw; ``of`` (n,) is the number of each item's patient."""

    of: NDArray[np.intp]
    counts: NDArray[np.float64]

    @property
    def patients(self) -> int:
        """Return how many there are."""
        return int(self.counts.shape[1])

    def interval(self, statistic: Statistic) -> tuple[float, float]:
        """Return the 2.5th and 97.5th percentile of a statistic of the items' weights; draws without one are left out.

        NaN where no draw has one.
        """
        values = np.array([statistic(weights[self.of]) for weights in self.counts])
        known = values[np.isfinite(values)]
        if not known.size:
            return float("nan"), float("nan")
        low, high = np.percentile(known, (2.5, 97.5))
        return float(low), float(high)

    def band(self, curve: Callable[[Weights], DoubleArray]) -> tuple[DoubleArray, DoubleArray]:
        """Return the same percentiles of every point of a curve, each (points,); NaN where no draw has a curve."""
        values = np.stack([curve(weights[self.of]) for weights in self.counts])
        low, high = np.full((2, values.shape[1]), np.nan)
        known = np.isfinite(values).any(axis=0)
        if known.any():
            low[known], high[known] = np.nanpercentile(values[:, known], (2.5, 97.5), axis=0)
        return low, high


def draw_patients(patients: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 20) -> Draws:
    """Return ``resamples`` draws of as many patients as there are, the same for the same names and seed."""
    names, of = np.unique(np.asarray(patients), return_inverse=True)
    generator = np.random.Generator(np.random.Philox(seed))
    drawn = generator.integers(0, len(names), (resamples, len(names)))
    counts = np.stack([np.bincount(one, minlength=len(names)) for one in drawn])
    return Draws(of.astype(np.intp), counts.astype(np.float64))


class WeightedRoc:
    """ROC, precision and recall of scores under any weights of the items.

    Parameters
    ----------
    truth
        0 or 1, (n,).
    scores
        float64 (n,); items with equal scores are one step.
    """

    def __init__(self, truth: Truth, scores: DoubleArray) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ordered = scores[self._order]
        self._ends = np.flatnonzero(np.append(np.diff(ordered) != 0, True)) if len(ordered) else np.array([], np.intp)
        self._positive = (truth[self._order] == 1).astype(np.float64)

    def steps(self, weights: Weights) -> tuple[DoubleArray, DoubleArray]:
        """Return the weight of true and of false positives from each different score on, from the highest."""
        ordered = weights[self._order]
        true = np.cumsum(ordered * self._positive)[self._ends]
        false = np.cumsum(ordered * (1.0 - self._positive))[self._ends]
        return np.concatenate([[0.0], true]), np.concatenate([[0.0], false])

    def area(self, weights: Weights) -> float:
        """Return the area under the ROC curve; NaN when a class has no weight."""
        true, false = self.steps(weights)
        if true[-1] == 0 or false[-1] == 0:
            return float("nan")
        heights = (true[1:] + true[:-1]) / 2
        return float((np.diff(false) * heights).sum() / (true[-1] * false[-1]))

    def average_precision(self, weights: Weights) -> float:
        """Return the sum of precision times the gain of recall; NaN without positives."""
        true, false = self.steps(weights)
        if true[-1] == 0:
            return float("nan")
        told = true[1:] + false[1:]
        precision = np.divide(true[1:], told, out=np.zeros_like(told), where=told > 0)
        return float((np.diff(true) * precision).sum() / true[-1])

    def sensitivity_at(self, false_rates: DoubleArray, weights: Weights) -> DoubleArray:
        """Return the sensitivity at false positive rates, linear between the steps; NaN when a class has no weight."""
        true, false = self.steps(weights)
        if true[-1] == 0 or false[-1] == 0:
            return np.full(len(false_rates), np.nan)
        # Of the steps at one false positive rate the highest counts.
        highest = np.flatnonzero(np.append(np.diff(false) > 0, True))
        reached: DoubleArray = np.interp(false_rates, false[highest] / false[-1], true[highest] / true[-1])
        return reached

    def precision_at(self, recalls: DoubleArray, weights: Weights) -> DoubleArray:
        """Return the best precision with at least each recall; NaN without positives."""
        true, false = self.steps(weights)
        if true[-1] == 0:
            return np.full(len(recalls), np.nan)
        told = true[1:] + false[1:]
        precision = np.divide(true[1:], told, out=np.zeros_like(told), where=told > 0)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        places = np.searchsorted(true[1:] / true[-1], recalls - 1e-9, side="left")
        found: DoubleArray = best[np.minimum(places, len(best) - 1)]
        return found


def weighted_share(right: NDArray[np.bool_]) -> Statistic:
    """Return the statistic that gives the weighted share of what is true; NaN without weight."""
    values = right.astype(np.float64)

    def share(weights: Weights) -> float:
        total = float(weights.sum())
        return float((weights * values).sum() / total) if total else float("nan")

    return share
