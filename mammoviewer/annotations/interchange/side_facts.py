"""What is said of a finding beside shape and class, in files with room for fields of others (COCO, labelme)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mammoviewer.annotations.finding import ORIGINS, READER, Finding


def facts_of(finding: Finding) -> dict[str, Any]:
    """Return the facts as JSON holds them; the times of making and of change are left out."""
    return {
        "finding_id": finding.id,
        "kind": finding.roi.kind.value,
        "assessment": finding.assessment,
        "note": finding.note,
        "origin": finding.origin,
        "score": finding.score,
        "reader": finding.reader,
        "descriptors": [list(pair) for pair in finding.descriptors],
        "lesion": finding.lesion,
        "confidence": finding.confidence,
    }


def with_facts(finding: Finding, facts: Mapping[str, Any]) -> Finding:
    """Return the finding with the facts that are there.

    Raises
    ------
    AnnotationError, ValueError, TypeError
        If a fact is not of its kind.
    """
    origin, score, sure = facts.get("origin", READER), facts.get("score"), facts.get("confidence")
    return replace(
        finding,
        id=str(facts.get("finding_id") or finding.id),
        note=str(facts.get("note") or ""),
        assessment=str(facts.get("assessment") or ""),
        origin=origin if origin in ORIGINS else READER,
        score=float(score) if score is not None else None,
        reader=str(facts.get("reader") or ""),
        descriptors=tuple((name, term) for name, term in facts.get("descriptors") or ()),
        lesion=str(facts.get("lesion") or ""),
        confidence=float(sure) if sure is not None else None,
    )
