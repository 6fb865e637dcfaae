from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from helpers import exchange
from helpers.exchange import (
    DESCRIBED,
    MEASURES,
    REGIONS,
    WORDS,
    assert_same_places,
    mammogram_file,
    opened,
    spread,
    volume_file,
    without_times,
)

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.measurement_sr import write_measurement_sr
from mammoviewer.annotations.interchange.measurement_sr_import import read_measurement_sr
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.companions.reader import read_companion

ORIENTATIONS = [["P", "FL"], ["A", "F"], ["P", "H"], ["A", "H"], ["FL", "P"]]


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids="\\".join)
def test_everything_comes_back_of_a_mammogram_stored_in_any_way(tmp_path: Path, orientation: list[str]) -> None:
    (image,) = opened(mammogram_file(tmp_path / "a.dcm", PatientOrientation=orientation))
    findings = (
        *spread(image.attributes, REGIONS, reader="Ann Bell", note="two\nlines", assessment="4A", **DESCRIBED),
        *spread(image.attributes, MEASURES, reader="Ann Bell"),
    )
    assert write_measurement_sr(tmp_path / "sr.dcm", findings, [image]) == {}
    found = read_measurement_sr(tmp_path / "sr.dcm", [image.attributes])
    assert found.losses == {}
    assert without_times(found.findings) == without_times(findings)
    assert_same_places(found.findings, findings)


def test_several_images_readers_and_a_volume_in_one_report(tmp_path: Path) -> None:
    images = opened(mammogram_file(tmp_path / "a.dcm"), volume_file(tmp_path / "b.dcm"))
    findings = (
        *spread(images[0].attributes, REGIONS, reader="Ann"),
        *spread(images[1].attributes, (*REGIONS, *MEASURES), reader="Bob^X"),
        *spread(images[1].attributes, REGIONS, origin="algorithm", reader="net.2", score=0.123456789),
        *spread(images[1].attributes, REGIONS[:1]),
    )
    write_measurement_sr(tmp_path / "sr.dcm", findings, images)
    found = read_measurement_sr(tmp_path / "sr.dcm", [image.attributes for image in images]).findings
    wanted = tuple(replace(f, reader=f.reader.replace("^", " ")) for f in findings)
    assert without_times(found) == without_times(wanted)
    assert_same_places(found, wanted)
    assert [f.score or 0.0 for f in found] == pytest.approx([f.score or 0.0 for f in wanted], rel=1e-12)


def test_places_far_out_are_kept_as_well_as_single_precision_can(tmp_path: Path) -> None:
    (image,) = opened(mammogram_file(tmp_path / "a.dcm"))
    finding = new_finding(image.attributes.identity, 0, Roi(RoiKind.POINT, ((3999.1234567, 3000.7654321),)), "Mass")
    write_measurement_sr(tmp_path / "sr.dcm", [finding], [image])
    (found,) = read_measurement_sr(tmp_path / "sr.dcm", [image.attributes]).findings
    np.testing.assert_allclose(found.roi.points, finding.roi.points, atol=1 / 4096, rtol=0)


def test_highdicom_reads_regions_from_the_corner_of_the_first_pixel_on_frames_from_one(tmp_path: Path) -> None:
    (image,) = opened(volume_file(tmp_path / "b.dcm"))
    findings = spread(image.attributes, REGIONS)
    write_measurement_sr(tmp_path / "sr.dcm", findings, [image])
    report = highdicom.sr.srread(tmp_path / "sr.dcm")
    groups = report.content.get_planar_roi_measurement_groups()
    assert len(groups) == len(findings)
    for group, finding in zip(groups, findings, strict=True):
        data = group.roi.value
        box = finding.roi.bounding_box()
        assert [data[:, 1].min() - 0.5, data[:, 0].min() - 0.5] == pytest.approx(box[:2])
        (source,) = group.roi.ContentSequence
        frame = source.ReferencedSOPSequence[0].ReferencedFrameNumber
        assert frame == image.attributes.file_frame(finding.frame) + 1
        area = group.get_measurements(name=highdicom.sr.CodedConcept("42798000", "SCT", "Area"))
        assert [m.value for m in area] == pytest.approx(
            [finding.roi.area_px * 0.09**2] if finding.roi.area_px else [], rel=1e-9
        )


def test_measures_hold_their_numbers_in_the_unit_of_the_image(tmp_path: Path) -> None:
    (image,) = opened(mammogram_file(tmp_path / "a.dcm"))
    distance = Roi(RoiKind.DISTANCE, ((0.0, 0.0), (30.0, 40.0)))
    angle = Roi(RoiKind.ANGLE, ((10.0, 0.0), (0.0, 0.0), (0.0, 10.0)))
    flat = Roi(RoiKind.STATISTICS, ((10.0, 10.0), (20.0, 20.0)))
    findings = [new_finding(image.attributes.identity, 0, roi, "") for roi in (distance, angle, flat)]
    write_measurement_sr(tmp_path / "sr.dcm", findings, [image])
    words = [text for _, text in read_companion(tmp_path / "sr.dcm").facts]
    assert "Length 5 mm" in words
    assert "Angle 90 deg" in words
    values = image.frame(0)[flat.mask(image.attributes.shape)]
    assert f"Mean {values.mean():.4g}" in words
    assert f"Maximum {values.max():.4g}" in words


def test_without_a_pixel_size_lengths_are_in_pixels(tmp_path: Path) -> None:
    (image,) = opened(mammogram_file(tmp_path / "a.dcm", ImagerPixelSpacing=None))
    finding = new_finding(image.attributes.identity, 0, Roi(RoiKind.DISTANCE, ((0, 0), (30, 40))), "")
    write_measurement_sr(tmp_path / "sr.dcm", [finding], [image])
    text = str(pydicom.dcmread(tmp_path / "sr.dcm"))
    assert "{pixels}" in text


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    (image,) = opened(mammogram_file(tmp_path / "a.dcm"))
    freehand = new_finding(image.attributes.identity, 0, replace(REGIONS[3], kind=RoiKind.FREEHAND), "Mass")
    odd = new_finding(image.attributes.identity, 0, REGIONS[0], "Mass", assessment="9")
    other = new_finding("9.9", 0, REGIONS[0], "Mass")
    losses = write_measurement_sr(
        tmp_path / "sr.dcm", (freehand, odd, other, *spread(image.attributes, WORDS)), [image]
    )
    assert sorted(losses.values()) == [1, 1, 1, 1, 1]
    assert len(read_measurement_sr(tmp_path / "sr.dcm", [image.attributes]).findings) == 2
    found = read_measurement_sr(tmp_path / "sr.dcm", [])
    assert (found.findings, found.losses) == ((), {"regions on images that are not open": 2})


def test_a_report_is_of_one_study_of_dicom_images(tmp_path: Path) -> None:
    images = opened(mammogram_file(tmp_path / "a.dcm"), mammogram_file(tmp_path / "b.dcm", StudyInstanceUID="1.2.3.99"))
    findings = spread(images[0].attributes, REGIONS)
    with pytest.raises(ExportError, match="one study"):
        write_measurement_sr(tmp_path / "sr.dcm", findings, images)
    with pytest.raises(ExportError, match="nothing"):
        write_measurement_sr(tmp_path / "sr.dcm", [], images[:1])
    write_measurement_sr(tmp_path / "sr.dcm", findings, images[:1])
    made = pydicom.dcmread(tmp_path / "sr.dcm")
    assert exchange.belongs_to(made, pydicom.dcmread(tmp_path / "a.dcm"))
