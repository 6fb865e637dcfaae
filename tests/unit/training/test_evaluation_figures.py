import numpy as np
import pytest

from mammoviewer.training.evaluation_figures import classification_figures, confusion_matrix, curves
from mammoviewer.training.scored import Scored, ScoredUnit


def scored(rows, classes=("normal", "cancer"), *, multi_label=False, threshold=0.5, strata=()) -> Scored:
    """Return units from (patient, truth, scores)."""
    units = []
    for number, (patient, truth, scores) in enumerate(rows):
        told = dict(strata[number]) if strata else {}
        rest = (np.random.default_rng(number).normal(truth[-1], 0.1),)
        units.append(ScoredUnit(f"u{number}", patient, "", f"u{number}", tuple(truth), tuple(scores), told, rest))
    return Scored(classes, classes[-1], threshold, multi_label, "image", tuple(units), 0)


# Three patients short of ten; cancer scores .9 .6 (right) .4 (missed), normal .7 (false) .2 .1.
FEW = [
    ("a", (0, 1), (0.1, 0.9)), ("b", (0, 1), (0.4, 0.6)), ("c", (0, 1), (0.6, 0.4)),
    ("d", (1, 0), (0.3, 0.7)), ("e", (1, 0), (0.8, 0.2)), ("f", (1, 0), (0.9, 0.1)),
]  # fmt: skip


def test_two_classes_by_hand() -> None:
    figures = classification_figures(scored(FEW), resamples=20)
    # Pairs won: .9 beats 3, .6 beats 2, .4 beats 2 of 3 each.
    assert figures["auc"] == pytest.approx(7 / 9)
    assert figures["accuracy"] == pytest.approx(4 / 6)
    cancer = figures["classes"]["cancer"]
    assert (cancer["support"], cancer["sensitivity"], cancer["specificity"]) == (
        3,
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
    )
    assert cancer["precision"] == pytest.approx(2 / 3)
    assert cancer["f1"] == pytest.approx(2 / 3)
    assert figures["confusion"] == [[2, 1], [1, 2]]
    # (.01 + .16 + .36 + .49 + .04 + .01) / 6
    assert figures["calibration"]["cancer"]["brier"] == pytest.approx(1.07 / 6)
    assert figures["baselines"]["majority"] == {"auc": 0.5, "accuracy": 0.5}


def test_fewer_than_ten_patients_are_not_assessable() -> None:
    figures = classification_figures(scored(FEW), resamples=20)
    assert figures["assessable"] is False
    assert figures["auc_ci"] is None
    assert figures["classes"]["cancer"]["sensitivity_ci"] is None
    assert (figures["n"], figures["n_patients"]) == (6, 6)


def _many(count: int = 40) -> list[tuple[str, tuple[int, int], tuple[float, float]]]:
    generator = np.random.default_rng(1)
    rows = []
    for number in range(count):
        label = number % 2
        score = float(np.clip(generator.normal(0.35 + 0.3 * label, 0.2), 0, 1))
        rows.append((f"p{number // 2}", (1 - label, label), (1 - score, score)))
    return rows


def test_intervals_hold_the_figure_and_come_again_with_the_seed() -> None:
    figures = classification_figures(scored(_many()), resamples=300)
    again = classification_figures(scored(_many()), resamples=300)
    assert figures == again
    low, high = figures["auc_ci"]
    assert low < figures["auc"] < high
    assert classification_figures(scored(_many()), resamples=300, seed=5)["auc_ci"] != figures["auc_ci"]


def test_the_regression_on_grey_values_is_fitted_on_other_patients() -> None:
    found = classification_figures(scored(_many()), resamples=50)["baselines"]["intensity regression"]
    assert found["auc"] > 0.95
    assert found["accuracy"] > 0.9


