"""A watched folder: whole files of new studies are listed once, whatever else lies there."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import dicom_makers

from mammoviewer.base.errors import LibraryError
from mammoviewer.base.notices import Notice
from mammoviewer.session import folder_watch
from mammoviewer.session.folder_watch import FolderWatch
from mammoviewer.session.study_library import StudyLibrary


@pytest.fixture
def library(tmp_path: Path) -> Iterator[StudyLibrary]:
    with StudyLibrary(tmp_path / "studies.sqlite") as opened:
        yield opened


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def watch(inbox: Path, library: StudyLibrary) -> FolderWatch:
    return FolderWatch(inbox, lambda: library)


def write(path: Path, study: str = "1.5", view: str = "MLO", **elements: object) -> Path:
    pixels = dicom_makers.texture()
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = dicom_makers.mammogram(pixels, StudyInstanceUID=study, ViewPosition=view, **elements)
    return dicom_makers.save(path, dataset, pixels)


def test_a_file_counts_when_it_was_the_same_twice(watch: FolderWatch, inbox: Path, library: StudyLibrary) -> None:
    assert watch.look() == 0
    path = write(inbox / "a.dcm")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert watch.look() == 0
    path.write_bytes(whole)
    assert watch.look() == 0
    assert watch.look() == 1
    (study,) = library.studies()
    assert study.opened == ""
    assert [image.path for image in study.images] == [path]
    assert len(library.thumbnails(study.key)) == 1


def test_nothing_is_listed_twice_not_even_after_a_restart(
    watch: FolderWatch, inbox: Path, library: StudyLibrary
) -> None:
    write(inbox / "a.dcm")
    assert [watch.look() for _ in range(4)] == [0, 1, 0, 0]
    again = FolderWatch(inbox, lambda: library)
    assert [again.look() for _ in range(3)] == [0, 0, 0]


def test_a_study_that_was_removed_from_the_list_stays_away(
    watch: FolderWatch, inbox: Path, library: StudyLibrary
) -> None:
    write(inbox / "a.dcm")
    watch.look(), watch.look()
    library.remove([study.key for study in library.studies()])
    assert [watch.look() for _ in range(2)] == [0, 0]
    assert library.studies() == ()


def test_a_folder_waits_until_all_of_it_has_come(watch: FolderWatch, inbox: Path, library: StudyLibrary) -> None:
    write(inbox / "x" / "a.dcm")
    watch.look()
    write(inbox / "x" / "b.dcm", view="CC")
    write(inbox / "y" / "c.dcm", study="1.6")
    assert watch.look() == 0
    assert watch.look() == 2
    assert sorted(len(study.images) for study in library.studies()) == [1, 2]


def test_a_file_that_comes_later_joins_its_study_without_ado(
    watch: FolderWatch, inbox: Path, library: StudyLibrary
) -> None:
    write(inbox / "a.dcm")
    watch.look(), watch.look()
    write(inbox / "b.dcm", view="CC")
    assert [watch.look(), watch.look()] == [0, 0]
    assert len(library.studies()[0].images) == 2


def test_a_file_that_was_replaced_is_read_again(watch: FolderWatch, inbox: Path, library: StudyLibrary) -> None:
    write(inbox / "a.dcm")
    watch.look(), watch.look()
    write(inbox / "a.dcm", study="1.77")
    os.utime(inbox / "a.dcm", (1, 1))
    assert [watch.look(), watch.look()] == [0, 1]
    assert len(library.studies()) == 2


def test_pictures_texts_unfinished_and_hidden_files_are_passed_over(
    watch: FolderWatch, inbox: Path, library: StudyLibrary
) -> None:
    source = write(inbox.parent / "source.dcm")
    for name in ("a.dcm.part", ".a.dcm", "b.tmp", ".hidden/a.dcm"):
        (inbox / name).parent.mkdir(exist_ok=True)
        shutil.copy(source, inbox / name)
    (inbox / "chart.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (inbox / "note.txt").write_text("x")
    assert [watch.look() for _ in range(3)] == [0, 0, 0]
    assert library.studies() == ()


def test_a_damaged_file_does_not_keep_the_others_away(watch: FolderWatch, inbox: Path, library: StudyLibrary) -> None:
    write(inbox / "a.dcm")
    (inbox / "b.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"rubbish")
    watch.look()
    assert watch.look() == 1
    for _ in range(folder_watch._ATTEMPTS + 1):
        watch.look()
    assert str(inbox / "b.dcm") in library.seen(inbox)


def test_studies_found_while_the_list_is_in_use_are_listed_later(inbox: Path, library: StudyLibrary) -> None:
    busy = [True]

    def get() -> StudyLibrary:
        if busy[0]:
            raise LibraryError("the study list is in use by another program")
        return library

    watch = FolderWatch(inbox, get)
    write(inbox / "a.dcm")
    with pytest.raises(LibraryError):
        watch.look()
    busy[0] = False
    assert [watch.look(), watch.look()] == [0, 1]


def test_portions_keep_folders_whole(
    watch: FolderWatch, inbox: Path, library: StudyLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_watch, "_FILES_A_ROUND", 2)
    told: list[int] = []
    watch.arrived.connect(told.append)
    for n in range(3):
        for view in ("MLO", "CC"):
            write(inbox / str(n) / f"{view}.dcm", study=f"1.{n}", view=view)
    watch.look()
    assert watch.look() == 3
    assert told == [1, 1, 1]
    assert [len(study.images) for study in library.studies()] == [2, 2, 2]


def test_too_many_files_are_told_and_not_all_looked_at(
    watch: FolderWatch, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_watch, "MOST_FILES", 2)
    notices: list[Notice] = []
    watch.notice.connect(notices.append)
    for n in range(4):
        write(inbox / f"{n}.dcm", study=f"1.{n}")
    watch.look()
    assert watch.look() == 2
    assert len(notices) == 1


def test_a_folder_that_is_away_is_told_once_and_watched_again(
    inbox: Path, library: StudyLibrary, tmp_path: Path
) -> None:
    share = tmp_path / "share"
    watch = FolderWatch(share, lambda: library, interval_s=0.02)
    notices: list[Notice] = []
    came = threading.Event()
    watch.notice.connect(notices.append)
    watch.arrived.connect(lambda count: came.set())
    told = threading.Event()
    watch.notice.connect(lambda notice: told.set())
    watch.start()
    try:
        assert told.wait(10)
        write(inbox / "a.dcm")
        inbox.rename(share)
        assert came.wait(10)
    finally:
        assert watch.stop(10.0)
    assert [notice.text for notice in notices] == ["the watched folder share cannot be reached"]


def test_it_ends_at_once(inbox: Path, library: StudyLibrary) -> None:
    watch = FolderWatch(inbox, lambda: library, interval_s=1000.0)
    watch.start()
    assert watch.stop(10.0)
    assert FolderWatch(inbox, lambda: library).stop()
