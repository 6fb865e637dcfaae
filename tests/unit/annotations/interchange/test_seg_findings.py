from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from helpers import exchange
from helpers.exchange import MEASURES, REGIONS, mammogram_file, opened, spread, volume_file, without_times

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.mask_regions import mask_regions, scaled
from mammoviewer.annotations.interchange.seg_findings import write_findings_seg
from mammoviewer.annotations.interchange.seg_import import read_seg
from mammoviewer.annotations.mask_outline import region_of_mask
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.reader import open_paths


def _sources(tmp_path: Path):
    return opened(mammogram_file(tmp_path / "in" / "a.dcm"), volume_file(tmp_path / "in" / "b.dcm"))


def _masks_of_each_frame(findings, image):
    masks = np.zeros((image.frames, *image.shape), bool)
    for finding in findings:
        masks[finding.frame] |= finding.roi.mask(image.shape)
    return masks


def test_masks_come_back_pixel_by_pixel_on_their_frames(tmp_path: Path) -> None:
    for image in _sources(tmp_path):
        attributes = image.attributes
        findings = spread(attributes, REGIONS, reader="Ann Bell")
        losses = write_findings_seg(tmp_path / "seg.dcm", findings, attributes)
        assert losses == {}
        found = read_seg(tmp_path / "seg.dcm", [attributes])
        assert sum(found.losses.values()) == 0
        back = {f.id: f for f in found.findings}
        for finding in findings:
            same = back[finding.id]
            assert (same.frame, same.label, same.reader, same.origin) == (
                finding.frame, finding.label, "Ann Bell", "reader",
            )  # fmt: skip
            np.testing.assert_array_equal(same.roi.mask(attributes.shape), finding.roi.mask(attributes.shape))
        assert back[findings[-1].id].roi.kind is RoiKind.POINT


def test_frames_are_numbered_in_the_order_of_the_file(tmp_path: Path) -> None:
    (image,) = opened(volume_file(tmp_path / "b.dcm"))
    attributes = image.attributes
    assert attributes.frame_order
    findings = spread(attributes, REGIONS)
    write_findings_seg(tmp_path / "seg.dcm", findings, attributes)
    seg = highdicom.seg.segread(tmp_path / "seg.dcm")
    for number, finding in enumerate(findings, start=1):
        (stored,) = seg.get_pixels_by_source_frame(
            attributes.SOPInstanceUID,
            [attributes.file_frame(finding.frame) + 1],
            segment_numbers=[number],
            ignore_spatial_locations=True,
            assert_missing_frames_are_empty=True,
        )
        np.testing.assert_array_equal(stored[..., 0] > 0, finding.roi.mask(attributes.shape))


def test_the_viewer_shows_the_masks_where_they_were(tmp_path: Path) -> None:
    path = volume_file(tmp_path / "b.dcm")
    (image,) = opened(path)
    findings = spread(image.attributes, REGIONS)
    write_findings_seg(tmp_path / "seg.dcm", findings, image.attributes)
    (companion,) = open_paths([tmp_path]).companions
    wanted = _masks_of_each_frame(findings, image.attributes)
    uid = image.attributes.SOPInstanceUID
    for frame in range(5):
        planes = [
            plane.read() > 0
            for plane in companion.planes
            if any(t.covers(uid, image.attributes.file_frame(frame)) for t in plane.targets)
        ]
        np.testing.assert_array_equal(np.any(planes, axis=0), wanted[frame])


def test_a_segment_says_what_it_is_and_who_made_it(tmp_path: Path) -> None:
    path = mammogram_file(tmp_path / "a.dcm")
    attributes = opened(path)[0].attributes
    of_model = spread(
        attributes, REGIONS[:1], origin="algorithm", reader="net.7", score=0.5, note="n", **exchange.DESCRIBED
    )
    losses = write_findings_seg(tmp_path / "seg.dcm", of_model + spread(attributes, MEASURES), attributes)
    assert losses["distance marks, which a DICOM SEG does not hold"] == 1
    assert losses["score of a finding, which a DICOM SEG does not hold"] == 1
    assert losses["note of a finding, which a DICOM SEG does not hold"] == 1
    assert all(losses[f"{name} of a finding, which a DICOM SEG does not hold"] for name in exchange.DESCRIBED)
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    (segment,) = seg.SegmentSequence
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "129788004"
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    assert list(seg.PatientOrientation) == ["P", "FL"]
    assert exchange.belongs_to(seg, pydicom.dcmread(path))
    (found,) = read_seg(tmp_path / "seg.dcm", [attributes]).findings
    assert (found.origin, found.reader, found.label) == ("algorithm", "net.7", "Mass")


