"""Mammography CAD SR of any maker as findings: those that may be shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mammoviewer.annotations.finding import ALGORITHM, READER, Finding, new_finding
from mammoviewer.annotations.interchange.cad_sr import MANUAL
from mammoviewer.annotations.interchange.coded_terms import CodedTerm, code_label
from mammoviewer.annotations.interchange.density_items import found_densities
from mammoviewer.annotations.interchange.dicom_parts import id_of
from mammoviewer.annotations.interchange.graphics import regions_of
from mammoviewer.annotations.interchange.measurement_sr_import import certainty
from mammoviewer.annotations.interchange.transfer import Imported, Losses
from mammoviewer.annotations.roi import Roi
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.companions.cad_report import COMPOSITION, NOT_SHOWN, single_findings
from mammoviewer.dicom.companions.content import Node, image_targets, read_tree
from mammoviewer.dicom.header import quiet_parsing, read_header

_OUTLINE, _CENTRE, _TRACKING_ID, _TRACKING_UID = "111041", "111010", "112039", "112040"
_SCORES = ("111012", "111011", "111047")


def read_cad_sr(path: Path, images: Sequence[ImageAttributes]) -> Imported:
    """Return the findings of a report on ``images``: their outline, or their centre as a point where they have none.

    Breast compositions come back as densities.

    Raises
    ------
    InputError
        The file is no report or has no content.
    """
    with quiet_parsing():
        dataset = read_header(path).dataset
        root = read_tree(dataset)
    by_uid = {image.SOPInstanceUID: image for image in images if image.SOPInstanceUID}
    losses: Losses = Counter()
    findings: list[Finding] = []
    for number, (node, intent) in enumerate(single_findings(root)):
        if node.code.value == COMPOSITION:
            continue
        if intent == NOT_SHOWN:
            losses["CAD findings that are not meant to be shown"] += 1
            continue
        uid = node.child_text(_TRACKING_UID) or f"{dataset.get('SOPInstanceUID')}.{number}"
        places = list(_places(node, by_uid))
        if not places:
            losses["CAD findings without a place on an open image"] += 1
        for index, (image, frame, roi) in enumerate(places):
            made = _described(new_finding(image.identity, frame, roi, ""), node)
            findings.append(replace(made, id=id_of(f"{uid}.{index}" if index else uid)))
    return Imported(tuple(findings), losses, tuple(found_densities(root, images)))


def _places(node: Node, by_uid: dict[str, ImageAttributes]) -> Iterator[tuple[ImageAttributes, int, Roi]]:
    for concept in (_OUTLINE, _CENTRE):
        found = False
        for place in node.named(concept):
            for target in image_targets(place):
                image = by_uid.get(target.SOPInstanceUID)
                if image is None:
                    continue
                for frame in target.frames or range(image.frames):
                    for roi in regions_of(place.item) if frame < image.frames else ():
                        found = True
                        yield image, image.frame_of_file(frame), roi
        if found:
            return


def _described(finding: Finding, node: Node) -> Finding:
    term = CodedTerm(node.code.value, node.code.scheme, node.code.meaning)
    name, version = node.child_text("111001"), node.child_text("111003")
    manual = name == MANUAL
    return replace(
        finding,
        label=code_label(term, node.child_text(_TRACKING_ID)),
        origin=READER if manual else ALGORITHM,
        score=next((found for code in _SCORES if (found := certainty(node, code)) is not None), None),
        reader="" if manual else ".".join(part for part in (name, version) if part),
    )
