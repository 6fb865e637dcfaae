"""Breast densities to other programs and back, in every form that holds them."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from helpers.exchange import REGIONS, mammogram_file, opened, spread, volume_file

from mammoviewer.annotations.density import BreastDensity, new_density
from mammoviewer.annotations.interchange.importing import import_file
from mammoviewer.annotations.interchange.tables import read_table
from mammoviewer.base.errors import AnnotationError
from mammoviewer.session.exporting import FORMATS, ExportContent, export, why_not
from mammoviewer.session.finding_formats import FINDING_FORMATS, Batch, parts_of
from mammoviewer.session.first_view import first_view
from mammoviewer.session.rendering import Rendering

WITH_DENSITY = ("sr", "cadsr", "vindr", "csv")


@pytest.fixture
def images(tmp_path: Path):
    """A right mammogram and a left one of one study, as the makers number it."""
    left = mammogram_file(tmp_path / "in" / "l.dcm", ImageLaterality="L", SOPInstanceUID="1.2.826.0.1.3680043.9.7.2.1")
    return opened(mammogram_file(tmp_path / "in" / "r.dcm"), left)


def _views(images) -> tuple[Rendering, ...]:
    states = map(first_view, images)
    return tuple(Rendering(s.image, s.frame, s.voi, orientation=s.orientation) for s in states)


def _said(images) -> tuple[BreastDensity, ...]:
    study = images[0].attributes.StudyInstanceUID
    assert [image.attributes.view.laterality for image in images] == ["R", "L"]
    return tuple(new_density(study, side, value, reader="Bell Ann") for side, value in (("R", "b"), ("L", "d")))


def _written(key: str, images, findings, densities, folder: Path):
    form = next(form for form in FINDING_FORMATS if form.key == key)
    batch = Batch(_views(images), ("r", "l"), findings, densities=densities)
    parts, losses = parts_of(form, batch)
    paths = []
    for stem, part in parts:
        written = form.write(part, folder / f"{stem}-{key}{form.suffix}")
        paths += written.paths
        losses.update(written.losses)
    return paths, losses


@pytest.mark.parametrize("with_findings", [True, False])
@pytest.mark.parametrize("key", WITH_DENSITY)
def test_densities_come_back_with_findings_and_alone(images, tmp_path: Path, key: str, with_findings: bool) -> None:
    densities = _said(images)
    findings = spread(images[0].attributes, REGIONS[:1]) if with_findings else ()
    (path,), _ = _written(key, images, findings, densities, tmp_path)
    found = import_file(path, images)
    keep_reader = key in ("sr", "csv")
    wanted = {(d.study_uid, d.laterality, d.value, d.reader if keep_reader else "") for d in densities}
    assert {(d.study_uid, d.laterality, d.value, d.reader) for d in found.densities} == wanted
    assert len(found.findings) == len(findings)
    if key == "csv":
        assert found.densities == densities


@pytest.mark.parametrize("form", [form for form in FINDING_FORMATS if not form.densities], ids=lambda form: form.key)
def test_the_others_count_them_as_lost(images, tmp_path: Path, form) -> None:
    batch = Batch(_views(images), ("r", "l"), spread(images[0].attributes, REGIONS[:1]), densities=_said(images))
    _, losses = parts_of(form, batch)
    assert losses[f"breast densities, which {form.key} does not hold"] == 2


def test_vindr_has_the_density_in_its_own_words_on_every_row(images, tmp_path: Path) -> None:
    (path,), losses = _written("vindr", images, spread(images[0].attributes, REGIONS[:1]), _said(images), tmp_path)
    _, rows = read_table(path)
    told = [(row["laterality"], row["breast_density"], row["finding_categories"]) for row in rows]
    assert told == [("R", "DENSITY B", "['Mass']"), ("L", "DENSITY D", "['No Finding']")]
    assert losses["names of the readers of a breast density"] == 2
    text = path.read_text(encoding="utf-8").replace("DENSITY D", "DENSITY X")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AnnotationError, match="line 3: breast_density 'DENSITY X'"):
        import_file(path, images)


def test_the_report_has_the_standard_code_with_its_side(images, tmp_path: Path) -> None:
    (path,), _ = _written("sr", images, (), _said(images), tmp_path)
    report = pydicom.dcmread(path)
    (groups,) = (
        c.ContentSequence for c in report.ContentSequence if c.ConceptNameCodeSequence[0].CodeValue == "126010"
    )
    told = []
    for group in groups:
        items = {item.ConceptNameCodeSequence[0].CodeValue: item for item in group.ContentSequence}
        side = items["363698007"].ContentSequence[0]
        coded = (items["111006"].ConceptCodeSequence[0], side.ConceptCodeSequence[0])
        told.append(tuple((code.CodeValue, code.CodingSchemeDesignator) for code in coded))
    assert told == [(("129717001", "SCT"), ("24028007", "SCT")), (("129719003", "SCT"), ("7771000", "SCT"))]


def test_a_second_reader_is_lost_where_there_is_room_for_one(images, tmp_path: Path) -> None:
    study = images[0].attributes.StudyInstanceUID
    both = (new_density(study, "R", "a", reader="A"), new_density(study, "R", "c", reader="B"))
    for key in ("cadsr", "vindr"):
        (path,), losses = _written(key, images, (), both, tmp_path)
        assert [d.value for d in import_file(path, images).densities] == ["c"]
        assert sum(count for text, count in losses.items() if "further readers" in text) == 1
    (path,), _ = _written("sr", images, (), both, tmp_path)
    assert {(d.reader, d.value) for d in import_file(path, images).densities} == {("A", "a"), ("B", "c")}


def test_a_marked_composition_is_no_mark(images, tmp_path: Path) -> None:
    from mammoviewer.dicom.companions.reader import read_companion

    (path,), _ = _written("cadsr", images, spread(images[0].attributes, REGIONS[:1]), _said(images), tmp_path)
    assert len(read_companion(path).marks) == 1


def test_an_exam_that_is_not_open_takes_none(images, tmp_path: Path) -> None:
    (path,), _ = _written("sr", images, (), _said(images), tmp_path)
    other = opened(volume_file(tmp_path / "other.dcm", StudyInstanceUID="1.2.3.4"))
    assert import_file(path, other).densities == ()


def test_the_window_writes_those_of_the_breast_it_shows(images, tmp_path: Path) -> None:
    content = ExportContent(_views(images)[0], {}, (), stem="r", densities=_said(images))
    by_key = {form.key: form for form in FORMATS}
    for key in ("json", *WITH_DENSITY):
        assert why_not(by_key[key], content) == ""
        (path,) = export(content, (key,), tmp_path / "out", "r").paths
        assert [(d.laterality, d.value) for d in import_file(path, images).densities] == [("R", "b")]
    assert why_not(by_key["coco"], content)
