"""Who changed what and when: written in the transaction of the change itself, and never rewritten."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mammoviewer.annotations.edits import AddFinding, CompositeEdit, Edit, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import Finding, utc_now
from mammoviewer.base.errors import AnnotationError

CHANGE_COLUMNS = "batch, session, time, reader, finding_id, before, after"


@dataclass(frozen=True)
class Change:
    """One finding before and after an edit; None where it was not there. What changed together shares ``batch``."""

    batch: int
    session: str
    time: str
    reader: str
    finding_id: str
    before: Finding | None
    after: Finding | None

    @property
    def what(self) -> str:
        """Return ``added``, ``removed``, or the names of the fields that were changed."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        names = ("label", "note", "assessment", "roi", "frame", "descriptors", "lesion", "confidence", "score")
        changed = [name for name in names if getattr(self.before, name) != getattr(self.after, name)]
        return ", ".join("region" if name == "roi" else name for name in changed) or "saved again"


def log_changes(
    connection: sqlite3.Connection, changed: Mapping[str, tuple[Any, ...] | None], *, session: str, reader: str
) -> None:
    """Write what is about to change: rows of the table ``finding`` by id, None for those that go.

    Must run in the transaction of the change, before it.
    """
    (batch,) = connection.execute("SELECT coalesce(max(batch), 0) + 1 FROM change").fetchone()
    time = utc_now()
    entries = []
    for finding_id, after in changed.items():
        # In the order of the table, which is that of the rows given too.
        before = connection.execute("SELECT * FROM finding WHERE id = ?", (finding_id,)).fetchone()
        if before is None and after is None:
            continue
        texts = (None if row is None else json.dumps(row) for row in (before, after))
        entries.append((batch, session, time, reader, finding_id, *texts))
    connection.executemany(f"INSERT INTO change ({CHANGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", entries)


def change_of(row: Sequence[Any], finding_of: Callable[[Sequence[Any]], Finding]) -> Change:
    """Return the change of a row of the table ``change``.

    Raises
    ------
    AnnotationError
        If it cannot be read.
    """
    *facts, before, after = row
    try:
        findings = [None if text is None else finding_of(json.loads(text)) for text in (before, after)]
    except ValueError as error:
        raise AnnotationError(f"a logged change cannot be read: {error}") from error
    return Change(*facts, *findings)


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
    if change.before is None:
        return RemoveFinding(change.finding_id)
    if change.after is None:
        return AddFinding(change.before)
    return ReplaceFinding(change.before)
