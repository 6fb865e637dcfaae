from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from helpers import companion_makers as makers
from helpers import exchange
from helpers.exchange import (
    MEASURES,
    REGIONS,
    assert_same_places,
    mammogram_file,
    opened,
    spread,
    volume_file,
    without_times,
)

from mammoviewer.annotations.interchange.cad_sr import write_cad_sr
from mammoviewer.annotations.interchange.cad_sr_import import read_cad_sr
from mammoviewer.annotations.roi import RoiKind
from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.companions.reader import read_companion
from mammoviewer.dicom.companions.records import RunStatus


def test_findings_of_a_model_come_back_on_their_images_and_frames(tmp_path: Path) -> None:
    images = opened(mammogram_file(tmp_path / "a.dcm"), volume_file(tmp_path / "b.dcm"))
    facts = [image.attributes for image in images]
    findings = tuple(
        f for a in facts for f in spread(a, REGIONS, origin="algorithm", reader="net.2", score=0.987654321)
    )
    assert write_cad_sr(tmp_path / "cad.dcm", findings, facts) == {}
    found = read_cad_sr(tmp_path / "cad.dcm", facts)
    assert found.losses == {}
    assert without_times(found.findings) == without_times(findings)
    assert_same_places(found.findings, findings)
    assert [f.score for f in found.findings] == pytest.approx([0.987654321] * len(findings), rel=1e-12)


def test_findings_of_readers_say_that_they_are_and_lose_what_cad_has_no_place_for(tmp_path: Path) -> None:
    facts = opened(mammogram_file(tmp_path / "a.dcm"))[0].attributes
    findings = spread(facts, REGIONS[:2], reader="Ann", note="n", assessment="3")
    losses = write_cad_sr(tmp_path / "cad.dcm", findings + spread(facts, MEASURES), [facts])
    assert losses["findings of readers, whose names a CAD report does not hold"] == 2
    assert losses["note of a finding, which a CAD report does not hold"] == 2
    assert losses["distance marks, which a CAD report does not hold"] == 1
    found = read_cad_sr(tmp_path / "cad.dcm", [facts]).findings
    assert [(f.origin, f.reader, f.id) for f in found] == [("reader", "", f.id) for f in findings]


def test_the_viewer_shows_the_marks_and_that_the_run_succeeded(tmp_path: Path) -> None:
    facts = opened(volume_file(tmp_path / "b.dcm"))[0].attributes
    findings = spread(facts, REGIONS, origin="algorithm", reader="net.2", score=0.5)
    write_cad_sr(tmp_path / "cad.dcm", findings, [facts])
    companion = read_companion(tmp_path / "cad.dcm")
    assert len(companion.marks) == len(findings)
    assert companion.status is RunStatus.FINDINGS
    assert {(run.name, run.version) for run in companion.runs} == {("net", "2")}
    for mark, finding in zip(companion.marks, findings, strict=True):
        assert mark.targets[0].covers(facts.SOPInstanceUID, facts.file_frame(finding.frame))
        assert not mark.optional


def test_a_report_of_another_maker(tmp_path: Path) -> None:
    path = mammogram_file(tmp_path / "a.dcm")
    facts = opened(path)[0].attributes
    cluster = makers.cad_finding(
        "129769006", "111150", makers.place("111010", "POINT", [10.5, 20.5], makers.link(1, 1, 1)), certainty=80.0
    )
    hidden = makers.cad_finding(
        "129793001", "111152", makers.place("111010", "POINT", [1.5, 2.5], makers.link(1, 1, 1))
    )
    makers.save(tmp_path / "cad.dcm", makers.cad_report([facts.SOPInstanceUID], cluster, hidden))
    found = read_cad_sr(tmp_path / "cad.dcm", [facts])
    assert found.losses == {"CAD findings that are not meant to be shown": 1}
    (finding,) = found.findings
    assert (finding.label, finding.roi.kind, finding.roi.points) == ("Calcifications", RoiKind.POINT, ((20.0, 10.0),))
    assert (finding.origin, finding.score) == ("algorithm", 0.8)
    again = read_cad_sr(tmp_path / "cad.dcm", [facts]).findings
    assert [f.id for f in again] == [finding.id]


def test_nothing_to_write_is_told_and_the_report_is_of_the_patient(tmp_path: Path) -> None:
    facts = opened(mammogram_file(tmp_path / "a.dcm"))[0].attributes
    with pytest.raises(ExportError, match="no findings"):
        write_cad_sr(tmp_path / "cad.dcm", spread(facts, MEASURES), [facts])
    freehand = (replace(spread(facts, REGIONS[3:4])[0], roi=replace(REGIONS[3], kind=RoiKind.FREEHAND)),)
    assert sum(write_cad_sr(tmp_path / "cad.dcm", freehand, [facts]).values()) == 1
    assert exchange.belongs_to(pydicom.dcmread(tmp_path / "cad.dcm"), pydicom.dcmread(tmp_path / "a.dcm"))
