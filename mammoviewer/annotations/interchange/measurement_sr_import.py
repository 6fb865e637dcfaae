"""Measurement reports (TID 1500) of any maker as findings and measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mammoviewer.annotations.finding import ALGORITHM, READER, Finding, new_finding
from mammoviewer.annotations.interchange.coded_terms import PRIVATE, CodedTerm, assessment_value, code_label
from mammoviewer.annotations.interchange.density_items import evaluated_densities
from mammoviewer.annotations.interchange.dicom_parts import id_of, reader_name
from mammoviewer.annotations.interchange.graphics import line_of, regions_of
from mammoviewer.annotations.interchange.measurement_sr import CONFIDENCE, DESCRIPTOR, LESION, PROFILE, STATISTICS
from mammoviewer.annotations.interchange.transfer import Imported, Losses
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom import elements
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.companions.content import Node, image_targets, read_tree
from mammoviewer.dicom.header import quiet_parsing, read_header

_GROUP, _TRACKING_ID, _TRACKING_UID, _FINDING = "125007", "112039", "112040", "121071"
_ASSESSMENT, _COMMENT, _OBSERVER, _SCORE = "111005", "121106", "121008", "111012"
_ALGORITHM_NAME, _ALGORITHM_VERSION = "111001", "111003"


def read_measurement_sr(path: Path, images: Sequence[ImageAttributes]) -> Imported:
    """Return the groups of a report that lie on ``images``.

    Regions become findings, lines of two points distances, and of three angles, breast compositions densities.

    Raises
    ------
    InputError
        The file is no report or has no content.
    """
    with quiet_parsing():
        dataset = read_header(path).dataset
        root = read_tree(dataset)
    losses: Losses = Counter()
    by_uid = {image.SOPInstanceUID: image for image in images if image.SOPInstanceUID}
    observer = next((node.text for node in root.named(_OBSERVER)), "")
    findings: list[Finding] = []
    for group in (node for node in root.walk() if node.concept.value == _GROUP):
        places = list(_regions(group, by_uid, losses))
        uid = group.child_text(_TRACKING_UID)
        for number, (image, frame, roi) in enumerate(places):
            found = _described(new_finding(image.identity, frame, roi, ""), group, observer)
            own = id_of(f"{uid}.{number}" if number else uid)
            findings.append(replace(found, id=own))
    in_space = sum(node.kind == "SCOORD3D" for node in root.walk())
    if in_space:
        losses["regions in patient coordinates"] += in_space
    study_uid = elements.text(dataset, "StudyInstanceUID")
    return Imported(tuple(findings), losses, tuple(evaluated_densities(root, study_uid, images)))


def _regions(
    group: Node, by_uid: dict[str, ImageAttributes], losses: Losses
) -> Iterator[tuple[ImageAttributes, int, Roi]]:
    kind = next((node.code.value for node in group.named(_FINDING)), "")
    for node in group.walk():
        if node.kind != "SCOORD":
            continue
        line = line_of(node.item)
        rois = regions_of(node.item)
        if line:
            rois = (Roi(RoiKind.ANGLE if len(line) == 3 else _line_kind(kind), line),)
        if kind == STATISTICS.value:
            rois = tuple(replace(roi, kind=RoiKind.STATISTICS) for roi in rois if roi.kind is RoiKind.ELLIPSE)
        if not rois:
            losses["graphics that are no region, distance or angle"] += 1
        targets = [(by_uid[t.SOPInstanceUID], t.frames) for t in image_targets(node) if t.SOPInstanceUID in by_uid]
        if not targets:
            losses["regions on images that are not open"] += 1
        for image, frames in targets:
            for frame in frames or range(image.frames):
                if frame < image.frames:
                    yield from ((image, image.frame_of_file(frame), roi) for roi in rois)


def _line_kind(code: str) -> RoiKind:
    return RoiKind.PROFILE if code == PROFILE.value else RoiKind.DISTANCE


def _described(finding: Finding, group: Node, observer: str) -> Finding:
    name = group.child_text(_TRACKING_ID)
    algorithm, version = group.child_text(_ALGORITHM_NAME), group.child_text(_ALGORITHM_VERSION)
    reader = ".".join(part for part in (algorithm, version) if part) if algorithm else ""
    kinds, assessments = group.named(_FINDING), group.named(_ASSESSMENT)
    term = CodedTerm(kinds[0].code.value, kinds[0].code.scheme, kinds[0].code.meaning) if kinds else None
    label = code_label(term, name) if term is not None and not finding.is_measure else ""
    if finding.is_measure and name != finding.roi.kind.value:
        label = name
    assessment = ""
    if assessments:
        code = assessments[0].code
        assessment = assessment_value(CodedTerm(code.value, code.scheme, code.meaning))
    return replace(
        finding,
        label=label,
        assessment=assessment,
        note=_whole_text(group, _COMMENT),
        origin=ALGORITHM if algorithm else READER,
        score=certainty(group, _SCORE),
        confidence=_confidence(group),
        lesion=group.child_text(LESION.value),
        descriptors=tuple(
            (node.concept.meaning, node.code.meaning)
            for node in group.children
            if node.kind == "CODE" and node.concept.scheme == PRIVATE and node.concept.value.startswith(DESCRIPTOR)
        ),
        reader=reader or reader_name(group.child_text(_OBSERVER) or observer),
    )


def _confidence(group: Node) -> float | None:
    found = certainty(group, CONFIDENCE.value)
    return found if found is not None and 0.0 <= found <= 1.0 else None


def _whole_text(group: Node, concept: str) -> str:
    """Return a text with its lines, which :attr:`Node.text` joins."""
    found = group.named(concept)
    return str(elements.value(found[0].item, "TextValue") or "") if found else ""


def certainty(group: Node, concept: str) -> float | None:
    """Return a number below a node as a share of 1 where it is in percent; None where there is none."""
    for node in group.named(concept):
        measured = elements.first_item([node.item], "MeasuredValueSequence")
        if measured is None:
            continue
        exact = elements.number(measured, "FloatingPointValue")
        value = exact if exact is not None else elements.number(measured, "NumericValue")
        unit = elements.first_item([measured], "MeasurementUnitsCodeSequence")
        in_percent = unit is not None and elements.text(unit, "CodeValue") == "%"
        return value / 100.0 if value is not None and in_percent else value
    return None
