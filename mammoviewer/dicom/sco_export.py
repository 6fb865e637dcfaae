"""A Hologic SCO as a Breast Tomosynthesis Image (PS3.3 A.55), its compressed frames taken over as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mammoviewer.base.errors import ExportError
from mammoviewer.base.paths import atomic_path
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.frames import DicomFrames
from mammoviewer.dicom.header import quiet_parsing, read_header
from mammoviewer.dicom.sco import ScoVolume, is_sco, read_volume

BREAST_TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
_LOSSLESS, _NEAR_LOSSLESS = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"
_TAKEN = (
    "SpecificCharacterSet", "StudyDate", "SeriesDate", "ContentDate", "StudyTime", "SeriesTime", "ContentTime",
    "AccessionNumber", "Modality", "Manufacturer", "InstitutionName", "ReferringPhysicianName", "StudyDescription",
    "SeriesDescription", "ManufacturerModelName", "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "PatientAge", "DeviceSerialNumber", "SoftwareVersions", "StudyInstanceUID", "StudyID", "SeriesNumber",
    "InstanceNumber", "BurnedInAnnotation",
)  # fmt: skip
_FRAME_TYPE = ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "NONE"]
_DEFAULT_SPACING_MM = 1.0


def write_tomosynthesis(path: Path, attributes: ImageAttributes) -> None:
    """Write the volume of the SCO file that ``attributes`` are of as an object of its own, with new UIDs.

    What the file does not tell, such as the geometry of the exposure, is left out; slices without a known distance are
    put 1 mm apart.

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
            raise ExportError("only a Hologic SCO volume is turned into a tomosynthesis object", path=attributes.path)
        with header.open() as handle:
            volume = read_volume(handle, header.size)
        dataset = _object(header.dataset, attributes, volume)
    _set_pixels(dataset, attributes, volume)
    try:
        with atomic_path(path) as temporary:
            dataset.save_as(temporary, enforce_file_format=True)
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror}", path=path) from error


def _object(source: Any, attributes: ImageAttributes, volume: ScoVolume) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import generate_uid

    made = Dataset()
    for keyword in _TAKEN:
        if keyword in source:
            made[keyword] = source[keyword]
    made.SOPClassUID = BREAST_TOMOSYNTHESIS
    made.SOPInstanceUID, made.SeriesInstanceUID, made.FrameOfReferenceUID = (generate_uid() for _ in range(3))
    made.Modality, made.PositionReferenceIndicator = "MG", ""
    made.ImageType = _FRAME_TYPE
    made.PixelPresentation, made.VolumetricProperties = "MONOCHROME", "VOLUME"
    made.VolumeBasedCalculationTechnique = "TOMOSYNTHESIS"
    made.ContentQualification, made.BreastImplantPresent, made.PartialView = "RESEARCH", "NO", "NO"
    made.PresentationLUTShape = "INVERSE" if attributes.inverse else "IDENTITY"
    made.BodyPartExamined = "BREAST"
    made.AcquisitionContextSequence = []
    if "ViewCodeSequence" in source:
        made.ViewCodeSequence = source.ViewCodeSequence
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


def _set_groups(made: Any, attributes: ImageAttributes) -> None:
    """Set what the frames share and the place of each."""
    from mammoviewer.imaging.voi import Window

    spacing, step = attributes.pixel_spacing, attributes.slice_spacing_mm or _DEFAULT_SPACING_MM
    breast = _item(CodeValue="76752008", CodingSchemeDesignator="SCT", CodeMeaning="Breast")
    frame_type = _item(
        FrameType=_FRAME_TYPE, PixelPresentation="MONOCHROME", VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="TOMOSYNTHESIS",
    )  # fmt: skip
    shared = _item(
        XRay3DFrameTypeSequence=[frame_type],
        PixelValueTransformationSequence=[_item(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")],
        FrameAnatomySequence=[
            _item(AnatomicRegionSequence=[breast], FrameLaterality=attributes.view.laterality or "U")
        ],
        PlaneOrientationSequence=[_item(ImageOrientationPatient=_cosines(attributes))],
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
    made.PerFrameFunctionalGroupsSequence = [
        _item(
            FrameContentSequence=[_item(StackID="1", InStackPositionNumber=index + 1, FrameAcquisitionNumber=1)],
            PlanePositionSequence=[_item(ImagePositionPatient=["0", "0", f"{index * step:.6g}"])],
        )
        for index in range(attributes.frames)
    ]


_AXES = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "H": (0, 0, 1), "F": (0, 0, -1)}


def _cosines(attributes: ImageAttributes) -> list[str]:
    """Return ImageOrientationPatient from the first letters of PatientOrientation; axial where it is absent."""
    letters = [part[:1] for part in attributes.PatientOrientation]
    if len(letters) != 2 or not set(letters) <= set(_AXES):
        letters = ["L", "P"]
    return [str(part) for letter in letters for part in _AXES[letter]]


def _set_pixels(made: Any, attributes: ImageAttributes, volume: ScoVolume) -> None:
    from pydicom.encaps import encapsulate

    form = volume.form
    made.NumberOfFrames = len(volume.segments)
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, form.photometric
    made.Rows, made.Columns = form.rows, form.columns
    made.BitsAllocated, made.BitsStored, made.HighBit = form.bits_allocated, form.bits_stored, form.high_bit
    made.PixelRepresentation = 0
    source = DicomFrames(attributes.path, form, volume.segments, wrap=volume.wrap)
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
