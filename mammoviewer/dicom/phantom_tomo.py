"""The Breast Tomosynthesis Image object of a phantom exam (PS3.3 A.55) with its functional groups."""

from __future__ import annotations

import math

import numpy as np
from pydicom.dataset import Dataset

from mammoviewer.base.arrays import DoubleArray
from mammoviewer.dicom.phantom_objects import (
    BTO_STORAGE,
    TOMO_WINDOWS,
    ObjectPlace,
    breast_region,
    item,
    positions,
    sequence,
    set_exposure,
    set_general,
    set_pixels,
    uid_of,
    view_code,
)
from mammoviewer.imaging.phantom.breast import Grid, ViewGeometry
from mammoviewer.imaging.phantom.exam import TOMO_PIXEL_MM, PhantomRequest
from mammoviewer.imaging.phantom.projection import ANGLES_DEG
from mammoviewer.imaging.phantom.tissue import SLICE_MM

BTO_PROJECTION_STORAGE = "1.2.840.10008.5.1.4.1.1.13.1.4"
_FRAME_TYPE = ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "NONE"]


def plane_vectors(geometry: ViewGeometry, laterality: str) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Return unit vectors in patient coordinates (L, P, S): along a row, down a column, towards the tube.

    A left breast's rows run to the front, a right one's to the back, as in Patient Orientation.
    """
    angle = math.radians(geometry.angle_deg)
    lateral = np.array([1.0, 0.0, 0.0]) * (1 if laterality == "L" else -1)
    superior = np.array([0.0, 0.0, 1.0])
    up = math.cos(angle) * lateral + math.sin(angle) * superior
    towards_tube = -math.sin(angle) * lateral + math.cos(angle) * superior
    row = np.array([0.0, -1.0 if laterality == "L" else 1.0, 0.0])
    return row, -up, towards_tube


def _first_pixel(geometry: ViewGeometry, laterality: str, grid: Grid, height_mm: float) -> DoubleArray:
    """Return the patient position of the centre of the first pixel; the origin is the chest wall at nipple height."""
    _, down, tube = plane_vectors(geometry, laterality)
    anterior = np.array([0.0, -1.0, 0.0])
    column = 0.5 if laterality == "L" else grid.columns - 0.5
    top: DoubleArray = anterior * column * grid.pixel_mm - down * (grid.top_mm - 0.5 * grid.pixel_mm)
    return top + tube * height_mm


def tomo_dataset(
    request: PhantomRequest, place: ObjectPlace, geometry: ViewGeometry, grid: Grid, heights_mm: list[float]
) -> Dataset:
    """Return the header of the tomosynthesis object, without its pixels; one frame per height."""
    dataset = Dataset()
    set_general(dataset, request, place, f"tomo/{place.view}", BTO_STORAGE)
    set_pixels(dataset, grid.rows, grid.columns)
    _set_tomo(dataset, request, place, geometry, len(heights_mm))
    dataset.SharedFunctionalGroupsSequence = sequence(_shared_groups(place, geometry, grid))
    frames = [
        _frame_groups(geometry, place.laterality, grid, number, height) for number, height in enumerate(heights_mm)
    ]
    dataset.PerFrameFunctionalGroupsSequence = sequence(*frames)
    return dataset


def _set_tomo(
    dataset: Dataset, request: PhantomRequest, place: ObjectPlace, geometry: ViewGeometry, frames: int
) -> None:
    exposure = Dataset()
    set_exposure(exposure, geometry, place.laterality)
    dataset.ImageType = _FRAME_TYPE
    dataset.NumberOfFrames = frames
    del dataset.AcquisitionDate, dataset.AcquisitionTime  # not in this IOD
    dataset.ContentQualification = "RESEARCH"
    dataset.PixelPresentation = "MONOCHROME"
    dataset.VolumetricProperties = "VOLUME"
    dataset.VolumeBasedCalculationTechnique = "TOMOSYNTHESIS"
    dataset.BreastImplantPresent = "NO"
    dataset.PartialView = "NO"
    dataset.ViewCodeSequence = sequence(view_code(place.position))
    dataset.BodyPartExamined = "BREAST"
    dataset.FrameOfReferenceUID = uid_of(request, f"frame-of-reference/{place.view}")
    dataset.PositionReferenceIndicator = ""
    dataset.AcquisitionContextSequence = sequence()
    dataset.XRay3DAcquisitionSequence = sequence(_acquisition(exposure))
    dataset.ContributingSourcesSequence = sequence(_projections(dataset, request, place))
    organization = uid_of(request, "dimensions")
    dataset.DimensionOrganizationSequence = sequence(item(DimensionOrganizationUID=organization))
    dataset.DimensionIndexSequence = sequence(
        item(
            DimensionOrganizationUID=organization,
            DimensionIndexPointer=0x00209057,  # In-Stack Position Number
            FunctionalGroupPointer=0x00209111,  # Frame Content Sequence
        )
    )


def _projections(dataset: Dataset, request: PhantomRequest, place: ObjectPlace) -> Dataset:
    """Return what is said of the projections that the frames were reconstructed from."""
    return item(
        Manufacturer=dataset.Manufacturer,
        ManufacturerModelName=dataset.ManufacturerModelName,
        DeviceSerialNumber=dataset.DeviceSerialNumber,
        SoftwareVersions=dataset.SoftwareVersions,
        AcquisitionDateTime=f"{dataset.StudyDate}{dataset.StudyTime}",
        BitsStored=12,
        Rows=dataset.Rows,
        Columns=dataset.Columns,
        DetectorType="DIRECT",
        DetectorID="PHANTOM",
        DateOfLastDetectorCalibration=dataset.StudyDate,
        TimeOfLastDetectorCalibration=dataset.StudyTime,
        LossyImageCompression="00",
        DetectorElementSpacing=[f"{TOMO_PIXEL_MM / request.scale:g}"] * 2,
        ContributingSOPInstancesReferenceSequence=sequence(_projection_reference(dataset, request, place)),
    )


def _projection_reference(dataset: Dataset, request: PhantomRequest, place: ObjectPlace) -> Dataset:
    instances = [
        item(
            ReferencedSOPClassUID=BTO_PROJECTION_STORAGE,
            ReferencedSOPInstanceUID=uid_of(request, f"projections/{place.view}"),
            InstanceNumber=1,
        )
    ]
    series = item(
        SeriesInstanceUID=uid_of(request, f"series/projections/{place.view}"),
        SeriesNumber=4,
        ReferencedInstanceSequence=sequence(*instances),
    )
    return item(StudyInstanceUID=dataset.StudyInstanceUID, ReferencedSeriesSequence=sequence(series))


def _acquisition(exposure: Dataset) -> Dataset:
    result = Dataset()
    for keyword in (
        "KVP",
        "AnodeTargetMaterial",
        "BodyPartThickness",
        "CompressionForce",
        "FilterMaterial",
        "FilterType",
        "FocalSpots",
        "DistanceSourceToDetector",
        "DistanceSourceToPatient",
        "EstimatedRadiographicMagnificationFactor",
        "EntranceDoseInmGy",
        "OrganDose",
        "HalfValueLayer",
        "ExposureControlMode",
        "ExposureControlModeDescription",
    ):
        setattr(result, keyword, getattr(exposure, keyword))
    centre = float(exposure.PositionerPrimaryAngle)
    result.Grid = "NONE"
    result.XRayReceptorType = "DIGITAL_DETECTOR"
    result.DetectorTemperature = "25"
    result.PaddleDescription = "18x24 flat"
    result.FieldOfViewShape = "RECTANGLE"
    result.FieldOfViewOrigin = ["0", "0"]
    result.XRayTubeCurrentInmA = 80.0
    result.ExposureTimeInms = 1000.0
    result.ExposureInmAs = 80.0
    result.PrimaryPositionerScanArc = float(ANGLES_DEG[-1] - ANGLES_DEG[0])
    result.PrimaryPositionerScanStartAngle = centre + ANGLES_DEG[0]
    result.PrimaryPositionerIncrement = ANGLES_DEG[1] - ANGLES_DEG[0]
    result.PerProjectionAcquisitionSequence = sequence(
        *(
            item(
                PositionerPrimaryAngle=f"{centre + angle:.6g}",
                KVP=exposure.KVP,
                XRayTubeCurrentInmA=80.0,
                ExposureTimeInms=1000.0 / len(ANGLES_DEG),
                ExposureInmAs=80.0 / len(ANGLES_DEG),
                FrameAcquisitionDuration=1000.0 / len(ANGLES_DEG),
                RelativeXRayExposure=50,
            )
            for angle in ANGLES_DEG
        )
    )
    return result


def _shared_groups(place: ObjectPlace, geometry: ViewGeometry, grid: Grid) -> Dataset:
    row, down, _ = plane_vectors(geometry, place.laterality)
    measures = item(
        PixelSpacing=[f"{grid.pixel_mm:g}"] * 2,
        SliceThickness=f"{SLICE_MM:g}",
        SpacingBetweenSlices=f"{SLICE_MM:g}",
    )
    anatomy = item(AnatomicRegionSequence=sequence(breast_region()), FrameLaterality=place.laterality)
    return item(
        PixelMeasuresSequence=sequence(measures),
        PlaneOrientationSequence=sequence(item(ImageOrientationPatient=positions([*row, *down]))),
        FrameAnatomySequence=sequence(anatomy),
        PixelValueTransformationSequence=sequence(item(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")),
    )


def _frame_groups(geometry: ViewGeometry, laterality: str, grid: Grid, number: int, height_mm: float) -> Dataset:
    content = item(
        StackID="1",
        InStackPositionNumber=number + 1,
        DimensionIndexValues=[number + 1],
        FrameAcquisitionNumber=1,
    )
    # Frames at the plates hold less of the breast: their windows differ a little from those in the middle.
    lift = 60.0 * (2 * abs(height_mm) / geometry.thickness_mm) ** 2
    window = item(
        WindowCenter=[f"{centre - round(lift):g}" for _, centre, _ in TOMO_WINDOWS],
        WindowWidth=[f"{width:g}" for _, _, width in TOMO_WINDOWS],
        WindowCenterWidthExplanation=[name for name, _, _ in TOMO_WINDOWS],
        VOILUTFunction="LINEAR",
    )
    frame_type = item(
        FrameType=_FRAME_TYPE,
        PixelPresentation="MONOCHROME",
        VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="TOMOSYNTHESIS",
    )
    corner = _first_pixel(geometry, laterality, grid, height_mm)
    return item(
        FrameContentSequence=sequence(content),
        PlanePositionSequence=sequence(item(ImagePositionPatient=positions(list(corner)))),
        FrameVOILUTSequence=sequence(window),
        XRay3DFrameTypeSequence=sequence(frame_type),
    )
