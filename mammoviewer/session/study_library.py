"""Where the study list is kept: one SQLite file on this machine, beside the annotations and apart from them."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mammoviewer.base.errors import LibraryError
from mammoviewer.base.notices import Notice
from mammoviewer.base.sqlite_file import KeptInFile, SqliteFile, open_or_begin_anew
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.session.library_schema import SCHEMA
from mammoviewer.session.listed_study import ListedImage, ListedStudy
from mammoviewer.session.opened import PictureView

Stamp = tuple[int, int]
"""Size and time of change of a file, in bytes and nanoseconds."""

THUMBNAILS = 4
"""So many pictures of a study are shown in the list."""

_COLUMNS = (
    "key, uid, patient_name, patient_id, date, description, accession, opened, arrived, "
    "pixel_spacing_mm, charset, duke, pictures"
)
_PUT = f"""
    INSERT INTO study ({_COLUMNS}) VALUES ({", ".join("?" * 13)})
    ON CONFLICT (key) DO UPDATE SET
        patient_name = excluded.patient_name, patient_id = excluded.patient_id, date = excluded.date,
        description = excluded.description, accession = excluded.accession, opened = max(opened, excluded.opened),
        pixel_spacing_mm = coalesce(excluded.pixel_spacing_mm, pixel_spacing_mm),
        charset = coalesce(excluded.charset, charset), duke = max(duke, excluded.duke),
        pictures = CASE WHEN excluded.pictures = '[]' THEN pictures ELSE excluded.pictures END
"""
_PUT_IMAGE = """
    INSERT INTO image (study, identity, place, path, kind, view, frames) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (study, identity) DO UPDATE SET
        place = excluded.place, path = excluded.path, kind = excluded.kind, view = excluded.view,
        frames = excluded.frames
"""
_PUT_RUN = "INSERT OR REPLACE INTO model_run (study, identity, model, score, ran) VALUES (?, ?, ?, ?, ?)"
_RUNS_OF = "SELECT study, identity, model, score, ran FROM model_run WHERE study = ?"
_PICTURES_OF = "SELECT study, identity, png FROM thumbnail WHERE study = ?"
_PUT_PICTURE = "INSERT OR REPLACE INTO thumbnail (study, identity, png) VALUES (?, ?, ?)"


@dataclass(frozen=True)
class Removed:
    """What was taken from the list, whole: it can be put back."""

    studies: tuple[ListedStudy, ...]
    thumbnails: tuple[tuple[str, str, bytes], ...]
    runs: tuple[tuple[str, str, str, float, str], ...]


class StudyLibrary(KeptInFile):
    """The open list; usable from several threads and by several programs at once, and as a context manager.

    Parameters
    ----------
    path
        The SQLite file; made, readable by the user alone, if it is not there.
    busy_timeout_s
        How long to wait while another program writes.

    Raises
    ------
    LibraryError
        If the file is in use, cannot be written, is damaged (it is then moved aside) or of another program.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = 5.0) -> None:
        # It names patients. SQLite gives its log the permissions of the file.
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        self._file = SqliteFile(path, SCHEMA, called="study list", error=LibraryError, busy_timeout_s=busy_timeout_s)
        self._file.rows("PRAGMA foreign_keys = ON")
        # What is removed is overwritten and not only marked as free.
        self._file.rows("PRAGMA secure_delete = ON")

    def studies(self, keys: Sequence[str] | None = None) -> tuple[ListedStudy, ...]:
        """Return these studies or all, in no order, with the model that ran last on them but without their findings.

        Raises
        ------
        LibraryError
            If the list cannot be read, as is so of all methods here; those that change it raise also where it
            cannot be written, and it is then as it was.
        """
        images: dict[str, list[ListedImage]] = defaultdict(list)
        for study, identity, path, kind, view, frames in self._file.rows(
            "SELECT study, identity, path, kind, view, frames FROM image ORDER BY place"
        ):
            images[study].append(ListedImage(identity, Path(path), ImageKind(kind), view, frames))
        beside: dict[str, list[Path]] = defaultdict(list)
        for study, path in self._file.rows("SELECT study, path FROM companion ORDER BY path"):
            beside[study].append(Path(path))
        scores = self._scores()
        rows = self._file.rows(f"SELECT {_COLUMNS} FROM study")
        found = (_study(row, images[row[0]], beside[row[0]], scores.get(row[0], ("", None))) for row in rows)
        return tuple(study for study in found if study.images and (keys is None or study.key in keys))

    def put(self, study: ListedStudy) -> bool:
        """List a study, or bring what is known of it up to date; return whether it is new.

        Images that were listed before stay, when only a part of the study was opened now.
        """
        with self._file.transaction() as connection:
            is_new = not connection.execute("SELECT 1 FROM study WHERE key = ?", (study.key,)).fetchall()
            _put(connection, study)
        return is_new

    def add_companion(self, study_uid: str, path: Path) -> None:
        """Note a file that belongs to a listed study."""
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO companion (study, path) SELECT key, ? FROM study WHERE uid = ?",
                (str(path), study_uid),
            )

    def put_thumbnail(self, identity: str, png: bytes) -> None:
        """Keep the picture of an image that is listed."""
        with self._file.transaction() as connection:
            for (study,) in connection.execute("SELECT study FROM image WHERE identity = ?", (identity,)).fetchall():
                connection.execute(_PUT_PICTURE, (study, identity, png))

    def thumbnails(self, key: str) -> tuple[bytes, ...]:
        """Return the first pictures of a study as PNG, in the order of its views."""
        query = """
            SELECT png FROM thumbnail JOIN image USING (study, identity) WHERE study = ? ORDER BY place LIMIT ?
        """
        return tuple(png for (png,) in self._file.rows(query, (key, THUMBNAILS)))

    def put_run(self, identity: str, model: str, score: float, ran: str) -> None:
        """Keep the best score of a model on an image that is listed."""
        with self._file.transaction() as connection:
            for (study,) in connection.execute("SELECT study FROM image WHERE identity = ?", (identity,)).fetchall():
                connection.execute(_PUT_RUN, (study, identity, model, score, ran))

    def remove(self, keys: Sequence[str]) -> Removed:
        """Take studies from the list; their files are not touched."""
        with self._file.transaction() as connection:
            studies = self.studies(keys)
            pictures = [row for key in keys for row in connection.execute(_PICTURES_OF, (key,))]
            runs = [row for key in keys for row in connection.execute(_RUNS_OF, (key,))]
            connection.executemany("DELETE FROM study WHERE key = ?", [(key,) for key in keys])
        return Removed(studies, tuple(pictures), tuple(runs))

    def restore(self, removed: Removed) -> None:
        """Put back what was taken from the list."""
        with self._file.transaction() as connection:
            for study in removed.studies:
                _put(connection, study)
            connection.executemany(_PUT_PICTURE, removed.thumbnails)
            connection.executemany(_PUT_RUN, removed.runs)

    def clear(self) -> None:
        """Forget everything, so that nothing of it stays in the file."""
        with self._file.transaction() as connection:
            for table in ("study", "seen_file"):
                connection.execute(f"DELETE FROM {table}")
        self._file.shrink()

    def seen(self, folder: Path) -> dict[str, Stamp]:
        """Return the files below a watched folder that were looked into, with what they were like then."""
        prefix = f"{folder}{os.sep}"
        rows = self._file.rows(
            "SELECT path, size, mtime_ns FROM seen_file WHERE substr(path, 1, ?) = ?", (len(prefix), prefix)
        )
        return {path: (size, mtime_ns) for path, size, mtime_ns in rows}

    def mark_seen(self, files: Mapping[str, Stamp]) -> None:
        """Note files that were looked into."""
        rows = [(path, *stamp) for path, stamp in files.items()]
        with self._file.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO seen_file (path, size, mtime_ns) VALUES (?, ?, ?)", rows)

    def _scores(self) -> dict[str, tuple[str, float]]:
        """Return per study the model that ran last and its best score."""
        newest: dict[str, tuple[str, str]] = {}
        best: dict[tuple[str, str], float] = {}
        query = "SELECT study, model, max(score), max(ran) FROM model_run GROUP BY study, model"
        for study, model, score, ran in self._file.rows(query):
            newest[study] = max(newest.get(study, ("", "")), (ran, model))
            best[study, model] = score
        return {study: (model, best[study, model]) for study, (_, model) in newest.items()}


