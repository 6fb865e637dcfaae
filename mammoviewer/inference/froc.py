"""FROC: which share of the lesions is found at how many false marks per image, by the rule of DBTex.

A mark finds a lesion when the distance of their centres is at most half the diagonal of the lesion's box, or 100 pixels
where that is more; in a volume the middle slice of the mark must also lie within 25 % of the number of slices from the
lesion's (Buda et al. 2021, "A data set and deep learning algorithm for the detection of masses and architectural
distortions in digital breast tomosynthesis"). Several marks on one lesion are one hit, with the highest score; a mark
that finds no lesion is false. Lesions and false marks are counted over all images, with or without lesions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.base.errors import ArgumentError
from mammoviewer.inference.detections import Box, Detection

LEAST_DISTANCE_PX = 100.0
SLICE_TOLERANCE = 0.25
_MISSED = -math.inf


@dataclass(frozen=True)
class TruthBox:
    """A lesion: its box (r0, c0, r1, c1) by corner points in stored pixels, and its middle slice, from 0."""

    box: Box
    frame: float = 0.0


@dataclass(frozen=True)
class FrocImage:
    """One image with its lesions and a model's marks; ``frames`` is the number of slices, 1 for a flat image."""

    patient: str
    truths: tuple[TruthBox, ...]
    marks: tuple[Detection, ...]
    frames: int = 1


@dataclass(frozen=True, eq=False)
class FrocCurve:
    """The points of a FROC curve, from the highest threshold to the lowest.

    Parameters
    ----------
    thresholds
        float64 (n,), falling: marks with at least that score count.
    false_per_image
        float64 (n,), mean number of false marks of an image.
    sensitivity
        float64 (n,), share of the lesions that are found.
    lesions, images, patients
        How many there were.
    """

    thresholds: DoubleArray
    false_per_image: DoubleArray
    sensitivity: DoubleArray
    lesions: int
    images: int
    patients: int

    def sensitivity_at(self, false_per_image: float) -> float:
        """Return the highest sensitivity with at most so many false marks per image; nothing is interpolated."""
        allowed = self.sensitivity[self.false_per_image <= false_per_image + 1e-12]
        return float(allowed.max()) if allowed.size else 0.0

    def points(self) -> list[dict[str, float]]:
        """Return the points for JSON."""
        rows = zip(self.thresholds.tolist(), self.false_per_image.tolist(), self.sensitivity.tolist(), strict=True)
        return [{"threshold": t, "false_per_image": f, "sensitivity": s} for t, f, s in rows]


@dataclass(frozen=True)
class Interval:
    """A figure with its bootstrap interval."""

    value: float
    low: float
    high: float


def finds(
    mark: Detection,
    truth: TruthBox,
    frames: int = 1,
    *,
    least_px: float = LEAST_DISTANCE_PX,
    slice_tolerance: float = SLICE_TOLERANCE,
) -> bool:
    """Return whether a mark finds a lesion in an image of so many frames."""
    rows = (mark.box[0] + mark.box[2] - truth.box[0] - truth.box[2]) / 2
    columns = (mark.box[1] + mark.box[3] - truth.box[1] - truth.box[3]) / 2
    reach = math.hypot(truth.box[2] - truth.box[0], truth.box[3] - truth.box[1]) / 2
    near = math.hypot(rows, columns) <= max(reach, least_px)
    middle = (mark.first_frame + mark.last_frame) / 2
    return near and (frames == 1 or abs(middle - truth.frame) <= slice_tolerance * frames)


def froc_curve(images: Sequence[FrocImage], *, least_px: float = LEAST_DISTANCE_PX) -> FrocCurve:
    """Return the curve over all images.

    Raises
    ------
    ArgumentError
        There are no images, or no lesions in them.
    """
    table = _Table(images, least_px)
    found, false = np.sort(table.found)[::-1], np.sort(table.false)[::-1]
    thresholds = np.unique(np.concatenate([found[np.isfinite(found)], false]))[::-1]
    hits = np.searchsorted(-found, -thresholds, side="right")
    wrong = np.searchsorted(-false, -thresholds, side="right")
    return FrocCurve(
        thresholds=thresholds.astype(np.float64),
        false_per_image=(wrong / len(images)).astype(np.float64),
        sensitivity=(hits / len(found)).astype(np.float64),
        lesions=len(found),
        images=len(images),
        patients=len(table.names),
    )


def sensitivity_intervals(
    images: Sequence[FrocImage],
    at: Sequence[float],
    *,
    least_px: float = LEAST_DISTANCE_PX,
    samples: int = 2000,
    seed: int = 20,
) -> tuple[Interval, ...]:
    """Return the sensitivity at each number of false marks per image, with the 95 % interval over patients.

    Patients are drawn with replacement, with all their images; a draw without a lesion is left out.
    """
    table = _Table(images, least_px)
    generator = np.random.Generator(np.random.Philox(seed))
    draws: list[list[float]] = [[] for _ in at]
    for _ in range(samples):
        weights = np.bincount(generator.integers(0, len(table.names), len(table.names)), minlength=len(table.names))
        if weights[table.found_by].sum() == 0:
            continue
        for place, rate in enumerate(at):
            draws[place].append(table.sensitivity(rate, weights))
    once = np.ones(len(table.names), dtype=np.int64)
    result = []
    for place, rate in enumerate(at):
        low, high = np.percentile(draws[place], (2.5, 97.5)) if draws[place] else (math.nan, math.nan)
        result.append(Interval(table.sensitivity(rate, once), float(low), float(high)))
    return tuple(result)


class _Table:
    """Scores of lesions and of false marks, the latter falling, each with the number of its patient."""

    def __init__(self, images: Sequence[FrocImage], least_px: float) -> None:
        self.names = tuple(dict.fromkeys(image.patient for image in images))
        number = {name: place for place, name in enumerate(self.names)}
        found: list[tuple[float, int]] = []
        false: list[tuple[float, int]] = []
        for image in images:
            hits = [[finds(m, t, image.frames, least_px=least_px) for t in image.truths] for m in image.marks]
            for place in range(len(image.truths)):
                scores = [mark.score for mark, hit in zip(image.marks, hits, strict=True) if hit[place]]
                found.append((max(scores, default=_MISSED), number[image.patient]))
            false += [
                (m.score, number[image.patient]) for m, hit in zip(image.marks, hits, strict=True) if not any(hit)
            ]
        if not images or not found:
            raise ArgumentError("FROC needs images with lesions")
        false.sort(key=lambda one: -one[0])
        self.found, self.found_by = _columns(found)
        self.false, self.false_by = _columns(false)
        self.images_of = np.bincount([number[image.patient] for image in images], minlength=len(self.names))

    def sensitivity(self, rate: float, weights: NDArray[np.int64]) -> float:
        """Return the sensitivity with at most ``rate`` false marks per image, patients counted ``weights`` times."""
        allowed = rate * float((weights * self.images_of).sum())
        crossed = np.flatnonzero(np.cumsum(weights[self.false_by]) > allowed + 1e-9)
        # The false mark that is one too many has to be left out, and with it all of its score and below.
        limit = self.false[crossed[0]] if crossed.size else _MISSED
        of_lesion = weights[self.found_by]
        return float(of_lesion[self.found > limit].sum() / of_lesion.sum())


def _columns(pairs: Sequence[tuple[float, int]]) -> tuple[DoubleArray, NDArray[np.intp]]:
    scores = np.array([score for score, _ in pairs], dtype=np.float64)
    return scores, np.array([number for _, number in pairs], dtype=np.intp)
