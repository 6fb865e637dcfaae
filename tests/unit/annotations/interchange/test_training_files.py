"""labelme, YOLO and mask files, which training programs read: coordinates, frames and what they lose."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from helpers.exchange import (
    DESCRIBED,
    MEASURES,
    REGIONS,
    assert_same_places,
    mammogram_file,
    opened,
    spread,
    volume_file,
)

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.label_masks import read_masks, write_masks
from mammoviewer.annotations.interchange.labelme import read_labelme, write_labelme
from mammoviewer.annotations.interchange.named_images import find_frame, find_image, frame_stem
from mammoviewer.annotations.interchange.yolo import class_names, read_yolo, write_classes, write_yolo
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import AnnotationError, ExportError


@pytest.fixture
def images(tmp_path: Path):
    paths = (mammogram_file(tmp_path / "a.dcm", PatientOrientation=["A", "H"]), volume_file(tmp_path / "b.dcm"))
    return [image.attributes for image in opened(*paths)]


def test_labelme_keeps_regions_and_what_is_said_of_them(images, tmp_path: Path) -> None:
    facts = {"note": "n", "assessment": "2", "reader": "Ann", **DESCRIBED}
    for image, frame in ((images[0], 0), (images[1], 3)):
        findings = tuple(f.edited(frame=frame) for f in spread(image, REGIONS, **facts))
        path = tmp_path / f"{frame_stem('x', image, frame)}.json"
        losses = write_labelme(path, findings + spread(image, MEASURES[:1]), image, frame, "x.png")
        assert sum(losses.values()) == (1 if frame == 0 else 0)
        found = read_labelme(path, json.loads(path.read_text()), images)
        assert found.losses == {}
        assert_same_places(found.findings, findings)
        for one, other in zip(found.findings, findings, strict=True):
            assert one.edited(roi=other.roi, created="", modified="") == other.edited(created="", modified="")


def test_labelme_measures_from_the_corner(images, tmp_path: Path) -> None:
    whole = new_finding(images[0].identity, 0, Roi(RoiKind.RECTANGLE, ((-0.5, -0.5), (47.5, 63.5))), "x")
    write_labelme(tmp_path / "x.json", [whole], images[0], 0, "x.png")
    document = json.loads((tmp_path / "x.json").read_text())
    assert document["shapes"][0]["points"] == [[0.0, 0.0], [64.0, 48.0]]
    assert (document["imageHeight"], document["imageWidth"]) == (48, 64)


def test_labelme_files_of_others(images, tmp_path: Path) -> None:
    shapes = [
        {"label": "Mass", "points": [[10, 10], [13, 14]], "shape_type": "circle"},
        {"label": "Mass", "points": [[10, 10], [13, 14]], "shape_type": "line"},
    ]
    found = read_labelme(tmp_path / "q.json", {"shapes": shapes, "imagePath": "..\\a.png"}, images)
    assert found.losses == {"shapes of the type line": 1}
    (circle,) = found.findings
    assert (circle.roi.kind, circle.roi.bounding_box()) == (RoiKind.ELLIPSE, (4.5, 4.5, 14.5, 14.5))
    assert read_labelme(tmp_path / "q.json", {"shapes": shapes, "imagePath": "q.png"}, images).findings == ()
    with pytest.raises(AnnotationError, match=r"shapes\[0\]"):
        read_labelme(tmp_path / "a.json", {"shapes": [{"points": 3}]}, images)


def test_yolo_boxes_come_back_to_a_millionth_of_a_pixel(images, tmp_path: Path) -> None:
    findings = spread(images[1], REGIONS) + spread(images[1], REGIONS[:1], origin="algorithm", score=0.75)
    names = class_names(findings)
    write_classes(tmp_path, names)
    found, losses = [], []
    for frame in range(5):
        path = tmp_path / "labels" / f"{frame_stem('b', images[1], frame)}.txt"
        losses.append(write_yolo(path, findings, images[1], frame, names))
        found += read_yolo(path, images).findings
    wanted = sorted(findings, key=lambda f: f.frame)
    assert [(f.frame, f.label, f.score, f.origin) for f in found] == [
        (f.frame, f.label, f.score, f.origin) for f in wanted
    ]
    for one, other in zip(found, wanted, strict=True):
        if other.roi.kind is not RoiKind.POINT:
            np.testing.assert_allclose(one.roi.bounding_box(), other.roi.bounding_box(), atol=1e-6, rtol=0)
    assert sum(n for loss in losses for text, n in loss.items() if "holds the box" in text) == 4
    assert (tmp_path / "data.yaml").read_text().count('"Mass"') == 1


def test_yolo_lines(images, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.25 0.5\n2 0.1 0.1 0.2 0.1 0.2 0.2\n")
    box, outline = read_yolo(tmp_path / "a.txt", images).findings
    assert box.roi.bounding_box() == (11.5, 23.5, 35.5, 39.5)
    assert (outline.roi.kind, outline.label) == (RoiKind.POLYGON, "class 2")
    (tmp_path / "a.txt").write_text("0 0.5 0.5\n")
    with pytest.raises(AnnotationError, match="line 1"):
        read_yolo(tmp_path / "a.txt", images)
    (tmp_path / "z.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert read_yolo(tmp_path / "z.txt", images).losses == {"boxes on images that are not open": 1}


def test_masks_hold_every_pixel_in_the_order_of_the_file(images, tmp_path: Path) -> None:
    for image in images:
        findings = spread(image, (REGIONS[0], REGIONS[1].moved(20, 10), REGIONS[4].moved(10, 45)))
        written = write_masks(tmp_path / "m", "mask", findings, image)
        values = cv2.imread(str(written.paths[0]), -1)[None] if image.frames == 1 else tifffile.imread(written.paths[0])
        names = json.loads(written.paths[1].read_text())["classes"]
        for finding in findings:
            plane = values[image.file_frame(finding.frame)]
            inside = finding.roi.mask(image.shape)
            assert {names[str(v)] for v in np.unique(plane[inside])} <= {f.label for f in findings}
        found = read_masks(written.paths[0], images).findings
        for label in {f.label for f in findings}:
            for frame in range(image.frames):
                one, other = (
                    np.any([f.roi.mask(image.shape) for f in some if (f.label, f.frame) == (label, frame)], axis=0)
                    for some in (found, findings)
                )
                assert np.count_nonzero(one != other) <= written.losses.total() * image.rows * image.columns


def test_masks_of_others_and_what_is_no_mask(images, tmp_path: Path) -> None:
    mask = np.zeros((24, 32), np.uint8)
    mask[2:5, 3:9] = 255
    cv2.imwrite(str(tmp_path / "a.png"), mask)
    (found,) = read_masks(tmp_path / "a.png", images).findings
    assert found.label == "class 255"
    assert found.roi.bounding_box() == pytest.approx((3.5, 5.5, 9.5, 17.5))
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((24, 32, 3), np.uint8))
    with pytest.raises(AnnotationError, match="no mask"):
        read_masks(tmp_path / "a.png", images)
    with pytest.raises(ExportError, match="no regions"):
        write_masks(tmp_path, "x", spread(images[0], MEASURES), images[0])


def test_names_lead_to_images_and_frames(images) -> None:
    assert find_frame(images, "sub/b-frame3.png") == (images[1], images[1].frame_of_file(2))
    assert find_frame(images, "b-frame9.png") is None
    assert find_frame(images, "A.PNG") == (images[0], 0)
    assert find_image(images, identity=images[1].SOPInstanceUID) is images[1]
    assert find_image(images, name="") is None
    assert find_image(images[:1], name="") is images[0]
    assert find_image(images[:1], name="b.png") is None
