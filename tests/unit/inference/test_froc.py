import math

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.inference.detections import Detection
from mammoviewer.inference.froc import FrocImage, TruthBox, finds, froc_curve, sensitivity_intervals


def mark(row, score, column=0.0, frame=0, slices=None):
    return Detection(row, column, frame, score, (row - 5, column - 5, row + 5, column + 5), slices=slices)


def lesion(row, frame=0.0, half=5.0):
    return TruthBox((row - half, -half, row + half, half), frame)


def test_the_distance_of_the_centres_counts_up_to_100_px_or_half_the_diagonal():
    assert finds(mark(100.0, 1), lesion(0.0))
    assert not finds(mark(100.1, 1), lesion(0.0))
    assert finds(mark(60.0, 1, 80.0), lesion(0.0))
    assert not finds(mark(60.0, 1, 80.1), lesion(0.0))
    large = lesion(0.0, half=100.0)  # the diagonal is 282.8
    assert finds(mark(141.4, 1), large)
    assert not finds(mark(141.5, 1), large)
    assert not finds(mark(60.0, 1), lesion(0.0), least_px=50.0)


def test_in_a_volume_the_middle_slice_lies_within_a_quarter_of_the_slices():
    truth = lesion(0.0, frame=20.0)
    assert finds(mark(0.0, 1, frame=30), truth, 40)
    assert not finds(mark(0.0, 1, frame=31), truth, 40)
    assert finds(mark(0.0, 1, frame=31, slices=(28, 32)), truth, 40)
    assert finds(mark(0.0, 1, frame=31), truth, 1), "a flat image has no depth"


@pytest.fixture
def three_images():
    """a: two lesions, one hit twice (.9, .5), one missed, a false mark (.7); b: one hit (.6); c: false (.8, .3)."""
    return [
        FrocImage("a", (lesion(0.0), lesion(1000.0)), (mark(10.0, 0.9), mark(500.0, 0.7), mark(20.0, 0.5))),
        FrocImage("b", (lesion(0.0),), (mark(0.0, 0.6),)),
        FrocImage("c", (), (mark(0.0, 0.8), mark(500.0, 0.3))),
    ]


def test_the_curve_is_the_one_counted_by_hand(three_images):
    curve = froc_curve(three_images)
    assert (curve.lesions, curve.images, curve.patients) == (3, 3, 3)
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.7, 0.6, 0.3]
    np.testing.assert_allclose(curve.sensitivity, [1 / 3, 1 / 3, 1 / 3, 2 / 3, 2 / 3])
    np.testing.assert_allclose(curve.false_per_image, [0, 1 / 3, 2 / 3, 2 / 3, 1])
    assert curve.points()[3] == {
        "threshold": 0.6,
        "false_per_image": pytest.approx(2 / 3),
        "sensitivity": pytest.approx(2 / 3),
    }


@pytest.mark.parametrize(
    ("rate", "expected"), [(0.0, 1 / 3), (0.33, 1 / 3), (0.66, 1 / 3), (2 / 3, 2 / 3), (4.0, 2 / 3)]
)
def test_sensitivity_at_a_rate_is_never_interpolated(three_images, rate, expected):
    assert froc_curve(three_images).sensitivity_at(rate) == pytest.approx(expected)
    (interval,) = sensitivity_intervals(three_images, [rate], samples=50)
    assert interval.value == pytest.approx(expected)


def test_of_equal_scores_the_false_mark_counts_too():
    images = [FrocImage("a", (lesion(0.0),), (mark(0.0, 0.5), mark(500.0, 0.5)))]
    curve = froc_curve(images)
    assert curve.sensitivity_at(0.0) == 0.0
    assert curve.sensitivity_at(1.0) == 1.0
    assert [i.value for i in sensitivity_intervals(images, [0.0, 1.0], samples=5)] == [0.0, 1.0]


def test_the_interval_draws_patients_with_all_their_images():
    images = [FrocImage("a", (lesion(0.0),), (mark(0.0, 0.9),))] * 3 + [FrocImage("b", (lesion(0.0),), ())]
    (interval,) = sensitivity_intervals(images, [1.0], samples=500)
    assert interval.value == 0.75
    assert (interval.low, interval.high) == (0.0, 1.0)
    again = sensitivity_intervals(images, [1.0], samples=500)
    assert again == (interval,)
    sure = sensitivity_intervals([FrocImage(str(n), (lesion(0.0),), (mark(0.0, 0.9),)) for n in range(9)], [1.0])
    assert (sure[0].low, sure[0].high) == (1.0, 1.0)


def test_a_model_without_marks_finds_nothing():
    curve = froc_curve([FrocImage("a", (lesion(0.0),), ())])
    assert curve.points() == []
    assert curve.sensitivity_at(2.0) == 0.0


def test_without_lesions_there_is_no_curve():
    with pytest.raises(ArgumentError, match="lesions"):
        froc_curve([FrocImage("a", (), (mark(0.0, 0.5),))])
    with pytest.raises(ArgumentError, match="lesions"):
        froc_curve([])


def test_random_marks_agree_with_a_plain_count():
    generator = np.random.default_rng(4)
    images = []
    for number in range(12):
        truths = tuple(lesion(row) for row in generator.uniform(0, 3000, generator.integers(0, 3)))
        marks = tuple(
            mark(row, score) for row, score in zip(generator.uniform(0, 3000, 9), generator.random(9), strict=True)
        )
        images.append(FrocImage(f"p{number // 2}", truths, marks))
    curve = froc_curve(images)
    for point in curve.points():
        seen = [[m for m in image.marks if m.score >= point["threshold"]] for image in images]
        pairs = list(zip(images, seen, strict=True))
        found = sum(any(finds(m, t) for m in marks) for image, marks in pairs for t in image.truths)
        false = sum(not any(finds(m, t) for t in image.truths) for image, marks in pairs for m in marks)
        assert point["sensitivity"] == pytest.approx(found / curve.lesions)
        assert point["false_per_image"] == pytest.approx(false / 12)
    assert not math.isnan(sensitivity_intervals(images, [1.0], samples=20)[0].low)
