"""The content tree of a structured report (PS3.3 C.17.3), read into plain nodes with by-reference links followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mammoviewer.base.errors import InputError
from mammoviewer.dicom import elements
from mammoviewer.dicom.companions.records import MarkShape, Point, Points, Target, circle, ellipse, from_corner
from mammoviewer.dicom.companions.references import read_target, unique
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.remedies import ASK_AGAIN, OTHER_VIEWER

MOST_NODES = 200_000
_DEEPEST = 64


@dataclass(frozen=True)
class Code:
    """A coded term; two are equal when value and scheme are."""

    value: str = ""
    scheme: str = ""
    meaning: str = field(default="", compare=False)


@dataclass(eq=False)
class Node:
    """One content item: its concept name, its value in the form its type has, and its children."""

    kind: str
    relation: str
    concept: Code
    item: Dataset
    children: list[Node] = field(default_factory=list)

    @property
    def code(self) -> Code:
        """Return the value of a CODE item."""
        found = elements.first_item([self.item], "ConceptCodeSequence")
        return Code() if found is None else read_code(found)

    @property
    def text(self) -> str:
        """Return the value as text, whatever the type: a code's meaning, a number with its unit."""
        if self.kind == "CODE":
            return self.code.meaning
        if self.kind == "NUM":
            return _number_text(self.item)
        keyword = {"UIDREF": "UID", "PNAME": "PersonName", "DATETIME": "DateTime", "DATE": "Date"}.get(
            self.kind, "TextValue"
        )
        return elements.text(self.item, keyword)

    def walk(self) -> Iterator[Node]:
        """Return this node and all below it, in the order of the report."""
        seen: set[int] = set()
        waiting = [self]
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                continue  # by-reference links may lead to a node twice
            seen.add(id(node))
            yield node
            waiting.extend(reversed(node.children))

    def named(self, *values: str) -> list[Node]:
        """Return the children whose concept has one of these code values."""
        return [child for child in self.children if child.concept.value in values]

    def child_text(self, value: str) -> str:
        """Return the text of the first child with a concept, empty where there is none."""
        found = self.named(value)
        return found[0].text if found else ""


def read_tree(dataset: Dataset) -> Node:
    """Return the root of a report.

    Raises
    ------
    InputError
        There is no content, or more or deeper than a report can have.
    """
    if not elements.sequence(dataset, "ContentSequence"):
        raise InputError("the report has no content", hint=ASK_AGAIN)
    links: list[tuple[Node, str, tuple[int, ...]]] = []
    root = _node(dataset)
    waiting = [(root, 1)]
    count = 0
    while waiting:
        node, depth = waiting.pop()
        for item in elements.sequence(node.item, "ContentSequence"):
            count += 1
            if count > MOST_NODES or depth > _DEEPEST:
                raise InputError("the report is too large to be read", hint=OTHER_VIEWER)
            path = tuple(int(step) for step in elements.numbers(item, "ReferencedContentItemIdentifier") if step)
            if path:
                links.append((node, elements.text(item, "RelationshipType"), path))
                node.children.append(Node("LINK", "", Code(), item))
                continue
            child = _node(item)
            node.children.append(child)
            waiting.append((child, depth + 1))
    _follow(root, links)
    return root


def _node(item: Dataset) -> Node:
    name = elements.first_item([item], "ConceptNameCodeSequence")
    return Node(
        elements.text(item, "ValueType").upper(),
        elements.text(item, "RelationshipType").upper(),
        Code() if name is None else read_code(name),
        item,
    )


def _follow(root: Node, links: list[tuple[Node, str, tuple[int, ...]]]) -> None:
    """Put the nodes that links lead to in their place; places count from 1 and the root is 1 (PS3.3 C.17.3.2.5)."""
    found = []
    for source, _, path in links:
        node: Node | None = root if path[0] == 1 else None
        for step in path[1:]:
            node = node.children[step - 1] if node is not None and 1 <= step <= len(node.children) else None
        if node is not None and node.kind != "LINK":
            found.append((source, node))
    for source, node in found:
        source.children.append(node)


def read_code(item: Dataset) -> Code:
    """Return a code, whichever of its three forms the value has (PS3.3 8.1)."""
    value = next(
        (text for keyword in ("CodeValue", "LongCodeValue", "URNCodeValue") if (text := elements.text(item, keyword))),
        "",
    )
    scheme = elements.text(item, "CodingSchemeDesignator").upper()
    return Code(value, scheme, elements.text(item, "CodeMeaning"))


def _number_text(item: Dataset) -> str:
    measured = elements.first_item([item], "MeasuredValueSequence")
    if measured is None:
        return ""
    number = elements.number(measured, "NumericValue")
    if number is None:
        return ""
    unit = elements.first_item([measured], "MeasurementUnitsCodeSequence")
    name = "" if unit is None else read_code(unit).value
    # UCUM writes "no unit" as 1 and terms without a unit in braces.
    return f"{number:.4g} {'' if name == '1' or name.startswith('{') else name}".rstrip()


def image_targets(node: Node) -> tuple[Target, ...]:
    """Return the images that a node and what is selected for it names."""
    found = []
    for below in node.walk():
        if below.kind in ("IMAGE", "COMPOSITE"):
            reference = elements.first_item([below.item], "ReferencedSOPSequence")
            target = None if reference is None else read_target(reference)
            if target is not None:
                found.append(target)
    return unique(found)


def coordinates(node: Node) -> tuple[tuple[MarkShape, Points], ...]:
    """Return the geometry of a SCOORD item (PS3.3 C.18.6): several for MULTIPOINT, none where it is malformed."""
    values = elements.numbers(node.item, "GraphicData")
    if len(values) < 2 or len(values) % 2 or None in values:
        return ()
    flat = [value for value in values if value is not None]
    points = tuple(from_corner(column, row) for column, row in zip(flat[::2], flat[1::2], strict=True))
    return shapes(elements.text(node.item, "GraphicType").upper(), points)


def shapes(kind: str, points: Points) -> tuple[tuple[MarkShape, Points], ...]:
    """Return the outlines of a graphic type of SCOORD or GSPS."""
    if kind == "CIRCLE" and len(points) == 2:
        return ((MarkShape.OUTLINE, circle(*points)),)
    if kind == "ELLIPSE" and len(points) == 4:
        return ((MarkShape.OUTLINE, ellipse(points)),)
    if kind in ("POINT", "MULTIPOINT"):
        return tuple((MarkShape.POINT, (point,)) for point in points)
    if kind in ("POLYLINE", "INTERPOLATED") and len(points) >= 2:
        closed = len(points) > 3 and _same(points[0], points[-1])
        return ((MarkShape.OUTLINE, points[:-1]),) if closed else ((MarkShape.LINE, points),)
    return ()


def _same(first: Point, last: Point) -> bool:
    return abs(first[0] - last[0]) < 1e-4 and abs(first[1] - last[1]) < 1e-4
