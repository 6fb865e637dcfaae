"""What the annotation store logs of each change, read again: for undo, for the audit, and for what others did."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mammoviewer.annotations.change_log import CHANGE_COLUMNS, Change, LoggedChange, logged_change, unfolded
from mammoviewer.annotations.density import Record
from mammoviewer.annotations.rows import (
    DENSITY,
    DENSITY_COLUMNS,
    FINDING,
    FINDING_COLUMNS,
    Row,
    finding_of,
    from_row,
)
from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.sqlite_file import KeptInFile


@dataclass(frozen=True)
class Foreign:
    """A record as it is kept now, None where it is gone, and the row that was known of it when that was read."""

    record: Record | None
    row: Row | None
    known: Row | None


class StoreLog(KeptInFile):
    """The part of the store that reads its log.

    Attributes
    ----------
    session
        What the changes made by this object are marked with in the log.
    """

    session: str
    _seen: dict[str, Row]

    def changes(self, *, finding_id: str = "", session: str = "") -> tuple[Change, ...]:
        """Return what was changed, by whom and when, the oldest first: of a finding, of a session, or all.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        wanted, values = _chosen(finding_id, session)
        with self._file.snapshot():
            ids = self._file.rows(f"SELECT DISTINCT finding_id FROM change{wanted}", values)
            found = [change for (record_id,) in ids for change in self._changes_of(record_id)]
        kept = (change for change in found if session in ("", change.session))
        return tuple(sorted(kept, key=lambda change: change.batch))

    def _changes_of(self, record_id: str) -> tuple[Change, ...]:
        """Return all changes of a record: what an outline was follows from what it is, back in time."""
        query = f"SELECT {CHANGE_COLUMNS} FROM change WHERE finding_id = ? ORDER BY seq DESC"
        rows = self._file.rows(query, (record_id,))
        there = self._file.rows(f"SELECT {FINDING_COLUMNS} FROM finding WHERE id = ?", (record_id,))
        return unfolded(map(logged_change, rows), finding_of(there[0]) if there else None)

    def logged(self, *sessions: str) -> tuple[LoggedChange, ...]:
        """Return the changes of sessions, or all, as the log holds them, the oldest first: small, without outlines.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        wanted = f" WHERE session IN ({marks(sessions)})" if sessions else ""
        rows = self._file.rows(f"SELECT {CHANGE_COLUMNS} FROM change{wanted} ORDER BY seq", sessions)
        return tuple(map(logged_change, rows))

    def logged_by_others(self, *sessions: str) -> tuple[tuple[int, str], ...]:
        """Return batch and id of what others than these sessions and this one changed since the first of them began.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        theirs = f"session IN ({marks(sessions)})"
        query = f"""
            SELECT batch, finding_id FROM change
            WHERE seq > (SELECT min(seq) FROM change WHERE {theirs}) AND NOT {theirs} AND session <> ?
        """
        return tuple(self._file.rows(query, (*sessions, *sessions, self.session)))

    def newest_change(self) -> int:
        """Return the number of the newest change of the log; 0 where that cannot be read."""
        try:
            return int(self._file.rows("SELECT coalesce(max(seq), 0) FROM change")[0][0])
        except AnnotationError:
            return 0

    def changed_by_others(self, since: int, also: Collection[str] = ()) -> tuple[int, dict[str, Foreign]]:
        """Return the newest change, and by id what others than this session have changed after change ``since``.

        Parameters
        ----------
        since
            Number of a change.
        also
            Ids of more findings to be read.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        found: dict[str, Foreign] = {}
        with self._file.snapshot():
            rows = self._file.rows("SELECT seq, finding_id, session FROM change WHERE seq > ?", (since,))
            for record_id in dict.fromkeys([*also, *(i for _, i, session in rows if session != self.session)]):
                known = self._seen.get(record_id)
                kind, row = self.there(record_id) or (FINDING, None)
                found[record_id] = Foreign(None if row is None else from_row(kind, row), row, known)
        return max([since, *(seq for seq, _, _ in rows)]), found

    def there(self, record_id: str) -> tuple[str, Row] | None:
        """Return kind and row of a finding or density as they are kept now, None where it is not there.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        for kind, columns in ((FINDING, FINDING_COLUMNS), (DENSITY, DENSITY_COLUMNS)):
            for row in self._file.rows(f"SELECT {columns} FROM {kind} WHERE id = ?", (record_id,)):
                return kind, row
        return None

    def history(self, record_id: str) -> tuple[Change, ...]:
        """Return the changes of a finding or density, the oldest first; none where the file cannot be read."""
        try:
            return self.changes(finding_id=record_id)
        except AnnotationError:
            return ()


def _chosen(finding_id: str, session: str) -> tuple[str, tuple[str, ...]]:
    wanted = {"finding_id": finding_id, "session": session}
    chosen = {name: value for name, value in wanted.items() if value}
    where = " WHERE " + " AND ".join(f"{name} = ?" for name in chosen) if chosen else ""
    return where, tuple(chosen.values())


def marks(values: Collection[str]) -> str:
    """Return as many marks of a query as there are values."""
    return ", ".join("?" * len(values))
