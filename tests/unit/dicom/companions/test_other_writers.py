"""Objects that another library wrote come back with every mark and mask in its place."""

from __future__ import annotations

import datetime
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from helpers import dicom_makers
from pydicom.sr.codedict import codes

from mammoviewer.dicom.companions.records import CompanionKind, MarkShape, Target
from mammoviewer.dicom.reader import OpenResult, open_paths
from mammoviewer.imaging.geometry import Orientation

SERIES = {"series_number": 9, "instance_number": 1, "manufacturer": "Maker"}
DEVICE = {"manufacturer_model_name": "Model", "software_versions": "1", "device_serial_number": "1"}


@pytest.fixture
def source(tmp_path: Path) -> pydicom.Dataset:
    pixels = dicom_makers.ramp(24, 32)
    made = dicom_makers.mammogram(
        pixels, PatientBirthDate="", PatientSex="F", StudyTime="120000", AccessionNumber="", StudyID="1",
        ReferringPhysicianName="", SeriesNumber=1, InstanceNumber=1,
    )  # fmt: skip
    made.SeriesInstanceUID = "1.2.3.4.5"
    return pydicom.dcmread(dicom_makers.save(tmp_path / "image.dcm", made, pixels))


def opened(tmp_path: Path, written: pydicom.Dataset) -> OpenResult:
    written.save_as(tmp_path / "companion.dcm")
    result = open_paths([tmp_path])
    assert result.rejected == ()
    return result


def test_a_binary_segmentation(tmp_path: Path, source: pydicom.Dataset) -> None:
    mask = np.zeros((1, 24, 32), bool)
    mask[0, 5:11, 7:20] = True
    segment = hd.seg.SegmentDescription(
        segment_number=1, segment_label="Mass", segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion, algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="Outliner", version="3.2", family=codes.DCM.ArtificialIntelligence
        ),
    )  # fmt: skip
    written = hd.seg.Segmentation(
        [source], mask, hd.seg.SegmentationTypeValues.BINARY, [segment], series_instance_uid=hd.UID(),
        sop_instance_uid=hd.UID(), **SERIES, **DEVICE,
    )  # fmt: skip
    (found,) = opened(tmp_path, written).companions
    (plane,) = found.planes
    np.testing.assert_array_equal(plane.read(), mask[0])
    assert plane.targets[0].SOPInstanceUID == source.SOPInstanceUID
    assert plane.targets[0].covers(str(source.SOPInstanceUID), 0)
    assert [(run.name, run.version) for run in found.runs] == [("Outliner", "3.2")]


def test_a_presentation_state(tmp_path: Path, source: pydicom.Dataset) -> None:
    row, column = 6.375, 12.8125
    layer = hd.pr.GraphicLayer("ONE", order=1)
    annotation = hd.pr.GraphicAnnotation(
        referenced_images=[source],
        graphic_layer=layer,
        graphic_objects=[
            hd.pr.GraphicObject(
                hd.pr.GraphicTypeValues.POINT, np.array([[column + 0.5, row + 0.5]]), hd.pr.AnnotationUnitsValues.PIXEL
            )
        ],
        text_objects=[
            hd.pr.TextObject("Here", hd.pr.AnnotationUnitsValues.PIXEL, anchor_point=(column + 0.5, row + 0.5))
        ],
    )
    written = hd.pr.GrayscaleSoftcopyPresentationState(
        [source], series_instance_uid=hd.UID(), sop_instance_uid=hd.UID(), **SERIES, **DEVICE,
        content_label="READING", graphic_layers=[layer], graphic_annotations=[annotation],
        voi_lut_transformations=[hd.pr.SoftcopyVOILUTTransformation(window_center=500, window_width=800)],
        concept_name=codes.DCM.Impression if hasattr(codes.DCM, "Impression") else None,
    )  # fmt: skip
    result = opened(tmp_path, written)
    (found,) = result.companions
    point, words = found.marks
    assert (point.shape, words.shape) == (MarkShape.POINT, MarkShape.TEXT)
    np.testing.assert_allclose(point.points, [(row, column)], atol=1e-6)
    np.testing.assert_allclose(words.points, [(row, column)], atol=1e-6)
    shown = found.presentation(str(source.SOPInstanceUID), 0)
    assert shown.voi is not None
    assert shown.area == ((0.0, 0.0), (23.0, 31.0))
    assert shown.orientation in (None, Orientation())


def test_planar_regions_of_a_measurement_report(tmp_path: Path, source: pydicom.Dataset) -> None:
    corners = np.array([[4.25, 3.5], [10.25, 3.5], [10.25, 9.5], [4.25, 3.5]])
    region = hd.sr.ImageRegion(
        graphic_type=hd.sr.GraphicTypeValues.POLYLINE,
        graphic_data=corners,
        source_image=hd.sr.SourceImageForRegion.from_source_image(source),
    )
    group = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(hd.UID(), "lesion 1"),
        referenced_region=region,
        finding_type=codes.SCT.Mass,
        measurements=[hd.sr.Measurement(codes.SCT.Length, 6.5, codes.UCUM.Millimeter)],
        algorithm_id=hd.sr.AlgorithmIdentification("Measurer", "1.4"),
    )
    context = hd.sr.ObservationContext(
        observer_person_context=hd.sr.ObserverContext(
            codes.DCM.Person, hd.sr.PersonObserverIdentifyingAttributes("Reader^One")
        )
    )
    report = hd.sr.MeasurementReport(
        observation_context=context,
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=[group],
        title=codes.DCM.ImagingMeasurementReport,
    )
    written = hd.sr.ComprehensiveSR(
        evidence=[source], content=report[0], series_instance_uid=hd.UID(), sop_instance_uid=hd.UID(),
        is_complete=False, is_verified=False, **SERIES,
    )  # fmt: skip
    written.ContentDate = datetime.date(2026, 1, 1).strftime("%Y%m%d")
    (found,) = opened(tmp_path, written).companions
    assert found.kind is CompanionKind.MEASUREMENTS
    (mark,) = found.marks
    assert mark.text == "Mass"
    assert mark.shape is MarkShape.OUTLINE
    assert mark.targets == (Target(str(source.SOPInstanceUID)),)
    np.testing.assert_allclose(mark.points, corners[:-1, ::-1] - 0.5, atol=1e-6)
    assert found.facts == (("Mass", "Length 6.5 mm"),)
    assert [(run.name, run.version) for run in found.runs] == [("Measurer", "1.4")]
