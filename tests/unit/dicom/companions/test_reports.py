"""Structured reports: CAD marks and outcomes, measured regions, doses; damaged and hostile ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import companion_makers as makers
from pydicom.dataset import Dataset

from mammoviewer.base.errors import InputError
from mammoviewer.dicom.companions.reader import read_companion
from mammoviewer.dicom.companions.records import Companion, CompanionKind, MarkShape, RunStatus, Target


def read(tmp_path: Path, made: Dataset) -> Companion:
    return read_companion(makers.save(tmp_path / "report.dcm", made))


def cluster(intent: str = makers.REQUIRED, source: Dataset | None = None) -> Dataset:
    box = makers.place("111041", "POLYLINE", [2.5, 1.5, 8.5, 1.5, 8.5, 6.5, 2.5, 1.5], source or makers.image("1.2"))
    centre = makers.place("111010", "POINT", [5.5, 4.5], makers.image("1.2"))
    return makers.cad_finding("129769006", intent, centre, box, certainty=85)


def test_a_cluster_is_drawn_by_its_outline_with_its_certainty(tmp_path: Path) -> None:
    found = read(tmp_path, makers.cad_report(["1.2"], cluster()))
    assert found.kind is CompanionKind.CAD
    assert found.follows
    (mark,) = found.marks
    assert mark.shape is MarkShape.OUTLINE
    assert mark.points == ((1.0, 2.0), (1.0, 8.0), (6.0, 8.0))
    assert mark.text == "Calcification cluster 85 %"
    assert mark.targets == (Target("1.2"),)
    assert not mark.optional
    assert found.status is None or found.status is RunStatus.FINDINGS


def test_a_mass_without_outline_is_drawn_at_its_centre(tmp_path: Path) -> None:
    centre = makers.place("111010", "POINT", [30.25, 12.75], makers.image("1.2", 4))
    found = read(tmp_path, makers.cad_report(["1.2"], makers.cad_finding("129793001", makers.REQUIRED, centre)))
    (mark,) = found.marks
    assert mark.shape is MarkShape.POINT
    assert mark.points[0] == pytest.approx((12.25, 29.75), abs=1e-6)
    assert mark.text == "Mass or density"
    assert mark.targets == (Target("1.2", (3,)),)


def test_an_image_may_be_named_by_its_place_in_the_library(tmp_path: Path) -> None:
    found = read(tmp_path, makers.cad_report(["1.1", "1.2"], cluster(source=makers.link(1, 1, 2))))
    assert found.marks[0].targets == (Target("1.2"),)
    dangling = read(tmp_path, makers.cad_report(["1.1"], cluster(source=makers.link(1, 9, 9))))
    assert dangling.marks[0].shape is MarkShape.POINT  # the outline lies nowhere; the centre names its image


def test_the_rendering_intent_is_honoured(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        makers.cad_report(["1.2"], cluster(), cluster(makers.OPTIONAL), cluster(makers.NOT_SHOWN)),
    )
    assert [mark.optional for mark in found.marks] == [False, True]
    assert dict(found.facts) == {"Not for presentation": "1", "Optional": "1"}


@pytest.mark.parametrize(
    ("summary", "detections", "expected"),
    [
        ("111241", "111222", RunStatus.NO_FINDINGS),
        ("111242", "111222", RunStatus.FINDINGS),
        ("111243", "111223", RunStatus.PARTIAL),
        ("111245", "111224", RunStatus.FAILED),
        ("111241", "111225", RunStatus.NOT_RUN),
        ("111241", "111224", RunStatus.FAILED),
        ("999", "111222", RunStatus.NO_FINDINGS),
    ],
)
def test_no_findings_is_not_failed_and_not_not_run(
    tmp_path: Path, summary: str, detections: str, expected: RunStatus
) -> None:
    findings = [cluster()] if expected is RunStatus.FINDINGS else []
    found = read(tmp_path, makers.cad_report(["1.2"], *findings, summary=summary, detections=detections))
    assert found.status is expected


def test_algorithms_are_told_with_version_and_outcome(tmp_path: Path) -> None:
    (run,) = read(tmp_path, makers.cad_report(["1.2"], cluster())).runs
    assert (run.name, run.version, run.purpose) == ("CalcFinder", "2.1", "Calcification cluster")
    assert (run.status, run.targets) == (RunStatus.FINDINGS, (Target("1.2"),))
    failed = read(tmp_path, makers.cad_report(["1.2"], summary="111245", detections="111224", failed=True))
    assert failed.runs[0].status is RunStatus.FAILED
    clean = read(tmp_path, makers.cad_report(["1.2"], summary="111241"))
    assert clean.runs[0].status is RunStatus.NO_FINDINGS
    assert clean.targets == (Target("1.2"),)


def test_a_measured_region_has_its_finding_and_numbers(tmp_path: Path) -> None:
    group = makers.content(
        "CONTAINER", "125007", makers.text("112039", "lesion 1"), makers.coded("121071", "4147007", "Mass"),
        makers.place("111030", "CIRCLE", [10.5, 20.5, 12.5, 20.5], makers.image("1.2", [1])),
        makers.number("103339001", 12.345, "mm", "Long axis"), makers.number("1", 3, "{count}", "Specks"),
    )  # fmt: skip
    made = makers.report(
        makers.COMPREHENSIVE, "126000", makers.content("CONTAINER", "126010", group), SeriesDescription="Lesions"
    )
    found = read(tmp_path, made)
    assert (found.kind, found.label) == (CompanionKind.MEASUREMENTS, "Lesions")
    (mark,) = found.marks
    assert (mark.text, mark.shape, mark.targets) == ("Mass", MarkShape.OUTLINE, (Target("1.2", (0,)),))
    assert mark.points[0] == pytest.approx((22.0, 10.0))
    assert found.facts == (("Mass", "Long axis 12.35 mm"), ("Mass", "Specks 3"))


def test_regions_in_space_are_told_about(tmp_path: Path) -> None:
    made = makers.report(makers.COMPREHENSIVE, "126000", makers.content("SCOORD3D", "111030"))
    assert "patient coordinates" in read(tmp_path, made).warnings[0].text


def test_the_dose_of_each_exposure_and_of_the_examination(tmp_path: Path) -> None:
    event = makers.content(
        "CONTAINER", "113706", makers.uid_reference("113769", "7.7"), makers.number("111631", 1.234, "mGy"),
        makers.content("CONTAINER", "0", makers.number("113733", 29, "kV")), makers.number("4711", 5),
    )  # fmt: skip
    total = makers.number("111637", 4.5, "mGy", "", makers.coded("272741003", "80248007", "Left breast"))
    made = makers.report(
        makers.DOSE, "113701", event, makers.content("CONTAINER", "113702", total), StudyInstanceUID="5.5"
    )
    found = read(tmp_path, made)
    assert (found.kind, found.StudyInstanceUID) == (CompanionKind.DOSE, "5.5")
    assert found.dose[0].IrradiationEventUID == "7.7"
    assert dict(found.dose[0].facts) == {"Average glandular dose": "1.234 mGy", "kVp": "29 kV"}
    assert found.facts == (("Accumulated dose", "4.5 mGy left breast"),)


def test_a_report_that_leads_back_to_itself_ends(tmp_path: Path) -> None:
    made = makers.report(
        makers.COMPREHENSIVE, "126000", makers.content("CONTAINER", "125007", makers.link(1), makers.link(1, 1))
    )
    assert read(tmp_path, made).marks == ()


def test_a_report_without_content_is_refused_by_name(tmp_path: Path) -> None:
    made = makers.report(makers.CAD, "111036")
    with pytest.raises(InputError, match="Mammography CAD SR Storage: the report has no content"):
        read(tmp_path, made)


def test_a_report_nested_beyond_reason_is_refused(tmp_path: Path) -> None:
    inner = makers.text("1", "deep")
    for _ in range(80):
        inner = makers.content("CONTAINER", "1", inner)
    with pytest.raises(InputError, match="too large"):
        read(tmp_path, makers.report(makers.COMPREHENSIVE, "126000", inner))


def test_what_is_no_companion_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no kind"):
        read(tmp_path, makers.report("1.2.840.10008.5.1.4.1.1.104.1", "1", makers.text("1", "pdf")))
