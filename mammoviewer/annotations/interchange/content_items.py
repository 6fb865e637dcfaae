"""Content items of a structured report (PS3.3 C.17.3), made one by one where no library has the template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mammoviewer.annotations.interchange.coded_terms import CodedTerm
from mammoviewer.annotations.interchange.dicom_parts import code_item, item, reference
from mammoviewer.annotations.interchange.graphics import Graphic

CONTAINS, PROPERTIES, INFERRED, MODIFIER = "CONTAINS", "HAS PROPERTIES", "INFERRED FROM", "HAS CONCEPT MOD"
CONTEXT, ACQUISITION, SELECTED = "HAS OBS CONTEXT", "HAS ACQ CONTEXT", "SELECTED FROM"


def dcm(value: str, meaning: str) -> CodedTerm:
    """Return a code of the DICOM controlled terminology."""
    return CodedTerm(value, "DCM", meaning)


def content(kind: str, relation: str, concept: CodedTerm | None, children: Sequence[Any] = (), **elements: Any) -> Any:
    """Return a content item with its children."""
    made = item(ValueType=kind, **elements)
    if relation:
        made.RelationshipType = relation
    if concept is not None:
        made.ConceptNameCodeSequence = [code_item(concept)]
    if children:
        made.ContentSequence = list(children)
    return made


def container(relation: str, concept: CodedTerm, children: Sequence[Any], template: str = "") -> Any:
    """Return a container; ``template`` is the number of its template in PS3.16."""
    made = content("CONTAINER", relation, concept, children, ContinuityOfContent="SEPARATE")
    if template:
        made.ContentTemplateSequence = [item(MappingResource="DCMR", TemplateIdentifier=template)]
    return made


def coded(relation: str, concept: CodedTerm, value: CodedTerm, children: Sequence[Any] = ()) -> Any:
    """Return a CODE item."""
    return content("CODE", relation, concept, children, ConceptCodeSequence=[code_item(value)])


def text(relation: str, concept: CodedTerm, value: str) -> Any:
    """Return a TEXT item."""
    return content("TEXT", relation, concept, TextValue=value)


def uid_reference(relation: str, concept: CodedTerm, uid: str) -> Any:
    """Return a UIDREF item."""
    return content("UIDREF", relation, concept, UID=uid)


def number(relation: str, concept: CodedTerm, value: float, unit: CodedTerm) -> Any:
    """Return a NUM item; where 16 characters do not hold the value, it is there in binary too."""
    short = f"{value:.10g}"
    measured = item(NumericValue=short, MeasurementUnitsCodeSequence=[code_item(unit)])
    if float(short) != value:
        measured.FloatingPointValue = value
    return content("NUM", relation, concept, MeasuredValueSequence=[measured])


def image(relation: str, source: Any, children: Sequence[Any] = ()) -> Any:
    """Return an IMAGE item without a name."""
    return content("IMAGE", relation, None, children, ReferencedSOPSequence=[reference(source)])


def frame_image(relation: str, source: Any, frame: int) -> Any:
    """Return an IMAGE item of one frame, counted from 1."""
    return content("IMAGE", relation, None, ReferencedSOPSequence=[reference(source, frame)])


def link(relation: str, path: Sequence[int]) -> Any:
    """Return a relationship by reference to the item at ``path``, counted from 1 at each level; the root is 1."""
    return item(RelationshipType=relation, ReferencedContentItemIdentifier=list(path))


def place(relation: str, concept: CodedTerm, graphic: Graphic, source: Any) -> Any:
    """Return a SCOORD item; ``source`` is the IMAGE item, or the link to one, that it lies on."""
    data = [float(value) for value in graphic.data.ravel()]
    return content("SCOORD", relation, concept, [source], GraphicType=graphic.kind, GraphicData=data)
