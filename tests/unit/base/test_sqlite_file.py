"""The file under every store: its own kind of error, whole transactions, nothing left of what was deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mammoviewer.base.errors import SettingsError
from mammoviewer.base.sqlite_file import SqliteFile
from mammoviewer.base.sqlite_schema import Schema

SCHEMA = Schema(0x1234, (("CREATE TABLE word (text TEXT)",),))


def _open(path: Path) -> SqliteFile:
    return SqliteFile(path, SCHEMA, called="word list", error=SettingsError, busy_timeout_s=0.1)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SqliteFile]:
    opened = _open(tmp_path / "words.sqlite")
    yield opened
    opened.close()


def test_errors_are_of_the_kind_asked_for_and_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "words.sqlite"
    path.write_bytes(b"rubbish" * 200)
    with pytest.raises(SettingsError, match="the word list cannot be used: it is damaged"):
        _open(path)
    assert not path.exists()


def test_a_transaction_that_fails_leaves_nothing(file: SqliteFile) -> None:
    with pytest.raises(SettingsError, match="word list"), file.transaction() as connection:
        connection.executemany("INSERT INTO word VALUES (?)", [("one",), ("one", "too many")])
    assert file.rows("SELECT text FROM word") == []
    with file.transaction() as connection:
        connection.execute("INSERT INTO word VALUES ('two')")
    assert file.rows("SELECT text FROM word") == [("two",)]


def test_nothing_that_was_deleted_stays_on_the_disk(file: SqliteFile) -> None:
    with file.transaction() as connection:
        connection.execute("INSERT INTO word VALUES ('a secret name')")
    with file.transaction() as connection:
        connection.execute("DELETE FROM word")
    file.shrink()
    for part in file.path.parent.iterdir():
        assert b"a secret name" not in part.read_bytes()
