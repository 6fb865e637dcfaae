"""Small synthetic objects that refer to images: presentation states, segmentations, reports, overlays, shutters.

Graphic coordinates are given as DICOM has them: column\\row from the corner of the first pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import generate_uid

GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
SEG = "1.2.840.10008.5.1.4.1.1.66.4"
CAD = "1.2.840.10008.5.1.4.1.1.88.50"
COMPREHENSIVE = "1.2.840.10008.5.1.4.1.1.88.33"
DOSE = "1.2.840.10008.5.1.4.1.1.88.67"

REQUIRED, OPTIONAL, NOT_SHOWN = "111150", "111151", "111152"


def dataset(sop_class: str, modality: str, study: str = "1.2.3.4", **elements: Any) -> Dataset:
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = sop_class, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = study, generate_uid()
    made.Modality, made.PatientID, made.PatientName = modality, "T1", "Test^Person"
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def save(path: Path, made: Dataset, syntax: str = "1.2.840.10008.1.2.1") -> Path:
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.save_as(path, enforce_file_format=True)
    return path


def item(**elements: Any) -> Dataset:
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def reference(uid: str, frames: int | Sequence[int] | None = None, **elements: Any) -> Dataset:
    made = item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.1.2", ReferencedSOPInstanceUID=uid, **elements)
    if frames is not None:
        made.ReferencedFrameNumber = frames
    return made


def code(value: str, meaning: str = "term", scheme: str = "DCM") -> Dataset:
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def graphic(kind: str, *data: float, units: str = "PIXEL", filled: str = "N") -> Dataset:
    return item(
        GraphicAnnotationUnits=units, GraphicDimensions=2, NumberOfGraphicPoints=len(data) // 2,
        GraphicData=list(data), GraphicType=kind, GraphicFilled=filled,
    )  # fmt: skip


def text_object(words: str, *, box: Sequence[float] = (), anchor: Sequence[float] = (), visible: str = "N") -> Dataset:
    made = item(UnformattedTextValue=words)
    if box:
        made.BoundingBoxAnnotationUnits = "PIXEL"
        made.BoundingBoxTopLeftHandCorner = list(box[:2])
        made.BoundingBoxBottomRightHandCorner = list(box[2:])
    if anchor:
        made.AnchorPointAnnotationUnits, made.AnchorPoint, made.AnchorPointVisibility = "PIXEL", list(anchor), visible
    return made


def presentation_state(
    *uids: str,
    graphics: Sequence[Dataset] = (),
    texts: Sequence[Dataset] = (),
    frames: Sequence[int] | None = None,
    window: tuple[float, float] | None = None,
    area: tuple[Sequence[int], Sequence[int]] | None = None,
    **elements: Any,
) -> Dataset:
    """Return a grayscale presentation state of images."""
    made = dataset(GSPS, "PR", ContentLabel="READING", ContentDescription="Second reading", **elements)
    made.ReferencedSeriesSequence = [
        item(SeriesInstanceUID="1.2.3", ReferencedImageSequence=[reference(uid) for uid in uids])
    ]
    annotation = item(GraphicLayer="ONE")
    if graphics:
        annotation.GraphicObjectSequence = list(graphics)
    if texts:
        annotation.TextObjectSequence = list(texts)
    if frames is not None:
        annotation.ReferencedImageSequence = [reference(uid, list(frames)) for uid in uids]
    if graphics or texts:
        made.GraphicAnnotationSequence = [annotation]
    if window is not None:
        made.SoftcopyVOILUTSequence = [item(WindowCenter=window[0], WindowWidth=window[1])]
    if area is not None:
        made.DisplayedAreaSelectionSequence = [
            item(
                DisplayedAreaTopLeftHandCorner=list(area[0]),
                DisplayedAreaBottomRightHandCorner=list(area[1]),
                PresentationSizeMode="SCALE TO FIT",
            )
        ]
    return made


def segmentation(
    uid: str, masks: np.ndarray, *, kind: str = "BINARY", source_frames: Sequence[int] | None = None
) -> Dataset:
    """Return a segmentation with one segment; ``masks`` are (frames, rows, columns) of 0 to 1."""
    made = dataset(SEG, "SEG", SeriesDescription="Masks")
    made.SegmentationType = kind
    made.Rows, made.Columns, made.NumberOfFrames = *masks.shape[1:], len(masks)
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
    if kind == "BINARY":
        made.BitsAllocated = made.BitsStored = 1
        made.HighBit = 0
        raw = np.packbits(masks.astype(bool).ravel(), bitorder="little").tobytes()
    else:
        made.BitsAllocated = made.BitsStored = 8
        made.HighBit = 7
        if kind == "FRACTIONAL":
            made.MaximumFractionalValue, made.SegmentationFractionalType = 200, "PROBABILITY"
            masks = np.rint(masks * 200)
        raw = masks.astype(np.uint8).tobytes()
    made.SegmentSequence = [
        item(SegmentNumber=number, SegmentLabel=label, SegmentAlgorithmType="AUTOMATIC", SegmentAlgorithmName="finder")
        for number, label in ((1, "Mass"), (2, "Cluster"))
    ]
    made.PerFrameFunctionalGroupsSequence = [
        item(
            SegmentIdentificationSequence=[item(ReferencedSegmentNumber=1)],
            DerivationImageSequence=[
                item(SourceImageSequence=[reference(uid, source_frames[i] if source_frames else None)])
            ],
        )
        for i in range(len(masks))
    ]
    made.PixelData = raw + b"\0" * (len(raw) % 2)
    made["PixelData"].VR = "OB"
    return made


def content(kind: str, concept: str, *children: Dataset, relation: str = "CONTAINS", **elements: Any) -> Dataset:
    """Return a content item of a report."""
    made = item(ValueType=kind, RelationshipType=relation, ConceptNameCodeSequence=[code(concept)], **elements)
    if children:
        made.ContentSequence = list(children)
    return made


def coded(concept: str, value: str, meaning: str = "term", *children: Dataset, scheme: str = "DCM") -> Dataset:
    return content("CODE", concept, *children, ConceptCodeSequence=[code(value, meaning, scheme)])


def text(concept: str, words: str) -> Dataset:
    return content("TEXT", concept, TextValue=words)


def uid_reference(concept: str, uid: str) -> Dataset:
    return content("UIDREF", concept, UID=uid)


def number(concept: str, value: float, unit: str = "1", meaning: str = "number", *children: Dataset) -> Dataset:
    measured = item(NumericValue=value, MeasurementUnitsCodeSequence=[code(unit, unit, "UCUM")])
    made = content("NUM", concept, *children, MeasuredValueSequence=[measured])
    made.ConceptNameCodeSequence[0].CodeMeaning = meaning
    return made


def image(uid: str, frames: int | Sequence[int] | None = None) -> Dataset:
    return item(ValueType="IMAGE", RelationshipType="SELECTED FROM", ReferencedSOPSequence=[reference(uid, frames)])


def link(*path: int) -> Dataset:
    return item(RelationshipType="SELECTED FROM", ReferencedContentItemIdentifier=list(path))


def place(concept: str, kind: str, data: Sequence[float], source: Dataset) -> Dataset:
    return content("SCOORD", concept, source, GraphicType=kind, GraphicData=list(data))


def report(sop_class: str, concept: str, *children: Dataset, modality: str = "SR", **elements: Any) -> Dataset:
    made = dataset(sop_class, modality, **elements)
    made.ValueType = "CONTAINER"
    made.ConceptNameCodeSequence = [code(concept, "Report")]
    made.ContentSequence = list(children)
    return made


def cad_finding(value: str, intent: str, *places: Dataset, certainty: float | None = None) -> Dataset:
    """Return a single image finding (TID 4006) with its rendering intent."""
    children = [coded("111056", intent), *places]
    if certainty is not None:
        children.append(number("111012", certainty, "%"))
    return coded("111059", value, "finding", *children, scheme="SCT")


def cad_report(
    uids: Sequence[str], *findings: Dataset, summary: str = "111242", detections: str = "111222", failed: bool = False
) -> Dataset:
    """Return a Mammography CAD SR (TID 4000) with an image library that findings may link to: 1, 1, n."""
    algorithm = [text("111001", "CalcFinder"), text("111003", "2.1")]
    performed = coded("111022", "129769006", "Calcification cluster", *algorithm, *(image(uid) for uid in uids))
    return report(
        CAD,
        "111036",
        content("CONTAINER", "111028", *(image(uid) for uid in uids)),
        coded("111017", summary, "summary", content("CONTAINER", "111034", *findings)),
        coded("111064", detections, "outcome", content("CONTAINER", "111025" if failed else "111063", performed)),
    )


def add_overlay(
    made: Dataset, mask: np.ndarray, *, origin: tuple[int, int] = (1, 1), kind: str = "G", group: int = 0x6000,
    first_frame: int = 1,
) -> Dataset:  # fmt: skip
    """Put a mask (rows, columns) or (frames, rows, columns) into an overlay group; ``origin`` counts from 1."""
    made.add_new((group, 0x0010), "US", mask.shape[-2])
    made.add_new((group, 0x0011), "US", mask.shape[-1])
    if mask.ndim == 3:
        made.add_new((group, 0x0015), "IS", len(mask))
        made.add_new((group, 0x0051), "US", first_frame)
    made.add_new((group, 0x0040), "CS", kind)
    made.add_new((group, 0x0050), "SS", list(origin))
    made.add_new((group, 0x0100), "US", 1)
    made.add_new((group, 0x0102), "US", 0)
    made.add_new((group, 0x1500), "LO", "Marker")
    raw = np.packbits(mask.astype(bool).ravel(), bitorder="little").tobytes()
    made.add_new((group, 0x3000), "OW", raw + b"\0" * (len(raw) % 2))
    return made


def add_embedded_overlay(made: Dataset, bit: int, group: int = 0x6000) -> Dataset:
    """Say that a bit of the pixel words is an overlay."""
    made.add_new((group, 0x0010), "US", made.Rows)
    made.add_new((group, 0x0011), "US", made.Columns)
    made.add_new((group, 0x0040), "CS", "G")
    made.add_new((group, 0x0050), "SS", [1, 1])
    made.add_new((group, 0x0100), "US", made.BitsAllocated)
    made.add_new((group, 0x0102), "US", bit)
    return made
