"""Where findings are kept: one SQLite file, written as each edit is made.

Every edit is one transaction in a write-ahead log that is flushed to disk before the edit counts as done, so that
neither a killed program nor a power cut loses or halves one. Several programs may use the file at once: what
another one said of a finding since it was read here is kept as a finding of its own before it is replaced or removed.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.change_log import (
    log_changes,
)
from mammoviewer.annotations.density import BreastDensity, Record, examination_of
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.rows import (
    DENSITY,
    DENSITY_COLUMNS,
    FINDING,
    FINDING_COLUMNS,
    Row,
    density_of,
    finding_of,
    to_row,
)
from mammoviewer.annotations.step import UNKNOWN, Step
from mammoviewer.annotations.store_log import Foreign, StoreLog, marks
from mammoviewer.annotations.store_schema import SCHEMA
from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.sqlite_file import SqliteFile
from mammoviewer.dicom.attributes import ImageAttributes

_SAVE = f"INSERT OR REPLACE INTO finding ({FINDING_COLUMNS}) VALUES ({', '.join('?' * 16)})"
_SAY = f"INSERT OR REPLACE INTO density ({DENSITY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_UIDS_PER_QUERY = 500


class AnnotationStore(StoreLog):
    """An open annotation file; usable from several threads, and as a context manager.

    Parameters
    ----------
    path
        The SQLite file; made, with its folder, if it is not there.
    busy_timeout_s
        How long to wait while another program writes.
    write_patience_s
        How long an edit waits for that, once the file is open; as long by default.

    Attributes
    ----------
    earlier
        The sessions that this one goes on with, the oldest first; empty by default.
    reader
        Whose changes they are; may be set at any time.

    Raises
    ------
    AnnotationError
        If the file is in use, cannot be written, is damaged, or is of another version or program. In the last three
        cases it is first moved aside, unchanged, to a name that the error tells; opening again starts a new file.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = 5.0, write_patience_s: float | None = None) -> None:
        self.path = path
        self.session = uuid.uuid4().hex
        self.earlier: tuple[str, ...] = ()
        self.reader = ""
        self._seen: dict[str, tuple[Any, ...]] = {}
        self._file = SqliteFile(
            path,
            SCHEMA,
            called="annotation file",
            error=AnnotationError,
            busy_timeout_s=busy_timeout_s,
            write_patience_s=write_patience_s,
        )

    def load(self, image_uids: Sequence[str] | None = None) -> tuple[Finding, ...]:
        """Return the findings of these images, or all, in the order in which they were made.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        if image_uids is None:
            rows = self._file.rows(f"SELECT {FINDING_COLUMNS} FROM finding")
        else:
            rows = [row for uids in _chunks(image_uids) for row in self._rows_of(uids)]
        self._seen.update((row[0], row) for row in rows)
        return tuple(sorted((finding_of(row) for row in rows), key=lambda f: (f.created, f.id)))

    def densities(self, study_uids: Sequence[str] | None = None) -> tuple[BreastDensity, ...]:
        """Return the densities of the breasts of these examinations, or all, in the order of their last change.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        query = f"SELECT {DENSITY_COLUMNS} FROM density"
        if study_uids is None:
            rows = self._file.rows(query)
        else:
            parts = ((f"{query} WHERE study_uid IN ({marks(uids)})", tuple(uids)) for uids in _chunks(study_uids))
            rows = [row for part in parts for row in self._file.rows(*part)]
        return tuple(sorted(map(density_of, rows), key=lambda density: (density.modified, density.id)))

    def show_in(self, annotations: AnnotationSet, images: Sequence[ImageAttributes]) -> None:
        """Load what is kept of images, and of the breasts of their examinations, into a set.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        examinations = list(dict.fromkeys(map(examination_of, images)))
        annotations.load(self.load([image.identity for image in images]), self.densities(examinations))

    def save(self, finding: Finding) -> None:
        """Keep a new or changed finding.

        Raises
        ------
        AnnotationError
            If it cannot be written.
        """
        self.record((finding,), ())

    def delete(self, finding_id: str) -> None:
        """Forget a finding; nothing happens if it is not there.

        Raises
        ------
        AnnotationError
            If the file cannot be written.
        """
        self.record((), (finding_id,))

    def record(
        self,
        saved: tuple[Record, ...],
        deleted: tuple[str, ...],
        step: Step = UNKNOWN,
        *,
        reader: str | None = None,
    ) -> None:
        """Keep one edit as one transaction: all of it or nothing.

        A finding that another program has changed since it was read or kept here stays as a copy with an id of its own.

        Parameters
        ----------
        saved
            What was added or changed.
        deleted
            Ids of what was removed.
        step
            How the edit came about.
        reader
            Whose edit it is; that of :attr:`reader` when None.

        Raises
        ------
        AnnotationError
            If it cannot be written; the file is then as it was.
        """
        rows = {record.id: to_row(record) for record in saved}
        gone = [(record_id,) for record_id in deleted]
        who = self.reader if reader is None else reader
        with self._file.transaction() as connection:
            copies = self._changed_elsewhere(connection, rows, deleted)
            # No step of this session: undo of the edit after a restart leaves what another program said.
            log_changes(connection, copies, session="", reader=who)
            connection.executemany(_SAVE, [row for _, row in copies.values()])
            changed = {**dict.fromkeys(deleted), **rows}
            log_changes(connection, changed, session=self.session, reader=who, step=step)
            for kind, save in ((FINDING, _SAVE), (DENSITY, _SAY)):
                connection.executemany(f"DELETE FROM {kind} WHERE id = ?", gone)
                connection.executemany(save, [row for found, row in rows.values() if found == kind])
        self._seen.update((record_id, row) for record_id, (kind, row) in rows.items() if kind == FINDING)

    def _changed_elsewhere(
        self, connection: sqlite3.Connection, rows: Mapping[str, tuple[str, tuple[Any, ...]]], deleted: Sequence[str]
    ) -> dict[str, tuple[str, tuple[Any, ...]]]:
        """Return, under new ids, what another program made of the findings that are about to change or go."""
        query = f"SELECT {FINDING_COLUMNS} FROM finding WHERE id = ?"
        copies = {}
        for record_id in (*rows, *deleted):
            known = self._seen.get(record_id)
            there = connection.execute(query, (record_id,)).fetchone() if known is not None else None
            if there is not None and there not in (known, rows.get(record_id, ("", ()))[1]):
                copy_id = uuid.uuid4().hex
                copies[copy_id] = (FINDING, (copy_id, *there[1:]))
        return copies

    def known(self, record_id: str) -> Row | None:
        """Return the row of a finding as it was when it was last read or kept here, None where it never was."""
        return self._seen.get(record_id)

    def knew(self, record_id: str, row: Row) -> None:
        """Note the row of a finding as it was known to a session that is recorded for."""
        self._seen[record_id] = row

    def saw(self, record_id: str, foreign: Foreign) -> bool:
        """Note that what others made of a finding is known here; False where it was changed here since it was read."""
        if self._seen.get(record_id) is not foreign.known:
            return False
        if isinstance(foreign.record, Finding) and foreign.row is not None:
            self._seen[record_id] = foreign.row
        elif foreign.row is None:
            self._seen.pop(record_id, None)
        return True

    def attach(self, annotations: AnnotationSet) -> Callable[[], None]:
        """Keep every later edit of ``annotations`` before it takes effect; return a function that ends this.

        An edit that cannot be kept raises :class:`AnnotationError` and does not happen.
        """
        return annotations.record_with(self.record)

    def labels(self) -> tuple[str, ...]:
        """Return the class labels in use, the most used first.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        query = "SELECT label FROM finding WHERE label <> '' GROUP BY label ORDER BY count(*) DESC, label"
        return tuple(row[0] for row in self._file.rows(query))

    def readers(self) -> tuple[str, ...]:
        """Return the names of readers who have said something, in order.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        query = """
            SELECT reader FROM finding WHERE reader <> '' AND origin = 'reader'
            UNION SELECT reader FROM density WHERE reader <> '' ORDER BY reader
        """
        return tuple(row[0] for row in self._file.rows(query))

    def tallies(self) -> dict[str, tuple[int, str]]:
        """Return per image how many findings it has and when one of them was last made or changed.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        query = "SELECT image_uid, count(*), max(max(created, modified)) FROM finding GROUP BY image_uid"
        return {uid: (count, last) for uid, count, last in self._file.rows(query)}

    def _rows_of(self, image_uids: Sequence[str]) -> list[tuple[Any, ...]]:
        query = f"SELECT {FINDING_COLUMNS} FROM finding WHERE image_uid IN ({marks(image_uids)})"
        return self._file.rows(query, tuple(image_uids))


def _chunks(uids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split, because SQLite bounds the number of values of one query."""
    for start in range(0, len(uids), _UIDS_PER_QUERY):
        yield uids[start : start + _UIDS_PER_QUERY]
