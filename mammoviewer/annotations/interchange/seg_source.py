"""The source of a segmentation: its header, made complete where highdicom needs more than the file states.

A BTO object without a Frame of Reference or without plane positions, orientation or pixel measures is given them from
what the program knows of the volume (dicom.md section 5); a frame is still found by its SOPInstanceUID and number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.attributes import ImageAttributes

_REQUIRED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID", "Rows", "Columns")
_MAY_BE_EMPTY = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
)
_AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]


@dataclass(frozen=True, eq=False)
class SegSource:
    """``dataset`` without pixels; positions of the wanted frames, None for a single frame; PatientOrientation."""

    dataset: Any
    plane_positions: Sequence[Any] | None
    patient_orientation: tuple[str, ...]


def read_source(attributes: ImageAttributes, frames: tuple[int, ...]) -> SegSource:
    """Return the source for a segmentation of these frames, counted from 0 in the file's order.

    Raises
    ------
    ExportError
        If the file is gone or lacks what identifies it.
    """
    dataset = read_source_header(attributes)
    orientation = tuple(str(value) for value in dataset.get("PatientOrientation") or ())
    if attributes.frames == 1 and "SharedFunctionalGroupsSequence" not in dataset:
        # A flat mammogram has no place in space: highdicom takes none, and needs no Frame of Reference then.
        if "FrameOfReferenceUID" in dataset and not dataset.FrameOfReferenceUID:
            del dataset.FrameOfReferenceUID
        return SegSource(dataset, None, orientation)
    _complete(dataset, attributes)
    return SegSource(dataset, _plane_positions(dataset, frames), orientation)


def read_source_header(attributes: ImageAttributes) -> Any:
    """Return the header of an image's file without its pixels; what may be empty in an object is there and empty.

    Raises
    ------
    ExportError
        If the file is gone or lacks what identifies it.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        dataset = pydicom.dcmread(attributes.path, stop_before_pixels=True, force=True)
    except (OSError, InvalidDicomError, ValueError) as error:
        raise ExportError(f"the source cannot be read again: {error}", path=attributes.path) from error
    for keyword in _REQUIRED:
        if not dataset.get(keyword):
            hint = "export in a form that is not DICOM instead"
            raise ExportError(f"the source lacks {keyword}", hint=hint, path=attributes.path)
    for keyword in _MAY_BE_EMPTY:
        if keyword not in dataset:
            setattr(dataset, keyword, None)
    return dataset


def _complete(dataset: Any, attributes: ImageAttributes) -> None:
    """Supply what a volume lacks: Frame of Reference, plane positions, plane orientation, pixel measures."""
    from pydicom.dataset import Dataset

    dataset.NumberOfFrames = attributes.frames
    if not dataset.get("SharedFunctionalGroupsSequence"):
        dataset.SharedFunctionalGroupsSequence = [Dataset()]
    shared = dataset.SharedFunctionalGroupsSequence[0]
    groups = list(dataset.get("PerFrameFunctionalGroupsSequence") or ())[: attributes.frames]
    groups += [Dataset() for _ in range(attributes.frames - len(groups))]
    dataset.PerFrameFunctionalGroupsSequence = groups
    for keyword in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
        # highdicom looks for these among the shared groups alone.
        if not shared.get(keyword) and groups[0].get(keyword):
            setattr(shared, keyword, groups[0].get(keyword))
    if not shared.get("PixelMeasuresSequence"):
        shared.PixelMeasuresSequence = [_pixel_measures(attributes)]
    if not _has_planes(shared, groups):
        _supply_planes(dataset, shared, groups, attributes)
    elif not dataset.get("FrameOfReferenceUID"):
        dataset.FrameOfReferenceUID = _frame_of_reference(dataset)


def _has_planes(shared: Any, groups: list[Any]) -> bool:
    """Return whether every frame has a place of its own in space."""
    positions = [_position(shared, group) for group in groups]
    return bool(shared.get("PlaneOrientationSequence")) and None not in positions and len(set(positions)) == len(groups)


def _position(shared: Any, group: Any) -> tuple[float, ...] | None:
    found = group.get("PlanePositionSequence") or shared.get("PlanePositionSequence")
    position = found[0].get("ImagePositionPatient") if found else None
    return tuple(float(value) for value in position) if position else None


def _supply_planes(dataset: Any, shared: Any, groups: list[Any], attributes: ImageAttributes) -> None:
    """Stack the frames in a Frame of Reference of their own: parts of two spaces must not be mixed."""
    dataset.FrameOfReferenceUID = _frame_of_reference(dataset)
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=_AXIAL)]
    if "PlanePositionSequence" in shared:
        del shared.PlanePositionSequence
    heights = attributes.slice_positions_mm
    if len(heights) != len(groups) or len(set(heights)) != len(heights):
        step = attributes.slice_spacing_mm or 1.0
        heights = tuple(index * step for index in range(len(groups)))
    for index, group in enumerate(groups):
        height = heights[attributes.frame_of_file(index)]
        group.PlanePositionSequence = [_item(ImagePositionPatient=[0.0, 0.0, round(height, 6)])]


def _frame_of_reference(dataset: Any) -> str:
    """Return a UID made from the image's own, so that all segmentations of one volume share it."""
    from pydicom.uid import generate_uid

    return str(generate_uid(entropy_srcs=[str(dataset.SOPInstanceUID), "frame of reference"]))


def _pixel_measures(attributes: ImageAttributes) -> Any:
    spacing = attributes.pixel_spacing
    thickness = attributes.slice_spacing_mm or 1.0
    pixel = [spacing.row_mm, spacing.column_mm] if spacing is not None else [1.0, 1.0]
    return _item(PixelSpacing=pixel, SliceThickness=thickness)


def _item(**elements: Any) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def _plane_positions(dataset: Any, frames: tuple[int, ...]) -> list[Any]:
    import highdicom

    shared, groups = dataset.SharedFunctionalGroupsSequence[0], dataset.PerFrameFunctionalGroupsSequence
    patient = highdicom.CoordinateSystemNames.PATIENT
    return [highdicom.PlanePositionSequence(patient, _position(shared, groups[frame])) for frame in frames]
