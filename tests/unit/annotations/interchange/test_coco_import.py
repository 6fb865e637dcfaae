import json
from pathlib import Path

import numpy as np
import pytest
from helpers.exchange import (
    DESCRIBED,
    MEASURES,
    REGIONS,
    assert_same_places,
    mammogram_file,
    opened,
    spread,
    volume_file,
    without_times,
)

from mammoviewer.annotations.interchange.coco import write_coco
from mammoviewer.annotations.interchange.coco_import import read_coco
from mammoviewer.annotations.interchange.rle import mask_of, run_lengths
from mammoviewer.annotations.roi import RoiKind
from mammoviewer.base.errors import AnnotationError

FACTS = {"note": "two\nlines", "assessment": "4C", "reader": "Ann", **DESCRIBED}


def _images(tmp_path: Path):
    paths = (mammogram_file(tmp_path / "a.dcm", PatientOrientation=["A", "H"]), volume_file(tmp_path / "b.dcm"))
    return [image.attributes for image in opened(*paths)]


def _read(path: Path, images):
    return read_coco(path, json.loads(path.read_text()), images)


def test_regions_come_back_with_all_that_is_said_of_them(tmp_path: Path) -> None:
    images = _images(tmp_path)
    findings = tuple(f for image in images for f in spread(image, REGIONS[:4], **FACTS))
    findings += spread(images[1], REGIONS[:4], origin="algorithm", score=0.25)
    assert write_coco(tmp_path / "c.json", findings, images) == {}
    found = _read(tmp_path / "c.json", images)
    assert found.losses == {}
    assert without_times(found.findings) == without_times(findings)
    assert_same_places(found.findings, findings)
    assert [f.score for f in found.findings] == [f.score for f in findings]


def test_a_point_comes_back_as_the_pixel_it_lies_in_which_is_counted(tmp_path: Path) -> None:
    images = _images(tmp_path)
    (point,) = spread(images[0], REGIONS[4:])
    losses = write_coco(tmp_path / "c.json", [point, *spread(images[0], MEASURES[:1])], images)
    assert sorted(losses.values()) == [1, 1]
    (found,) = _read(tmp_path / "c.json", images).findings
    assert (found.roi.kind, found.roi.points) == (RoiKind.POINT, ((30.0, 13.0),))


def test_masks_as_run_lengths(tmp_path: Path) -> None:
    images = _images(tmp_path)
    findings = spread(images[1], REGIONS)
    write_coco(tmp_path / "c.json", findings, images, masks=True)
    found = _read(tmp_path / "c.json", images).findings
    for one, other in zip(found, findings, strict=True):
        assert (one.frame, one.id) == (other.frame, other.id)
        np.testing.assert_array_equal(one.roi.mask(images[1].shape), other.roi.mask(images[1].shape))


def test_a_file_of_others_names_images_by_file(tmp_path: Path) -> None:
    images = _images(tmp_path)
    document = {
        "images": [{"id": 7, "file_name": "x/a.png"}, {"id": 8, "file_name": "other.png"}],
        "categories": [{"id": 3, "name": "Mass"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 20, 5, 6], "score": 0.5},
            {"id": 2, "image_id": 8, "category_id": 3, "bbox": [10, 20, 5, 6]},
            {"id": 3, "image_id": 7, "category_id": 3, "segmentation": [[1, 1, 5, 1, 5, 5], [10, 10, 20, 10, 20, 20]]},
        ],
    }
    (tmp_path / "c.json").write_text(json.dumps(document))
    found = _read(tmp_path / "c.json", images)
    assert found.losses == {"annotations of images that are not open": 1}
    assert found.findings[0].roi.bounding_box() == (19.5, 9.5, 25.5, 14.5)
    assert [f.score for f in found.findings] == [0.5, None, None]
    assert len({f.id for f in found.findings}) == 3


@pytest.mark.parametrize("broken", [{"bbox": ["x", 1, 2, 3]}, {"segmentation": [["a"] * 6]}, {"image_id": 99}])
def test_a_broken_annotation_is_named(tmp_path: Path, broken: dict) -> None:
    images = _images(tmp_path)
    record = {"id": 1, "image_id": 1, "bbox": [1, 2, 3, 4], **broken}
    document = {"images": [{"id": 1, "file_name": "a.dcm"}], "annotations": [record]}
    with pytest.raises(AnnotationError, match=r"annotations\[0\]"):
        read_coco(tmp_path / "c.json", document, images)


def test_run_lengths_lead_back_to_the_mask() -> None:
    generator = np.random.default_rng(1)
    for share in (0.0, 0.3, 1.0):
        mask = generator.random((13, 7)) < share
        counts = run_lengths(mask)
        np.testing.assert_array_equal(mask_of([13, 7], counts), mask)
    assert run_lengths(np.array([[True, False], [True, True]])) == [0, 2, 1, 1]


def test_compressed_run_lengths_are_those_of_pycocotools() -> None:
    # pycocotools.mask.encode of a 12 x 9 mask with rows 2 to 7 of columns 3 to 6 set, and pixel (0, 0)
    mask = np.zeros((12, 9), bool)
    mask[2:8, 3:7] = True
    mask[0, 0] = True
    np.testing.assert_array_equal(mask_of([12, 9], "01U15QO00000f0"), mask)
    for text in ("~~~", "5", "\x00"):
        with pytest.raises(AnnotationError):
            mask_of([12, 9], text)