def test_a_segment_for_each_class(tmp_path: Path) -> None:
    attributes = opened(mammogram_file(tmp_path / "a.dcm"))[0].attributes
    rois = [Roi(RoiKind.RECTANGLE, ((2, column), (6, column + 4))) for column in (2, 20, 40)]
    findings = [new_finding(attributes.identity, 0, roi, label) for roi, label in zip(rois, "AAB", strict=True)]
    losses = write_findings_seg(tmp_path / "seg.dcm", findings, attributes, by_class=True)
    assert losses == {"findings that share the mask of their class": 3}
    assert [s.SegmentLabel for s in pydicom.dcmread(tmp_path / "seg.dcm").SegmentSequence] == ["A", "B"]
    found = read_seg(tmp_path / "seg.dcm", [attributes]).findings
    assert [f.label for f in found] == ["A", "A", "B"]
    assert len({f.id for f in found}) == 3


@pytest.mark.parametrize(
    "missing", [{"FrameOfReferenceUID": None}, {"FrameOfReferenceUID": ""}, {"SharedFunctionalGroupsSequence": None}]
)
def test_what_a_volume_lacks_is_supplied(tmp_path: Path, missing: dict) -> None:
    (image,) = opened(volume_file(tmp_path / "b.dcm", shuffled=False, **missing))
    findings = spread(image.attributes, REGIONS)
    write_findings_seg(tmp_path / "seg.dcm", findings, image.attributes)
    found = read_seg(tmp_path / "seg.dcm", [image.attributes]).findings
    assert {f.id: f.frame for f in found} == {f.id: f.frame for f in findings}


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    attributes = opened(mammogram_file(tmp_path / "a.dcm"))[0].attributes
    outside = [new_finding(attributes.identity, 0, REGIONS[0].moved(500, 0), "x")]
    for findings in ([], spread(attributes, MEASURES), outside):
        with pytest.raises(ExportError, match="no regions"):
            write_findings_seg(tmp_path / "seg.dcm", findings, attributes)
    assert not (tmp_path / "seg.dcm").exists()


def test_importing_twice_gives_the_same_ids(tmp_path: Path) -> None:
    attributes = opened(mammogram_file(tmp_path / "a.dcm"))[0].attributes
    write_findings_seg(tmp_path / "seg.dcm", spread(attributes, REGIONS[:2]), attributes, by_class=True)
    first, second = (read_seg(tmp_path / "seg.dcm", [attributes]).findings for _ in range(2))
    assert without_times(first) == without_times(second)


def test_regions_of_a_mask_give_the_mask_again_with_its_holes() -> None:
    generator = np.random.default_rng(5)
    for _ in range(20):
        mask = generator.random((17, 23)) < 0.2
        mask[5:9, 5:12] = True
        mask[6, 7] = False
        regions = mask_regions(mask)
        np.testing.assert_array_equal(np.any([roi.mask(mask.shape) for roi in regions], axis=0), mask)
        (joined,) = mask_regions(mask, whole=True)
        np.testing.assert_array_equal(joined.mask(mask.shape), mask)
    assert mask_regions(np.zeros((3, 3), bool)) == mask_regions(np.zeros((3, 3), bool), whole=True) == ()


def test_a_painted_finding_of_several_parts_and_holes_comes_back_as_one(tmp_path: Path) -> None:
    attributes = opened(mammogram_file(tmp_path / "a.dcm"))[0].attributes
    mask = np.zeros(attributes.shape, bool)
    mask[3:20, 4:30] = True
    mask[8:12, 10:14] = False
    mask[30:40, 40:44] = True
    finding = new_finding(attributes.identity, 0, region_of_mask(mask), "Mass")
    write_findings_seg(tmp_path / "seg.dcm", [finding], attributes)
    (found,) = read_seg(tmp_path / "seg.dcm", [attributes]).findings
    assert found.id == finding.id
    np.testing.assert_array_equal(found.roi.mask(attributes.shape), mask)


def test_a_mask_of_another_size_is_stretched_over_the_image() -> None:
    whole = Roi(RoiKind.RECTANGLE, ((-0.5, -0.5), (9.5, 19.5)))
    assert scaled(whole, (10, 20), (40, 60)).points == ((-0.5, -0.5), (39.5, 59.5))
