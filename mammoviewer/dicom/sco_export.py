"""A Hologic SCO as a Breast Tomosynthesis Image (PS3.3 A.55), its compressed frames taken over as they are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from mammoviewer.base.errors import ExportError
from mammoviewer.base.paths import atomic_path
from mammoviewer.dicom import elements
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.frames import DicomFrames
from mammoviewer.dicom.header import quiet_parsing, read_header
from mammoviewer.dicom.private_volume import CREATOR
from mammoviewer.dicom.remedies import CHECK_PLACE
from mammoviewer.dicom.sco import ScoVolume, is_sco, read_volume
from mammoviewer.dicom.views import view_terms

BREAST_TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
_LOSSLESS, _NEAR_LOSSLESS = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"
# Type 2 of the modules of Patient, General Study and General Series: empty where the source does not tell.
_REQUIRED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName",
    "StudyID", "AccessionNumber", "SeriesNumber",
)  # fmt: skip
_TAKEN = (
    *_REQUIRED, "SeriesDate", "ContentDate", "AcquisitionDateTime", "SeriesTime", "ContentTime", "Modality",
    "Manufacturer", "InstitutionName", "InstitutionAddress", "StationName", "OperatorsName", "StudyDescription",
    "SeriesDescription", "ManufacturerModelName", "PatientAge", "DeviceSerialNumber", "SoftwareVersions",
    "StudyInstanceUID", "InstanceNumber",
)  # fmt: skip
_FRAME_TYPE = ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "NONE"]
_DEFAULT_SPACING_MM = 1.0


def write_tomosynthesis(path: Path, attributes: ImageAttributes) -> None:
    """Write the volume of the SCO file that ``attributes`` are of as an object of its own, with new UIDs.

    What the file does not tell, such as the geometry of the exposure, is left out or, where the class asks for the
    element, left empty; slices without a known distance are put 1 mm apart.

    Raises
    ------
    ExportError
        The image is no SCO volume, or the file cannot be written.
    InputError
        The source cannot be read any more.
    """
    with quiet_parsing():
        header = read_header(attributes.path)
        if not is_sco(header.dataset):
            reason = "only a Hologic SCO volume is turned into a tomosynthesis object"
            raise ExportError(reason, hint="export it in another form", path=attributes.path)
        volume = read_volume(header)
        dataset = _object(header.dataset, attributes, volume)
    frames = DicomFrames(header.path, volume.form, volume.segments, header.inflater, wrap=volume.wrap)
    _set_pixels(dataset, frames, volume)
    try:
        with atomic_path(path) as temporary:
            dataset.save_as(temporary, enforce_file_format=True)
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror}", hint=CHECK_PLACE, path=path) from error


def _object(source: Any, attributes: ImageAttributes, volume: ScoVolume) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import generate_uid

    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _TAKEN:
        if keyword in source:
            made[keyword] = source[keyword]
    _complete(made)
    made.SOPClassUID = BREAST_TOMOSYNTHESIS
    made.SOPInstanceUID, made.SeriesInstanceUID, made.FrameOfReferenceUID = (generate_uid() for _ in range(3))
    made.Modality, made.PositionReferenceIndicator = "MG", ""
    made.ImageType = _FRAME_TYPE
    made.PixelPresentation, made.VolumetricProperties = "MONOCHROME", "VOLUME"
    made.VolumeBasedCalculationTechnique = "TOMOSYNTHESIS"
    made.ContentQualification, made.BreastImplantPresent, made.PartialView = "RESEARCH", "NO", "NO"
    made.BurnedInAnnotation = "NO"  # what the source says is of its picture, not of the slices
    made.PresentationLUTShape = "INVERSE" if attributes.inverse else "IDENTITY"
    made.BodyPartExamined = "BREAST"
    made.AcquisitionContextSequence = []
    views = _view_codes(source, attributes)
    if views:
        made.ViewCodeSequence = views
    made.DerivationDescription = "Volume of a Hologic SCO object; frames as they were compressed"
    made.SourceImageSequence = [
        _item(ReferencedSOPClassUID=attributes.SOPClassUID, ReferencedSOPInstanceUID=attributes.SOPInstanceUID)
    ]
    _set_groups(made, attributes)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = _NEAR_LOSSLESS if volume.near else _LOSSLESS
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    return made


def _complete(made: Any) -> None:
    """Add what every object of the class has (Type 1 and 2), as far as it is known without the source."""
    for keyword in _REQUIRED:
        if keyword not in made:
            setattr(made, keyword, None if keyword == "SeriesNumber" else "")
    if not elements.text(made, "Manufacturer"):
        made.Manufacturer = CREATOR  # who made the private elements made the volume
    if elements.integer(made, "InstanceNumber") is None:
        made.InstanceNumber = 1
    now = datetime.now().astimezone()
    if not (elements.text(made, "ContentDate") and elements.text(made, "ContentTime")):
        made.ContentDate, made.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")


def _view_codes(source: Any, attributes: ImageAttributes) -> list[Any]:
    """Return the view as the source codes it, or made of its ViewPosition, which tomosynthesis objects do not have."""
    found = elements.sequence(source, "ViewCodeSequence")[:1]
    if not found:
        codes = [
            _item(CodeValue=value, CodingSchemeDesignator="SCT", CodeMeaning=meaning)
            for value, meaning in view_terms(attributes.view)
        ]
        found = codes[:1]
        for item in found:
            item.ViewModifierCodeSequence = codes[1:]
    for item in found:
        if "ViewModifierCodeSequence" not in item:
            item.ViewModifierCodeSequence = []
    return found


def _set_groups(made: Any, attributes: ImageAttributes) -> None:
    """Set what the frames share and the place of each."""
    from mammoviewer.imaging.voi import Window

    spacing, step = attributes.pixel_spacing, attributes.slice_spacing_mm or _DEFAULT_SPACING_MM
    breast = _item(CodeValue="76752008", CodingSchemeDesignator="SCT", CodeMeaning="Breast")
    frame_type = _item(
        FrameType=_FRAME_TYPE, PixelPresentation="MONOCHROME", VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="TOMOSYNTHESIS",
    )  # fmt: skip
    row, down = _directions(attributes)
    shared = _item(
        PixelValueTransformationSequence=[_item(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")],
        FrameAnatomySequence=[
            _item(AnatomicRegionSequence=[breast], FrameLaterality=attributes.view.laterality or "U")
        ],
        PlaneOrientationSequence=[_item(ImageOrientationPatient=_texts([*row, *down]))],
    )
    if spacing is not None:
        pair = [f"{spacing.row_mm:.6g}", f"{spacing.column_mm:.6g}"]
        shared.PixelMeasuresSequence = [_item(PixelSpacing=pair, SliceThickness=f"{step:.6g}")]
    windows = [voi for voi in attributes.vois if isinstance(voi, Window)]
    if windows:
        shared.FrameVOILUTSequence = [
            _item(
                WindowCenter=[f"{window.center:.8g}" for window in windows],
                WindowWidth=[f"{window.width:.8g}" for window in windows],
                VOILUTFunction=str(windows[0].function),
            )
        ]
    made.SharedFunctionalGroupsSequence = [shared]
    normal = np.cross(row, down)
    made.PerFrameFunctionalGroupsSequence = [
        _item(
            XRay3DFrameTypeSequence=[frame_type],
            FrameContentSequence=[_item(StackID="1", InStackPositionNumber=index + 1, FrameAcquisitionNumber=1)],
            PlanePositionSequence=[_item(ImagePositionPatient=_texts(normal * (index * step)))],
        )
        for index in range(attributes.frames)
    ]


_AXES = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "H": (0, 0, 1), "F": (0, 0, -1)}


def _directions(attributes: ImageAttributes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the directions of a row and a column, from the first letters of PatientOrientation; axial without it."""
    letters = [part[:1] for part in attributes.PatientOrientation]
    known = len(letters) == 2 and set(letters) <= set(_AXES)
    row, down = (_AXES[letter] for letter in letters) if known else (_AXES["L"], _AXES["P"])
    return (row, down) if any(np.cross(row, down)) else (_AXES["L"], _AXES["P"])


def _texts(numbers: Iterable[float]) -> list[str]:
    return [f"{number + 0.0:.6g}" for number in numbers]  # adding 0 turns -0 into 0


def _set_pixels(made: Any, source: DicomFrames, volume: ScoVolume) -> None:
    from pydicom.encaps import encapsulate

    form = volume.form
    made.NumberOfFrames = len(volume.segments)
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, form.photometric
    made.Rows, made.Columns = form.rows, form.columns
    made.BitsAllocated, made.BitsStored, made.HighBit = form.bits_allocated, form.bits_stored, form.high_bit
    made.PixelRepresentation = 0
    streams = [source.codestream(index) for index in range(len(volume.segments))]
    made.LossyImageCompression = "01" if volume.near else "00"
    if volume.near:
        made.LossyImageCompressionMethod = "ISO_14495_1"
        ratio = form.frame_bytes * len(streams) / sum(len(stream) for stream in streams)
        made.LossyImageCompressionRatio = f"{ratio:.4g}"
    made.PixelData = encapsulate(streams, has_bot=True)
    made["PixelData"].VR = "OB"


def _item(**values: Any) -> Any:
    from pydicom.dataset import Dataset

    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made
