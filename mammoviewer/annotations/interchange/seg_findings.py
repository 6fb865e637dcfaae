"""Findings as a DICOM Segmentation of type BINARY (PS3.3 A.51): a segment for each finding, or for each class.

Of a segment for a finding the tracking UID stands for its id. highdicom makes the object for the frames in question;
the masks are put in afterwards one by one, as those of a volume would not fit into memory side by side.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import mammoviewer
from mammoviewer.annotations.finding import ALGORITHM, Finding
from mammoviewer.annotations.interchange.coded_terms import UNLABELLED, label_code
from mammoviewer.annotations.interchange.dicom_parts import (
    MAKER,
    header_errors,
    item,
    model_parts,
    save,
    uid_of,
    why_no_object,
)
from mammoviewer.annotations.interchange.seg_source import read_source
from mammoviewer.annotations.interchange.transfer import DESCRIPTION, Losses, count_unsaid, placed, without_measures
from mammoviewer.base.arrays import BoolArray
from mammoviewer.base.errors import ExportError
from mammoviewer.dicom import elements
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind

FORM = "a DICOM SEG"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_LONGEST_LABEL = 64


@dataclass(frozen=True)
class _Segment:
    label: str
    findings: tuple[Finding, ...]

    @property
    def first(self) -> Finding:
        return self.findings[0]

    def mask(self, frame: int, shape: tuple[int, int]) -> BoolArray:
        mask: BoolArray = np.zeros(shape, np.bool_)
        for finding in self.findings:
            if finding.frame == frame:
                mask |= finding.roi.mask(shape)
        return mask


def why_no_segmentation(attributes: ImageAttributes) -> str:
    """Return why an image can be no source of a segmentation; empty where it can."""
    if attributes.kind is ImageKind.TOMO and attributes.SOPClassUID.startswith(_SECONDARY_CAPTURE):
        return "export it as tomosynthesis first"
    if attributes.kind is ImageKind.SECONDARY:
        return "no mammogram or tomosynthesis"
    return why_no_object(attributes)


def write_findings_seg(
    path: Path, findings: Iterable[Finding], image: ImageAttributes, *, by_class: bool = False
) -> Losses:
    """Write the regions of an image; return what the format does not hold.

    Points become the pixel that they lie in; measures, and what lies outside of the image, are left out and counted.

    Parameters
    ----------
    by_class
        One segment for each class instead of one for each finding: several findings then become one mask.

    Raises
    ------
    ExportError
        If the image can be no source of a segmentation, nothing is left to write, or the file cannot be written.
    """
    reason = why_no_segmentation(image)
    if reason:
        raise ExportError(f"no DICOM SEG can be made of it: {reason}", path=image.path)
    losses: Losses = Losses()
    regions = []
    for finding in without_measures((f for f, _ in placed(findings, [image], losses)), losses, FORM):
        if finding.roi.mask(image.shape).any():
            regions.append(finding)
        else:
            losses["findings that cover the centre of no pixel of their image"] += 1
    if not regions:
        raise ExportError("there are no regions that a DICOM SEG can hold", path=image.path)
    count_unsaid(regions, losses, FORM, "note", "assessment", "score", *DESCRIPTION)
    segments = _segments(regions, by_class=by_class)
    if by_class and len(segments) < len(regions):
        losses["findings that share the mask of their class"] += len(regions)
    dataset = _segmentation(segments, image)
    save(path, dataset)
    return losses


def _segments(findings: Sequence[Finding], *, by_class: bool) -> tuple[_Segment, ...]:
    if not by_class:
        return tuple(_Segment(finding.label or UNLABELLED, (finding,)) for finding in findings)
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.label, finding.origin, finding.reader), []).append(finding)
    return tuple(_Segment(label or UNLABELLED, tuple(group)) for (label, _, _), group in groups.items())


def _segmentation(segments: Sequence[_Segment], image: ImageAttributes) -> Any:
    import highdicom
    from pydicom.uid import ExplicitVRLittleEndian

    # (segment number, frame), in the order of the segments and then of the file
    planes = [
        (number, frame)
        for number, segment in enumerate(segments, start=1)
        for frame in sorted({finding.frame for finding in segment.findings}, key=image.file_frame)
    ]
    frames = sorted({image.file_frame(frame) for _, frame in planes})
    source = read_source(image, tuple(frames))
    with header_errors(image, "DICOM SEG"):
        made = highdicom.seg.Segmentation(
            source_images=[source.dataset],
            pixel_array=np.broadcast_to(np.True_, (len(frames), *image.shape)),
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[_description(1, segments[0])],
            series_instance_uid=highdicom.UID(),
            series_number=9001,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer=MAKER,
            manufacturer_model_name=MAKER,
            software_versions=mammoviewer.__version__,
            device_serial_number="0",
            content_label="FINDINGS",
            content_description="Findings, not for diagnosis",
            series_description="Findings",
            plane_positions=source.plane_positions,
            transfer_syntax_uid=ExplicitVRLittleEndian,
        )
        made.SegmentSequence = [_description(number, segment) for number, segment in enumerate(segments, start=1)]
        _set_planes(made, planes, image)
    if source.patient_orientation:
        made.PatientOrientation = list(source.patient_orientation)
    made.PixelData = _packed(segments[number - 1].mask(frame, image.shape) for number, frame in planes)
    return made


def _set_planes(made: Any, planes: Sequence[tuple[int, int]], image: ImageAttributes) -> None:
    """Give every mask the functional groups that highdicom made for its frame, and the number of its segment."""
    of_frame = {_source_frame(group): group for group in made.PerFrameFunctionalGroupsSequence}
    shared = made.SharedFunctionalGroupsSequence[0]
    if "SegmentIdentificationSequence" in shared:
        del shared.SegmentIdentificationSequence  # of one segment alone it would be the same everywhere
    groups = []
    for number, frame in planes:
        group = copy.deepcopy(of_frame[image.file_frame(frame) + 1])
        group.SegmentIdentificationSequence = [item(ReferencedSegmentNumber=number)]
        places = elements.values(group.FrameContentSequence[0], "DimensionIndexValues")[1:]
        group.FrameContentSequence[0].DimensionIndexValues = [number, *places]
        groups.append(group)
    made.PerFrameFunctionalGroupsSequence = groups
    made.NumberOfFrames = len(groups)


def _source_frame(group: Any) -> int:
    return int(group.DerivationImageSequence[0].SourceImageSequence[0].get("ReferencedFrameNumber") or 1)


def _packed(masks: Iterator[BoolArray]) -> bytes:
    """Return masks as single bits; frames follow one another without a gap (PS3.5 8.1.1)."""
    parts: list[bytes] = []
    rest: BoolArray = np.zeros(0, np.bool_)
    for mask in masks:
        bits = np.concatenate([rest, mask.ravel()])
        whole = bits.size // 8 * 8
        parts.append(np.packbits(bits[:whole], bitorder="little").tobytes())
        rest = bits[whole:]
    parts.append(np.packbits(rest, bitorder="little").tobytes())
    data = b"".join(parts)
    return data + b"\0" * (len(data) % 2)


def _description(number: int, segment: _Segment) -> Any:
    import highdicom
    from pydicom.sr.codedict import codes

    automatic = segment.first.origin == ALGORITHM
    term = label_code(segment.first.label)
    algorithm = None
    if automatic:
        name, version = model_parts(segment.first.reader)
        family = codes.DCM.ArtificialIntelligence
        algorithm = highdicom.AlgorithmIdentificationSequence(name=name, version=version, family=family)
    normal = segment.first.label == "Normal"
    made = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.label[:_LONGEST_LABEL],
        segmented_property_category=codes.SCT.Tissue if normal else codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=highdicom.sr.CodedConcept(term.value, term.scheme, term.meaning, term.version or None),
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues[("MANUAL", "AUTOMATIC")[automatic]],
        algorithm_identification=algorithm,
        tracking_uid=uid_of(segment.first) if len(segment.findings) == 1 else None,
        tracking_id=(segment.label if len(segment.findings) == 1 else None),
    )
    if not automatic and segment.first.reader:
        made.SegmentDescription = f"Marked by {segment.first.reader}"[:1024]
    return made
