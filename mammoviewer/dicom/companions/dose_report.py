"""X-Ray Radiation Dose SR (PS3.16 TID 10001): what each exposure and the whole examination cost."""

from __future__ import annotations

from mammoviewer.dicom.companions.content import Node
from mammoviewer.dicom.companions.records import DoseEvent, Facts

_EVENT, _EVENT_UID = "113706", "113769"
_ACCUMULATED = "111637"
_TITLES = {
    "111631": "Average glandular dose",
    "122130": "Dose area product",
    "111636": "Entrance exposure",
    "113738": "Dose at reference point",
    "111633": "Compression thickness",
    "111634": "Half value layer",
    "113733": "kVp",
    "113736": "Exposure",
}


def read_events(root: Node) -> tuple[DoseEvent, ...]:
    """Return the exposures (TID 10003) with the values that matter in mammography."""
    events = []
    for node in root.walk():
        if node.concept.value != _EVENT:
            continue
        values: dict[str, str] = {}
        for below in node.walk():
            title = _TITLES.get(below.concept.value)
            if title and below.kind == "NUM" and below.text:
                values.setdefault(title, below.text)
        events.append(DoseEvent(node.child_text(_EVENT_UID), tuple(values.items())))
    return tuple(events)


def read_facts(root: Node) -> Facts:
    """Return the doses of the whole examination (TID 10005), told by breast where the report does."""
    facts = []
    for node in root.walk():
        if node.concept.value == _ACCUMULATED and node.text:
            side = next((child.text for child in node.children if child.kind == "CODE"), "")
            facts.append(("Accumulated dose", f"{node.text} {side.lower()}".strip()))
    return tuple(facts)
