"""A picture with all that is drawn on it as a DICOM Secondary Capture (PS3.3 A.8.1): to look at, not for diagnosis."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from mammoviewer.annotations.interchange.coded_terms import CodedTerm
from mammoviewer.annotations.interchange.dicom_parts import (
    code_item,
    header_errors,
    new_object,
    reference,
    require_object,
    save,
)
from mammoviewer.annotations.interchange.seg_source import read_source_header
from mammoviewer.base.arrays import ByteArray
from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.imaging.geometry import Orientation

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"
WARNING = "Not for diagnosis: picture with burned-in marks"
_OPPOSITE = {"P": "A", "A": "P", "F": "H", "H": "F", "L": "R", "R": "L"}


def write_secondary_capture(
    path: Path, picture: ByteArray, image: ImageAttributes, *, frame: int, orientation: Orientation
) -> None:
    """Write a picture of a frame, uint8 (rows, columns, 3) or (rows, columns), as it is displayed.

    Raises
    ------
    ExportError
        If the image is no DICOM object, the picture is no RGB picture, or the file cannot be written.
    """
    require_object(image)
    if picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)):
        raise ExportError("a secondary capture holds grey or RGB pictures", path=path)
    source = read_source_header(image)
    with header_errors(image, "secondary capture"):
        made = _object(picture, image, source, frame, orientation)
    save(path, made)


def _object(picture: ByteArray, image: ImageAttributes, source: Any, frame: int, orientation: Orientation) -> Any:
    number = image.file_frame(frame) + 1 if image.frames > 1 else None
    made = new_object(source, SOP_CLASS, "OT", series=9005, description=WARNING)
    now = datetime.now().astimezone()
    made.ContentDate, made.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    made.ConversionType, made.BurnedInAnnotation = "WSD", "YES"
    made.SecondaryCaptureDeviceManufacturer = made.Manufacturer
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.DerivationDescription = f"{WARNING}; window and colours are part of the picture"
    made.ImageComments = WARNING
    made.SourceImageSequence = [reference(source, number)]
    made.SourceImageSequence[0].PurposeOfReferenceCodeSequence = [
        code_item(CodedTerm("121322", "DCM", "Source image for image processing operation"))
    ]
    made.PatientOrientation = displayed_orientation(image, orientation)
    if image.view.laterality:
        made.Laterality = image.view.laterality
    if image.lossy:
        made.LossyImageCompression = "01"
    colour = picture.ndim == 3
    made.SamplesPerPixel = 3 if colour else 1
    made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        made.PlanarConfiguration = 0
    made.Rows, made.Columns = picture.shape[:2]
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    data = picture.tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)
    made["PixelData"].VR = "OB"
    return made


def displayed_orientation(image: ImageAttributes, orientation: Orientation) -> list[str]:
    """Return the directions of row and column of the picture as it is displayed; empty where they are not known."""
    stored = list(image.PatientOrientation)
    if len(stored) != 2 or not all(stored):
        return []
    row, column = reversed(stored) if orientation.transpose else stored
    return [
        _reversed(row) if orientation.flip_columns else row,
        _reversed(column) if orientation.flip_rows else column,
    ]


def _reversed(direction: str) -> str:
    return "".join(_OPPOSITE.get(letter, letter) for letter in direction)
