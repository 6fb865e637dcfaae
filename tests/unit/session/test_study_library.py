"""The file of the study list."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mammoviewer.base.errors import LibraryError
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.session.listed_study import ListedImage, ListedStudy
from mammoviewer.session.opened import PictureView
from mammoviewer.session.study_library import StudyLibrary, open_library, with_findings

LINE = ListedStudy(
    key="1.2\nP1",
    images=(
        ListedImage("1.2.1", Path("/in/a.dcm"), ImageKind.MAMMOGRAM, "RCC"),
        ListedImage("1.2.2", Path("/in/b.dcm"), ImageKind.TOMO, "LMLO", 60),
    ),
    StudyInstanceUID="1.2",
    PatientName="Doe^Jane",
    PatientID="P1",
    date="2024-03-01",
    StudyDescription="Screening",
    AccessionNumber="A'9",
    opened="2026-01-02T00:00:00+00:00",
    arrived="2026-01-01T00:00:00+00:00",
    pixel_spacing_mm=0.07,
    charset="ISO_IR 100",
    duke_convention=True,
    pictures=(PictureView("/in/a.png", "RCC", True), PictureView("/in/b.png", "", None)),
    companions=(Path("/in/cad.dcm"),),
)
OTHER = replace(LINE, key="9.9\nP2", images=(ListedImage("9.9.1", Path("/in/c.dcm"), ImageKind.RASTER, ""),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "studies.sqlite"


@pytest.fixture
def library(path: Path) -> Iterator[StudyLibrary]:
    with StudyLibrary(path) as opened:
        yield opened


def test_what_was_listed_is_there_after_a_restart(path: Path) -> None:
    with StudyLibrary(path) as library:
        assert library.put(LINE)
        assert not library.put(LINE)
    with StudyLibrary(path) as library:
        assert library.studies() == (LINE,)


def test_the_file_is_the_users_alone(library: StudyLibrary, path: Path) -> None:
    library.put(LINE)
    assert {stat.S_IMODE(part.stat().st_mode) for part in path.parent.iterdir()} == {0o600}


def test_a_part_that_is_opened_again_does_not_lose_the_rest(library: StudyLibrary) -> None:
    library.put(LINE)
    moved = ListedImage("1.2.1", Path("/new/a.dcm"), ImageKind.MAMMOGRAM, "RCC")
    later = "2026-02-02T00:00:00+00:00"
    part = replace(LINE, images=(moved,), companions=(), opened=later, arrived=later)
    assert not library.put(replace(part, charset=None, pixel_spacing_mm=None, pictures=()))
    assert library.studies() == (replace(LINE, images=(moved, LINE.images[1]), opened=later),)


def test_coming_again_into_a_folder_does_not_make_it_unopened(library: StudyLibrary) -> None:
    library.put(LINE)
    library.put(replace(LINE, opened="", arrived="2026-03-03T00:00:00+00:00"))
    assert library.studies() == (LINE,)


def test_the_model_that_ran_last_is_told_with_its_best_score(library: StudyLibrary) -> None:
    library.put(LINE)
    library.put_run("1.2.1", "old.1", 0.99, "2026-01-01")
    library.put_run("1.2.1", "new.2", 0.25, "2026-01-02")
    library.put_run("1.2.2", "new.2", 0.75, "2026-01-02")
    library.put_run("1.2.2", "new.2", 0.5, "2026-01-03")
    library.put_run("7.7.7", "new.2", 1.0, "2026-01-09")
    (found,) = library.studies()
    assert (found.model, found.score) == ("new.2", 0.5)


def test_pictures_come_in_the_order_of_the_views(library: StudyLibrary) -> None:
    library.put(LINE)
    library.put_thumbnail("1.2.2", b"second")
    library.put_thumbnail("1.2.1", b"first")
    library.put_thumbnail("7.7.7", b"nobody's")
    assert library.thumbnails(LINE.key) == (b"first", b"second")
    assert library.thumbnails("unknown") == ()


def test_what_is_removed_comes_back_whole(library: StudyLibrary) -> None:
    library.put(LINE)
    library.put(OTHER)
    library.put_thumbnail("1.2.1", b"picture")
    library.put_run("1.2.1", "m.1", 0.5, "2026-01-01")
    before = library.studies([LINE.key])
    removed = library.remove([LINE.key])
    assert library.studies() == (OTHER,)
    assert library.thumbnails(LINE.key) == ()
    library.restore(removed)
    assert library.studies([LINE.key]) == before
    assert library.thumbnails(LINE.key) == (b"picture",)


def test_clearing_leaves_no_name_on_the_disk(library: StudyLibrary, path: Path) -> None:
    library.put(LINE)
    library.mark_seen({"/in/Doe/a.dcm": (1, 2)})
    library.clear()
    assert library.studies() == ()
    assert library.seen(Path("/in")) == {}
    for part in path.parent.iterdir():
        assert b"Doe" not in part.read_bytes()


def test_files_are_seen_by_folder(library: StudyLibrary) -> None:
    library.mark_seen({"/in/a": (1, 2), "/in/b/c": (3, 4), "/inner/d": (5, 6)})
    library.mark_seen({"/in/a": (9, 9)})
    assert library.seen(Path("/in")) == {"/in/a": (9, 9), "/in/b/c": (3, 4)}


def test_an_object_that_comes_later_is_opened_with_its_study(library: StudyLibrary) -> None:
    library.put(LINE)
    library.add_companion("1.2", Path("/in/seg.dcm"))
    library.add_companion("5.5", Path("/in/other.dcm"))
    (found,) = library.studies()
    assert found.companions == (Path("/in/cad.dcm"), Path("/in/seg.dcm"))


def test_findings_are_counted_over_the_images() -> None:
    tallies = {"1.2.1": (2, "2026-01-01"), "1.2.2": (1, "2026-02-02"), "7.7": (9, "2027")}
    counted, none = with_findings((LINE, OTHER), tallies)
    assert (counted.findings, counted.edited) == (3, "2026-02-02")
    assert (none.findings, none.edited) == (0, "")


CHILD = """
import pickle, sys, pathlib
from mammoviewer.session.study_library import StudyLibrary
line = pickle.loads(bytes.fromhex(sys.argv[2]))
with StudyLibrary(pathlib.Path(sys.argv[1])) as library:
    for n in range(20):
        library.put(line)
        library.mark_seen({f"{line.key}{n}": (n, n)})
