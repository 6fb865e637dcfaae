import json

import pytest

from mammoviewer.annotations.birads import birads, read_terms
from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.paths import resources_dir

BUNDLED = resources_dir() / "terms" / "birads.json"


def test_bundled_terms_hold_what_birads_names():
    terms = birads()
    assert [term.value for term in terms.assessments] == ["0", "1", "2", "3", "4", "4A", "4B", "4C", "5", "6"]
    assert [term.value for term in terms.densities] == ["a", "b", "c", "d"]
    mass = next(kind for kind in terms.finding_types if kind.label == "Mass")
    assert mass.descriptors["shape"] == ("oval", "round", "irregular")
    assert "spiculated" in mass.descriptors["margin"]
    assert {"Calcifications", "Architectural distortion", "Focal asymmetry", "Normal"} <= set(terms.labels)
    assert terms.version
    assert birads() is terms


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("microcalcification", "Calcifications"),
        ("Calcifications", "Calcifications"),
        ("MASS", "Mass"),
        ("normal", "Normal"),
        ("my own class", "my own class"),
    ],
)
def test_names_of_models_become_classes_of_findings(name, label):
    assert birads().label_for(name) == label


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "schema_version 1"),
        ({"assessments": [{"value": "0"}]}, "lacks title"),
        ({"assessments": 3}, "wrong kind"),
        ({"finding_types": [{"label": "x", "group": "y", "descriptors": []}]}, "wrong kind"),
        (
            {
                "finding_types": [
                    {"label": "x", "group": "y", "descriptors": {}},
                    {"label": "z", "group": "y", "descriptors": {}, "aliases": ["X"]},
                ]
            },
            "twice",
        ),
        ({"densities": [{"value": "a", "title": "x"}] * 2}, "twice"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(tmp_path, change, message):
    document = json.loads(BUNDLED.read_text(encoding="utf-8")) | change
    (tmp_path / "terms.json").write_text(json.dumps(document))
    with pytest.raises(AnnotationError, match=message):
        read_terms(tmp_path / "terms.json")


def test_a_list_that_is_not_there_or_no_json_is_refused(tmp_path):
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_terms(tmp_path / "none.json")
    (tmp_path / "terms.json").write_text("{")
    with pytest.raises(AnnotationError, match="not JSON"):
        read_terms(tmp_path / "terms.json")
