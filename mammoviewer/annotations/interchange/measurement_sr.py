"""Findings and measures as a Comprehensive 3D SR by TID 1500 (PS3.16), a measurement group for each.

The tracking UID stands for a finding's id, the tracking identifier for its class. Arrows and texts measure nothing and
are left out: presentation states hold them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import mammoviewer
from mammoviewer.annotations.density import BreastDensity
from mammoviewer.annotations.finding import ALGORITHM, Finding
from mammoviewer.annotations.interchange.coded_terms import (
    PRIVATE,
    CodedTerm,
    assessment_code,
    label_code,
    private_code,
)
from mammoviewer.annotations.interchange.density_items import density_group
from mammoviewer.annotations.interchange.dicom_parts import (
    MAKER,
    header_errors,
    model_parts,
    one_study,
    person_name,
    save,
    uid_of,
)
from mammoviewer.annotations.interchange.figures import Figure, figures_of
from mammoviewer.annotations.interchange.graphics import graphic_of
from mammoviewer.annotations.interchange.seg_source import read_source_header
from mammoviewer.annotations.interchange.transfer import Losses, placed
from mammoviewer.annotations.roi import LINES, RoiKind
from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.image import Image

FORM = "a measurement report"
SCORE = CodedTerm("111012", "DCM", "Certainty of Finding")
PROFILE = CodedTerm("PROFILE", PRIVATE, "Profile")
CONFIDENCE = CodedTerm("CONFIDENCE", PRIVATE, "Confidence of the reader")
LESION = CodedTerm("121151", "DCM", "Lesion Identifier")
DESCRIPTOR = "D"
STATISTICS = CodedTerm("STATISTICS", PRIVATE, "Statistics of a region")
_NAMES = {
    "Length": CodedTerm("410668003", "SCT", "Length"),
    "Angle": CodedTerm("1483009", "SCT", "Angle"),
    "Area": CodedTerm("42798000", "SCT", "Area"),
    "Mean": CodedTerm("373098007", "SCT", "Mean"),
    "Standard Deviation": CodedTerm("386136009", "SCT", "Standard Deviation"),
    "Minimum": CodedTerm("255605001", "SCT", "Minimum"),
    "Maximum": CodedTerm("56851009", "SCT", "Maximum"),
}
_UNITS = {
    "mm": CodedTerm("mm", "UCUM", "millimeter"),
    "mm2": CodedTerm("mm2", "UCUM", "square millimeter"),
    "deg": CodedTerm("deg", "UCUM", "degree"),
    "px": CodedTerm("{pixels}", "UCUM", "pixels"),
    "px2": CodedTerm("{pixels}", "UCUM", "pixels"),
    "": CodedTerm("1", "UCUM", "no units"),
}
_WITHOUT_NUMBERS = frozenset({RoiKind.ARROW, RoiKind.TEXT})


def write_measurement_sr(
    path: Path, findings: Iterable[Finding], images: Sequence[Image], densities: Sequence[BreastDensity] = ()
) -> Losses:
    """Write one report of the findings, measures and breast densities of one study; return what it does not hold.

    Raises
    ------
    ExportError
        If the images are no DICOM objects of one study, nothing is left to write, or the file cannot be written.
    DecodeError
        A frame whose values are to be measured cannot be decoded.
    """
    one_study([image.attributes for image in images])
    losses: Losses = Losses()
    by_identity = {image.attributes.identity: image for image in images}
    groups, used, readers = [], {}, set()
    for finding, attributes in placed(findings, [image.attributes for image in images], losses):
        if finding.roi.kind in _WITHOUT_NUMBERS:
            losses[f"{finding.roi.kind.value} marks, which {FORM} does not hold"] += 1
            continue
        with header_errors(attributes, "measurement report"):
            groups.append(_group(finding, by_identity[finding.image_uid], losses))
        used[finding.image_uid] = attributes
        readers.add("" if finding.origin == ALGORITHM else finding.reader)
    with header_errors(images[0].attributes, "measurement report"):
        groups += map(density_group, densities)
    if not groups:
        raise ExportError("there is nothing that a measurement report can hold", path=images[0].attributes.path)
    named = used.values() or [image.attributes for image in images]
    sources = [read_source_header(attributes) for attributes in named]
    with header_errors(images[0].attributes, "measurement report"):
        report = _report(groups, sources, readers.pop() if len(readers) == 1 else "")
    save(path, report)
    return losses


def _report(groups: Sequence[Any], sources: Sequence[Any], reader: str) -> Any:
    """Return the report: of ``reader`` where it is one's alone, else of the program; each group tells its reader."""
    import highdicom

    if reader:
        kind = highdicom.sr.CodedConcept("121006", "DCM", "Person")
        who = highdicom.sr.PersonObserverIdentifyingAttributes(name=person_name(reader))
    else:
        kind = highdicom.sr.CodedConcept("121007", "DCM", "Device")
        who = highdicom.sr.DeviceObserverIdentifyingAttributes(uid=highdicom.UID(), name=MAKER)
    observer = highdicom.sr.ObserverContext(observer_type=kind, observer_identifying_attributes=who)
    names = {"observer_person_context" if reader else "observer_device_context": observer}
    content = highdicom.sr.MeasurementReport(
        observation_context=highdicom.sr.ObservationContext(**names),
        procedure_reported=highdicom.sr.CodedConcept("71651007", "SCT", "Mammography"),
        imaging_measurements=groups,
        title=highdicom.sr.CodedConcept("126000", "DCM", "Imaging Measurement Report"),
    )
    return highdicom.sr.Comprehensive3DSR(
        evidence=sources,
        content=content,
        series_number=9002,
        series_instance_uid=highdicom.UID(),
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer=MAKER,
        is_complete=True,
        series_description="Findings and measurements",
        software_versions=mammoviewer.__version__,
        manufacturer_model_name=MAKER,
    )


