"""Presentation states and overlays against dcmtk, an implementation of the same standard by other people."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import companion_makers as makers
from helpers import dicom_makers

from mammoviewer.dicom.companions.reader import read_companion
from mammoviewer.dicom.reader import open_paths
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import apply_lut, display_lut

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("dcmp2pgm") is None, reason="dcmtk is not installed"),
]
SHAPE = (40, 60)
PATIENT = {
    "PatientBirthDate": "", "PatientSex": "F", "StudyDate": "20240229", "StudyTime": "120000", "StudyID": "1",
    "AccessionNumber": "", "ReferringPhysicianName": "", "SeriesNumber": 9, "InstanceNumber": 1,
}  # fmt: skip


def shown_by_dcmtk(*command: str | Path, out: Path) -> np.ndarray:
    done = subprocess.run([str(part) for part in (*command, out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert out.exists(), done.stderr
    return np.asarray(cv2.imread(str(out), cv2.IMREAD_UNCHANGED))


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", ["N", "Y"])
def test_a_presentation_state_turns_and_windows_as_dcmtk_does(tmp_path: Path, degrees: int, flip: str) -> None:
    pixels = dicom_makers.ramp(*SHAPE)
    image = dicom_makers.mammogram(pixels, **PATIENT)
    uid = str(image.SOPInstanceUID)
    dicom_makers.save(tmp_path / "image.dcm", image, pixels)
    turned = Orientation().rotated(degrees // 90)
    turned = turned.flipped_horizontally() if flip == "Y" else turned
    rows, columns = turned.display_shape(SHAPE)
    ends = turned.to_stored(np.array([(0, 0), (rows - 1, columns - 1)]), SHAPE) + 1
    state = makers.presentation_state(
        uid, window=(2000, 3000), area=tuple([int(column), int(row)] for row, column in ends), ImageRotation=degrees,
        ImageHorizontalFlip=flip, PresentationLUTShape="IDENTITY", Manufacturer="Maker", ContentCreatorName="",
        PresentationCreationDate="20240229", PresentationCreationTime="120000", **PATIENT,
    )  # fmt: skip
    state.ReferencedSeriesSequence[0].SeriesInstanceUID = image.SeriesInstanceUID
    state.DisplayedAreaSelectionSequence[0].PresentationPixelAspectRatio = [1, 1]
    makers.save(tmp_path / "state.dcm", state)
    found = read_companion(tmp_path / "state.dcm").presentation(uid, 0)
    assert found.orientation is not None
    assert found.voi is not None
    ours = apply_lut(found.orientation.apply(pixels), display_lut(0, 4096, voi=found.voi), 0)
    theirs = shown_by_dcmtk(
        "dcmp2pgm", "-p", tmp_path / "state.dcm", tmp_path / "image.dcm", out=tmp_path / "state.pgm"
    )
    assert theirs.shape == ours.shape
    # dcmtk puts P-values through a calibration of its own: each grey of ours is one of theirs, in the same order.
    levels = [theirs[ours == level].astype(int) for level in np.unique(ours)]
    assert len(levels) > 100
    assert all(np.ptp(found_there) <= 2 for found_there in levels)
    assert (np.diff([found_there.mean() for found_there in levels]) >= -1.0).all()


def test_an_overlay_lies_where_dcmtk_puts_it(tmp_path: Path) -> None:
    pixels = np.full(SHAPE, 1000, np.uint16)
    pixels[0, 0] = 4095
    mask = np.random.default_rng(3).integers(0, 2, (9, 13))
    image = makers.add_overlay(
        dicom_makers.mammogram(pixels, WindowCenter=2000, WindowWidth=4000), mask, origin=(6, 21)
    )
    path = dicom_makers.save(tmp_path / "image.dcm", image, pixels)
    theirs = shown_by_dcmtk("dcm2pnm", "+Wi", "1", "+O", "1", path, out=tmp_path / "image.pgm")
    (plane,) = open_paths([path]).images[0].companions[0].planes
    ours = np.zeros(SHAPE, bool)
    row, column = (int(value) for value in plane.origin)
    ours[row : row + 9, column : column + 13] = plane.read() > 0.5
    changed = theirs != theirs[-1, -1]
    changed[0, 0] = False
    np.testing.assert_array_equal(changed, ours)
