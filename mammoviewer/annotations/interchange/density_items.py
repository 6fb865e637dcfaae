"""Breast densities in structured reports (PS3.16): as an evaluation (TID 1501), as a finding (TID 4007)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from mammoviewer.annotations.density import SIDES, BreastDensity, examination_of, new_density
from mammoviewer.annotations.interchange.coded_terms import CodedTerm, density_code, density_value
from mammoviewer.annotations.interchange.content_items import dcm
from mammoviewer.annotations.interchange.dicom_parts import person_name, reader_name
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.companions.cad_report import COMPOSITION, single_findings
from mammoviewer.dicom.companions.content import Node, image_targets

BREAST_COMPOSITION = dcm("111006", "Breast composition")
SIDE_CODES = {"R": CodedTerm("24028007", "SCT", "Right"), "L": CodedTerm("7771000", "SCT", "Left")}
_OLD_SIDES = {"G-A100": "R", "G-A101": "L"}
_LATERALITY, _SITES = ("272741003", "G-C171"), ("363698007", "G-C0E3")
_BREAST = CodedTerm("76752008", "SCT", "Breast")
_OBSERVER = dcm("121008", "Person Observer Name")
_COMPOSITIONS = (BREAST_COMPOSITION.value, COMPOSITION)


def density_group(density: BreastDensity) -> Any:
    """Return the measurement group (TID 1501) of a breast: its composition, as a qualitative evaluation of the site."""
    import highdicom
    from highdicom.sr import PnameContentItem

    def concept(term: CodedTerm) -> Any:
        return highdicom.sr.CodedConcept(term.value, term.scheme, term.meaning)

    digest = int(hashlib.sha256(density.id.encode()).hexdigest()[:32], 16)
    made = highdicom.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=highdicom.sr.TrackingIdentifier(
            uid=highdicom.UID(f"2.25.{digest}"), identifier=f"Breast density {density.laterality}"
        ),
        finding_sites=[highdicom.sr.FindingSite(concept(_BREAST), laterality=concept(SIDE_CODES[density.laterality]))],
        qualitative_evaluations=[
            highdicom.sr.QualitativeEvaluation(concept(BREAST_COMPOSITION), concept(density_code(density.value)))
        ],
    )
    if density.reader:
        name = PnameContentItem(concept(_OBSERVER), person_name(density.reader), relationship_type="HAS OBS CONTEXT")
        made[0].ContentSequence.append(name)
    return made


def evaluated_densities(root: Node, study_uid: str, images: Iterable[ImageAttributes]) -> Iterator[BreastDensity]:
    """Return the compositions that a report says of breasts of an open examination; without a side, of both."""
    if all(examination_of(image) != study_uid for image in images):
        return
    for parent in root.walk():
        for node in parent.named(*_COMPOSITIONS):
            reader = reader_name(node.child_text(_OBSERVER.value) or parent.child_text(_OBSERVER.value))
            for side in _sides(node, *parent.named(*_SITES)) if _value(node) else ():
                yield new_density(study_uid, side, _value(node), reader=reader)


def found_densities(root: Node, images: Iterable[ImageAttributes]) -> Iterator[BreastDensity]:
    """Return the compositions among the findings of a Mammography CAD report, of the breasts that they lie on."""
    by_uid = {image.SOPInstanceUID: image for image in images if image.SOPInstanceUID}
    seen = set()
    for node, _ in single_findings(root):
        if node.code.value != COMPOSITION:
            continue
        value = next((found for child in node.named(BREAST_COMPOSITION.value) if (found := _value(child))), "")
        for place in node.named("111010"):
            for target in image_targets(place):
                image = by_uid.get(target.SOPInstanceUID)
                if image is None or image.view.laterality not in SIDES or not value:
                    continue
                made = new_density(examination_of(image), image.view.laterality, value)
                if made.id not in seen:
                    seen.add(made.id)
                    yield made


def _value(node: Node) -> str:
    return density_value(CodedTerm(node.code.value, node.code.scheme, node.code.meaning)) if node.kind == "CODE" else ""


def _sides(*nodes: Node) -> tuple[str, ...]:
    """Return the sides that nodes are modified by; both where none is told."""
    known = {**_OLD_SIDES, **{term.value: side for side, term in SIDE_CODES.items()}}
    codes = [child.code.value for node in nodes for child in node.named(*_LATERALITY)]
    return tuple(dict.fromkeys(known[code] for code in codes if code in known)) or SIDES
