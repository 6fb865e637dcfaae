"""Tables: measurements, VinDr-Mammo, DBTex."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import dicom_makers, exchange
from helpers.exchange import DESCRIBED, MEASURES, REGIONS, WORDS, mammogram_file, opened, spread, volume_file

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.dbtex import (
    is_turned,
    read_dbtex,
    write_dbtex_predictions,
    write_dbtex_truth,
)
from mammoviewer.annotations.interchange.measurement_csv import read_measurement_csv, write_measurement_csv
from mammoviewer.annotations.interchange.vindr import read_vindr, write_vindr
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import AnnotationError

BOX = Roi(RoiKind.RECTANGLE, ((4.5, 9.5), (14.5, 29.5)))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_the_table_of_measurements_gives_everything_back(tmp_path: Path) -> None:
    images = opened(mammogram_file(tmp_path / "a.dcm"), volume_file(tmp_path / "b.dcm"))
    findings = tuple(
        f
        for image in images
        for f in spread(
            image.attributes, (*REGIONS, *MEASURES, *WORDS), note='a "b",\nc', score=0.1, reader="Ann", **DESCRIBED
        )
    )
    assert write_measurement_csv(tmp_path / "m.csv", findings, images) == {}
    found = read_measurement_csv(tmp_path / "m.csv", [image.attributes for image in images])
    assert (found.findings, found.losses) == (findings, {})
    assert read_measurement_csv(tmp_path / "m.csv", []).losses == {
        "rows of images or frames that are not open": len(findings)
    }


def test_the_numbers_of_the_table(tmp_path: Path) -> None:
    images = opened(volume_file(tmp_path / "b.dcm"))
    facts = images[0].attributes
    rois = (Roi(RoiKind.DISTANCE, ((0, 0), (30, 40))), BOX)
    write_measurement_csv(tmp_path / "m.csv", [new_finding(facts.identity, 1, roi, "x") for roi in rois], images)
    distance, box = _rows(tmp_path / "m.csv")
    assert float(distance["length"]) == pytest.approx(4.5)
    assert (distance["length_unit"], distance["frame"]) == ("mm", str(facts.file_frame(1) + 1))
    assert float(box["area"]) == pytest.approx(200 * 0.09**2)
    values = images[0].frame(1)[5:15, 10:30]
    assert float(box["mean"]) == pytest.approx(values.mean())
    assert float(box["maximum"]) == values.max()
    assert "Test" not in (tmp_path / "m.csv").read_text()


def test_vindr_both_ways(tmp_path: Path) -> None:
    images = [image.attributes for image in opened(mammogram_file(tmp_path / "a.dcm"))]
    labels = ("Mass", "Architectural distortion", "Calcifications")
    findings = [new_finding(images[0].identity, 0, BOX, label, assessment="5") for label in labels[:2]]
    findings.append(new_finding(images[0].identity, 0, REGIONS[0], labels[2]))
    assert write_vindr(tmp_path / "v.csv", findings, images) == {}
    first, second = _rows(tmp_path / "v.csv")
    assert first["finding_categories"] == "['Mass', 'Architectural Distortion']"
    assert (first["finding_birads"], second["finding_categories"]) == ("BI-RADS 5", "['Suspicious Calcification']")
    assert [float(first[name]) for name in ("xmin", "ymin", "xmax", "ymax")] == [10, 5, 30, 15]
    assert (first["laterality"], first["view_position"], first["height"]) == ("R", "MLO", "48")
    found = read_vindr(tmp_path / "v.csv", images).findings
    assert [(f.label, f.assessment) for f in found] == [(f.label, f.assessment) for f in findings]
    for one, other in zip(found, findings, strict=True):
        np.testing.assert_allclose(one.roi.bounding_box(), other.roi.bounding_box(), atol=1e-6, rtol=0)


def test_vindr_counts_what_it_cannot_hold(tmp_path: Path) -> None:
    images = [image.attributes for image in opened(mammogram_file(tmp_path / "a.dcm"), volume_file(tmp_path / "b.dcm"))]
    findings = [
        new_finding(images[0].identity, 0, REGIONS[1], "Mass", note="n"),
        new_finding(images[0].identity, 0, BOX, "my own"),
        new_finding(images[1].identity, 0, BOX, "Mass"),
        new_finding(images[0].identity, 0, MEASURES[0], ""),
        new_finding(images[0].identity, 0, BOX.moved(900, 0), "Mass"),
    ]
    losses = write_vindr(tmp_path / "v.csv", findings, images)
    assert losses["ellipse regions, of which VinDr-Mammo holds the box"] == 1
    assert losses["findings of the class 'my own', which VinDr-Mammo does not know"] == 1
    assert losses["findings in volumes, which VinDr-Mammo does not hold"] == 1
    assert losses["distance marks, which VinDr-Mammo does not hold"] == 1
    assert losses["findings outside of their image"] == 1
    assert losses["note of a finding, which VinDr-Mammo does not hold"] == 1


def test_the_data_set_s_own_rows_of_vindr(tmp_path: Path) -> None:
    images = [image.attributes for image in opened(mammogram_file(tmp_path / "48575a27.dicom"))]
    head = (
        "study_id,series_id,image_id,laterality,view_position,height,width,breast_birads,breast_density,"
        "finding_categories,finding_birads,xmin,ymin,xmax,ymax,split\n"
    )
    rows = (
        "s,e,48575a27,L,CC,48,64,BI-RADS 4,DENSITY C,"
        "\"['Skin Thickening', 'Mass']\",BI-RADS 4,10.5,5.25,30,15,training\n"
        "s,e,48575a27,L,CC,48,64,BI-RADS 1,DENSITY C,['No Finding'],,,,,,training\n"
        "s,e,other,L,CC,48,64,BI-RADS 4,DENSITY C,['Mass'],BI-RADS 4,10,5,30,15,test\n"
    )
    (tmp_path / "v.csv").write_text(head + rows)
    found = read_vindr(tmp_path / "v.csv", images)
    assert [f.label for f in found.findings] == ["Skin thickening", "Mass"]
    assert found.findings[0].roi.bounding_box() == (4.75, 10.0, 14.5, 29.5)
    assert found.losses == {"rows of images that are not open": 1}
    (tmp_path / "v.csv").write_text(head + rows.replace("10.5", "x"))
    with pytest.raises(AnnotationError, match="line 2: xmin"):
        read_vindr(tmp_path / "v.csv", images)


def _volume(tmp_path: Path, *, bright_left: bool):
    """Return a left volume with tissue at one border; the data set turns it where that is the right one."""
    pixels = np.zeros((5, 48, 64), np.uint16)
    pixels[:, :, :20] = 1000
    pixels = pixels if bright_left else pixels[:, :, ::-1]
    made = dicom_makers.tomo(pixels, **exchange.DETAILS, FrameOfReferenceUID="1.2.3.9")
    for group, height in zip(made.PerFrameFunctionalGroupsSequence, (2, 0, 4, 1, 3), strict=True):
        group.PlanePositionSequence[0].ImagePositionPatient = [0, 0, height]
    return opened(dicom_makers.save(tmp_path / f"v{bright_left}.dcm", made, np.ascontiguousarray(pixels)))


@pytest.mark.parametrize("bright_left", [True, False])
def test_dbtex_predictions_lie_in_the_turned_volume(tmp_path: Path, bright_left: bool) -> None:
    images = _volume(tmp_path, bright_left=bright_left)
    facts = images[0].attributes
    assert is_turned(images[0]) is not bright_left
    finding = new_finding(facts.identity, 1, BOX, "", origin="algorithm", score=0.123456789)
    assert write_dbtex_predictions(tmp_path / "p.csv", [finding], images) == {}
    (row,) = _rows(tmp_path / "p.csv")
    x, y = (10, 5) if bright_left else (64 - 30, 48 - 15)
    assert [int(row[name]) for name in ("X", "Width", "Y", "Height", "Z", "Depth")] == [
        x, 20, y, 10, facts.file_frame(1), 1,
    ]  # fmt: skip
    assert (row["View"], row["StudyUID"], float(row["Score"])) == ("lcc", facts.StudyInstanceUID, 0.123456789)
    found = read_dbtex(tmp_path / "p.csv", images)
    assert found.losses == {}
    (back,) = found.findings
    assert (back.frame, back.roi, back.score, back.origin) == (1, BOX, 0.123456789, "algorithm")


def test_dbtex_truth_both_ways_and_its_losses(tmp_path: Path) -> None:
    images = _volume(tmp_path, bright_left=True)
    uid = images[0].attributes.identity
    findings = [
        new_finding(uid, 2, BOX, "cancer"),
        new_finding(uid, 3, BOX, "Architectural distortion", note="benign"),
        new_finding(uid, 3, REGIONS[0], "benign", assessment="2"),
        new_finding(uid, 3, BOX, "x", origin="algorithm", score=1.0),
    ]
    losses = write_dbtex_truth(tmp_path / "t.csv", findings, images)
    assert losses["findings of algorithms, which are no truth"] == 1
    assert losses["boxes rounded to whole pixels"] == 1
    assert losses["assessment of a finding, which DBTex does not hold"] == 1
    rows = _rows(tmp_path / "t.csv")
    assert [(row["Class"], row["AD"], row["VolumeSlices"]) for row in rows] == [
        ("cancer", "0", "5"), ("benign", "1", "5"), ("benign", "0", "5"),
    ]  # fmt: skip
    found = read_dbtex(tmp_path / "t.csv", images).findings
    assert [(f.frame, f.label, f.note) for f in found] == [(f.frame, f.label, f.note) for f in findings[:3]]
    assert [f.roi for f in found[:2]] == [BOX, BOX]


def test_dbtex_rows_of_others(tmp_path: Path) -> None:
    images = _volume(tmp_path, bright_left=True)
    study = images[0].attributes.StudyInstanceUID
    head = "PatientID,StudyUID,View,X,Width,Y,Height,Z,Depth,Score\n"
    (tmp_path / "p.csv").write_text(
        head + f"P,{study},lcc2,1,5,2,6,0,5,0.5\nP,{study},rcc,1,5,2,6,0,5,0.5\nP,{study},lcc,1,5,2,6,9,1,0.5\n"
    )
    found = read_dbtex(tmp_path / "p.csv", images)
    assert found.losses == {
        "depths of predictions, which become their middle slice": 1,
        "rows of volumes that are not open": 1,
        "rows of slices that the volume does not have": 1,
    }
    assert found.findings[0].frame == images[0].attributes.frame_of_file(2)
    (tmp_path / "p.csv").write_text(head + f"P,{study},lcc,1,5,2,6,0,1,high\n")
    with pytest.raises(AnnotationError, match="line 2: Score"):
        read_dbtex(tmp_path / "p.csv", images)


def test_dbtex_counts_what_is_in_no_volume_or_has_no_score(tmp_path: Path) -> None:
    images = opened(mammogram_file(tmp_path / "a.dcm"))
    finding = new_finding(images[0].attributes.identity, 0, BOX, "")
    scored = replace(finding, score=0.5)
    losses = write_dbtex_predictions(tmp_path / "p.csv", [finding, scored], images)
    assert losses == {
        "findings without a score, which a DBTex prediction has": 1,
        "findings outside of tomosynthesis volumes, which DBTex does not hold": 1,
    }
    assert _rows(tmp_path / "p.csv") == []
