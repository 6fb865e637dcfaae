"""Findings and densities as rows of the store's tables and as text of its log."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

from mammoviewer.annotations.density import BreastDensity, Record
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.outline_patch import packed_points, unpacked_points
from mammoviewer.annotations.roi import OUTLINES, Roi, RoiKind
from mammoviewer.base.errors import AnnotationError

FINDING, DENSITY = "finding", "density"
"""The kinds of records, each with its table."""
FINDING_COLUMNS: Final = (
    "id, image_uid, frame, kind, points, label, note, assessment, origin, score, reader, created, modified, "
    "descriptors, lesion, confidence"
)
DENSITY_COLUMNS: Final = "id, study_uid, laterality, value, reader, modified, terms"
KIND_PLACE, POINTS_PLACE = 3, 4
LONG: Final = 200
"""An outline of more points is kept packed, and of a change of it only what differs."""

Row = tuple[Any, ...]


def to_row(record: Record) -> tuple[str, Row]:
    """Return kind and row of a record."""
    if isinstance(record, BreastDensity):
        said = (record.study_uid, record.laterality, record.value, record.reader, record.modified, record.terms)
        return DENSITY, (record.id, *said)
    return FINDING, _finding_row(record)


def from_row(kind: str, row: Sequence[Any]) -> Record:
    """Return the record of a row of the table of its kind.

    Raises
    ------
    AnnotationError
        If it is none.
    """
    return density_of(row) if kind == DENSITY else finding_of(row)


def density_of(row: Sequence[Any]) -> BreastDensity:
    """Return the density of a row.

    Raises
    ------
    AnnotationError
        If it is none.
    """
    try:
        return BreastDensity(*row[1:])
    except TypeError as error:
        raise AnnotationError(f"a stored density cannot be read: {error}") from error


def is_long(roi: Roi) -> bool:
    """Return whether an outline has so many points that only what differs of it should be kept."""
    return roi.kind in OUTLINES and len(roi.points) > LONG


def _finding_row(finding: Finding) -> Row:
    roi = finding.roi
    return (
        finding.id,
        finding.image_uid,
        finding.frame,
        roi.kind.value,
        packed_points(roi.outline()) if is_long(roi) else json.dumps(roi.points),
        finding.label,
        finding.note,
        finding.assessment,
        finding.origin,
        finding.score,
        finding.reader,
        finding.created,
        finding.modified,
        json.dumps(finding.descriptors),
        finding.lesion,
        finding.confidence,
    )


def finding_of(row: Sequence[Any], roi: Roi | None = None) -> Finding:
    """Return the finding of a row; with ``roi``, of one that holds no points.

    Raises
    ------
    AnnotationError
        If it is none.
    """
    finding_id, image_uid, frame, kind, points, *rest, descriptors, lesion, confidence = row
    try:
        if roi is not None:
            pass
        elif isinstance(points, bytes):
            roi = Roi.of_outline(RoiKind(kind), unpacked_points(points))
        else:
            roi = Roi(RoiKind(kind), tuple(map(tuple, json.loads(points))))
        described = tuple((name, term) for name, term in json.loads(descriptors))
        values: list[Any] = [finding_id, image_uid, frame, roi, *rest, described, lesion, confidence]
        return Finding(*values)
    except (ValueError, TypeError) as error:
        raise AnnotationError(f"a stored finding cannot be read: {error}") from error


def row_as_text(row: Row) -> str:
    """Return a row as JSON; a packed outline as base 64 in a list of its own."""
    return json.dumps([[base64.b64encode(v).decode()] if isinstance(v, bytes) else v for v in row])


def row_of_text(text: str) -> Row:
    """Return the row of :func:`row_as_text`.

    Raises
    ------
    ValueError
        If it is none.
    """
    return tuple(base64.b64decode(value[0]) if isinstance(value, list) else value for value in json.loads(text))
