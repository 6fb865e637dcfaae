"""Frames that are not in the order of their places: shown in order, told to others in the file's order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers import dicom_makers as makers
from pydicom.dataset import Dataset

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.coco import write_coco
from mammoviewer.annotations.interchange.json_document import read_json, write_json
from mammoviewer.annotations.interchange.seg import write_heatmap_seg
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths
from mammoviewer.imaging.voi import Window

PLACES = (3.0, 0.0, 1.0, 4.0, 2.0)
ORDER = (1, 2, 4, 0, 3)
VOLUME = np.stack([makers.texture(12, 16, seed=seed) for seed in range(5)])


def volume(path: Path, places: tuple[float, ...], *, syntax: str = makers.JPEG_LS, windows: bool = False) -> Image:
    dataset = makers.tomo(VOLUME, FrameOfReferenceUID="1.2.3.9")
    for index, (group, place) in enumerate(zip(dataset.PerFrameFunctionalGroupsSequence, places, strict=True)):
        group.PlanePositionSequence[0].ImagePositionPatient = [0, 0, place]
        if windows:
            voi = Dataset()
            voi.WindowCenter, voi.WindowWidth = 100 + index, 50
            group.FrameVOILUTSequence = [voi]
    (image,) = open_paths([makers.save(path, dataset, VOLUME, syntax=syntax)]).images
    return image


@pytest.mark.parametrize("syntax", [makers.NATIVE, makers.JPEG_LS])
def test_34_frames_out_of_order_are_shown_in_order(tmp_path: Path, syntax: str) -> None:
    image = volume(tmp_path / "a.dcm", PLACES, syntax=syntax, windows=True)
    attributes = image.attributes
    assert attributes.frame_order == ORDER
    assert attributes.slice_positions_mm == (0, 1, 2, 3, 4)
    assert any("put in order" in notice.text for notice in attributes.warnings)
    for index, place in enumerate(ORDER):
        np.testing.assert_array_equal(image.frame(index), VOLUME[place])
        assert attributes.vois_for_frame(index) == (Window(100 + place, 50, explanation="Window 1"),)
        assert attributes.file_frame(index) == place
        assert attributes.frame_of_file(place) == index


@pytest.mark.parametrize("places", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (0, 0, 1, 2, 2)])
def test_frames_in_order_stay_as_they_are(tmp_path: Path, places: tuple[float, ...]) -> None:
    image = volume(tmp_path / "a.dcm", places)
    assert image.attributes.frame_order == ()
    assert image.attributes.file_frame(3) == image.attributes.frame_of_file(3) == 3
    np.testing.assert_array_equal(image.frame(3), VOLUME[3])


def test_a_file_that_mostly_runs_downwards_stays_so(tmp_path: Path) -> None:
    assert volume(tmp_path / "a.dcm", (4, 3, 1, 2, 0)).attributes.frame_order == (0, 1, 3, 2, 4)


def test_findings_leave_with_the_frame_of_the_file(tmp_path: Path) -> None:
    image = volume(tmp_path / "a.dcm", PLACES)
    roi = Roi(RoiKind.RECTANGLE, ((2.0, 2.0), (6.0, 6.0)))
    finding = new_finding(image.attributes.identity, 3, roi, "Mass")
    write_coco(tmp_path / "coco.json", [finding], [image.attributes])
    coco = json.loads((tmp_path / "coco.json").read_text())
    (annotation,) = coco["annotations"]
    entry = next(entry for entry in coco["images"] if entry["id"] == annotation["image_id"])
    assert entry["frame_index"] == 0
    write_json(tmp_path / "own.json", [finding], [image.attributes])
    assert json.loads((tmp_path / "own.json").read_text())["images"][0]["frame_order"] == list(ORDER)
    assert read_json(tmp_path / "own.json")[0].frame == 3


def test_heat_is_written_for_the_frame_of_the_file(tmp_path: Path) -> None:
    image = volume(tmp_path / "a.dcm", PLACES)
    heat = np.zeros((2, 12, 16), np.float32)
    heat[0, 3, 4], heat[1, 5, 6] = 1.0, 0.6
    write_heatmap_seg(tmp_path / "seg.dcm", {3: heat[0], 1: heat[1]}, image, model_name="m.1")
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    found = {}
    for group, plane in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        number = int(group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber)
        place = float(group.PlanePositionSequence[0].ImagePositionPatient[2])
        found[number] = (place, plane[3, 4], plane[5, 6])
    assert found == {1: (3.0, 255, 0), 3: (1.0, 0, 153)}
