"""The study list follows what is opened, drawn and run, and stays out of the way where its file cannot be used."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import dicom_makers
from helpers.images import make_image

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.notices import Notice
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.jobs.job import JobState
from mammoviewer.session.listed_study import ListedStudy
from mammoviewer.session.settings import LibrarySettings, Settings, SettingsFile
from mammoviewer.session.study_keeper import StudyKeeper
from mammoviewer.session.workspace import Workspace

FACTS = {"PatientName": "Secret^Name", "PatientID": "P1", "StudyDate": "20240301"}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    opened = Workspace(Settings(), library=tmp_path / "library.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> SettingsFile:
    return SettingsFile(tmp_path / "settings.json")


@pytest.fixture
def keeper(workspace: Workspace, settings: SettingsFile, tmp_path: Path) -> Iterator[StudyKeeper]:
    made = StudyKeeper(workspace, settings, tmp_path / "studies.sqlite")
    yield made
    made.close()


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def read(keeper: StudyKeeper) -> tuple[ListedStudy, ...]:
    job = keeper.read()
    wait_for(lambda: job.state.final)
    return job.result if job.state is JobState.DONE else ()


def show(workspace: Workspace, *labels: str) -> None:
    workspace.add(OpenResult(tuple(make_image(label, uid=f"1.{label}", **FACTS) for label in labels), ()))


def test_what_is_opened_is_listed(keeper: StudyKeeper, workspace: Workspace) -> None:
    show(workspace, "RCC", "LCC")
    wait_for(lambda: read(keeper))
    (study,) = read(keeper)
    assert (study.patient, study.views) == ("Secret Name", "RCC LCC")
    assert study.opened
    show(workspace, "RMLO")
    wait_for(lambda: len(read(keeper)[0].images) == 3)


def test_findings_are_those_of_now(keeper: StudyKeeper, workspace: Workspace) -> None:
    show(workspace, "RCC")
    wait_for(lambda: read(keeper))
    workspace.edit(AddFinding(new_finding("1.RCC", 0, Roi(RoiKind.POINT, ((1.0, 2.0),)), "Mass")))
    (study,) = read(keeper)
    assert study.findings == 1
    assert study.edited


def test_pictures_are_kept(keeper: StudyKeeper, workspace: Workspace) -> None:
    show(workspace, "RCC")
    keeper.keep_thumbnail("1.RCC", np.zeros((8, 6), np.uint8))
    wait_for(lambda: read(keeper))
    (study,) = read(keeper)
    job = keeper.read_thumbnails([study.key])
    wait_for(lambda: job.state.final)
    assert [png[:4] for png in job.result[study.key]] == [b"\x89PNG"]


def test_the_best_score_is_kept_when_a_run_is_over(
    keeper: StudyKeeper, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(workspace, "RCC")
    wait_for(lambda: read(keeper))
    models = [""]
    monkeypatch.setattr(workspace.heatmaps, "finished_model", lambda identity: models[0])
    monkeypatch.setattr(workspace.heatmaps, "slice_scores", lambda image, model: (0.25, None, 0.75))
    workspace.heatmaps.changed.emit("1.RCC", 0)
    assert read(keeper)[0].model == ""
    models[0] = "calc.1"
    workspace.heatmaps.changed.emit("1.RCC", 0)
    wait_for(lambda: read(keeper)[0].model == "calc.1")
    assert read(keeper)[0].score == 0.75
    workspace.desk.blind = True
    assert (read(keeper)[0].model, read(keeper)[0].score) == ("", None)
    workspace.reads.sign("1.2.3", workspace.settings.reader)
    assert read(keeper)[0].score == 0.75


def test_removing_and_putting_back(keeper: StudyKeeper, workspace: Workspace) -> None:
    show(workspace, "RCC")
    wait_for(lambda: read(keeper))
    before = read(keeper)
    removal = keeper.remove([before[0].key])
    wait_for(lambda: removal.state.final)
    assert read(keeper) == ()
    restoring = keeper.restore(removal.result)
    wait_for(lambda: restoring.state.final)
    assert read(keeper) == before
    clearing = keeper.clear()
    wait_for(lambda: clearing.state.final)
    assert read(keeper) == ()


def test_files_that_are_gone_are_counted(keeper: StudyKeeper, tmp_path: Path, workspace: Workspace) -> None:
    there = tmp_path / "there.dcm"
    there.write_bytes(b"x")
    images = tuple(
        make_image(label, uid=f"1.{label}", path=path, **FACTS)
        for label, path in (("RCC", there), ("LCC", tmp_path / "gone.dcm"))
    )
    workspace.add(OpenResult(images, ()))
    wait_for(lambda: read(keeper))
    (study,) = read(keeper)
    job = keeper.find_missing([study])
    wait_for(lambda: job.state.final)
    assert job.result == {study.key: 1}


def test_nothing_is_kept_when_the_reader_does_not_want_it(
    workspace: Workspace, settings: SettingsFile, tmp_path: Path
) -> None:
    settings.update(replace(settings.settings, library=LibrarySettings(enabled=False, watched=(str(tmp_path),))))
    keeper = StudyKeeper(workspace, settings, tmp_path / "studies.sqlite")
    try:
        show(workspace, "RCC")
        keeper.keep_thumbnail("1.RCC", np.zeros((8, 6), np.uint8))
        assert read(keeper) == ()
        assert keeper.watched == ()
        assert not (tmp_path / "studies.sqlite").exists()
        settings.update(replace(settings.settings, library=LibrarySettings()))
        wait_for(lambda: read(keeper))
    finally:
        keeper.close()


def test_watched_folders_follow_the_settings(keeper: StudyKeeper, settings: SettingsFile, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    pixels = dicom_makers.texture()
    inbox.mkdir()
    dicom_makers.save(inbox / "a.dcm", dicom_makers.mammogram(pixels, **FACTS), pixels)
    came: list[int] = []
    keeper.arrived.connect(came.append)
    wanted = LibrarySettings(watched=(str(inbox),), watch_interval_s=1.0)
    settings.update(replace(settings.settings, library=wanted))
    assert keeper.watched == (inbox,)
    wait_for(lambda: came)
    assert came == [1]
    assert [study.opened for study in read(keeper)] == [""]
    settings.update(replace(settings.settings, library=LibrarySettings()))
    assert keeper.watched == ()


def test_a_list_that_cannot_be_used_is_told_once_and_the_program_goes_on(
    workspace: Workspace, settings: SettingsFile, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    keeper = StudyKeeper(workspace, settings, tmp_path / "file" / "studies.sqlite")
    notices: list[Notice] = []
    keeper.notice.connect(notices.append)
    try:
        show(workspace, "RCC")
        assert read(keeper) == read(keeper) == ()
        assert len(workspace.studies) == 1
        assert len(notices) == 1
    finally:
        keeper.close()


def test_no_patient_reaches_the_log(
    keeper: StudyKeeper, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    show(workspace, "RCC")
    wait_for(lambda: read(keeper))
    assert "Secret" not in caplog.text


def test_closing_leaves_no_thread(workspace: Workspace, settings: SettingsFile, tmp_path: Path) -> None:
    import threading

    settings.update(replace(settings.settings, library=LibrarySettings(watched=(str(tmp_path),))))
    before = set(threading.enumerate())
    keeper = StudyKeeper(workspace, settings, tmp_path / "studies.sqlite")
    read(keeper)
    keeper.close()
    assert set(threading.enumerate()) == before
    show(workspace, "RCC")
