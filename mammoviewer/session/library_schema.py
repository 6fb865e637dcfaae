"""The tables of the study list."""

from __future__ import annotations

from mammoviewer.base.sqlite_schema import Schema

SCHEMA = Schema(
    0x4D6D764C,  # "MmvL"
    (
        (
            """
            CREATE TABLE study (
                key TEXT PRIMARY KEY NOT NULL,
                uid TEXT NOT NULL,
                patient_name TEXT NOT NULL,
                patient_id TEXT NOT NULL,
                date TEXT NOT NULL,
                description TEXT NOT NULL,
                accession TEXT NOT NULL,
                opened TEXT NOT NULL,
                arrived TEXT NOT NULL,
                pixel_spacing_mm REAL,
                charset TEXT,
                duke INTEGER NOT NULL,
                pictures TEXT NOT NULL
            )
            """,
            "CREATE INDEX study_by_uid ON study (uid)",
            """
            CREATE TABLE image (
                study TEXT NOT NULL REFERENCES study (key) ON DELETE CASCADE,
                identity TEXT NOT NULL,
                place INTEGER NOT NULL,
                path TEXT NOT NULL,
                kind TEXT NOT NULL,
                view TEXT NOT NULL,
                frames INTEGER NOT NULL,
                PRIMARY KEY (study, identity)
            )
            """,
            """
            CREATE TABLE companion (
                study TEXT NOT NULL REFERENCES study (key) ON DELETE CASCADE,
                path TEXT NOT NULL,
                PRIMARY KEY (study, path)
            )
            """,
            """
            CREATE TABLE thumbnail (
                study TEXT NOT NULL REFERENCES study (key) ON DELETE CASCADE,
                identity TEXT NOT NULL,
                png BLOB NOT NULL,
                PRIMARY KEY (study, identity)
            )
            """,
            """
            CREATE TABLE model_run (
                study TEXT NOT NULL REFERENCES study (key) ON DELETE CASCADE,
                identity TEXT NOT NULL,
                model TEXT NOT NULL,
                score REAL NOT NULL,
                ran TEXT NOT NULL,
                PRIMARY KEY (study, identity, model)
            )
            """,
            "CREATE TABLE seen_file (path TEXT PRIMARY KEY NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL)",
        ),
    ),
)
