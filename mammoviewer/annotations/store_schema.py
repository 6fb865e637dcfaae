"""The tables of the annotation store."""

from __future__ import annotations

from mammoviewer.base.sqlite_schema import Schema

SCHEMA = Schema(
    0x4D6D7656,  # "MmvV"
    (
        (
            """
            CREATE TABLE finding (
                id TEXT PRIMARY KEY NOT NULL,
                image_uid TEXT NOT NULL,
                frame INTEGER NOT NULL,
                kind TEXT NOT NULL,
                points TEXT NOT NULL,
                label TEXT NOT NULL,
                note TEXT NOT NULL,
                assessment TEXT NOT NULL,
                origin TEXT NOT NULL,
                score REAL,
                reader TEXT NOT NULL,
                created TEXT NOT NULL,
                modified TEXT NOT NULL
            )
            """,
            "CREATE INDEX finding_by_image ON finding (image_uid)",
        ),
        (
            "ALTER TABLE finding ADD COLUMN descriptors TEXT NOT NULL DEFAULT '[]'",
            "ALTER TABLE finding ADD COLUMN lesion TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE finding ADD COLUMN confidence REAL",
        ),
        (
            """
            CREATE TABLE change (
                seq INTEGER PRIMARY KEY,
                batch INTEGER NOT NULL,
                session TEXT NOT NULL,
                time TEXT NOT NULL,
                reader TEXT NOT NULL,
                finding_id TEXT NOT NULL,
                before TEXT,
                after TEXT
            )
            """,
            "CREATE INDEX change_by_finding ON change (finding_id)",
            "CREATE INDEX change_by_session ON change (session)",
        ),
        (
            """
            CREATE TABLE density (
                id TEXT PRIMARY KEY NOT NULL,
                study_uid TEXT NOT NULL,
                laterality TEXT NOT NULL,
                value TEXT NOT NULL,
                reader TEXT NOT NULL,
                modified TEXT NOT NULL,
                terms TEXT NOT NULL
            )
            """,
            "CREATE INDEX density_by_study ON density (study_uid)",
            "ALTER TABLE change ADD COLUMN kind TEXT NOT NULL DEFAULT 'finding'",
        ),
        (
            "ALTER TABLE change ADD COLUMN act TEXT NOT NULL DEFAULT 'edit'",
            "ALTER TABLE change ADD COLUMN token TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE change ADD COLUMN of TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE change ADD COLUMN title TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE change ADD COLUMN back BLOB",
        ),
    ),
)