def _group(finding: Finding, image: Image, losses: Losses) -> Any:
    import highdicom

    attributes = image.attributes
    graphic = graphic_of(finding.roi)
    numbers = [attributes.file_frame(finding.frame) + 1] if attributes.frames > 1 else None
    source = highdicom.sr.SourceImageForRegion(attributes.SOPClassUID, attributes.SOPInstanceUID, numbers)
    tracking = highdicom.sr.TrackingIdentifier(
        uid=highdicom.UID(uid_of(finding)), identifier=finding.label or finding.roi.kind.value
    )
    figures = figures_of(finding, image)
    if finding.roi.kind in LINES:
        place = highdicom.sr.CoordinatesForMeasurement(graphic.kind, graphic.data, source)
        made: Any = highdicom.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking,
            finding_type=_concept(PROFILE) if finding.roi.kind is RoiKind.PROFILE else None,
            measurements=[_measurement(figure, referenced_coordinates=[place]) for figure in figures],
            qualitative_evaluations=_evaluations(finding, losses),
        )
    else:
        term = STATISTICS if finding.roi.kind is RoiKind.STATISTICS else label_code(finding.label)
        made = highdicom.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking,
            referenced_region=highdicom.sr.ImageRegion(graphic.kind, graphic.data, source),
            finding_type=_concept(term),
            algorithm_id=_algorithm(finding),
            measurements=[*(_measurement(figure) for figure in figures), *_score(finding)],
            qualitative_evaluations=_evaluations(finding, losses),
        )
    if finding.roi.kind is RoiKind.FREEHAND:
        losses["freehand outlines, which come back as polygons"] += 1
    _add_words(made[0].ContentSequence, finding)
    return made


def _concept(term: CodedTerm) -> Any:
    import highdicom

    return highdicom.sr.CodedConcept(term.value, term.scheme, term.meaning, term.version or None)


def _measurement(figure: Figure, **more: Any) -> Any:
    import highdicom

    return highdicom.sr.Measurement(
        name=_concept(_NAMES[figure.name]), value=figure.value, unit=_concept(_UNITS[figure.unit]), **more
    )


def _score(finding: Finding) -> list[Any]:
    """Return score and confidence: in percent where they lie between 0 and 1, as they are elsewhere."""
    import highdicom

    made = []
    for term, number in ((SCORE, finding.score), (CONFIDENCE, finding.confidence)):
        if number is not None:
            in_percent = 0.0 <= number <= 1.0
            unit = CodedTerm("%", "UCUM", "Percent") if in_percent else _UNITS[""]
            value = number * 100.0 if in_percent else number
            made.append(highdicom.sr.Measurement(name=_concept(term), value=value, unit=_concept(unit)))
    return made


def _evaluations(finding: Finding, losses: Losses) -> list[Any]:
    import highdicom

    pairs = [(private_code(DESCRIPTOR, name), private_code(DESCRIPTOR, term)) for name, term in finding.descriptors]
    assessment = assessment_code(finding.assessment)
    if assessment is not None:
        pairs.append((CodedTerm("111005", "DCM", "Assessment Category"), assessment))
    elif finding.assessment:
        losses["assessments that are none of BI-RADS"] += 1
    return [highdicom.sr.QualitativeEvaluation(name=_concept(name), value=_concept(term)) for name, term in pairs]


def _algorithm(finding: Finding) -> Any:
    import highdicom

    if finding.origin != ALGORITHM:
        return None
    name, version = model_parts(finding.reader)
    return highdicom.sr.AlgorithmIdentification(name=name, version=version)


def _add_words(content: Any, finding: Finding) -> None:
    """Add lesion, note and the reader, who need not be that of the report. The template is extensible."""
    from highdicom.sr import PnameContentItem, TextContentItem

    if finding.lesion:
        content.append(
            TextContentItem(name=_concept(LESION), value=finding.lesion, relationship_type="HAS OBS CONTEXT")
        )
    if finding.note:
        name = _concept(CodedTerm("121106", "DCM", "Comment"))
        content.append(TextContentItem(name=name, value=finding.note, relationship_type="CONTAINS"))
    if finding.reader and finding.origin != ALGORITHM:
        name = _concept(CodedTerm("121008", "DCM", "Person Observer Name"))
        content.append(
            PnameContentItem(name=name, value=person_name(finding.reader), relationship_type="HAS OBS CONTEXT")
        )
