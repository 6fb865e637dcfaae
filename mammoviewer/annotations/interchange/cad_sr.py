"""Findings as a Mammography CAD SR (PS3.16 TID 4000), which mammography workstations draw as CAD marks.

Only what an algorithm or a reader found is written: each finding has its centre, its outline, its certainty and who
found it. A report that holds findings of readers says so in place of an algorithm's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import mammoviewer
from mammoviewer.annotations.density import BreastDensity, is_of
from mammoviewer.annotations.finding import ALGORITHM, Finding
from mammoviewer.annotations.interchange.coded_terms import CodedTerm, density_code, label_code
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
from mammoviewer.annotations.interchange.density_items import BREAST_COMPOSITION, SIDE_CODES
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
_COMPOSITION = CodedTerm("129715009", "SCT", "Breast composition")
_HIDDEN = dcm("111152", "Not for Presentation: Rendering device expected not to present")
_PERCENT = CodedTerm("%", "UCUM", "Percent")
_LIBRARY_PLACE = 2
"""Where the image library stands among the items of the root, counted from 1."""


def write_cad_sr(
    path: Path,
    findings: Iterable[Finding],
    images: Sequence[ImageAttributes],
    densities: Sequence[BreastDensity] = (),
) -> Losses:
    """Write one report of the findings and breast densities of one study; return what it does not hold.

    All images of ``images`` are in its library, as those that were looked at.

    Raises
    ------
    ExportError
        If the images are no DICOM objects of one study, nothing is left to write, or the file cannot be written.
    """
    one_study(images)
    losses: Losses = Losses()
    kept = without_measures((finding for finding, _ in placed(findings, images, losses)), losses, FORM)
    breasts = _breasts(densities, images, losses)
    if not kept and not breasts:
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
        made = _object(kept, images, sources, breasts)
    save(path, made)
    return losses


def _breasts(
    densities: Sequence[BreastDensity], images: Sequence[ImageAttributes], losses: Losses
) -> dict[int, BreastDensity]:
    """Return by the index of the first image of a breast the density that was said of it last."""
    found: dict[int, BreastDensity] = {}
    for density in sorted(densities, key=lambda density: density.modified):
        index = next((index for index, image in enumerate(images) if is_of(density, image)), None)
        if index is None or index in found:
            losses[f"breast densities of further readers or without an image, which {FORM} does not hold"] += 1
        if index is not None:
            found[index] = density
            losses["findings of readers, whose names a CAD report does not hold"] += bool(density.reader)
    return found


def _object(
    findings: Sequence[Finding],
    images: Sequence[ImageAttributes],
    sources: Sequence[Any],
    breasts: Mapping[int, BreastDensity],
) -> Any:
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
    marks += [_composition(density, images[index], sources[index], index + 1) for index, density in breasts.items()]
    kinds = _kinds(findings, breasts)
    made.ContentSequence = [
        coded(MODIFIER, dcm("121049", "Language of Content Item and Descendants"), language),
        container(CONTAINS, dcm("111028", "Image Library"), library),
        _summary(marks),
        _detections(kinds, len(images)),
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
    if attributes.view.laterality in SIDE_CODES:
        facts.append(coded(ACQUISITION, dcm("111027", "Image Laterality"), SIDE_CODES[attributes.view.laterality]))
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
        place(PROPERTIES, concept, graphic, _image_of(finding.frame, attributes, source, position))
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


def _composition(density: BreastDensity, attributes: ImageAttributes, source: Any, position: int) -> Any:
    """Return the density of a breast as a finding of one of its images (TID 4006, 4007): nothing to be drawn.

    The template asks every finding for a centre: that of the image stands for the whole breast.
    """
    middle = Roi(RoiKind.POINT, ((attributes.rows / 2 - 0.5, attributes.columns / 2 - 0.5),))
    image = _image_of(attributes.frames // 2, attributes, source, position)
    return coded(
        CONTAINS,
        _FINDING,
        _COMPOSITION,
        [
            coded(MODIFIER, _INTENT, _HIDDEN),
            text(PROPERTIES, dcm("111001", "Algorithm Name"), MANUAL),
            text(PROPERTIES, dcm("111003", "Algorithm Version"), mammoviewer.__version__),
            place(PROPERTIES, dcm("111010", "Center"), graphic_of(middle), image),
            coded(PROPERTIES, BREAST_COMPOSITION, density_code(density.value)),
        ],
    )


def _image_of(frame: int, attributes: ImageAttributes, source: Any, position: int) -> Any:
    """Return the image of the library that a finding is on; of a volume, its frame by value: the library has none."""
    if attributes.frames > 1:
        return frame_image(SELECTED, source, attributes.file_frame(frame) + 1)
    return link(SELECTED, (1, _LIBRARY_PLACE, position))


def _kinds(findings: Sequence[Finding], breasts: Mapping[int, BreastDensity]) -> tuple[tuple[str, str, CodedTerm], ...]:
    """Return name, version and kind of each detection."""
    seen: dict[tuple[str, str, CodedTerm], None] = {}
    for finding in findings:
        name = model_parts(finding.reader) if finding.origin == ALGORITHM else (MANUAL, mammoviewer.__version__)
        seen.setdefault((*name, label_code(finding.label, cad=True)))
    if breasts:
        seen.setdefault((MANUAL, mammoviewer.__version__, _COMPOSITION))
    return tuple(seen)


def _detections(kinds: Sequence[tuple[str, str, CodedTerm]], images: int) -> Any:
    """Return which detections were made by whom (TID 4015, 4017)."""
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
        for name, version, kind in kinds
    ]
    successful = container(INFERRED, dcm("111063", "Successful Detections"), performed)
    concept = dcm("111064", "Summary of Detections")
    return coded(CONTAINS, concept, dcm("111222", "Succeeded"), [successful])
