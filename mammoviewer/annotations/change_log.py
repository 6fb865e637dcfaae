"""Who changed what and when: written in the transaction of the change itself, and never rewritten.

Of a long outline that was changed the log holds only what differs: a few hundred bytes a stroke. What the outline was
follows from what it is now, change by change, back in time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mammoviewer.annotations.density import BreastDensity, Record
from mammoviewer.annotations.finding import Finding, utc_now
from mammoviewer.annotations.outline_patch import outline_patch, patched, unpacked_points
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.rows import (
    DENSITY,
    FINDING,
    KIND_PLACE,
    POINTS_PLACE,
    Row,
    finding_of,
    from_row,
    row_as_text,
    row_of_text,
)
from mammoviewer.annotations.step import UNKNOWN, Act, Step
from mammoviewer.base.errors import AnnotationError

CHANGE_COLUMNS: Final = "batch, session, time, reader, finding_id, act, token, of, title, kind, before, after, back"
"""The column ``finding_id`` holds the id of a record of either kind."""
NOWHERE: Final = Roi(RoiKind.POINT, ((0.0, 0.0),))
"""The region of findings whose own is not looked at."""


@dataclass(frozen=True)
class Change:
    """A finding or a density before and after an edit, None where it was not there.

    ``kind`` is ``"finding"`` or ``"density"``; what changed together shares ``batch``. ``reshaped`` says that the
    region changed where it is not told here how.
    """

    batch: int
    session: str
    time: str
    reader: str
    finding_id: str
    kind: str
    before: Record | None
    after: Record | None
    step: Step = UNKNOWN
    reshaped: bool = False

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
        if self.reshaped and "roi" not in changed:
            changed.append("roi")
        return ", ".join("region" if name == "roi" else name for name in changed) or "saved again"


@dataclass(frozen=True)
class LoggedChange:
    """A change as the log holds it: rows instead of records, without the points of a long outline.

    ``back`` makes the outline before of the one after it, see
    :func:`~mammoviewer.annotations.outline_patch.outline_patch`; empty where they are the same, None where the rows
    hold all points.
    """

    batch: int
    session: str
    time: str
    reader: str
    record_id: str
    step: Step
    kind: str
    before: Row | None
    after: Row | None
    back: bytes | None

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the rows that are there."""
        return tuple(row for row in (self.before, self.after) if row is not None)

    def owner(self, row: Row) -> tuple[str, str]:
        """Return the kind and the UID of the image or examination that a row is about."""
        return self.kind, row[1]


def log_changes(
    connection: sqlite3.Connection,
    changed: Mapping[str, tuple[str, Row] | None],
    *,
    session: str,
    reader: str,
    step: Step = UNKNOWN,
) -> None:
    """Write what is about to change: kind and row of its table by id, None for what goes.

    Must run in the transaction of the change, before it.
    """
    (batch,) = connection.execute(
        "SELECT coalesce((SELECT batch FROM change ORDER BY seq DESC LIMIT 1), 0) + 1"
    ).fetchone()
    time = utc_now()
    entries = []
    for record_id, after in changed.items():
        before = _row_of(connection, record_id)
        known = after or before
        if known is None:
            continue
        rows = (before[1] if before is not None else None, after[1] if after is not None else None)
        by = (batch, session, time, reader, record_id, step.act.value, step.token, step.of, step.title)
        entries.append((*by, known[0], *_as_logged(*rows)))
    marks = ", ".join("?" * 13)
    connection.executemany(f"INSERT INTO change ({CHANGE_COLUMNS}) VALUES ({marks})", entries)


def _as_logged(before: Row | None, after: Row | None) -> tuple[str | None, str | None, bytes | None]:
    """Return the rows as text and, where both have a long outline, what makes the first of the second."""
    back = None
    if before is not None and after is not None and isinstance(before[POINTS_PLACE], bytes):
        now, then = after[POINTS_PLACE], before[POINTS_PLACE]
        if isinstance(now, bytes):
            same = now == then and after[KIND_PLACE] == before[KIND_PLACE]
            back = b"" if same else outline_patch(unpacked_points(now), unpacked_points(then))
            before, after = (_without_points(row) for row in (before, after))
    texts = tuple(None if row is None else row_as_text(row) for row in (before, after))
    return texts[0], texts[1], back


def _without_points(row: Row) -> Row:
    return (*row[:POINTS_PLACE], None, *row[POINTS_PLACE + 1 :])


def _row_of(connection: sqlite3.Connection, record_id: str) -> tuple[str, Row] | None:
    """Return kind and row of a record, in the order of its table, which is that of the rows given too."""
    for kind in (FINDING, DENSITY):
        row = connection.execute(f"SELECT * FROM {kind} WHERE id = ?", (record_id,)).fetchone()
        if row is not None:
            return kind, row
    return None


def logged_change(row: Sequence[Any]) -> LoggedChange:
    """Return the change of a row of the table ``change``.

    Raises
    ------
    AnnotationError
        If it cannot be read.
    """
    batch, session, time, reader, record_id, act, token, of, title, kind, before, after, back = row
    try:
        rows = [None if text is None else row_of_text(text) for text in (before, after)]
        step = Step(Act(act), token, of, title)
    except ValueError as error:
        raise AnnotationError(f"a logged change cannot be read: {error}") from error
    return LoggedChange(batch, session, time, reader, record_id, step, kind, rows[0], rows[1], back)


def unfolded(logged: Iterable[LoggedChange], now: Record | None) -> tuple[Change, ...]:
    """Return all changes of one record with what it was, the oldest first.

    Parameters
    ----------
    logged
        All of them, the newest first.
    now
        The record as it is now, None where it is gone.

    Raises
    ------
    AnnotationError
        If one of them cannot be read.
    """
    changes = []
    roi = now.roi if isinstance(now, Finding) else None
    for entry in logged:
        if entry.back is None:
            before, after = (None if r is None else from_row(entry.kind, r) for r in (entry.before, entry.after))
            roi = before.roi if isinstance(before, Finding) else None
        else:
            if roi is None or entry.before is None or entry.after is None:
                raise AnnotationError("a logged change of an outline cannot be read: the outline after it is missing")
            after = finding_of(entry.after, roi)
            if entry.back:
                roi = Roi.of_outline(RoiKind(entry.before[KIND_PLACE]), patched(roi.outline(), entry.back))
            before = finding_of(entry.before, roi)
        by = (entry.batch, entry.session, entry.time, entry.reader, entry.record_id, entry.kind)
        changes.append(Change(*by, before, after, entry.step))
    return tuple(reversed(changes))


def described(entry: LoggedChange) -> Change:
    """Return a change without long outlines, which are a point here: all else of it is what was logged, and quick.

    Raises
    ------
    AnnotationError
        If it cannot be read.
    """
    by = (entry.batch, entry.session, entry.time, entry.reader, entry.record_id, entry.kind)
    if entry.back is None:
        before, after = (None if row is None else from_row(entry.kind, row) for row in (entry.before, entry.after))
        return Change(*by, before, after, entry.step)
    findings = [None if row is None else finding_of(row, NOWHERE) for row in (entry.before, entry.after)]
    return Change(*by, findings[0], findings[1], entry.step, reshaped=bool(entry.back))
