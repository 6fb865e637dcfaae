from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from mammoviewer.annotations.agreement import cohen_kappa, fleiss_kappa, match_regions, overlap
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import ArgumentError

GRADES = ("1", "2", "3", "4A", "4B", "4C", "5")


def test_cohen_agrees_with_sklearn_plain_and_weighted():
    generator = np.random.default_rng(3)
    first = generator.choice(GRADES, 200).tolist()
    second = [grade if generator.random() < 0.6 else generator.choice(GRADES) for grade in first]
    assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))
    weighted = cohen_kappa_score(first, second, labels=list(GRADES), weights="quadratic")
    assert cohen_kappa(first, second, order=GRADES) == pytest.approx(weighted)


def test_fleiss_gives_the_figure_of_its_paper():
    """The example of Fleiss 1971 as it is given in textbooks: ten cases, fourteen readers, kappa .210."""
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    cases = [[category for category, count in enumerate(line) for _ in range(count)] for line in counts]
    assert fleiss_kappa(cases) == pytest.approx(0.210, abs=0.0005)


def test_perfect_agreement_is_one_and_no_variety_is_not_a_number():
    assert cohen_kappa("abab", "abab") == 1.0
    assert fleiss_kappa(["aa", "bb", "cc"]) == 1.0
    assert math.isnan(cohen_kappa("aaa", "aaa"))
    assert math.isnan(fleiss_kappa(["aa", "aa"]))


@pytest.mark.parametrize(("first", "second", "order"), [("a", "ab", None), ("", "", None), ("a", "z", ("a", "b"))])
def test_what_cannot_be_compared_is_refused(first, second, order):
    with pytest.raises(ArgumentError):
        cohen_kappa(first, second, order=order)


@pytest.mark.parametrize("cases", [[], [["a"]], [["a", "b"], ["a"]]])
def test_fleiss_needs_the_same_number_of_readers(cases):
    with pytest.raises(ArgumentError):
        fleiss_kappa(cases)


def box(top, left, size=20.0, **changes):
    roi = Roi(RoiKind.RECTANGLE, ((top, left), (top + size, left + size)))
    return replace(new_finding("1.2", 0, roi, "Mass"), **changes)


def test_each_region_has_at_most_one_counterpart_and_the_nearest_over_all():
    first = [box(0, 0), box(0, 30), box(200, 200)]
    second = [box(2, 28), box(1, 3), box(90, 90)]
    found = match_regions(first, second)
    pairs = {(match.first.id, match.second.id) for match in found.matches}
    assert pairs == {(first[0].id, second[1].id), (first[1].id, second[0].id)}
    assert [finding.id for finding in found.only_first] == [first[2].id]
    assert [finding.id for finding in found.only_second] == [second[2].id]
    assert found.dice == pytest.approx(4 / 6)


def test_a_good_pair_is_not_parted_for_two_poor_ones():
    first, second = [box(50, 50), box(140, 50)], [box(51, 50), box(0, 50)]
    found = match_regions(first, second, pixel_mm=(0.1, 0.1))
    assert [(m.first.id, m.second.id) for m in found.matches] == [(first[0].id, second[0].id)]


def test_near_centres_match_without_overlap_by_millimetres():
    apart = [box(0, 0, 4.0)], [box(0, 30, 4.0)]
    assert match_regions(*apart, pixel_mm=(1.0, 1.0)).matches == ()
    (match,) = match_regions(*apart, pixel_mm=(0.1, 0.1)).matches
    assert match.distance_mm == pytest.approx(3.0)
    assert match.overlap == 0.0


def test_other_slices_and_measures_do_not_match():
    other = box(0, 0, frame=3)
    assert match_regions([box(0, 0)], [other]).matches == ()
    line = new_finding("1.2", 0, Roi(RoiKind.DISTANCE, ((0.0, 0.0), (9.0, 9.0))), "")
    assert match_regions([line], [line]).dice != match_regions([box(0, 0)], [box(0, 0)]).dice == 1.0


def test_overlap_is_counted_in_pixels():
    one, other = box(0.0, 0.0, 9.0), box(0.0, 5.0, 9.0)
    assert overlap(one, other) == pytest.approx(50 / 150)
