"""Where findings are kept: one SQLite file, written as each edit is made.

Every edit is one transaction in a write-ahead log that is flushed to disk before the edit counts as done, so that
neither a killed program nor a power cut loses or halves one. Several programs may use the file at once.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mammoviewer.annotations import store_schema
from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.notices import Notice

_COLUMNS = "id, image_uid, frame, kind, points, label, note, assessment, origin, score, reader, created, modified"
_SAVE = f"INSERT OR REPLACE INTO finding ({_COLUMNS}) VALUES ({', '.join('?' * 13)})"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_UIDS_PER_QUERY = 500


class AnnotationStore:
    """An open annotation file; usable from several threads, and as a context manager.

    Parameters
    ----------
    path
        The SQLite file; made, with its folder, if it is not there.
    busy_timeout_s
        How long to wait while another program writes.
    write_patience_s
        How long an edit waits for that, once the file is open; as long by default.

    Raises
    ------
    AnnotationError
        If the file is in use, cannot be written, is damaged, or is of another version or program. In the last three
        cases it is first moved aside, unchanged, to a name that the error tells; opening again starts a new file.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = 5.0, write_patience_s: float | None = None) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AnnotationError(f"the folder cannot be made: {error.strerror}", path=path.parent) from error
        with self._errors():
            # isolation_level None: transactions begin and end where this module says so.
            self._connection = sqlite3.connect(
                path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
            )
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise
        if write_patience_s is not None:
            self._connection.execute(f"PRAGMA busy_timeout = {round(write_patience_s * 1000)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    def load(self, image_uids: Sequence[str] | None = None) -> tuple[Finding, ...]:
        """Return the findings of these images, or all, in the order in which they were made.

        Raises
        ------
        AnnotationError
            If the file cannot be read.
        """
        with self._errors():
            if image_uids is None:
                rows = self._connection.execute(f"SELECT {_COLUMNS} FROM finding").fetchall()
            else:
                rows = [row for uids in _chunks(image_uids) for row in self._rows_of(uids)]
        return tuple(sorted((_from_row(row) for row in rows), key=lambda f: (f.created, f.id)))

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

    def record(self, saved: tuple[Finding, ...], deleted: tuple[str, ...]) -> None:
        """Keep one edit as one transaction: all of it or nothing.

        Raises
        ------
        AnnotationError
            If it cannot be written; the file is then as it was.
        """
        with self._errors(), self._transaction():
            self._connection.executemany("DELETE FROM finding WHERE id = ?", [(i,) for i in deleted])
            self._connection.executemany(_SAVE, [_to_row(finding) for finding in saved])

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
        with self._errors():
            return tuple(row[0] for row in self._connection.execute(query))

    def _write_ahead(self) -> None:
        """Switch to write-ahead logging; a program that opens the new file just now makes this wait.

        SQLite answers "locked" at once here, without the connection's own patience, when two switch together.
        """
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if _kind(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def _prepare(self) -> None:
        unusable = ""
        with self._errors():
            try:
                # Looked at before anything is set, because setting the journal mode already writes.
                store_schema.check(self._connection, len(store_schema.MIGRATIONS))
                self._write_ahead()
                self._connection.execute("PRAGMA synchronous = FULL")
                store_schema.upgrade(self._connection, self.path)
                verdict = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                unusable = "" if verdict == "ok" else "it is damaged"
            except store_schema.ForeignFile as error:
                unusable = str(error)
                # Refused as locked while another program has the file open; else takes its log into the file.
                self._connection.execute("PRAGMA journal_mode = DELETE")
            except sqlite3.DatabaseError as error:
                if _kind(error) not in _DAMAGED:
                    raise
                unusable = "it is damaged"
        if unusable:
            self._connection.close()
            raise _moved_aside(self.path, f"the annotation file cannot be used: {unusable}")

    def _rows_of(self, image_uids: Sequence[str]) -> list[tuple[Any, ...]]:
        marks = ", ".join("?" * len(image_uids))
        query = f"SELECT {_COLUMNS} FROM finding WHERE image_uid IN ({marks})"
        return self._connection.execute(query, tuple(image_uids)).fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Hold the lock and turn SQLite's errors into ours."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise self._translated(error) from error

    def _translated(self, error: sqlite3.Error) -> AnnotationError:
        if _kind(error) in _BUSY:
            reason, hint = "the annotation file is in use by another program", "close it and try again"
        elif _kind(error) in _DAMAGED:
            reason, hint = "the annotation file is damaged", "start again: it is then moved aside and a new one begun"
        else:
            reason = f"the annotation file cannot be used: {error}"
            hint = "check that the file and its folder can be written and that the disk is not full"
        return AnnotationError(reason, hint=hint, path=self.path)


def open_store(path: Path, *, write_patience_s: float | None = None) -> tuple[AnnotationStore, Notice | None]:
    """Open the store; where the file had to be moved aside, begin a new one and return the notice that says so.

    Raises
    ------
    AnnotationError
        If the file is in use or cannot be written.
    """
    try:
        return AnnotationStore(path, write_patience_s=write_patience_s), None
    except AnnotationError as error:
        if path.exists():
            raise
        return AnnotationStore(path, write_patience_s=write_patience_s), Notice.from_error(error)


def _kind(error: sqlite3.Error) -> int:
    """Return the primary result code; extended codes carry it in their low byte."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _moved_aside(path: Path, reason: str) -> AnnotationError:
    """Move a file and its log out of the way and return the error that says so."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    target = path.with_name(f"{path.name}.bad-{stamp}")
    try:
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(target.with_name(target.name + suffix))
    except OSError as error:
        return AnnotationError(reason, hint=f"move it away by hand: {error.strerror}", path=path)
    return AnnotationError(
        reason, hint=f"it was kept as {target.name}; a new file is begun at the next start", path=path
    )


def _chunks(uids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split, because SQLite bounds the number of values of one query."""
    for start in range(0, len(uids), _UIDS_PER_QUERY):
        yield uids[start : start + _UIDS_PER_QUERY]


def _to_row(finding: Finding) -> tuple[Any, ...]:
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
    )


def _from_row(row: tuple[Any, ...]) -> Finding:
    finding_id, image_uid, frame, kind, points, *rest = row
    try:
        roi = Roi(RoiKind(kind), tuple(map(tuple, json.loads(points))))
        return Finding(finding_id, image_uid, frame, roi, *rest)
    except (ValueError, TypeError) as error:
        raise AnnotationError(f"a stored finding cannot be read: {error}") from error