"""


def test_two_programs_list_at_once(path: Path) -> None:
    import pickle

    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, path, pickle.dumps(line).hex()]) for line in (LINE, OTHER)
    ]
    assert [child.wait() for child in children] == [0, 0]
    with StudyLibrary(path) as library:
        assert {study.key for study in library.studies()} == {LINE.key, OTHER.key}


def test_a_list_that_another_program_holds_is_told(path: Path) -> None:
    with StudyLibrary(path, busy_timeout_s=0.05) as library:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LibraryError, match="study list is in use"):
            library.put(LINE)
        other.close()
        assert library.put(LINE)


def test_a_damaged_list_is_kept_aside_and_a_new_one_begun(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"rubbish" * 300)
    library, notice = open_library(path)
    with library:
        assert library.put(LINE)
    assert notice is not None
    assert "study list" in notice.text
    assert ".bad-" in notice.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_list_that_may_only_be_read_is_read_and_says_so(path: Path) -> None:
    with StudyLibrary(path) as library:
        library.put(LINE)
    path.chmod(0o400)
    with StudyLibrary(path) as library:
        assert library.studies() == (LINE,)
        with pytest.raises(LibraryError, match="cannot be used"):
            library.put(OTHER)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(LibraryError, match="folder cannot be made"):
        open_library(tmp_path / "file" / "studies.sqlite")
