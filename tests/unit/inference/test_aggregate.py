import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoviewer.base.errors import ArgumentError
from mammoviewer.inference.aggregate import (
    RULES,
    aggregate,
    checked_rule,
    class_scores,
    max_projection,
    maximum,
    mean,
    noisy_or,
    patient_score,
    s3,
    top_k,
    volume_score,
)

SCORES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


def test_the_rules_by_hand():
    scores = [0.2, 0.6, 0.1]
    assert maximum(scores) == pytest.approx(0.6)
    assert mean(scores) == pytest.approx(0.3)
    assert top_k(scores, 2) == pytest.approx(0.4)
    assert noisy_or(scores) == pytest.approx(1 - 0.8 * 0.4 * 0.9)
    squared_mean = (0.04 + 0.36 + 0.01) / 3
    assert s3(scores) == pytest.approx(1 - (1 - squared_mean) ** 3)


def test_the_s3_rule_of_one_image_is_its_square():
    assert s3([0.7]) == pytest.approx(0.49)


@given(SCORES)
def test_rules_stay_probabilities_and_know_no_order(scores):
    for rule in RULES:
        value = aggregate(scores, rule)
        assert -1e-12 <= value <= 1 + 1e-12
        assert aggregate(scores[::-1], rule) == pytest.approx(value, abs=1e-12)
    assert mean(scores) - 1e-12 <= top_k(scores, 3) <= maximum(scores) + 1e-12
    assert noisy_or(scores) >= maximum(scores) - 1e-12
    assert top_k(scores, 1) == maximum(scores)
    assert top_k(scores, 99) == pytest.approx(mean(scores))


@pytest.mark.parametrize("rule", RULES)
def test_parts_without_a_score_are_left_out(rule):
    assert aggregate([0.3, math.nan, 0.5], rule) == pytest.approx(aggregate([0.3, 0.5], rule))
    assert math.isnan(aggregate([], rule))
    assert math.isnan(aggregate([math.nan], rule))


def test_rules_that_do_not_exist_and_scores_that_are_none_are_refused():
    for rule in ("median", "top-", "top-0", "top-x", ""):
        with pytest.raises(ArgumentError):
            checked_rule(rule)
    assert checked_rule("top-7") == "top-7"
    with pytest.raises(ArgumentError, match="probabilities"):
        maximum([1.5])


def test_a_volume_takes_the_slices_that_were_looked_at():
    assert volume_score([None, 0.2, math.nan, 0.9, 0.4], "top-2") == pytest.approx(0.65)


def test_images_make_breasts_and_breasts_a_patient():
    images = [("L", 0.1), ("R", 0.4), ("L", 0.3), ("R", 0.8)]
    found = patient_score(images, rule="mean")
    assert [(one.laterality, one.images) for one in found.breasts] == [("R", 2), ("L", 2)]
    assert [one.score for one in found.breasts] == pytest.approx([0.6, 0.2])
    assert found.score == pytest.approx(0.6)
    assert patient_score(images, rule="s3").breasts[1].score == pytest.approx(1 - (1 - 0.05) ** 2)


def test_images_without_a_side_or_a_score_do_not_count_as_a_side():
    found = patient_score([("", 0.9), ("R", math.nan), ("R", 0.2)])
    assert [(one.laterality, one.images) for one in found.breasts] == [("R", 1), ("", 1)]
    assert found.score == pytest.approx(0.9)
    assert math.isnan(patient_score([]).score)


def test_classes_are_taken_apart():
    parts = [{"mass": 0.2, "cyst": 0.5}, {"mass": 0.6}]
    assert class_scores(parts, "mean") == pytest.approx({"mass": 0.4, "cyst": 0.5})


def test_nothing_is_there_only_where_no_part_shows_anything():
    parts = [{"negative": 0.9, "positive": 0.1}, {"negative": 0.2, "positive": 0.8}]
    assert class_scores(parts, absence="negative") == pytest.approx({"negative": 0.2, "positive": 0.8})
    assert class_scores(parts, "mean", absence="negative") == pytest.approx({"negative": 0.55, "positive": 0.45})


def test_the_projection_takes_the_largest_and_leaves_its_maps_alone():
    first = np.array([[0.1, np.nan], [0.5, np.nan]], dtype=np.float32)
    second = np.array([[0.2, 0.3], [0.4, np.nan]], dtype=np.float32)
    kept = first.copy()
    found = max_projection([first, second])
    np.testing.assert_array_equal(found, np.array([[0.2, 0.3], [0.5, np.nan]], dtype=np.float32))
    np.testing.assert_array_equal(first, kept)
    for maps in ([], [first, second[:1]]):
        with pytest.raises(ArgumentError):
            max_projection(maps)