def open_library(path: Path) -> tuple[StudyLibrary, Notice | None]:
    """Open the list; where the file had to be moved aside, begin a new one and return the notice that says so.

    Raises
    ------
    LibraryError
        If the file is in use or cannot be written.
    """
    return open_or_begin_anew(path, lambda: StudyLibrary(path))


def with_findings(studies: Iterable[ListedStudy], tallies: Mapping[str, tuple[int, str]]) -> tuple[ListedStudy, ...]:
    """Return the studies with the number and last change of their findings, from those of each image."""
    found = []
    for study in studies:
        own = [tallies[image.identity] for image in study.images if image.identity in tallies]
        edited = max((last for _, last in own), default="")
        found.append(replace(study, findings=sum(count for count, _ in own), edited=edited))
    return tuple(found)


def _put(connection: sqlite3.Connection, study: ListedStudy) -> None:
    key = study.key
    connection.execute(
        _PUT,
        (
            key,
            study.StudyInstanceUID,
            study.PatientName,
            study.PatientID,
            study.date,
            study.StudyDescription,
            study.AccessionNumber,
            study.opened,
            study.arrived,
            study.pixel_spacing_mm,
            study.charset,
            study.duke_convention,
            json.dumps([asdict(view) for view in study.pictures]),
        ),
    )
    images = enumerate(study.images)
    rows = [(key, i.identity, place, str(i.path), i.kind.value, i.view, i.frames) for place, i in images]
    connection.executemany(_PUT_IMAGE, rows)
    beside = [(key, str(path)) for path in study.companions]
    connection.executemany("INSERT OR IGNORE INTO companion (study, path) VALUES (?, ?)", beside)


def _study(
    row: tuple[Any, ...], images: Sequence[ListedImage], beside: Sequence[Path], run: tuple[str, float | None]
) -> ListedStudy:
    key, uid, name, patient_id, date, description, accession, opened, arrived, spacing, charset, duke, pictures = row
    return ListedStudy(
        key=key,
        images=tuple(images),
        StudyInstanceUID=uid,
        PatientName=name,
        PatientID=patient_id,
        date=date,
        StudyDescription=description,
        AccessionNumber=accession,
        opened=opened,
        arrived=arrived,
        pixel_spacing_mm=spacing,
        charset=charset,
        duke_convention=bool(duke),
        pictures=tuple(PictureView(**view) for view in json.loads(pictures)),
        companions=tuple(beside),
        model=run[0],
        score=run[1],
    )
