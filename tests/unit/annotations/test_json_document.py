import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mammoviewer.annotations.finding import ALGORITHM, ORIGINS, Finding, new_finding
from mammoviewer.annotations.interchange.json_document import read_json, write_json
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import AnnotationError, ExportError
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind, PixelSpacing, View

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.floats(-1e6, 1e6)
points = st.tuples(numbers, numbers)
rois = st.one_of(
    st.builds(Roi, st.sampled_from(["rectangle", "ellipse"]), st.tuples(points, points)),
    st.builds(Roi, st.sampled_from(["polygon", "freehand"]), st.lists(points, min_size=3, max_size=6).map(tuple)),
    st.builds(Roi, st.just("point"), st.tuples(points)),
)
findings = st.builds(
    Finding,
    id=text.filter(bool),
    image_uid=text.filter(bool),
    frame=st.integers(0, 500),
    roi=rois,
    label=text,
    note=text,
    assessment=text,
    origin=st.sampled_from(ORIGINS),
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    reader=text,
    created=text,
    modified=text,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(findings, max_size=4, unique_by=lambda f: f.id))
def test_findings_come_back_as_they_were(tmp_path, made):
    write_json(tmp_path / "f.json", made)
    assert read_json(tmp_path / "f.json") == tuple(made)


@pytest.fixture
def finding():
    roi = Roi(RoiKind.ELLIPSE, ((1.5, 2), (30, 40)))
    return new_finding("1.2", 3, roi, "Mass", note="grün", assessment="4A", origin=ALGORITHM, score=0.75)


@pytest.fixture
def document(tmp_path, finding):
    write_json(tmp_path / "f.json", [finding])
    return json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))


def test_the_document_says_what_it_holds_and_names_no_patient(tmp_path, finding):
    image = ImageAttributes(
        path=Path("/secret/folder/l.dcm"),
        kind=ImageKind.TOMO,
        rows=50,
        columns=60,
        frames=4,
        SOPInstanceUID="1.2",
        PatientName="Doe^Jane",
        PatientID="4711",
        view=View("L", "MLO"),
        pixel_spacing=PixelSpacing(0.1, 0.2, "x"),
    )
    write_json(tmp_path / "f.json", [finding], [image])
    written = (tmp_path / "f.json").read_text(encoding="utf-8")
    record = json.loads(written)["images"][0]
    assert record["image_uid"] == "1.2"
    assert (record["rows"], record["columns"], record["frames"]) == (50, 60, 4)
    assert (record["file"], record["view"], record["pixel_spacing_mm"]) == ("l.dcm", "LMLO", [0.1, 0.2])
    for secret in ("Doe", "4711", "secret"):
        assert secret not in written


def _put(document, place, value):
    *way, last = place
    for step in way:
        document = document[step]
    if value is KeyError:
        del document[last]
    else:
        document[last] = value


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("schema_version",), 4, "schema_version is 4"),
        (("schema_version",), True, "schema_version is True"),
        (("schema_version",), KeyError, "schema_version is missing"),
        (("findings",), {}, "findings must be a list"),
        (("findings", 0), 7, r"findings\[0\] must be an object"),
        (("findings", 0, "frame"), KeyError, r"findings\[0\].frame is missing"),
        (("findings", 0, "frame"), -1, r"findings\[0\]: frame"),
        (("findings", 0, "frame"), "0", r"findings\[0\]: frame"),
        (("findings", 0, "label"), None, r"findings\[0\]: label"),
        (("findings", 0, "origin"), "robot", r"findings\[0\]: origin"),
        (("findings", 0, "score"), "high", r"findings\[0\]: score"),
        (("findings", 0, "colour"), "red", r"findings\[0\].colour is not a field"),
        (("findings", 0, "roi"), [], r"findings\[0\].roi must be"),
        (("findings", 0, "roi", "kind"), "star", r"findings\[0\].roi.kind must be one of rectangle"),
        (("findings", 0, "roi", "kind"), ["point"], r"findings\[0\].roi.kind must be one of"),
        (("findings", 0, "roi", "points"), [[1, 2]], r"findings\[0\].roi.points: .* needs 2"),
        (("findings", 0, "roi", "points"), [[1, 2], [3]], r"findings\[0\].roi.points must be a list"),
        (("findings", 0, "roi", "points"), [[1, 2], [3, True]], r"findings\[0\].roi.points must be a list"),
        (("findings", 0, "roi", "points"), [[1, 2], [3, 10**400]], r"findings\[0\].roi.points: "),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(tmp_path, document, place, value, message):
    _put(document, place, value)
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(AnnotationError, match=message) as caught:
        read_json(path)
    assert caught.value.path == path


def test_one_id_twice_is_refused(tmp_path, document):
    document["findings"] *= 2
    (tmp_path / "bad.json").write_text(json.dumps(document))
    with pytest.raises(AnnotationError, match="same id"):
        read_json(tmp_path / "bad.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[]", "must be an object"),
        (b'{"schema_version": NaN}', "NaN is not allowed"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_no_document_is_refused(tmp_path, content, message):
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(AnnotationError, match=message):
        read_json(tmp_path / "bad.json")


def test_a_missing_file_and_a_folder_that_cannot_be_made_are_told(tmp_path, finding):
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_json(tmp_path / "none.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written"):
        write_json(tmp_path / "file" / "f.json", [finding])
