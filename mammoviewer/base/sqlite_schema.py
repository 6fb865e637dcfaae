"""The tables of an SQLite file of ours and how older files are brought up to date.

``PRAGMA user_version`` holds the schema version and ``PRAGMA application_id`` says that the file is ours. Entry *n* of
the migrations leads from version *n* to *n* + 1; a released entry is never changed, a new one is added.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

Migration = tuple[str, ...]


@dataclass(frozen=True)
class Schema:
    """What a kind of file is marked with, and the statements that make its tables, one entry per version."""

    application_id: int
    migrations: tuple[Migration, ...]


class ForeignFile(Exception):
    """The file is a database, but not one that this version of the program can use; says why."""


def upgrade(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    """Bring the database to the newest schema, in one transaction.

    A file of an older version is first copied to ``NAME.vN.bak`` beside it.

    Parameters
    ----------
    connection
        In autocommit mode.
    path
        The database's file.
    schema
        What it is to become.

    Raises
    ------
    ForeignFile
        If it is of a newer version or of another program; it is then unchanged.
    sqlite3.Error
        If it is locked, damaged, or cannot be written.
    """
    newest = len(schema.migrations)
    version = check(connection, schema)
    if version == newest:
        return
    if version > 0:
        _copy(connection, path.with_name(f"{path.name}.v{version}.bak"))
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it between the look and the lock.
        for statements in schema.migrations[check(connection, schema) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {newest}")
        connection.execute(f"PRAGMA application_id = {schema.application_id}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def check(connection: sqlite3.Connection, schema: Schema) -> int:
    """Return the schema version, 0 for an empty database.

    Raises
    ------
    ForeignFile
        If the database is of another program or of a version above the newest.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    newest = len(schema.migrations)
    if version == 0 and application == 0 and tables == 0:
        return 0
    if application != schema.application_id:
        raise ForeignFile("it is a database of another program")
    if version > newest:
        raise ForeignFile(f"it has schema version {version} and this version of the program knows up to {newest}")
    return version


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    copy = sqlite3.connect(target)
    try:
        connection.backup(copy)
    finally:
        copy.close()
