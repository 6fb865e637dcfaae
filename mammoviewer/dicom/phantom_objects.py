"""DICOM objects of a phantom exam: headers as a mammography system would write them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from mammoviewer.imaging.phantom.breast import Grid, ViewGeometry
from mammoviewer.imaging.phantom.exam import PhantomRequest

MG_RAW_STORAGE = "1.2.840.10008.5.1.4.1.1.1.2.1"
MG_STORAGE = "1.2.840.10008.5.1.4.1.1.1.2"
BTO_STORAGE = "1.2.840.10008.5.1.4.1.1.13.1.3"
_DATE, _TIME = "20250115", "101500"
_VIEW_CODES = {
    "CC": ("399162004", "cranio-caudal"),
    "MLO": ("399368009", "medio-lateral oblique"),
}

WINDOWS: tuple[tuple[str, float, float], ...] = (
    ("NORMAL", 1800.0, 2200.0),
    ("HARDER", 1850.0, 1600.0),
    ("SOFTER", 1900.0, 3000.0),
)
"""Explanation, centre and width of the windows of a mammogram; VOI LUT Function SIGMOID."""

TOMO_WINDOWS: tuple[tuple[str, float, float], ...] = (
    ("NORMAL", 1750.0, 2500.0),
    ("HARDER", 1700.0, 1700.0),
    ("SOFTER", 1900.0, 3400.0),
)
"""The same for tomosynthesis, LINEAR."""


@dataclass(frozen=True)
class ObjectPlace:
    """Where an object stands in the exam: its view label (``"RCC"``), series number and instance number."""

    view: str
    series_number: int
    instance_number: int
    description: str

    @property
    def laterality(self) -> str:
        """``"R"`` or ``"L"``."""
        return self.view[0]

    @property
    def position(self) -> str:
        """``"CC"`` or ``"MLO"``."""
        return self.view[1:]


def uid_of(request: PhantomRequest, name: str) -> str:
    """Return the UID of a part of an exam: a hash under 2.25, the same for the same request."""
    text = f"mammoviewer-phantom/3/{request.seed}/{request.density}/{request.frames}/{request.scale}/{name}"
    if request.years_before:
        text += f"/{request.years_before} years before"
    if not request.lesions:
        text += "/without lesions"
    return f"2.25.{int.from_bytes(hashlib.blake2b(text.encode(), digest_size=15).digest(), 'big')}"


def item(**elements: object) -> Dataset:
    """Return a sequence item with the given elements."""
    result = Dataset()
    for keyword, value in elements.items():
        setattr(result, keyword, value)
    return result


def code(value: str, meaning: str, scheme: str = "SCT") -> Dataset:
    """Return a code sequence item."""
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def sequence(*items: Dataset) -> DicomSequence:
    """Return a DICOM sequence of the items."""
    return DicomSequence(list(items))


def _date(request: PhantomRequest) -> str:
    return f"{int(_DATE[:4]) - request.years_before}{_DATE[4:]}"


def set_general(dataset: Dataset, request: PhantomRequest, place: ObjectPlace, name: str, storage: str) -> None:
    """Set patient, study, series, equipment and SOP elements."""
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = storage
    dataset.SOPInstanceUID = uid_of(request, f"instance/{name}")
    dataset.StudyInstanceUID = uid_of(request, "study")
    dataset.SeriesInstanceUID = uid_of(request, f"series/{place.series_number}")
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(dataset, keyword, _date(request))
    for keyword in ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime"):
        setattr(dataset, keyword, _TIME)
    dataset.AccessionNumber = f"PH{request.seed:06d}" + (f"-{request.years_before}" if request.years_before else "")
    dataset.Modality = "MG"
    dataset.Manufacturer = "MammoViewer"
    dataset.ManufacturerModelName = "Breast phantom"
    dataset.DeviceSerialNumber = "0001"
    dataset.SoftwareVersions = "1"
    dataset.InstitutionName = "Phantom exam"
    dataset.InstitutionAddress = "None"
    dataset.StationName = "PHANTOM"
    dataset.OperatorsName = "PHANTOM^OPERATOR"
    dataset.ReferringPhysicianName = ""
    dataset.StudyDescription = "Phantom mammography with tomosynthesis"
    dataset.SeriesDescription = place.description
    dataset.PatientName = f"PHANTOM^{request.density}"
    dataset.PatientID = f"PHANTOM-{request.density}-{request.seed}"
    dataset.PatientBirthDate = "19700101"
    dataset.PatientSex = "F"
    dataset.PatientAge = f"{55 - request.years_before:03d}Y"
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Computed phantom, no patient"
    dataset.StudyID = str(request.seed)
    dataset.SeriesNumber = place.series_number
    dataset.InstanceNumber = place.instance_number


def set_pixels(dataset: Dataset, rows: int, columns: int) -> None:
    """Set the pixel description of 12-bit grey values."""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    dataset.PresentationLUTShape = "IDENTITY"


def set_exposure(dataset: Dataset, geometry: ViewGeometry, laterality: str) -> None:
    """Set what a system says about tube, compression and dose."""
    angle = geometry.angle_deg if laterality == "R" else -geometry.angle_deg
    thickness = geometry.thickness_mm
    dataset.KVP = "29"
    dataset.ExposureTime = 1150
    dataset.XRayTubeCurrent = 62
    dataset.Exposure = 71
    dataset.ExposureInuAs = 71300
    dataset.FilterMaterial = "RHODIUM"
    dataset.FilterType = "STRIP"
    dataset.AnodeTargetMaterial = "RHODIUM"
    dataset.FocalSpots = "0.3"
    dataset.Grid = ["RECIPROCATING", "FOCUSED"]
    dataset.BodyPartThickness = f"{thickness:g}"
    dataset.CompressionForce = "95"
    dataset.PositionerType = "MAMMOGRAPHIC"
    dataset.PositionerPrimaryAngle = f"{angle:g}"
    dataset.PositionerSecondaryAngle = "0"
    dataset.RelativeXRayExposure = 850
    dataset.OrganDose = "0.0135"
    dataset.OrganExposed = "BREAST"
    dataset.EntranceDoseInmGy = "5.2"
    dataset.HalfValueLayer = "0.42"
    dataset.ExposureControlMode = "AUTOMATIC"
    dataset.ExposureControlModeDescription = "Computed exposure"
    dataset.DistanceSourceToDetector = "660"
    dataset.DistanceSourceToPatient = "660"
    dataset.DistanceSourceToEntrance = f"{660 - thickness:g}"
    dataset.EstimatedRadiographicMagnificationFactor = "1"


def breast_region() -> Dataset:
    """Return the anatomic region item; the side is told by Image or Frame Laterality."""
    return code("76752008", "Breast")


def view_code(position: str) -> Dataset:
    """Return the view code item, with its empty modifier sequence."""
    result = code(*_VIEW_CODES[position])
    result.ViewModifierCodeSequence = sequence()
    return result


def patient_orientation(laterality: str, position: str) -> list[str]:
    """Return Patient Orientation of the stored picture (RAD TF-2 4.16.4.2.2.1.1.2): natural hanging."""
    column = {("R", "CC"): "L", ("L", "CC"): "R"}.get((laterality, position), "FL" if laterality == "R" else "FR")
    return ["P" if laterality == "R" else "A", column]


def film_lut() -> bytes:
    """Return a VOI LUT of 4096 entries of 12 bits with the S-shape of a film, little endian."""
    stored = np.arange(4096) / 4095
    curve = 1 / (1 + np.exp(-9.0 * (stored - 0.47)))
    curve = (curve - curve[0]) / (curve[-1] - curve[0])
    table: bytes = np.rint(4095 * curve).astype("<u2").tobytes()
    return table


def mammogram_dataset(
    request: PhantomRequest, place: ObjectPlace, geometry: ViewGeometry, grid: Grid, *, synthetic: bool = False
) -> Dataset:
    """Return the header of a mammogram FOR PRESENTATION, without its pixels.

    Parameters
    ----------
    request, place, geometry, grid
        The exam, the place in it, the compression and the pixels.
    synthetic
        Whether the picture was made from tomosynthesis.
    """
    dataset = Dataset()
    set_general(dataset, request, place, f"{'synthetic' if synthetic else 'mammogram'}/{place.view}", MG_STORAGE)
    set_pixels(dataset, grid.rows, grid.columns)
    set_exposure(dataset, geometry, place.laterality)
    _set_mammography(dataset, place, grid, synthetic=synthetic)
    _set_presentation(dataset)
    if not synthetic:
        derived_from(dataset, raw_reference(request, place.view), "Processed for presentation")
    return dataset


def _set_mammography(dataset: Dataset, place: ObjectPlace, grid: Grid, *, synthetic: bool) -> None:
    dataset.ImageType = ["DERIVED", "PRIMARY", "", "GENERATED_2D"] if synthetic else ["DERIVED", "PRIMARY", ""]
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImageLaterality = place.laterality
    dataset.ViewPosition = place.position
    dataset.ViewCodeSequence = sequence(view_code(place.position))
    dataset.PatientOrientation = patient_orientation(place.laterality, place.position)
    dataset.AnatomicRegionSequence = sequence(breast_region())
    dataset.BodyPartExamined = "BREAST"
    spacing = [f"{grid.pixel_mm:g}"] * 2
    dataset.ImagerPixelSpacing = spacing
    dataset.DetectorType = "DIRECT"
    dataset.DetectorConfiguration = "AREA"
    dataset.DetectorID = "PHANTOM"
    dataset.DateOfLastDetectorCalibration = dataset.StudyDate
    dataset.DetectorElementPhysicalSize = spacing
    dataset.DetectorElementSpacing = spacing
    dataset.DetectorBinning = ["1", "1"]
    dataset.FieldOfViewShape = "RECTANGLE"
    dataset.FieldOfViewDimensions = [round(grid.rows * grid.pixel_mm), round(grid.columns * grid.pixel_mm)]
    dataset.FieldOfViewOrigin = ["0", "0"]
    dataset.FieldOfViewRotation = "0"
    dataset.FieldOfViewHorizontalFlip = "NO"
    dataset.BreastImplantPresent = "NO"
    dataset.PartialView = "NO"
    dataset.QualityControlImage = "NO"
    dataset.AcquisitionContextSequence = sequence()


def _set_presentation(dataset: Dataset) -> None:
    dataset.PixelPaddingValue = 0
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.WindowCenter = [f"{centre:g}" for _, centre, _ in WINDOWS]
    dataset.WindowWidth = [f"{width:g}" for _, _, width in WINDOWS]
    dataset.WindowCenterWidthExplanation = [name for name, _, _ in WINDOWS]
    dataset.VOILUTFunction = "SIGMOID"
    lut = item(LUTDescriptor=[4096, 0, 12], LUTExplanation="FILM")
    lut.add_new("LUTData", "OW", film_lut())
    dataset.VOILUTSequence = sequence(lut)


def raw_reference(request: PhantomRequest, view: str) -> Dataset:
    """Return a reference to the FOR PROCESSING picture of a view, which a system makes and need not send."""
    return item(ReferencedSOPClassUID=MG_RAW_STORAGE, ReferencedSOPInstanceUID=uid_of(request, f"raw/{view}"))


def derived_from(dataset: Dataset, source: Dataset, description: str) -> None:
    """Say that ``dataset`` was computed from the object referred to by ``source``."""
    dataset.DerivationDescription = description
    source.SpatialLocationsPreserved = "YES"
    source.PurposeOfReferenceCodeSequence = sequence(
        code("121322", "Source image for image processing operation", "DCM")
    )
    dataset.SourceImageSequence = sequence(source)


def positions(values: Sequence[float]) -> list[str]:
    """Return coordinates as decimal strings of at most 16 characters."""
    return [f"{value + 0.0:.6g}" for value in values]
