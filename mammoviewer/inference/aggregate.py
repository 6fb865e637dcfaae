"""One score from many: slices -> volume, images -> breast -> patient, each by a rule that is named.

With the probabilities p_1 .. p_n of the parts:

- ``max``: the largest; the whole is as suspicious as its most suspicious part
- ``mean``: (1/n) sum p
- ``top-k``: the mean of the k largest (of all, where there are fewer); k = 1 is ``max``, k = n is ``mean``
- ``noisy-or``: 1 - prod(1 - p): at least one part is positive if all were independent (Pearl 1988)
- ``s3``: "squared mean, complemented n times", the aggregator of the EfficientNet-B4 screening classifier:
  Pbar = (1/n) sum p^2 and P = 1 - (1 - Pbar)^n. Of a single part it gives p^2, not p: scores of breasts with different
  numbers of images are therefore not comparable with it.

Parts without a score (NaN: no breast in them, or not looked at) are left out; without any part the result is NaN.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.base.errors import ArgumentError

RULES = ("max", "mean", "top-3", "noisy-or", "s3")
"""The rules that are offered; ``top-k`` is taken with any k."""
DEFAULT_RULE = "max"


@dataclass(frozen=True)
class BreastScore:
    """A breast of one examination: side "R", "L" or "", its score, and how many images went into it."""

    laterality: str
    score: float
    images: int


@dataclass(frozen=True)
class PatientScore:
    """An examination: the score over its breasts, and the breasts, R before L before those without a side."""

    score: float
    breasts: tuple[BreastScore, ...]


def maximum(scores: Iterable[float]) -> float:
    """Return the largest score."""
    known = _known(scores)
    return float(known.max()) if known.size else math.nan


def mean(scores: Iterable[float]) -> float:
    """Return (1/n) sum p."""
    known = _known(scores)
    return float(known.mean()) if known.size else math.nan


def top_k(scores: Iterable[float], k: int) -> float:
    """Return the mean of the ``k`` largest scores, of all of them where there are fewer.

    Raises
    ------
    ArgumentError
        ``k`` is not positive.
    """
    if k < 1:
        raise ArgumentError("top-k needs a k of at least 1")
    known = np.sort(_known(scores))[::-1][:k]
    return float(known.mean()) if known.size else math.nan


def noisy_or(scores: Iterable[float]) -> float:
    """Return 1 - prod(1 - p)."""
    known = _known(scores)
    return float(1.0 - np.prod(1.0 - known)) if known.size else math.nan


def s3(scores: Iterable[float]) -> float:
    """Return 1 - (1 - mean(p^2))^n: the mean of the squares, complemented n times.

    Source: the aggregator of the RSNA screening classifier (EfficientNet-B4), where n is the number of images of a
    prediction ID, that is of a breast. For n = 1 it is p^2.
    """
    known = _known(scores)
    return float(1.0 - (1.0 - np.mean(known**2)) ** known.size) if known.size else math.nan


def aggregate(scores: Iterable[float], rule: str = DEFAULT_RULE) -> float:
    """Return one score by the ``rule`` "max", "mean", "top-<k>", "noisy-or" or "s3".

    Raises
    ------
    ArgumentError
        There is no such rule.
    """
    number = re.fullmatch(r"top-([0-9]{1,4})", rule)
    if number is not None:
        return top_k(scores, int(number[1]))
    functions = {"max": maximum, "mean": mean, "noisy-or": noisy_or, "s3": s3}
    if rule not in functions:
        raise ArgumentError(f"there is no rule {rule!r}", hint="one of max, mean, top-<k>, noisy-or, s3")
    return functions[rule](scores)


def checked_rule(text: str) -> str:
    """Return ``text`` if it names a rule.

    Raises
    ------
    ArgumentError
        It does not.
    """
    aggregate((), text)
    return text


def volume_score(frame_scores: Sequence[float | None], rule: str = DEFAULT_RULE) -> float:
    """Return the score of a volume from those of its slices; None and NaN are slices that were not looked at."""
    return aggregate((math.nan if score is None else score for score in frame_scores), rule)


def patient_score(
    images: Iterable[tuple[str, float]], *, rule: str = DEFAULT_RULE, over_breasts: str = DEFAULT_RULE
) -> PatientScore:
    """Return the scores of an examination: images -> breast by ``rule``, breasts -> patient by ``over_breasts``.

    Parameters
    ----------
    images
        (laterality, score) of each image or volume. Images without a side form a breast of their own.
    """
    by_side: dict[str, list[float]] = {}
    for laterality, score in images:
        by_side.setdefault(laterality, []).append(score)
    order = sorted(by_side, key=lambda side: ("R", "L").index(side) if side in ("R", "L") else 2)
    breasts = tuple(
        BreastScore(side, aggregate(by_side[side], rule), int(_known(by_side[side]).size)) for side in order
    )
    return PatientScore(aggregate((breast.score for breast in breasts), over_breasts), breasts)


def class_scores(
    parts: Sequence[Mapping[str, float]], rule: str = DEFAULT_RULE, *, absence: str = ""
) -> dict[str, float]:
    """Return one score per class from those of several parts; a class that a part lacks is left out there.

    ``absence`` is the class that says that nothing is there. It holds for the whole where it holds for every part, so
    its complement goes by the rule: one suspicious slice makes the volume suspicious and leaves it not negative.
    """
    names = list(dict.fromkeys(name for part in parts for name in part))
    scores = {}
    for name in names:
        known = [part[name] for part in parts if name in part]
        if name == absence:
            scores[name] = 1.0 - aggregate((1.0 - score for score in known), rule)
        else:
            scores[name] = aggregate(known, rule)
    return scores


def max_projection(pictures: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the largest value at every pixel over maps (rows, columns) of one shape; NaN counts as nothing.

    Raises
    ------
    ArgumentError
        There is no map, or they differ in shape.
    """
    result: NDArray[np.float32] | None = None
    for picture in pictures:
        if result is not None and picture.shape != result.shape:
            raise ArgumentError("the maps of a volume differ in shape")
        result = picture.copy() if result is None else np.fmax(result, picture, out=result)
    if result is None:
        raise ArgumentError("there is no map")
    return result


def _known(scores: Iterable[float]) -> DoubleArray:
    values = np.fromiter(scores, dtype=np.float64)
    known: DoubleArray = values[np.isfinite(values)]
    if known.size and (known.min() < 0.0 or known.max() > 1.0):
        raise ArgumentError("scores are probabilities from 0 to 1")
    return known
