import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage import draw

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.coco import write_coco
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind

ROWS, COLUMNS = 60, 80
FLAT = ImageAttributes(path=Path("a.dcm"), kind=ImageKind.MAMMOGRAM, rows=ROWS, columns=COLUMNS, SOPInstanceUID="1")
VOLUME = replace(FLAT, path=Path("b.dcm"), kind=ImageKind.TOMO, frames=3, SOPInstanceUID="2")
SHAPES = [
    Roi(RoiKind.RECTANGLE, ((5.5, 10.5), (15.5, 30.5))),
    Roi(RoiKind.ELLIPSE, ((5.0, 10.0), (25.0, 50.0))),
    Roi(RoiKind.POLYGON, ((5.2, 5.1), (5.3, 40.7), (20.4, 40.2), (20.1, 20.6), (50.9, 20.3), (50.2, 5.7))),
    Roi(RoiKind.FREEHAND, ((1.2, 2.3), (9.1, 2.7), (9.4, 12.2))),
]


def _written(path: Path, findings, images=(FLAT,)) -> dict:
    write_coco(path, findings, images)
    return json.loads(path.read_text(encoding="utf-8"))


def _check_like_pycocotools(coco: dict) -> None:
    """What COCO.createIndex, annToRLE and the evaluation take for granted."""
    image_ids = [image["id"] for image in coco["images"]]
    category_ids = [category["id"] for category in coco["categories"]]
    annotation_ids = [annotation["id"] for annotation in coco["annotations"]]
    for ids in (image_ids, category_ids, annotation_ids):
        assert len(set(ids)) == len(ids)
        assert all(isinstance(i, int) and i > 0 for i in ids)
    size = {image["id"]: (image["width"], image["height"]) for image in coco["images"]}
    for annotation in coco["annotations"]:
        assert annotation["category_id"] in category_ids
        assert annotation["iscrowd"] == 0
        width, height = size[annotation["image_id"]]
        x, y, w, h = annotation["bbox"]
        assert w > 0
        assert h > 0
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height
        (ring,) = annotation["segmentation"]
        assert len(ring) >= 6
        assert len(ring) % 2 == 0
        xs, ys = np.array(ring[::2]), np.array(ring[1::2])
        assert (xs.min(), ys.min(), np.ptp(xs), np.ptp(ys)) == pytest.approx((x, y, w, h))
        shoelace = abs(np.sum(xs * np.roll(ys, -1) - np.roll(xs, -1) * ys)) / 2
        assert annotation["area"] == pytest.approx(shoelace)
        assert annotation["area"] > 0


def _mask(annotation: dict) -> np.ndarray:
    """Rasterise as a reader of COCO does: a pixel's centre lies at .5 from its corner."""
    ring = np.array(annotation["segmentation"][0])
    mask = np.zeros((ROWS, COLUMNS), dtype=bool)
    mask[draw.polygon(ring[1::2] - 0.5, ring[::2] - 0.5, mask.shape)] = True
    return mask


@pytest.mark.parametrize("roi", SHAPES, ids=lambda roi: roi.kind.value)
def test_the_written_polygon_covers_the_pixels_of_the_region(tmp_path, roi):
    coco = _written(tmp_path / "c.json", [new_finding("1", 0, roi, "Mass")])
    _check_like_pycocotools(coco)
    (annotation,) = coco["annotations"]
    mask = roi.mask((ROWS, COLUMNS))
    differing = np.count_nonzero(_mask(annotation) != mask)
    assert differing <= (mask.sum() * 0.02 if roi.kind is RoiKind.ELLIPSE else 0)
    assert annotation["area"] == pytest.approx(roi.area_px, rel=0.005)


def test_boxes_count_from_the_corner_of_the_first_pixel(tmp_path):
    whole = Roi(RoiKind.RECTANGLE, ((-0.5, -0.5), (ROWS - 0.5, COLUMNS - 0.5)))
    one_pixel = Roi(RoiKind.RECTANGLE, ((2.5, 6.5), (3.5, 7.5)))
    coco = _written(tmp_path / "c.json", [new_finding("1", 0, roi, "x") for roi in (whole, one_pixel)])
    assert coco["annotations"][0]["bbox"] == [0, 0, COLUMNS, ROWS]
    assert coco["annotations"][1]["bbox"] == [7, 3, 1, 1]


