"""Who changed what and when: written in the transaction of the change itself, and never rewritten."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mammoviewer.annotations.density import BreastDensity, Record
from mammoviewer.annotations.edits import (
    AddFinding,
    CompositeEdit,
    Edit,
    RemoveFinding,
    ReplaceFinding,
    SayDensity,
    UnsayDensity,
)
from mammoviewer.annotations.finding import utc_now
from mammoviewer.base.errors import AnnotationError

CHANGE_COLUMNS = "batch, session, time, reader, finding_id, kind, before, after"
FINDING, DENSITY = "finding", "density"
"""The kinds of records, each with its table; the column ``finding_id`` of the log holds the id of either."""


@dataclass(frozen=True)
class Change:
    """A finding or a density before and after an edit, None where it was not there.

    ``kind`` is ``"finding"`` or ``"density"``; what changed together shares ``batch``.
    """

    batch: int
    session: str
    time: str
    reader: str
    finding_id: str
    kind: str
    before: Record | None
    after: Record | None

    @property
    def what(self) -> str:
        """Return ``added``, ``removed``, the fields that were changed, or the densities before and after."""
        if self.kind == DENSITY:
            said = (
                record.value if isinstance(record, BreastDensity) else "none" for record in (self.before, self.after)
            )
            return "density {} to {}".format(*said)
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        names = ("label", "note", "assessment", "roi", "frame", "descriptors", "lesion", "confidence", "score")
        changed = [name for name in names if getattr(self.before, name) != getattr(self.after, name)]
        return ", ".join("region" if name == "roi" else name for name in changed) or "saved again"


def log_changes(
    connection: sqlite3.Connection,
    changed: Mapping[str, tuple[str, tuple[Any, ...]] | None],
    *,
    session: str,
    reader: str,
) -> None:
    """Write what is about to change: kind and row of its table by id, None for what goes.

    Must run in the transaction of the change, before it.
    """
    (batch,) = connection.execute("SELECT coalesce(max(batch), 0) + 1 FROM change").fetchone()
    time = utc_now()
    entries = []
    for record_id, after in changed.items():
        before = _row_of(connection, record_id)
        known = after or before
        if known is None:
            continue
        texts = (None if found is None else json.dumps(found[1]) for found in (before, after))
        entries.append((batch, session, time, reader, record_id, known[0], *texts))
    connection.executemany(f"INSERT INTO change ({CHANGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", entries)


def _row_of(connection: sqlite3.Connection, record_id: str) -> tuple[str, tuple[Any, ...]] | None:
    """Return kind and row of a record, in the order of its table, which is that of the rows given too."""
    for kind in (FINDING, DENSITY):
        row = connection.execute(f"SELECT * FROM {kind} WHERE id = ?", (record_id,)).fetchone()
        if row is not None:
            return kind, row
    return None


def change_of(row: Sequence[Any], record_of: Callable[[str, Sequence[Any]], Record]) -> Change:
    """Return the change of a row of the table ``change``; ``record_of`` makes a record of its kind and row.

    Raises
    ------
    AnnotationError
        If it cannot be read.
    """
    *facts, kind, before, after = row
    try:
        records = [None if text is None else record_of(kind, json.loads(text)) for text in (before, after)]
    except ValueError as error:
        raise AnnotationError(f"a logged change cannot be read: {error}") from error
    batch, session, time, reader, record_id = facts
    return Change(batch, session, time, reader, record_id, kind, records[0], records[1])


def inverse_edits(changes: Sequence[Change]) -> tuple[Edit, ...]:
    """Return the edits that take logged changes back, one for each batch, the oldest first: a stack of undo."""
    batches: dict[int, list[Change]] = {}
    for change in changes:
        batches.setdefault(change.batch, []).append(change)
    return tuple(
        CompositeEdit(tuple(map(_inverse, reversed(batch))), title=f"Change before the restart: {batch[0].what}")
        for batch in batches.values()
    )


def _inverse(change: Change) -> Edit:
    before = change.before
    if before is None:
        return UnsayDensity(change.finding_id) if change.kind == DENSITY else RemoveFinding(change.finding_id)
    if isinstance(before, BreastDensity):
        return SayDensity(before)
    return AddFinding(before) if change.after is None else ReplaceFinding(before)
