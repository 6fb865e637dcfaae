import pytest
from pydicom.sr.codedict import codes

from mammoviewer.annotations.birads import birads
from mammoviewer.annotations.interchange.coded_terms import (
    PRIVATE,
    CodedTerm,
    assessment_code,
    assessment_value,
    code_label,
    label_code,
)


@pytest.mark.parametrize("cad", [False, True])
@pytest.mark.parametrize("label", [*birads().labels, "my own class", "", "Zyste rechts", "x" * 200])
def test_a_class_comes_back_from_its_code_and_its_name(label: str, cad: bool) -> None:
    term = label_code(label, cad=cad)
    assert len(term.value) <= 16
    assert 0 < len(term.meaning) <= 64
    assert code_label(term, label) == label
    if label and len(label) <= 64 and label != "Global asymmetry":
        assert code_label(term) == label


def test_codes_of_the_standard_have_its_meaning() -> None:
    mass = label_code("Mass")
    assert (mass.value, mass.scheme, mass.meaning) == tuple(codes.cid6054.MammographicBreastMass)[:3]
    cluster = label_code("Calcifications", cad=True)
    assert (cluster.value, cluster.scheme) == tuple(codes.cid6014.CalcificationCluster)[:2]


def test_other_names_of_a_class_and_retired_codes_are_known() -> None:
    assert label_code("distortion") == label_code("Architectural distortion")
    assert label_code("something else").scheme == PRIVATE
    assert code_label(CodedTerm("F-01775", "SRT", "Calcification Cluster")) == "Calcifications"
    assert code_label(CodedTerm("C1", "99OTHER", "Cyst of another kind")) == "Cyst of another kind"


def test_the_name_goes_before_only_where_it_has_the_code() -> None:
    assert code_label(label_code("Mass"), "Skin lesion") == "Mass"


@pytest.mark.parametrize("value", [term.value for term in birads().assessments])
def test_every_assessment_has_a_code(value: str) -> None:
    term = assessment_code(value)
    assert term is not None
    assert assessment_value(term) == value
    assert assessment_value(CodedTerm("1", "99X", f"BI-RADS {value}: words")) == value


def test_what_is_no_assessment_is_none() -> None:
    assert assessment_code("7") is None
    assert assessment_value(CodedTerm("1", "99X", "44 things")) == ""
