"""Measurement reports (PS3.16 TID 1500) and other reports with planar regions: outlines, labels, numbers."""

from __future__ import annotations

from collections.abc import Iterator

from mammoviewer.dicom.companions.content import Node, coordinates, image_targets
from mammoviewer.dicom.companions.records import AlgorithmRun, Facts, Mark, RunStatus, Target

_GROUP, _TRACKING, _FINDING = "125007", "112039", "121071"
_MOST_FACTS = 200


def read_marks(root: Node) -> tuple[Mark, ...]:
    """Return the planar regions, labelled by the finding of their group, else by what they are for.

    A closed or open line of SCOORD stays what it is; regions in patient coordinates (SCOORD3D) are not drawn.
    """
    marks = []
    for node, label in _labelled(root):
        if node.kind == "SCOORD":
            targets = image_targets(node)
            marks += [Mark(targets, shape, points, label) for shape, points in coordinates(node) if targets]
    return tuple(marks)


def _labelled(root: Node) -> Iterator[tuple[Node, str]]:
    """Return every node once, with the label of the group it is in."""
    seen: set[int] = set()
    waiting = [(root, "")]
    while waiting:
        node, label = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.concept.value == _GROUP:
            label = group_label(node)
        elif not label and node.kind in ("CODE", "NUM", "TEXT"):
            label = node.text if node.kind == "CODE" else f"{node.concept.meaning} {node.text}".strip()
        yield node, label or (node.concept.meaning if node.kind == "SCOORD" else "")
        waiting.extend((child, label) for child in reversed(node.children))


def group_label(group: Node) -> str:
    """Return the finding of a measurement group, the name it is tracked by where there is none."""
    return group.child_text(_FINDING) or group.child_text(_TRACKING)


def read_facts(root: Node) -> Facts:
    """Return the numbers of each measurement group."""
    facts = []
    for node in root.walk():
        if node.concept.value != _GROUP:
            continue
        label = group_label(node) or "Measurement"
        facts += [
            (label, f"{child.concept.meaning} {child.text}")
            for child in node.children
            if child.kind == "NUM" and child.text
        ]
    return tuple(facts[:_MOST_FACTS])


def read_runs(root: Node) -> tuple[AlgorithmRun, ...]:
    """Return the algorithms that the report names (TID 4019), each once."""
    found: dict[tuple[str, str], AlgorithmRun] = {}
    for node in root.walk():
        name, version = node.child_text("111001"), node.child_text("111003")
        if name:
            found.setdefault((name, version), AlgorithmRun(name, version, "", RunStatus.UNKNOWN))
    return tuple(found.values())


def lines_in_space(root: Node) -> int:
    """Return how many regions are given in patient coordinates."""
    return sum(node.kind == "SCOORD3D" for node in root.walk())


def read_targets(root: Node) -> tuple[Target, ...]:
    """Return every image that the report names."""
    return image_targets(root)
