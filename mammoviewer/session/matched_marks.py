"""Marks of the two projections of a breast that may be one lesion: as far from the nipple in both.

What CC and MLO views have in common is how far a lesion lies from the nipple; it differs by the compression. A lesion
that a model sees in both views is more likely one than a mark in one view alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mammoviewer.inference.detections import Detection
from mammoviewer.session.location import SIDEWAYS, UPRIGHT
from mammoviewer.session.places import Anatomy

TOLERANCE_MM: Final = 15.0
"""Marks whose distances from the nipple differ by more are not matched."""


@dataclass(frozen=True)
class MarkPair:
    """Two marks of one breast that may be one lesion.

    Attributes
    ----------
    first, second
        The identities of the images, and the marks on them.
    apart_mm
        By how much their distances from the nipple differ.
    score
        sqrt(p1 p2) exp(-d^2 / (2 s^2)): the geometric mean of the marks' scores, lowered as the distances differ by d,
        s half the tolerance.
    """

    first: tuple[str, Detection]
    second: tuple[str, Detection]
    apart_mm: float
    score: float

    def other(self, identity: str, mark: Detection) -> tuple[str, Detection] | None:
        """Return the image and the mark that ``mark`` is matched with; None where it is not of this pair."""
        if (identity, mark) == self.first:
            return self.second
        return self.first if (identity, mark) == self.second else None


def match_marks(
    first: Anatomy,
    first_marks: Sequence[Detection],
    second: Anatomy,
    second_marks: Sequence[Detection],
    *,
    tolerance_mm: float = TOLERANCE_MM,
) -> tuple[MarkPair, ...]:
    """Return the pairs of marks of two images, the highest pair score first; each mark is in one pair at most.

    None where the images are not two projections of one breast, or a nipple or a pixel size is not known. Marks of
    different classes are never matched.
    """
    one, other = first.attributes.view, second.attributes.view
    across = (one.position in SIDEWAYS and other.position in UPRIGHT) or (
        one.position in UPRIGHT and other.position in SIDEWAYS
    )
    if not one.laterality or one.laterality != other.laterality or not across:
        return ()
    candidates = []
    theirs = _distances(second, second_marks)
    for place, distance in enumerate(_distances(first, first_marks)):
        for other_place, other_distance in enumerate(theirs):
            apart = abs(distance - other_distance)
            mark, another = first_marks[place], second_marks[other_place]
            if apart <= tolerance_mm and mark.class_name == another.class_name:
                score = math.sqrt(max(mark.score, 0.0) * max(another.score, 0.0))
                score *= math.exp(-0.5 * (apart / (tolerance_mm / 2)) ** 2)
                candidates.append((score, apart, place, other_place))
    identities = first.attributes.identity, second.attributes.identity
    taken: tuple[set[int], set[int]] = (set(), set())
    pairs = []
    for score, apart, place, other_place in sorted(candidates, key=lambda candidate: -candidate[0]):
        if place not in taken[0] and other_place not in taken[1]:
            taken[0].add(place)
            taken[1].add(other_place)
            ends = (identities[0], first_marks[place]), (identities[1], second_marks[other_place])
            pairs.append(MarkPair(*ends, apart, score))
    return tuple(pairs)


def _distances(anatomy: Anatomy, marks: Sequence[Detection]) -> list[float]:
    """Return the distances of marks from the nipple in mm; empty where those are not known."""
    spacing, nipple = anatomy.attributes.pixel_spacing, anatomy.nipple
    if spacing is None or nipple is None:
        return []
    down, across = spacing.row_mm, spacing.column_mm
    return [math.hypot((mark.row - nipple[0]) * down, (mark.column - nipple[1]) * across) for mark in marks]
