"""Images in files and findings on them, for what is written for other programs and read from them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import dicom_makers
from pydicom.dataset import Dataset

from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.roi import LINES, Roi, RoiKind
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths

SHAPE = (48, 64)
DETAILS = {
    "PatientBirthDate": "19600101", "PatientSex": "F", "StudyTime": "120000", "AccessionNumber": "", "StudyID": "1",
    "ReferringPhysicianName": "", "SeriesNumber": 1, "InstanceNumber": 1, "StudyInstanceUID": "1.2.826.0.1.3680043.9.7",
    "SeriesInstanceUID": "1.2.826.0.1.3680043.9.7.1",
}  # fmt: skip
REGIONS = (
    Roi(RoiKind.RECTANGLE, ((5.25, 10.5), (15.75, 30.125))),
    Roi(RoiKind.ELLIPSE, ((5.0, 10.0), (25.5, 50.25))),
    Roi(RoiKind.ELLIPSE, ((2.0, 10.0), (40.5, 20.25))),
    Roi(RoiKind.POLYGON, ((5.25, 5.125), (5.5, 40.75), (20.5, 40.25), (20.125, 20.625), (40.75, 20.25), (40.25, 5.75))),
    Roi(RoiKind.POINT, ((30.25, 12.5),)),
)
MEASURES = (
    Roi(RoiKind.DISTANCE, ((3.25, 4.5), (20.0, 33.75))),
    Roi(RoiKind.ANGLE, ((3.25, 4.5), (20.0, 33.75), (40.5, 8.0))),
    Roi(RoiKind.PROFILE, ((7.25, 4.5), (20.0, 3.75))),
    Roi(RoiKind.STATISTICS, ((8.0, 9.0), (20.5, 30.5))),
)
DESCRIBED = {
    "descriptors": (("shape", "irregular"), ("margin", "spiculated")), "lesion": "lesion 1", "confidence": 0.75,
}  # fmt: skip
WORDS = (Roi(RoiKind.ARROW, ((3.25, 4.5), (20.0, 33.75))), Roi(RoiKind.TEXT, ((9.25, 4.5),)))


def mammogram_file(path: Path, **changes: object) -> Path:
    """Write a right MLO mammogram, stored as it is hung or, by ``PatientOrientation``, otherwise."""
    pixels = dicom_makers.texture(*SHAPE)
    made = dicom_makers.mammogram(pixels, **{**DETAILS, "WindowCenter": 2000, "WindowWidth": 3000, **changes})
    return dicom_makers.save(path, made, pixels)


def volume_file(path: Path, frames: int = 5, *, shuffled: bool = True, **changes: object) -> Path:
    """Write a left CC volume whose frames do not lie in the file as they lie in space when ``shuffled``."""
    pixels = np.stack([dicom_makers.texture(*SHAPE, seed=seed) for seed in range(frames)])
    facts = {**DETAILS, "FrameOfReferenceUID": "1.2.826.0.1.3680043.9.9", **changes}
    missing = [name for name, value in facts.items() if value is None]
    made = dicom_makers.tomo(pixels, **{name: value for name, value in facts.items() if value is not None})
    for name in missing:
        if name in made:
            delattr(made, name)
    if shuffled:
        order = [2, 0, 4, 1, 3, *range(5, frames)][:frames]
        for group, height in zip(made.PerFrameFunctionalGroupsSequence, order, strict=True):
            group.PlanePositionSequence[0].ImagePositionPatient = [0, 0, height]
    return dicom_makers.save(path, made, pixels)


def opened(*paths: Path) -> tuple[Image, ...]:
    result = open_paths(paths)
    assert result.rejected == ()
    return result.images


def spread(attributes: ImageAttributes, rois: tuple[Roi, ...], **fields: object) -> tuple[Finding, ...]:
    """Return a finding for each region, on one frame after the other."""
    labels = ("Mass", "Calcifications", "Global asymmetry", "my own class", "")
    return tuple(
        replace(
            new_finding(
                attributes.identity, index % attributes.frames, roi, "" if roi in MEASURES else labels[index % 5]
            ),
            **fields,
        )
        for index, roi in enumerate(rois)
    )


def without_times(findings: tuple[Finding, ...]) -> list[tuple[object, ...]]:
    """Return what a format has to keep of findings: all but the points, the id's time of making and of change."""
    return [
        (
            f.id, f.image_uid, f.frame, f.roi.kind, f.label, f.note, f.assessment, f.origin, f.reader, f.descriptors,
            f.lesion, f.confidence,
        )
        for f in findings
    ]  # fmt: skip


def assert_same_places(found: tuple[Finding, ...], wanted: tuple[Finding, ...], tolerance_px: float = 1e-6) -> None:
    for one, other in zip(found, wanted, strict=True):
        if other.roi.kind in LINES or other.roi.kind is RoiKind.POLYGON:
            np.testing.assert_allclose(one.roi.points, other.roi.points, atol=tolerance_px, rtol=0)
        else:
            np.testing.assert_allclose(one.roi.bounding_box(), other.roi.bounding_box(), atol=tolerance_px, rtol=0)


def errors_of_dciodvfy(path: Path, *options: str) -> list[str]:
    """Return the errors that dicom3tools finds in an object; the test is skipped without it."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    told = subprocess.run(["dciodvfy", *options, str(path)], capture_output=True, text=True, check=False).stderr
    return [line for line in told.splitlines() if line.startswith("Error")]


def belongs_to(made: Dataset, source: Dataset) -> bool:
    """Return whether an object is of the patient and study of its source, in a series and with a UID of its own."""
    same = all(made.get(name) == source.get(name) for name in ("PatientID", "PatientName", "StudyInstanceUID"))
    return (
        same
        and made.SOPInstanceUID != source.SOPInstanceUID
        and made.SeriesInstanceUID != source.SeriesInstanceUID
        and made.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
    )
