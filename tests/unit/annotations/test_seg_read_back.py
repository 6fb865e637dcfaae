"""A heatmap that the program exported as DICOM SEG is shown again where it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from helpers import dicom_makers

from mammoviewer.annotations.interchange.seg import write_heatmap_seg
from mammoviewer.dicom.reader import open_paths

DETAILS = {
    "PatientBirthDate": "", "PatientSex": "F", "StudyTime": "120000", "AccessionNumber": "", "StudyID": "1",
    "ReferringPhysicianName": "", "SeriesNumber": 1, "InstanceNumber": 1,
}  # fmt: skip


def test_a_heatmap_of_a_mammogram(tmp_path: Path) -> None:
    pixels = dicom_makers.ramp(24, 32)
    dicom_makers.save(tmp_path / "image.dcm", dicom_makers.mammogram(pixels, **DETAILS), pixels)
    (image,) = open_paths([tmp_path]).images
    heat = np.zeros((24, 32), np.float32)
    heat[4:10, 6:20] = np.linspace(0.1, 1.0, 14)
    write_heatmap_seg(tmp_path / "heat.dcm", heat, image, model_name="finder.2", class_name="mass")
    result = open_paths([tmp_path])
    assert result.rejected == ()
    (found,) = result.companions
    (plane,) = found.planes
    assert found.refers_to(image.attributes.SOPInstanceUID)
    assert (plane.label, plane.graded) == ("mass", True)
    np.testing.assert_allclose(plane.read(), heat, atol=0.5 / 255)
    assert [(run.name, run.version) for run in found.runs] == [("finder", "2")]


def test_heatmaps_of_a_volume_lie_on_their_frames(tmp_path: Path) -> None:
    pixels = np.stack([dicom_makers.ramp(24, 32)] * 5)
    made = dicom_makers.tomo(pixels, FrameOfReferenceUID="1.2.3.9", **DETAILS)
    dicom_makers.save(tmp_path / "image.dcm", made, pixels)
    (image,) = open_paths([tmp_path]).images
    heats = {index: np.full((24, 32), level, np.float32) for index, level in ((1, 0.4), (3, 0.8))}
    write_heatmap_seg(tmp_path / "heat.dcm", heats, image, model_name="finder.2")
    (found,) = open_paths([tmp_path]).companions
    uid = image.attributes.SOPInstanceUID
    for frame in range(5):
        planes = [plane for plane in found.planes if any(target.covers(uid, frame) for target in plane.targets)]
        assert len(planes) == (1 if frame in heats else 0)
        for plane in planes:
            np.testing.assert_allclose(plane.read(), heats[frame], atol=0.5 / 255)
