import math
from dataclasses import replace

import pytest

from mammoviewer.annotations.finding import ALGORITHM, READER, new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import AnnotationError

ROI = Roi(RoiKind.RECTANGLE, ((1, 2), (3, 4)))


def test_new_findings_have_their_own_id_and_the_time():
    first, second = new_finding("1.2", 0, ROI, "Mass"), new_finding("1.2", 0, ROI, "Mass")
    assert first.id != second.id
    assert first.origin == READER
    assert first.created == first.modified
    assert first.created.endswith("+00:00")
    assert first.created <= second.created


def test_edited_keeps_identity_and_tells_the_time():
    finding = new_finding("1.2", 3, ROI, "Mass")
    edited = finding.edited(label="Asymmetry", assessment="4A")
    assert (edited.id, edited.created, edited.frame) == (finding.id, finding.created, 3)
    assert (edited.label, edited.assessment) == ("Asymmetry", "4A")
    assert edited.modified > finding.modified


def test_score_of_an_algorithm_is_a_float():
    assert isinstance(new_finding("1.2", 0, ROI, "Mass", origin=ALGORITHM, score=1).score, float)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": ""}, "id"),
        ({"image_uid": ""}, "image_uid"),
        ({"frame": -1}, "frame"),
        ({"frame": True}, "frame"),
        ({"frame": 1.0}, "frame"),
        ({"label": None}, "label"),
        ({"note": 3}, "note"),
        ({"origin": "robot"}, "origin"),
        ({"score": math.nan}, "score"),
        ({"score": math.inf}, "score"),
        ({"score": 10**400}, "score"),
        ({"score": "high"}, "score"),
        ({"roi": ((1, 2), (3, 4))}, "roi"),
    ],
)
def test_a_wrong_value_is_refused_by_name(changes, field):
    with pytest.raises(AnnotationError, match=field):
        replace(new_finding("1.2", 0, ROI, "Mass"), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"descriptors": (("margin",),)}, "pairs"),
        ({"descriptors": 7}, "pairs"),
        ({"descriptors": (("margin", ""),)}, "not empty"),
        ({"lesion": None}, "lesion"),
        ({"confidence": 1.5}, "confidence"),
        ({"confidence": True}, "confidence"),
        ({"confidence": "high"}, "confidence"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(changes, message):
    finding = new_finding("1.2", 0, Roi(RoiKind.POINT, ((1.0, 1.0),)), "Mass")
    with pytest.raises(AnnotationError, match=message):
        finding.edited(**changes)


def test_descriptors_are_found_by_name():
    finding = new_finding("1.2", 0, Roi(RoiKind.POINT, ((1.0, 1.0),)), "Mass")
    described = finding.edited(descriptors=[["margin", "spiculated"]], confidence=1)
    assert described.described("margin") == "spiculated"
    assert described.described("shape") == ""
    assert described.descriptors == (("margin", "spiculated"),)
    assert described.confidence == 1.0
