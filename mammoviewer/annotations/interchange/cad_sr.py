"""Findings as a Mammography CAD SR (PS3.16 TID 4000), which mammography workstations draw as CAD marks.

Only what an algorithm or a reader found is written: each finding has its centre, its outline, its certainty and who
found it. A report that holds findings of readers says so in place of an algorithm's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import mammoviewer
from mammoviewer.annotations.finding import ALGORITHM, Finding
from mammoviewer.annotations.interchange.coded_terms import CodedTerm, label_code
from mammoviewer.annotations.interchange.content_items import (
    ACQUISITION,
    CONTAINS,
    CONTEXT,
    INFERRED,
    MODIFIER,
    PROPERTIES,
    SELECTED,
    coded,
    container,
    content,
    dcm,
    frame_image,
    image,
    link,
    number,
    place,
    text,
    uid_reference,
)
from mammoviewer.annotations.interchange.dicom_parts import (
    header_errors,
    item,
    model_parts,
    new_object,
    one_study,
    reference,
    save,
    uid_of,
)
from mammoviewer.annotations.interchange.graphics import graphic_of
from mammoviewer.annotations.interchange.seg_source import read_source_header
from mammoviewer.annotations.interchange.transfer import DESCRIPTION, Losses, count_unsaid, placed, without_measures
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.attributes import ImageAttributes

FORM = "a CAD report"
MANUAL = "Marked by a reader"
SOP_CLASS = "1.2.840.10008.5.1.4.1.1.88.50"
_FINDING, _INTENT = dcm("111059", "Single Image Finding"), dcm("111056", "Rendering Intent")
_SHOWN = dcm("111150", "Presentation Required: Rendering device is expected to present")
_SIDES = {"R": CodedTerm("24028007", "SCT", "Right"), "L": CodedTerm("7771000", "SCT", "Left")}
_PERCENT = CodedTerm("%", "UCUM", "Percent")
_LIBRARY_PLACE = 2
"""Where the image library stands among the items of the root, counted from 1."""


def write_cad_sr(path: Path, findings: Iterable[Finding], images: Sequence[ImageAttributes]) -> Losses:
    """Write one report of the findings on images of one study; return what it does not hold.

    All images of ``images`` are in its library, as those that were looked at.

    Raises
    ------
    ExportError
        If the images are no DICOM objects of one study, nothing is left to write, or the file cannot be written.
    """
    one_study(images)
    losses: Losses = Losses()
    kept = without_measures((finding for finding, _ in placed(findings, images, losses)), losses, FORM)
    if not kept:
        raise ExportError("there are no findings that a CAD report can hold", path=images[0].path)
    count_unsaid(kept, losses, FORM, "note", "assessment", *DESCRIPTION)
    for finding in kept:
        if finding.origin != ALGORITHM:
            losses["findings of readers, whose names a CAD report does not hold"] += bool(finding.reader)
        if finding.score is not None and not 0.0 <= finding.score <= 1.0:
            losses["scores outside of 0 to 1"] += 1
        if finding.roi.kind is RoiKind.FREEHAND:
            losses["freehand outlines, which come back as polygons"] += 1
    sources = [read_source_header(attributes) for attributes in images]
    with header_errors(images[0], "CAD report"):
        made = _object(kept, images, sources)
    save(path, made)
    return losses


def _object(findings: Sequence[Finding], images: Sequence[ImageAttributes], sources: Sequence[Any]) -> Any:
    made = new_object(sources[0], SOP_CLASS, "SR", series=9003, description="Findings as CAD marks")
    now = datetime.now().astimezone()
    made.ContentDate, made.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    made.ReferencedPerformedProcedureStepSequence = []
    made.CompletionFlag, made.VerificationFlag = "COMPLETE", "UNVERIFIED"
    made.PerformedProcedureCodeSequence = []
    made.CurrentRequestedProcedureEvidenceSequence = [_evidence(sources)]
    root = container("", dcm("111036", "Mammography CAD Report"), (), template="4000")
    for element in root:
        made[element.tag] = element
    language = CodedTerm("en", "RFC5646", "English")
    library = [_library_entry(source, attributes) for source, attributes in zip(sources, images, strict=True)]
    positions = {attributes.identity: number for number, attributes in enumerate(images, start=1)}
    marks = [
        _finding(finding, images[position - 1], sources[position - 1], position)
        for finding in findings
        if (position := positions[finding.image_uid])
    ]
    made.ContentSequence = [
        coded(MODIFIER, dcm("121049", "Language of Content Item and Descendants"), language),
        container(CONTAINS, dcm("111028", "Image Library"), library),
        _summary(marks),
        _detections(findings, len(images)),
        coded(CONTAINS, dcm("111065", "Summary of Analyses"), dcm("111225", "Not Attempted")),
    ]
    return made


def _evidence(sources: Sequence[Any]) -> Any:
    """Return the instances that the report is made from, series by series (PS3.3 C.17.2)."""
    series: dict[str, list[Any]] = {}
    for source in sources:
        series.setdefault(str(source.SeriesInstanceUID), []).append(reference(source))
    return item(
        StudyInstanceUID=sources[0].StudyInstanceUID,
        ReferencedSeriesSequence=[item(SeriesInstanceUID=uid, ReferencedSOPSequence=of) for uid, of in series.items()],
    )


def _library_entry(source: Any, attributes: ImageAttributes) -> Any:
    """Return an image with what TID 4020 tells of it, as far as its file does."""
    facts = []
    if attributes.view.laterality in _SIDES:
        facts.append(coded(ACQUISITION, dcm("111027", "Image Laterality"), _SIDES[attributes.view.laterality]))
    views = source.get("ViewCodeSequence")
    if views:
        term = CodedTerm(str(views[0].CodeValue), str(views[0].CodingSchemeDesignator), str(views[0].CodeMeaning))
        facts.append(coded(ACQUISITION, dcm("111031", "Image View"), term))
    orientation = [str(value) for value in source.get("PatientOrientation") or ()]
    if len(orientation) == 2 and all(orientation):
        facts.append(text(ACQUISITION, dcm("111044", "Patient Orientation Row"), orientation[0]))
        facts.append(text(ACQUISITION, dcm("111043", "Patient Orientation Column"), orientation[1]))
    if source.get("StudyDate"):
        facts.append(_date(dcm("111060", "Study Date"), str(source.StudyDate)))
    return image(CONTAINS, source, facts)


def _date(concept: CodedTerm, value: str) -> Any:
    return content("DATE", ACQUISITION, concept, Date=value)


def _summary(marks: Sequence[Any]) -> Any:
    impression = container(
        INFERRED,
        dcm("111034", "Individual Impression/Recommendation"),
        [coded(MODIFIER, _INTENT, _SHOWN), *marks],
    )
    concept = dcm("111017", "CAD Processing and Findings Summary")
    return coded(CONTAINS, concept, dcm("111242", "All algorithms succeeded; with findings"), [impression])


def _finding(finding: Finding, attributes: ImageAttributes, source: Any, position: int) -> Any:
    """Return a Single Image Finding (TID 4006)."""
    row, column = finding.roi.centre
    centre = graphic_of(Roi(RoiKind.POINT, ((row, column),)))
    graphics = [(dcm("111010", "Center"), centre)]
    if finding.roi.kind is not RoiKind.POINT:
        graphics.append((dcm("111041", "Outline"), graphic_of(finding.roi)))
    places = [
        place(PROPERTIES, concept, graphic, _image_of(finding, attributes, source, position))
        for concept, graphic in graphics
    ]
    name, version = model_parts(finding.reader) if finding.origin == ALGORITHM else (MANUAL, mammoviewer.__version__)
    children = [
        coded(MODIFIER, _INTENT, _SHOWN),
        text(CONTEXT, dcm("112039", "Tracking Identifier"), finding.label or "unlabelled"),
        uid_reference(CONTEXT, dcm("112040", "Tracking Unique Identifier"), uid_of(finding)),
        text(PROPERTIES, dcm("111001", "Algorithm Name"), name),
        text(PROPERTIES, dcm("111003", "Algorithm Version"), version),
        *places,
    ]
    if finding.score is not None and 0.0 <= finding.score <= 1.0:
        children.append(number(PROPERTIES, dcm("111012", "Certainty of Finding"), finding.score * 100.0, _PERCENT))
    return coded(CONTAINS, _FINDING, label_code(finding.label, cad=True), children)


def _image_of(finding: Finding, attributes: ImageAttributes, source: Any, position: int) -> Any:
    """Return the image of the library that a finding is on; of a volume, its frame by value: the library has none."""
    if attributes.frames > 1:
        return frame_image(SELECTED, source, attributes.file_frame(finding.frame) + 1)
    return link(SELECTED, (1, _LIBRARY_PLACE, position))


def _detections(findings: Sequence[Finding], images: int) -> Any:
    """Return which detections were made by whom (TID 4015, 4017)."""
    seen: dict[tuple[str, str, CodedTerm], None] = {}
    for finding in findings:
        name = model_parts(finding.reader) if finding.origin == ALGORITHM else (MANUAL, mammoviewer.__version__)
        seen.setdefault((*name, label_code(finding.label, cad=True)))
    performed = [
        coded(
            CONTAINS,
            dcm("111022", "Detection Performed"),
            kind,
            [
                text(PROPERTIES, dcm("111001", "Algorithm Name"), name),
                text(PROPERTIES, dcm("111003", "Algorithm Version"), version),
                *(link(PROPERTIES, (1, _LIBRARY_PLACE, number)) for number in range(1, images + 1)),
            ],
        )
        for name, version, kind in seen
    ]
    successful = container(INFERRED, dcm("111063", "Successful Detections"), performed)
    concept = dcm("111064", "Summary of Detections")
    return coded(CONTAINS, concept, dcm("111222", "Succeeded"), [successful])
