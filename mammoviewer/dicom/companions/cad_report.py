"""Mammography CAD SR (PS3.16 TID 4000): marks by rendering intent, and how each algorithm fared."""

from __future__ import annotations

from collections.abc import Iterator

from mammoviewer.dicom.companions.content import Node, coordinates, image_targets
from mammoviewer.dicom.companions.records import AlgorithmRun, Facts, Mark, MarkShape, RunStatus, Target

COMPOSITION = "129715009"
"""The finding that says how dense a breast is: nothing to be marked."""
NOT_SHOWN = "111152"
_OPTIONAL = "111151"
_FINDING, _INTENT, _CENTER, _OUTLINE = "111059", "111056", "111010", "111041"
# Certainty of finding, certainty of feature, probability of cancer.
_SCORES = ("111012", "111011", "111047")
_SUMMARY, _DETECTIONS, _ANALYSES = "111017", "111064", "111065"
_PERFORMED = {"111063": True, "111025": False, "111062": True, "111024": False}
_SUMMARIES = {
    "111241": RunStatus.NO_FINDINGS,
    "111242": RunStatus.FINDINGS,
    "111243": RunStatus.PARTIAL,
    "111244": RunStatus.PARTIAL,
    "111245": RunStatus.FAILED,
}
_OUTCOMES = {"111223": RunStatus.PARTIAL, "111224": RunStatus.FAILED, "111225": RunStatus.NOT_RUN}
# CID 6014 has no plain mass: CAD reports one as a density (129793001, before that F-01710).
_NAMES = {
    "129769006": "Calcification cluster",
    "F-01775": "Calcification cluster",
    "129793001": "Mass or density",
    "F-01710": "Mass or density",
}


def read_marks(root: Node) -> tuple[tuple[Mark, ...], int]:
    """Return the marks that may be shown, and the number of findings that are not meant to be."""
    marks: list[Mark] = []
    hidden = 0
    for node, intent in single_findings(root):
        if node.code.value == COMPOSITION:
            continue
        found = _finding_marks(node, optional=intent == _OPTIONAL)
        if intent == NOT_SHOWN:
            hidden += bool(found)
        else:
            marks += found
    return tuple(marks), hidden


def single_findings(root: Node) -> Iterator[tuple[Node, str]]:
    """Return each single image finding once, with the intent of its own or of what it is in."""
    seen: set[int] = set()
    waiting = [(root, "")]
    while waiting:
        node, inherited = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        own = node.named(_INTENT)
        intent = own[0].code.value if own else inherited
        if node.concept.value == _FINDING:
            yield node, intent
        waiting.extend((child, intent) for child in reversed(node.children))


def _finding_marks(node: Node, *, optional: bool) -> list[Mark]:
    """Return the outline of a finding, its centre where it has none."""
    code = node.code
    name = _NAMES.get(code.value, code.meaning)
    score = next((text for value in _SCORES if (text := node.child_text(value))), "")
    for concept in (_OUTLINE, _CENTER):
        marks = []
        for place in node.named(concept):
            targets = image_targets(place)
            for shape, points in coordinates(place):
                closed = MarkShape.OUTLINE if shape is MarkShape.LINE and len(points) > 2 else shape
                marks.append(Mark(targets, closed, points, f"{name} {score}".strip(), optional))
        marks = [mark for mark in marks if mark.targets]
        if marks:
            return marks
    return []


def read_runs(root: Node) -> tuple[AlgorithmRun, ...]:
    """Return every detection and analysis that the report says was done or failed."""
    runs = []
    for node in root.walk():
        succeeded = _PERFORMED.get(node.concept.value)
        if succeeded is None:
            continue
        for child in node.named("111022", "111004"):
            status = RunStatus.UNKNOWN if succeeded else RunStatus.FAILED
            name, version = child.child_text("111001"), child.child_text("111003")
            runs.append(AlgorithmRun(name, version, child.text, status, image_targets(child)))
    return tuple(runs)


def read_status(root: Node, *, found: bool) -> RunStatus:
    """Return how the processing went as a whole. A failure is never told as "no findings"."""
    outcomes, summary = [], None
    for node in root.walk():
        value = node.concept.value
        if value in (_DETECTIONS, _ANALYSES):
            outcomes.append((value, _OUTCOMES.get(node.code.value)))
        elif value == _SUMMARY and summary is None:
            summary = _SUMMARIES.get(node.code.value)
    detection = next((outcome for value, outcome in outcomes if value == _DETECTIONS), None)
    if detection is not None:
        return detection
    if summary is not None:
        return summary
    if outcomes:
        return RunStatus.FINDINGS if found else RunStatus.NO_FINDINGS
    return RunStatus.FINDINGS if found else RunStatus.UNKNOWN


def with_results(runs: tuple[AlgorithmRun, ...], found: bool) -> tuple[AlgorithmRun, ...]:
    """Return the runs, those that succeeded with whether anything was found."""
    status = RunStatus.FINDINGS if found else RunStatus.NO_FINDINGS
    return tuple(
        AlgorithmRun(run.name, run.version, run.purpose, status, run.targets)
        if run.status is RunStatus.UNKNOWN
        else run
        for run in runs
    )


def read_facts(hidden: int, marks: tuple[Mark, ...]) -> Facts:
    """Return how many findings the maker wants unseen or leaves to the reader."""
    optional = sum(mark.optional for mark in marks)
    facts = (("Not for presentation", str(hidden) if hidden else ""), ("Optional", str(optional) if optional else ""))
    return tuple((name, value) for name, value in facts if value)


def library_targets(root: Node) -> tuple[Target, ...]:
    """Return every image that the report names, in its image library or elsewhere."""
    return image_targets(root)
