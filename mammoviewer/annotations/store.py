"""Where findings are kept: one SQLite file, written as each edit is made.

Every edit is one transaction in a write-ahead log that is flushed to disk before the edit counts as done, so that
neither a killed program nor a power cut loses or halves one. Several programs may use the file at once: what
another one said of a finding since it was read here is kept as a finding of its own before it is replaced or removed.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.change_log import CHANGE_COLUMNS, DENSITY, FINDING, Change, change_of, log_changes
from mammoviewer.annotations.density import BreastDensity, Record, examination_of
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.store_schema import SCHEMA
from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.notices import Notice
from mammoviewer.base.sqlite_file import KeptInFile, SqliteFile, open_or_begin_anew
from mammoviewer.dicom.attributes import ImageAttributes

_COLUMNS = (
    "id, image_uid, frame, kind, points, label, note, assessment, origin, score, reader, created, modified, "
    "descriptors, lesion, confidence"
)
_SAVE = f"INSERT OR REPLACE INTO finding ({_COLUMNS}) VALUES ({', '.join('?' * 16)})"
_DENSITY_COLUMNS = "id, study_uid, laterality, value, reader, modified, terms"
_SAY = f"INSERT OR REPLACE INTO density ({_DENSITY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_UIDS_PER_QUERY = 500


class AnnotationStore(KeptInFile):
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
    session
        What the changes made by this object are marked with in the log.
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
            rows = self._file.rows(f"SELECT {_COLUMNS} FROM finding")
        else:
            rows = [row for uids in _chunks(image_uids) for row in self._rows_of(uids)]
        self._seen.update((row[0], row) for row in rows)
        return tuple(sorted((from_row(row) for row in rows), key=lambda f: (f.created, f.id)))

    def densities(self, study_uids: Sequence[str] | None = None) -> tuple[BreastDensity, ...]:
        """Return the densities of the breasts of these examinations, or all, in the order of their last change.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        query = f"SELECT {_DENSITY_COLUMNS} FROM density"
        if study_uids is None:
            rows = self._file.rows(query)
        else:
            parts = ((f"{query} WHERE study_uid IN ({_marks(uids)})", tuple(uids)) for uids in _chunks(study_uids))
            rows = [row for part in parts for row in self._file.rows(*part)]
        return tuple(sorted(map(_density_of, rows), key=lambda density: (density.modified, density.id)))

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

    def record(self, saved: tuple[Record, ...], deleted: tuple[str, ...]) -> None:
        """Keep one edit as one transaction: all of it or nothing.

        A finding that another program has changed since it was read or kept here stays as a copy with an id of its own.

        Raises
        ------
        AnnotationError
            If it cannot be written; the file is then as it was.
        """
        rows = {record.id: _to_row(record) for record in saved}
        gone = [(record_id,) for record_id in deleted]
        with self._file.transaction() as connection:
            copies = self._changed_elsewhere(connection, rows, deleted)
            # No step of this session: undo of the edit after a restart leaves what another program said.
            log_changes(connection, copies, session="", reader=self.reader)
            connection.executemany(_SAVE, [row for _, row in copies.values()])
            log_changes(connection, {**dict.fromkeys(deleted), **rows}, session=self.session, reader=self.reader)
            for kind, save in ((FINDING, _SAVE), (DENSITY, _SAY)):
                connection.executemany(f"DELETE FROM {kind} WHERE id = ?", gone)
                connection.executemany(save, [row for found, row in rows.values() if found == kind])
        self._seen.update((record_id, row) for record_id, (kind, row) in rows.items() if kind == FINDING)

    def _changed_elsewhere(
        self, connection: sqlite3.Connection, rows: Mapping[str, tuple[str, tuple[Any, ...]]], deleted: Sequence[str]
    ) -> dict[str, tuple[str, tuple[Any, ...]]]:
        """Return, under new ids, what another program made of the findings that are about to change or go."""
        query = f"SELECT {_COLUMNS} FROM finding WHERE id = ?"
        copies = {}
        for record_id in (*rows, *deleted):
            known = self._seen.get(record_id)
            there = connection.execute(query, (record_id,)).fetchone() if known is not None else None
            if there is not None and there not in (known, rows.get(record_id, ("", ()))[1]):
                copy_id = uuid.uuid4().hex
                copies[copy_id] = (FINDING, (copy_id, *there[1:]))
        return copies

    def changes(self, *, finding_id: str = "", session: str = "") -> tuple[Change, ...]:
        """Return what was changed, by whom and when, the oldest first: of a finding, of a session, or all.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        wanted = {"finding_id": finding_id, "session": session}
        chosen = {name: value for name, value in wanted.items() if value}
        where = " WHERE " + " AND ".join(f"{name} = ?" for name in chosen) if chosen else ""
        rows = self._file.rows(f"SELECT {CHANGE_COLUMNS} FROM change{where} ORDER BY seq", tuple(chosen.values()))
        return tuple(change_of(row, _record_of) for row in rows)

    def history(self, record_id: str) -> tuple[Change, ...]:
        """Return the changes of a finding or density, the oldest first; none where the file cannot be read."""
        try:
            return self.changes(finding_id=record_id)
        except AnnotationError:
            return ()

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
        query = f"SELECT {_COLUMNS} FROM finding WHERE image_uid IN ({_marks(image_uids)})"
        return self._file.rows(query, tuple(image_uids))


def open_store(path: Path, *, write_patience_s: float | None = None) -> tuple[AnnotationStore, Notice | None]:
    """Open the store; where the file had to be moved aside, begin a new one and return the notice that says so.

    Raises
    ------
    AnnotationError
        If the file is in use or cannot be written.
    """
    return open_or_begin_anew(path, lambda: AnnotationStore(path, write_patience_s=write_patience_s))


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def _chunks(uids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split, because SQLite bounds the number of values of one query."""
    for start in range(0, len(uids), _UIDS_PER_QUERY):
        yield uids[start : start + _UIDS_PER_QUERY]


def _to_row(record: Record) -> tuple[str, tuple[Any, ...]]:
    """Return kind and row of a record."""
    if isinstance(record, BreastDensity):
        said = (record.study_uid, record.laterality, record.value, record.reader, record.modified, record.terms)
        return DENSITY, (record.id, *said)
    return FINDING, _finding_row(record)


def _record_of(kind: str, row: Sequence[Any]) -> Record:
    return _density_of(row) if kind == DENSITY else from_row(row)


def _density_of(row: Sequence[Any]) -> BreastDensity:
    try:
        return BreastDensity(*row[1:])
    except TypeError as error:
        raise AnnotationError(f"a stored density cannot be read: {error}") from error


def _finding_row(finding: Finding) -> tuple[Any, ...]:
    return (
        finding.id,
        finding.image_uid,
        finding.frame,
        finding.roi.kind.value,
        json.dumps(finding.roi.points),
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


def from_row(row: Sequence[Any]) -> Finding:
    """Return the finding of a row of the table.

    Raises
    ------
    AnnotationError
        If it is none.
    """
    finding_id, image_uid, frame, kind, points, *rest, descriptors, lesion, confidence = row
    try:
        roi = Roi(RoiKind(kind), tuple(map(tuple, json.loads(points))))
        described = tuple((name, term) for name, term in json.loads(descriptors))
        values: list[Any] = [finding_id, image_uid, frame, roi, *rest, described, lesion, confidence]
        return Finding(*values)
    except (ValueError, TypeError) as error:
        raise AnnotationError(f"a stored finding cannot be read: {error}") from error
