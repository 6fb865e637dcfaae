import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.training.scored import Scored, ScoredUnit, grouped_units

CLASSES = ("normal", "benign", "malignant")


def unit(
    name: str, patient: str, truth: int, scores: tuple[float, ...], breast: str = "L", view: str = "CC"
) -> ScoredUnit:
    image = name.partition(" ")[0]
    one_hot = tuple(int(index == truth) for index in range(len(scores)))
    return ScoredUnit(name, patient, breast, image, one_hot, scores, {"view": view, "density": "B"})


UNITS = (
    unit("a r0", "p", 0, (0.7, 0.2, 0.1)),
    unit("a r1", "p", 2, (0.1, 0.3, 0.6)),
    unit("b r0", "p", 1, (0.4, 0.5, 0.1), breast="R", view="MLO"),
    unit("c r0", "q", 0, (0.9, 0.1, 0.0)),
)
SCORED = Scored(CLASSES, "malignant", 0.5, False, "patch", UNITS, normal_index=0)


def test_decisions_of_several_two_and_many_labels() -> None:
    assert SCORED.decided.argmax(axis=1).tolist() == [0, 2, 1, 0]
    two = Scored(("finding", "normal"), "finding", 0.3, False, "patch", (unit("a", "p", 0, (0.4, 0.6)),), 1)
    assert two.decided.tolist() == [[1, 0]]
    many = Scored(CLASSES, "benign", 0.3, True, "patch", UNITS, 0)
    assert many.decided[:2].tolist() == [[1, 0, 0], [0, 1, 1]]


def test_patches_make_an_image_with_the_worst_truth_and_the_highest_scores() -> None:
    images = grouped_units(SCORED, "image")
    assert [one.image for one in images.units] == ["a", "b", "c"]
    assert images.truth.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    # benign .3, malignant .6, normal 1 - .6, brought to a sum of 1
    assert images.units[0].scores == pytest.approx((0.4 / 1.3, 0.3 / 1.3, 0.6 / 1.3))
    assert images.unit == "image"


def test_breasts_and_patients() -> None:
    assert [one.name for one in grouped_units(SCORED, "breast").units] == ["p L", "p R", "q L"]
    patients = grouped_units(SCORED, "patient")
    assert patients.truth.tolist() == [[0, 0, 1], [1, 0, 0]]
    # What all parts share stays, the rest is not told.
    assert patients.units[0].strata == {"density": "B"}


def test_two_classes_keep_their_sum() -> None:
    units = (unit("a", "p", 0, (0.8, 0.2)), unit("b", "p", 1, (0.3, 0.7)))
    joined = grouped_units(Scored(("normal", "cancer"), "cancer", 0.5, False, "image", units, 0), "patient")
    assert joined.units[0].truth == (0, 1)
    assert joined.units[0].scores == pytest.approx((0.3, 0.7))


def test_labels_that_hold_together_stay_together() -> None:
    joined = grouped_units(Scored(CLASSES, "malignant", 0.5, True, "patch", UNITS, 0), "patient")
    assert joined.units[0].truth == (0, 1, 1)


def test_a_smaller_unit_than_the_scores_is_refused() -> None:
    with pytest.raises(ArgumentError, match="cannot be judged by the unit 'patch'") as caught:
        grouped_units(grouped_units(SCORED, "breast"), "patch")
    assert "breast, patient" in str(caught.value)
    assert grouped_units(SCORED, "patch") is SCORED