def test_three_classes_are_judged_one_against_the_rest() -> None:
    classes = ("normal", "benign", "malignant")
    rows = [
        ("a", (1, 0, 0), (0.8, 0.1, 0.1)), ("b", (1, 0, 0), (0.5, 0.3, 0.2)), ("c", (0, 1, 0), (0.6, 0.3, 0.1)),
        ("d", (0, 1, 0), (0.1, 0.7, 0.2)), ("e", (0, 0, 1), (0.2, 0.2, 0.6)),
    ]  # fmt: skip
    data = scored(rows, classes)
    figures = classification_figures(data, resamples=10)
    # normal: .8 and .5 against .6 .1 .2: 5 of 6; benign: .3 .7 against .1 .3 .2: 5.5 of 6; malignant: 4 of 4
    areas = [figures["classes"][name]["auc"] for name in classes]
    assert areas == pytest.approx([5 / 6, 5.5 / 6, 1.0])
    assert figures["auc"] == pytest.approx(np.mean(areas))
    assert figures["macro"]["auc"] == pytest.approx(np.mean(areas))
    assert figures["accuracy"] == pytest.approx(0.8)
    assert confusion_matrix(data) == [[2, 0, 0], [1, 1, 0], [0, 0, 1]]


def test_labels_that_hold_together() -> None:
    rows = [
        ("a", (0, 1, 1), (0.1, 0.9, 0.6)), ("b", (0, 0, 1), (0.2, 0.3, 0.4)),
        ("c", (0, 0, 0), (0.1, 0.2, 0.1)), ("d", (0, 1, 0), (0.4, 0.8, 0.3)),
    ]  # fmt: skip
    figures = classification_figures(scored(rows, ("any", "mass", "calc"), multi_label=True), resamples=10)
    # The class that never holds has no area; mass 4 of 4, calc 4 of 4 pairs.
    assert figures["classes"]["any"]["auc"] is None
    assert figures["auc"] == pytest.approx(1.0)
    # one of twelve labels is missed: calc of b
    assert figures["accuracy"] == pytest.approx(11 / 12)
    assert figures["confusion"] is None
    assert figures["classes"]["calc"]["decisions"] == {
        "true_positive": 1, "false_negative": 1, "false_positive": 0, "true_negative": 2,
    }  # fmt: skip


def test_labels_that_hold_together_have_a_regression_beside_them() -> None:
    labels = [(number // 2 % 2, 0, number % 2) for number in range(40)]
    rows = [(f"p{number // 4}", truth, (0.5, 0.1, 0.5)) for number, truth in enumerate(labels)]
    figures = classification_figures(scored(rows, ("any", "mass", "calc"), multi_label=True), resamples=10)
    found = figures["baselines"]["intensity regression"]
    # the grey value tells "calc" apart, and nothing of "any"; no unit is a "mass"
    assert found["auc"] > figures["auc"] == pytest.approx(0.5)
    assert found["accuracy"] > 2 / 3


def test_strata_with_one_value_are_not_told() -> None:
    rows = _many(40)
    strata = [{"view": "CC" if number < 20 else "MLO", "vendor": "one"} for number in range(40)]
    figures = classification_figures(scored(rows, strata=strata), resamples=30)
    assert set(figures["strata"]) == {"view"}
    assert figures["strata"]["view"]["CC"]["n"] == 20
    assert figures["strata"]["view"]["CC"]["auc_ci"] is not None
    few = [{"view": "CC" if number < 36 else "MLO"} for number in range(40)]
    assert classification_figures(scored(rows, strata=few), resamples=30)["strata"]["view"]["MLO"]["auc_ci"] is None


def test_a_kind_of_lesion_is_told_from_images_without_any() -> None:
    rows = _many(40)
    kinds = [{"lesion type": "mass" if number % 4 == 1 else "calc"} if number % 2 else {} for number in range(40)]
    found = classification_figures(scored(rows, strata=kinds), resamples=20)["strata"]["lesion type"]
    assert {name: one["n"] for name, one in found.items()} == {"mass": 30, "calc": 30}
    assert found["mass"]["auc"] is not None


def test_one_class_alone_has_no_area_but_an_accuracy() -> None:
    figures = classification_figures(scored(FEW[:3]), resamples=10)
    assert figures["auc"] is None
    assert figures["accuracy"] == pytest.approx(2 / 3)


def test_curves_for_the_report() -> None:
    found = curves(scored(_many()))
    roc, pr = found["roc"]["cancer"], found["pr"]["cancer"]
    assert (len(roc["x"]), roc["y"][-1]) == (66, 1.0)
    assert all(low <= y <= high for low, y, high in zip(roc["low"], roc["y"], roc["high"], strict=True))
    assert pr["prevalence"] == 0.5
    assert curves(scored(FEW))["roc"]["cancer"]["low"] is None
