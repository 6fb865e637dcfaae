"""DICOM Segmentations of any maker as findings: the outline of each connected part of each mask."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mammoviewer.annotations.finding import ALGORITHM, READER, Finding, new_finding
from mammoviewer.annotations.interchange.coded_terms import CodedTerm, code_label
from mammoviewer.annotations.interchange.dicom_parts import id_of
from mammoviewer.annotations.interchange.mask_regions import mask_regions, scaled
from mammoviewer.annotations.interchange.transfer import Imported, Losses
from mammoviewer.dicom import elements
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.companions.content import read_code
from mammoviewer.dicom.companions.reader import read_companion
from mammoviewer.dicom.companions.records import MaskPlane
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.header import quiet_parsing, read_header

_HALF = 0.5
_MARKED_BY = "Marked by "


def read_seg(path: Path, images: Sequence[ImageAttributes]) -> Imported:
    """Return the findings of a segmentation that lie on ``images``.

    Values between 0 and 1 are cut at one half. The tracking UID of a segment gives the id of its finding; further
    parts and frames of the segment have ids of their own, which are the same at every import.

    Raises
    ------
    InputError
        The file is no segmentation, or cannot be decoded.
    """
    with quiet_parsing():
        companion = read_companion(path)
        dataset = read_header(path).dataset
    losses: Losses = Counter()
    if any(plane.graded for plane in companion.planes):
        losses["masks with values between 0 and 1, cut at one half"] += len(companion.planes)
    by_uid = {image.SOPInstanceUID: image for image in images if image.SOPInstanceUID}
    taken: set[str] = set()
    findings: list[Finding] = []
    for plane, segment in zip(companion.planes, _segments(dataset, companion.planes), strict=True):
        places = list(_places(plane, by_uid))
        if not places:
            losses["masks on images or frames that are not open"] += 1
            continue
        mask = plane.read() >= _HALF
        # A segment that is tracked is one finding, whatever its parts; of others each part is one.
        regions = mask_regions(mask, whole=bool(elements.text(segment, "TrackingUID")))
        for image, frame in places:
            for roi in regions:
                moved = scaled(roi, (mask.shape[0], mask.shape[1]), image.shape)
                found = _finding(new_finding(image.identity, frame, moved, plane.label), segment)
                findings.append(_with_own_id(found, _id(segment, found), taken))
    return Imported(tuple(findings), losses)


def _segments(dataset: Dataset, planes: Sequence[MaskPlane]) -> list[Dataset]:
    """Return what the object says of the segment of each plane; nothing where that cannot be told."""
    items = elements.sequence(dataset, "SegmentSequence")
    by_number = {elements.integer(found, "SegmentNumber") or index: found for index, found in enumerate(items, start=1)}
    by_label = {elements.text(found, "SegmentLabel"): found for found in reversed(items)}
    shared = elements.sequence(dataset, "SharedFunctionalGroupsSequence")[:1]
    groups = elements.sequence(dataset, "PerFrameFunctionalGroupsSequence")
    if len(groups) == len(planes) and elements.text(dataset, "SegmentationType").upper() != "LABELMAP":
        numbers = []
        for group in groups:
            found = elements.first_item([group, *shared], "SegmentIdentificationSequence")
            numbers.append((elements.integer(found, "ReferencedSegmentNumber") or 1) if found is not None else 1)
        return [by_number.get(number, {}) for number in numbers]
    return [by_label.get(plane.label, {}) for plane in planes]


def _places(plane: MaskPlane, by_uid: dict[str, ImageAttributes]) -> Iterator[tuple[ImageAttributes, int]]:
    for target in plane.targets:
        image = by_uid.get(target.SOPInstanceUID)
        if image is None:
            continue
        for frame in target.frames or range(image.frames):
            if frame < image.frames:
                yield image, image.frame_of_file(frame)


def _finding(made: Finding, segment: Dataset) -> Finding:
    """Return the finding with what its segment says of it."""
    kind = elements.first_item([segment], "SegmentedPropertyTypeCodeSequence")
    label = made.label
    if kind is not None:
        code = read_code(kind)
        label = code_label(CodedTerm(code.value, code.scheme, code.meaning), made.label) if code.value else label
    named = elements.first_item([segment], "SegmentationAlgorithmIdentificationSequence")
    description = elements.text(segment, "SegmentDescription")
    manual = elements.text(segment, "SegmentAlgorithmType").upper() == "MANUAL"
    reader = description.removeprefix(_MARKED_BY) if manual and description.startswith(_MARKED_BY) else ""
    if named is not None and not manual:
        version = elements.text(named, "AlgorithmVersion")
        reader = ".".join(part for part in (elements.text(named, "AlgorithmName"), version) if part)
    elif not manual:
        reader = elements.text(segment, "SegmentAlgorithmName")
    return made.edited(label=label, origin=READER if manual else ALGORITHM, reader=reader)


def _id(segment: Dataset, finding: Finding) -> str:
    tracking = elements.text(segment, "TrackingUID")
    if tracking:
        return id_of(tracking)
    place = f"{finding.image_uid} {finding.frame} {finding.label} {finding.roi.points[:3]}"
    return uuid.uuid5(uuid.NAMESPACE_OID, place).hex


def _with_own_id(finding: Finding, wanted: str, taken: set[str]) -> Finding:
    number, found = 1, wanted
    while found in taken:
        number += 1
        found = uuid.uuid5(uuid.NAMESPACE_OID, f"{wanted} {number}").hex
    taken.add(found)
    return finding.edited(id=found)
