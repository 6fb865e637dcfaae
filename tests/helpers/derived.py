"""A measurement report and a presentation state of a mammogram, complete enough for a validator."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import pydicom
from pydicom.sr.codedict import codes


def write_measurement_report(path: Path, source: Path) -> Path:
    """Write a TID 1500 report with one point, an observer, and a comment."""
    image = pydicom.dcmread(source)
    observer = highdicom.sr.ObserverContext(
        observer_type=codes.DCM.Person,
        observer_identifying_attributes=highdicom.sr.PersonObserverIdentifyingAttributes(name="Quijanoref^Alonso"),
    )
    region = highdicom.sr.ImageRegion(
        graphic_type=highdicom.sr.GraphicTypeValues.POINT,
        graphic_data=np.array([[3.0, 4.0]]),
        source_image=highdicom.sr.SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID),
    )
    group = highdicom.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=highdicom.sr.TrackingIdentifier(uid=highdicom.UID(), identifier="mass of Quixotewind"),
        referenced_region=region,
        finding_type=codes.SCT.Mass,
    )
    report = highdicom.sr.MeasurementReport(
        observation_context=highdicom.sr.ObservationContext(observer_person_context=observer),
        procedure_reported=highdicom.sr.CodedConcept("71651007", "SCT", "Mammography"),
        imaging_measurements=[group],
    )
    highdicom.sr.Comprehensive3DSR(
        evidence=[image], content=report, series_number=50, series_instance_uid=highdicom.UID(),
        sop_instance_uid=highdicom.UID(), instance_number=1, manufacturer="M", is_verified=True,
        verifying_observer_name="Quijanoref^Alonso", verifying_organization="Hospital of Zamboanga", is_complete=True,
    ).save_as(path)  # fmt: skip
    return path


def write_presentation_state(path: Path, source: Path) -> Path:
    """Write a GSPS with a circle and a text."""
    image = pydicom.dcmread(source)
    del image.VOILUTSequence  # highdicom copies either windows or tables
    layer = highdicom.pr.GraphicLayer("LAYER", 1, "Annotations of Quixotewind")
    circle = highdicom.pr.GraphicObject(
        highdicom.pr.GraphicTypeValues.CIRCLE, np.array([[5.0, 5.0], [8.0, 5.0]]), units="PIXEL"
    )
    text = highdicom.pr.TextObject("windmill giants", units="PIXEL", anchor_point=(3.0, 3.0))
    annotation = highdicom.pr.GraphicAnnotation([image], layer, graphic_objects=[circle], text_objects=[text])
    state = highdicom.pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[image], series_instance_uid=highdicom.UID(), series_number=60,
        sop_instance_uid=highdicom.UID(), instance_number=1, manufacturer="M", manufacturer_model_name="m",
        software_versions="1", device_serial_number="1", content_label="STATE",
        content_creator_name="Sanchopanza^X", graphic_annotations=[annotation], graphic_layers=[layer],
    )  # fmt: skip
    state.Laterality = image.ImageLaterality  # highdicom leaves this type 2C element out
    state.save_as(path)
    return path
