"""An SQLite file of the user's that survives crashes and that several programs may use at once.

Every change is one transaction in a write-ahead log that is flushed to disk before it counts as done. A file that
cannot be used is moved aside, unchanged, and its new name is told.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from mammoviewer.base import sqlite_schema
from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.notices import Notice
from mammoviewer.base.sqlite_schema import Schema

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
Kept = TypeVar("Kept")
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class SqliteFile:
    """An open file; usable from several threads.

    Parameters
    ----------
    path
        The file; made, with its folder, if it is not there.
    schema
        What is in it.
    called
        What errors call it, such as "annotation file".
    error
        The kind of error that is raised.
    busy_timeout_s
        How long to wait while another program writes.
    write_patience_s
        How long a change waits for that, once the file is open; as long by default.

    Raises
    ------
    MammoViewerError
        Of the kind ``error``, if the file is in use, cannot be written, is damaged, or is of another version or
        program. In the last three cases it is first moved aside to a name that the error tells; opening again starts
        a new file.
    """

    def __init__(
        self,
        path: Path,
        schema: Schema,
        *,
        called: str,
        error: type[MammoViewerError],
        busy_timeout_s: float = 5.0,
        write_patience_s: float | None = None,
    ) -> None:
        self.path = path
        self._schema = schema
        self._called = called
        self._error = error
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise error(f"the folder cannot be made: {problem.strerror}", path=path.parent) from problem
        with self.errors():
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

    def close(self) -> None:
        """Close the file; it cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query.

        Raises
        ------
        MammoViewerError
            If the file cannot be read.
        """
        with self.errors():
            return self._connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Change the file: all that happens in the block or nothing.

        Raises
        ------
        MammoViewerError
            If it cannot be written; the file is then as it was.
        """
        with self.errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read the file as it is now in all queries of the block, whatever other programs write meanwhile.

        Raises
        ------
        MammoViewerError
            If it cannot be read.
        """
        with self.errors():
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Hold the lock and turn SQLite's errors into ours."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise self._translated(error) from error
            except (UnicodeError, OverflowError) as error:
                raise self._error(f"it cannot be kept in the {self._called}: {error}", path=self.path) from error

    def shrink(self) -> None:
        """Give the room of what was deleted back, so that nothing of it stays in the file or its log.

        Raises
        ------
        MammoViewerError
            If the file cannot be written.
        """
        with self.errors():
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

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
        with self.errors():
            try:
                # Looked at before anything is set, because setting the journal mode already writes.
                sqlite_schema.check(self._connection, self._schema)
                self._write_ahead()
                self._connection.execute("PRAGMA synchronous = FULL")
                sqlite_schema.upgrade(self._connection, self.path, self._schema)
                verdict = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                unusable = "" if verdict == "ok" else "it is damaged"
            except sqlite_schema.ForeignFile as error:
                unusable = str(error)
                # Refused as locked while another program has the file open; else takes its log into the file.
                self._connection.execute("PRAGMA journal_mode = DELETE")
            except sqlite3.DatabaseError as error:
                if _kind(error) not in _DAMAGED:
                    raise
                unusable = "it is damaged"
        if unusable:
            self._connection.close()
            raise self._moved_aside(f"the {self._called} cannot be used: {unusable}")

    def _translated(self, error: sqlite3.Error) -> MammoViewerError:
        if _kind(error) in _BUSY:
            reason, hint = f"the {self._called} is in use by another program", "close it and try again"
        elif _kind(error) in _DAMAGED:
            reason = f"the {self._called} is damaged"
            hint = "start again: it is then moved aside and a new one begun"
        else:
            reason = f"the {self._called} cannot be used: {error}"
            hint = "check that the file and its folder can be written and that the disk is not full"
        return self._error(reason, hint=hint, path=self.path)

    def _moved_aside(self, reason: str) -> MammoViewerError:
        """Move the file and its log out of the way and return the error that says so."""
        path = self.path
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        target = path.with_name(f"{path.name}.bad-{stamp}")
        try:
            for suffix in ("", "-wal", "-shm"):
                part = path.with_name(path.name + suffix)
                if part.exists():
                    part.rename(target.with_name(target.name + suffix))
        except OSError as error:
            return self._error(reason, hint=f"move it away by hand: {error.strerror}", path=path)
        return self._error(
            reason, hint=f"it was kept as {target.name}; a new file is begun at the next start", path=path
        )


class KeptInFile:
    """Base of what is kept in an :class:`SqliteFile`: closes it, also as a context manager."""

    _file: SqliteFile

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what is kept in it cannot be used afterwards."""
        self._file.close()


def open_or_begin_anew(path: Path, make: Callable[[], Kept]) -> tuple[Kept, Notice | None]:
    """Open what is kept in a file; where the file had to be moved aside, begin a new one, with the notice of that.

    Raises
    ------
    MammoViewerError
        As ``make`` does, if the file is in use or cannot be written.
    """
    try:
        return make(), None
    except MammoViewerError as error:
        if path.exists():
            raise
        return make(), Notice.from_error(error)


def _kind(error: sqlite3.Error) -> int:
    """Return the primary result code; extended codes carry it in their low byte."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
