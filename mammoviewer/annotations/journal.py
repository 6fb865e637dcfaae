"""What a reader did that is not in the library yet, kept where a killed program leaves it.

An edit may wait for a slow disk or for another program, and a stroke on a large region for what it makes of it. Until
they are stored they stand in a small SQLite file beside the library. Nothing of it is flushed to disk, so that noting
something takes no longer than a frame: what was handed to the operating system outlives the program, and against a
power cut the library itself is flushed a moment later. The program that writes it keeps it locked; a file that is not
locked is that of a program that was killed, and :mod:`~mammoviewer.annotations.recovery` takes it up.
"""

from __future__ import annotations

import contextlib
import glob
import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from mammoviewer.annotations.density import Record
from mammoviewer.annotations.rows import Row, finding_of, from_row, row_as_text, row_of_text, to_row
from mammoviewer.annotations.step import Act, Step
from mammoviewer.annotations.strokes import PendingStroke, Stroke
from mammoviewer.base.errors import AnnotationError

_EDIT: Final = "edit"
_STROKE: Final = "stroke"
_TURN: Final = "turn"
_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS entry (
        number INTEGER PRIMARY KEY,
        reader TEXT NOT NULL,
        kind TEXT NOT NULL,
        content TEXT NOT NULL
    )
"""
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class JournalledEdit:
    """An edit as it was to be stored.

    Parameters
    ----------
    saved, deleted, step
        As :meth:`~mammoviewer.annotations.store.AnnotationStore.record` takes them.
    known
        The row of each finding of it as it was known before, None for one that was new.
    """

    saved: tuple[Record, ...]
    deleted: tuple[str, ...]
    step: Step
    known: Mapping[str, Row | None]


@dataclass(frozen=True)
class Turn:
    """An undo or redo that waits for strokes, or is being done.

    Parameters
    ----------
    act
        Which of the two.
    of
        The token of the step that it takes back or makes again; empty as long as it waits: it is of the newest then.
    earlier
        The sessions that its own goes on with, the oldest first.
    """

    act: Act
    of: str = ""
    earlier: tuple[str, ...] = ()


Entry: TypeAlias = JournalledEdit | PendingStroke | Turn


class Journal:
    """What waits to be stored, of one session; usable from several threads.

    What cannot be written is told to the log and written with what comes next: it must never stand in the way of an
    edit.

    Parameters
    ----------
    library
        The annotation file beside which it is kept.
    session
        Marks the changes of the session in the library's log.
    """

    def __init__(self, library: Path, session: str) -> None:
        self.path = library.with_name(f"{_prefix(library)}{session}.sqlite")
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._open: set[int] = set()
        self._last = 0
        self._unwritten: list[tuple[str, tuple[Any, ...]]] = []

    def note(self, entry: Entry, reader: str) -> int:
        """Keep what waits, and whose it is; return its number for :meth:`settle`."""
        with self._lock:
            self._last += 1
            self._open.add(self._last)
            values = (self._last, reader, *_as_texts(entry))
            self._write("INSERT INTO entry (number, reader, kind, content) VALUES (?, ?, ?, ?)", values)
            return self._last

    def renew(self, number: int, entry: Entry) -> None:
        """Put what is known by now in the place of an entry of the same kind."""
        with self._lock:
            if number in self._open:
                self._write("UPDATE entry SET content = ? WHERE number = ?", (_as_texts(entry)[1], number))

    def settle(self, number: int) -> None:
        """Forget what is stored now."""
        with self._lock:
            if number in self._open:
                self._open.remove(number)
                self._write("DELETE FROM entry WHERE number = ?", (number,))

    def close(self) -> None:
        """Close the file, and remove it unless something waits still."""
        with self._lock:
            self._unwritten.clear()
            if self._connection is None:
                return
            self._connection.close()
            self._connection = None
            if not self._open:
                _remove(self.path)

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        failed_before = bool(self._unwritten)
        self._unwritten.append((statement, values))
        try:
            if self._connection is None:
                self._connection = _begun(self.path)
            while self._unwritten:
                self._connection.execute(*self._unwritten[0])
                del self._unwritten[0]
        except sqlite3.Error as error:
            if not failed_before:
                _LOGGER.warning("what waits to be stored cannot be noted: %s", error)


class Orphan:
    """The journal of a session whose program is gone, locked while it is open; a context manager.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    session
        Marks the changes of that session in the library's log.
    """

    def __init__(self, path: Path, session: str) -> None:
        self.path = path
        self.session = session
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        """Lock it.

        Raises
        ------
        sqlite3.OperationalError
            If its program runs still, or another one takes it up just now.
        """
        self._connection = _locked(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._connection is not None
        self._connection.close()

    def entries(self) -> tuple[tuple[int, str, Entry | None], ...]:
        """Return number, reader and content of what waits, the oldest first; None for what cannot be read.

        Raises
        ------
        sqlite3.Error
            If the file is damaged.
        """
        assert self._connection is not None
        if not self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'entry'").fetchall():
            # Killed before the table was made.
            return ()
        query = "SELECT number, reader, kind, content FROM entry ORDER BY number"
        rows = self._connection.execute(query).fetchall()
        return tuple((number, reader, _read(kind, content)) for number, reader, kind, content in rows)

    def settle(self, number: int) -> None:
        """Forget what is stored now."""
        assert self._connection is not None
        self._connection.execute("DELETE FROM entry WHERE number = ?", (number,))


@contextlib.contextmanager
def orphans(library: Path) -> Iterator[tuple[Orphan, ...]]:
    """Give the journals beside a library whose programs are gone, locked; those that are empty then are removed."""
    prefix = _prefix(library)
    taken: list[Orphan] = []
    with contextlib.ExitStack() as stack:
        for path in sorted(library.parent.glob(f"{glob.escape(prefix)}*.sqlite"), key=_last_written):
            try:
                taken.append(stack.enter_context(Orphan(path, path.stem.removeprefix(prefix))))
            except sqlite3.OperationalError:
                continue
            except sqlite3.DatabaseError:
                _LOGGER.warning("what a killed program left cannot be read: %s", path.name)
        yield tuple(taken)
        done = [orphan.path for orphan in taken if _is_empty(orphan)]
    for path in done:
        _remove(path)


def _is_empty(orphan: Orphan) -> bool:
    try:
        return not orphan.entries()
    except sqlite3.Error:
        return False


def _last_written(path: Path) -> float:
    """Return when a journal was written last: of two sessions the older one is stored first."""
    times = [0.0]
    for suffix in ("", "-wal"):
        with contextlib.suppress(OSError):
            times.append(path.with_name(path.name + suffix).stat().st_mtime)
    return max(times)


def _prefix(library: Path) -> str:
    return f"{library.name}-waiting-"


def _locked(path: Path) -> sqlite3.Connection:
    """Open a file that no other program can open until this one closes it or ends.

    Raises
    ------
    sqlite3.Error
        If another program has it open, or it is no such file.
    """
    connection = sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        # The first transaction takes the lock; it is kept to the end.
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _begun(path: Path) -> sqlite3.Connection:
    """Open a journal that can be written; raises as :func:`_locked`."""
    connection = _locked(path)
    try:
        connection.execute(_TABLE)
    except BaseException:
        connection.close()
        raise
    return connection


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def _as_texts(entry: Entry) -> tuple[str, str]:
    """Return kind and content of an entry."""
    if isinstance(entry, Turn):
        return _TURN, json.dumps(asdict(entry))
    if isinstance(entry, PendingStroke):
        finding = row_as_text(to_row(entry.finding)[1])
        parts = {"finding": finding, "stroke": asdict(entry.stroke), "shape": entry.shape, "new": entry.new}
        return _STROKE, json.dumps(parts)
    saved = [(kind, row_as_text(row)) for kind, row in map(to_row, entry.saved)]
    known = {record_id: None if row is None else row_as_text(row) for record_id, row in entry.known.items()}
    return _EDIT, json.dumps({"saved": saved, "deleted": entry.deleted, "step": asdict(entry.step), "known": known})


def _read(kind: str, content: str) -> Entry | None:
    try:
        return _READ[kind](json.loads(content))
    except (AnnotationError, ValueError, TypeError, KeyError, AttributeError) as error:
        _LOGGER.warning("a change that a killed program left cannot be read: %s", type(error).__name__)
        return None


def _stroke_of(parts: Mapping[str, Any]) -> PendingStroke:
    drawn = parts["stroke"]
    points = tuple((float(row), float(column)) for row, column in drawn["points"])
    stroke = Stroke(points, int(drawn["width"]), bool(drawn["erase"]))
    rows, columns = map(int, parts["shape"])
    return PendingStroke(finding_of(row_of_text(parts["finding"])), stroke, (rows, columns), new=bool(parts["new"]))


def _edit_of(parts: Mapping[str, Any]) -> JournalledEdit:
    saved = tuple(from_row(str(kind), row_of_text(text)) for kind, text in parts["saved"])
    known = {str(i): None if text is None else row_of_text(text) for i, text in parts["known"].items()}
    step = Step(**{**parts["step"], "act": Act(parts["step"]["act"])})
    return JournalledEdit(saved, tuple(map(str, parts["deleted"])), step, known)


def _turn_of(parts: Mapping[str, Any]) -> Turn:
    return Turn(Act(parts["act"]), str(parts["of"]), tuple(map(str, parts["earlier"])))


_READ: Final[Mapping[str, Callable[[Mapping[str, Any]], Entry]]] = {
    _EDIT: _edit_of,
    _STROKE: _stroke_of,
    _TURN: _turn_of,
}
