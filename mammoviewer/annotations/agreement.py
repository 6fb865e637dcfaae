"""How far readers agree: on categories by kappa, on regions by matching them.

Cohen, Educ Psychol Meas 20 (1960) 37; Fleiss, Psychol Bull 76 (1971) 378; weights: Cohen, Psychol Bull 70 (1968) 213.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from mammoviewer.annotations.finding import Finding
from mammoviewer.base.errors import ArgumentError

LEAST_OVERLAP = 0.1
"""Regions that share less of their area than this do not match by overlap."""


def cohen_kappa(
    first: Sequence[Hashable], second: Sequence[Hashable], *, order: Sequence[Hashable] | None = None
) -> float:
    """Return Cohen's kappa of two readers over the same cases; NaN where both say one and the same thing throughout.

    Parameters
    ----------
    first, second
        What each reader said, case by case.
    order
        All categories in their order, for quadratic weights; None counts any difference alike.

    Raises
    ------
    ArgumentError
        If the lengths differ, there is no case, or a category is not in ``order``.
    """
    if len(first) != len(second) or not first:
        raise ArgumentError("kappa needs the same cases, at least one, from both readers")
    categories = list(order) if order is not None else sorted({*first, *second}, key=str)
    place = {category: number for number, category in enumerate(categories)}
    if not {*first, *second} <= set(place):
        raise ArgumentError("a reader used a category that is not among the ordered ones")
    count = len(categories)
    table = np.zeros((count, count))
    for one, other in zip(first, second, strict=True):
        table[place[one], place[other]] += 1
    table /= table.sum()
    steps = np.abs(np.subtract.outer(np.arange(count), np.arange(count))).astype(np.float64)
    weight = steps**2 if order is not None else (steps > 0).astype(np.float64)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    chance = float((weight * expected).sum())
    return 1.0 - float((weight * table).sum()) / chance if chance > 0 else math.nan


def fleiss_kappa(cases: Sequence[Sequence[Hashable]]) -> float:
    """Return Fleiss' kappa of several readers; NaN where all say one and the same thing throughout.

    Parameters
    ----------
    cases
        For each case what its readers said; every case has the same number of readers, two or more.

    Raises
    ------
    ArgumentError
        If that is not so, or there is no case.
    """
    numbers = {len(case) for case in cases}
    if len(numbers) != 1 or min(numbers) < 2:
        raise ArgumentError("kappa needs at least one case and in each the same number of readers, two or more")
    readers = numbers.pop()
    categories = sorted({said for case in cases for said in case}, key=str)
    counts = np.array([[sum(said == category for said in case) for category in categories] for case in cases], float)
    share = counts.sum(axis=0) / counts.sum()
    chance = float((share**2).sum())
    seen = float(((counts * (counts - 1)).sum(axis=1) / (readers * (readers - 1))).mean())
    return (seen - chance) / (1.0 - chance) if chance < 1.0 else math.nan


@dataclass(frozen=True)
class RegionMatch:
    """Two findings of two readers that are taken for the same, their overlap (IoU), how far apart their centres lie."""

    first: Finding
    second: Finding
    overlap: float
    distance_mm: float


@dataclass(frozen=True)
class RegionAgreement:
    """How two readers' regions correspond: matched pairs, and what each has alone."""

    matches: tuple[RegionMatch, ...]
    only_first: tuple[Finding, ...]
    only_second: tuple[Finding, ...]

    @property
    def dice(self) -> float:
        """Return twice the matches by all regions of both: 1 where each has its counterpart, NaN without any."""
        total = 2 * len(self.matches) + len(self.only_first) + len(self.only_second)
        return 2 * len(self.matches) / total if total else math.nan


def match_regions(
    first: Sequence[Finding],
    second: Sequence[Finding],
    *,
    pixel_mm: tuple[float, float] = (1.0, 1.0),
    within_mm: float = 10.0,
) -> RegionAgreement:
    """Match the findings of two readers on one image: each with at most one, as close as possible over all.

    Findings match that overlap by a tenth and more, or whose centres lie ``within_mm`` of each other, on one frame.
    Measures take no part.

    Parameters
    ----------
    pixel_mm
        Size of a pixel (rows, columns); (1, 1) counts in pixels.
    within_mm
        In the unit of ``pixel_mm``.
    """
    ours = [finding for finding in first if not finding.is_measure]
    theirs = [finding for finding in second if not finding.is_measure]
    pairs = [[_compared(one, other, pixel_mm) for other in theirs] for one in ours]
    chosen: list[RegionMatch] = []
    if ours and theirs:
        from scipy.optimize import linear_sum_assignment

        # No match costs as much as the farthest one: a good pair is not parted for the sake of two poor ones.
        costs = [[min(p.distance_mm, within_mm) if _alike(p, within_mm) else within_mm for p in line] for line in pairs]
        for row, column in zip(*linear_sum_assignment(np.array(costs)), strict=True):
            if _alike(pairs[row][column], within_mm):
                chosen.append(pairs[row][column])
    used = {match.first.id for match in chosen} | {match.second.id for match in chosen}
    return RegionAgreement(
        tuple(chosen),
        tuple(finding for finding in ours if finding.id not in used),
        tuple(finding for finding in theirs if finding.id not in used),
    )


def _alike(match: RegionMatch, within_mm: float) -> bool:
    same = match.first.image_uid == match.second.image_uid and match.first.frame == match.second.frame
    return same and (match.overlap >= LEAST_OVERLAP or match.distance_mm <= within_mm)


def _compared(one: Finding, other: Finding, pixel_mm: tuple[float, float]) -> RegionMatch:
    apart = [(a - b) * size for a, b, size in zip(one.roi.centre, other.roi.centre, pixel_mm, strict=True)]
    return RegionMatch(one, other, overlap(one, other), math.hypot(*apart))


def overlap(one: Finding, other: Finding) -> float:
    """Return intersection over union of two regions, counted in pixels; 0 for points and lines."""
    boxes = np.array([one.roi.bounding_box(), other.roi.bounding_box()])
    top, left = np.floor(boxes[:, :2].min(axis=0))
    bottom, right = np.ceil(boxes[:, 2:].max(axis=0))
    if min(one.roi.area_px, other.roi.area_px) == 0.0:
        return 0.0
    shape = (int(bottom - top) + 1, int(right - left) + 1)
    masks = [finding.roi.moved(-top, -left).mask(shape) for finding in (one, other)]
    union = int((masks[0] | masks[1]).sum())
    return float((masks[0] & masks[1]).sum()) / union if union else 0.0
