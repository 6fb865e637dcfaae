import pytest

from mammoviewer.base.errors import ArgumentError
from mammoviewer.datasets.class_names import class_map, word_of, words_of


def test_names_of_data_sets_and_models_are_one_word() -> None:
    assert {word_of(name) for name in ("CALC", "Microcalcification", "calcifications", "MC")} == {"calcification"}
    assert (word_of("M"), word_of("any_finding"), word_of("Skin Retraction")) == (
        "malignant",
        "abnormal",
        "skin retraction",
    )


def test_words_that_hold_together() -> None:
    assert words_of("malignant", ["SPIC"]) == {"malignant", "spiculated mass", "mass", "abnormal"}
    assert words_of("normal", []) == {"normal", "negative"}
    assert words_of("benign", []) == {"benign", "abnormal", "negative"}
    assert words_of("", ["microcalcification"]) == {"calcification", "abnormal"}


@pytest.mark.parametrize(
    ("classes", "severity", "kinds", "truth"),
    [
        (("normal", "benign", "malignant"), "benign", ["CIRC"], (0, 1, 0)),
        (("normal", "abnormal"), "benign", ["CIRC"], (0, 1)),
        (("normal", "microcalcification"), "malignant", ["CALC"], (0, 1)),
        (("normal", "microcalcification"), "malignant", ["CIRC"], None),
        (("negative", "malignant"), "benign", ["no cancer"], (1, 0)),
        (("no cancer", "cancer"), "malignant", ["cancer"], (0, 1)),
        (("normal", "malignant"), "benign", [], None),
        (("negative", "malignant", "benign"), "benign", [], (0, 0, 1)),
    ],
)
def test_the_class_of_an_image(classes, severity, kinds, truth) -> None:  # type: ignore[no-untyped-def]
    told = [words_of("normal", []), words_of("malignant", ["CALC"]), words_of("benign", [])]
    assert class_map(classes, told, multi_label=False).truth(words_of(severity, kinds)) == truth


def test_several_labels_hold_at_once() -> None:
    classes = ("any finding", "mass", "calcification", "asymmetry")
    found = class_map(classes, [words_of("benign", ["CIRC"]), words_of("benign", ["CALC"])], multi_label=True)
    assert found.truth(words_of("benign", ["CIRC"])) == (1, 1, 0, 0)
    assert found.truth(words_of("normal", [])) == (0, 0, 0, 0)
    assert found.normal_index == -1


def test_classes_that_the_data_do_not_tell_are_refused_with_what_they_tell() -> None:
    with pytest.raises(ArgumentError, match="does not tell the model's classes cyst, scar") as caught:
        class_map(("cyst", "scar"), [words_of("normal", [])], multi_label=False)
    assert "negative, normal" in str(caught.value)
    rsna = [words_of("normal", []), words_of("malignant", ["cancer"])]
    with pytest.raises(ArgumentError, match="classes microcalcification"):
        class_map(("normal", "microcalcification"), rsna, multi_label=False)
    assert class_map(("normal", "malignant"), [words_of("normal", [])], multi_label=False).classes