def test_ellipses_have_at_least_64_vertices(tmp_path):
    coco = _written(tmp_path / "c.json", [new_finding("1", 0, SHAPES[1], "x")])
    assert len(coco["annotations"][0]["segmentation"][0]) >= 128
    assert coco["annotations"][0]["bbox"] == pytest.approx([10.5, 5.5, 40.0, 20.0])


def test_transform_leads_from_pixel_centres_to_coco(tmp_path):
    coco = _written(tmp_path / "c.json", [new_finding("1", 0, SHAPES[0], "x")])
    transform = np.array(coco["images"][0]["transform"])
    (top, left), _ = SHAPES[0].points
    assert (transform @ [left, top, 1.0]).tolist() == coco["annotations"][0]["bbox"][:2]


def test_points_and_flat_regions_become_their_pixel(tmp_path):
    rois = [Roi(RoiKind.POINT, ((3.4, 7.6),)), Roi(RoiKind.RECTANGLE, ((4.0, 2.0), (4.0, 6.0)))]
    coco = _written(tmp_path / "c.json", [new_finding("1", 0, roi, "x") for roi in rois])
    _check_like_pycocotools(coco)
    assert [a["bbox"] for a in coco["annotations"]] == [[8, 3, 1, 1], [4, 4, 1, 1]]


def test_each_frame_is_an_image_with_its_index(tmp_path):
    findings = [
        new_finding("2", 2, SHAPES[0], "Mass"),
        new_finding("1", 0, SHAPES[1], "Cyst"),
        new_finding("2", 0, SHAPES[2], ""),
    ]
    coco = _written(tmp_path / "c.json", findings, (FLAT, VOLUME))
    _check_like_pycocotools(coco)
    assert [(i["file_name"], i["frame_index"]) for i in coco["images"]] == [
        ("a.dcm", 0),
        ("b.dcm", 0),
        ("b.dcm", 1),
        ("b.dcm", 2),
    ]
    names = {category["id"]: category["name"] for category in coco["categories"]}
    images = {image["id"]: (image["image_uid"], image["frame_index"]) for image in coco["images"]}
    assert [(images[a["image_id"]], names[a["category_id"]]) for a in coco["annotations"]] == [
        (("2", 2), "Mass"),
        (("1", 0), "Cyst"),
        (("2", 0), "unlabelled"),
    ]
    assert [a["attributes"]["finding_id"] for a in coco["annotations"]] == [f.id for f in findings]


@pytest.mark.parametrize("kind", [RoiKind.RECTANGLE, RoiKind.ELLIPSE])
def test_what_hangs_over_the_edge_is_cut(tmp_path, kind):
    roi = Roi(kind, ((-20.5, -30.5), (19.5, 29.5)))
    coco = _written(tmp_path / "c.json", [new_finding("1", 0, roi, "x")])
    _check_like_pycocotools(coco)
    assert coco["annotations"][0]["bbox"] == pytest.approx([0, 0, 30, 20], abs=0.2)
    inside = roi.mask((ROWS, COLUMNS))
    assert np.count_nonzero(_mask(coco["annotations"][0]) != inside) <= inside.sum() * 0.03


@pytest.mark.parametrize(
    ("finding", "message"),
    [
        (new_finding("9", 0, SHAPES[0], "x"), "finding 1 belongs to no frame"),
        (new_finding("1", 1, SHAPES[0], "x"), "finding 1 belongs to no frame"),
        (new_finding("1", 0, SHAPES[0].moved(500, 0), "x"), "finding 1 lies outside"),
    ],
)
def test_findings_that_fit_nowhere_are_told(tmp_path, finding, message):
    with pytest.raises(ExportError, match=message):
        write_coco(tmp_path / "c.json", [finding], [FLAT])
    assert not (tmp_path / "c.json").exists()


def test_no_findings_give_images_without_annotations(tmp_path):
    coco = _written(tmp_path / "c.json", [], (FLAT, VOLUME))
    assert (len(coco["images"]), coco["annotations"], coco["categories"]) == (4, [], [])
