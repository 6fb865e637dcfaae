"""The dialog of de-identified copies, and writing them from the window."""

from pathlib import Path

import pydicom
import pytest
from helpers.planted import NUMBER, PLANTED, write_image, write_report, write_study
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox
from pytestqt.qtbot import QtBot

from mammoviewer.base.notices import Notice
from mammoviewer.dicom.reader import open_paths
from mammoviewer.gui.actions.file_commands import FILE_COMMANDS
from mammoviewer.gui.deidentification import Deidentification, study_paths
from mammoviewer.gui.dialogs.deidentify_dialog import DeidentifyDialog
from mammoviewer.gui.panels.notice_line import NoticeLine
from mammoviewer.jobs.job import JobState
from mammoviewer.session.workspace import Workspace


@pytest.fixture
def study(tmp_path: Path) -> dict[str, Path]:
    return write_study(tmp_path / "in")


def make(workspace: Workspace, qtbot: QtBot, images: list[Path], folder: Path) -> DeidentifyDialog:
    dialog = DeidentifyDialog(workspace, images, folder)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.plan is not None or "Reading" not in dialog.status)
    return dialog


def save(dialog: DeidentifyDialog):
    return dialog._buttons.button(QDialogButtonBox.StandardButton.Save)


def cells(dialog: DeidentifyDialog, column: int) -> list[str]:
    model = dialog._table.model()
    return [model.index(row, column).data(Qt.ItemDataRole.DisplayRole) for row in range(model.rowCount())]


def test_it_shows_what_changes_in_all_that_belongs_to_the_study(
    workspace: Workspace, qtbot: QtBot, study: dict[str, Path], tmp_path: Path
) -> None:
    dialog = make(workspace, qtbot, [study["image"]], tmp_path / "out")
    assert dialog.plan is not None
    assert sorted(dialog.plan.files) == sorted(study.values())
    assert "4 files to copy" in dialog.status
    assert save(dialog).isEnabled()
    everything = dialog.shown_changes
    dialog.search("contributingsources")
    assert 0 < dialog.shown_changes < everything
    assert all("ContributingSourcesSequence" in name for name in cells(dialog, 1))
    dialog.search(NUMBER)
    assert set(cells(dialog, 2)) == {NUMBER}
    assert not (tmp_path / "out").exists()


def test_a_name_is_taken_when_typing_pauses_and_a_wrong_one_is_told(
    workspace: Workspace, qtbot: QtBot, study: dict[str, Path], tmp_path: Path
) -> None:
    dialog = make(workspace, qtbot, [study["image"]], tmp_path / "out")
    dialog.choose_name("CASE-7")
    assert not save(dialog).isEnabled()
    qtbot.waitUntil(save(dialog).isEnabled)
    assert dialog.plan is not None
    assert dialog.plan.options.name == "CASE-7"
    for wrong in ("Doe^Jane", NUMBER):
        dialog.choose_name(wrong)
        qtbot.waitUntil(lambda: "name" in dialog.status)
        assert not save(dialog).isEnabled()


def test_shifting_dates_asks_for_days(
    workspace: Workspace, qtbot: QtBot, study: dict[str, Path], tmp_path: Path
) -> None:
    dialog = make(workspace, qtbot, [study["image"]], tmp_path / "out")
    assert not dialog._days.isVisible()
    dialog._date_choice._group.button(1).click()
    assert dialog._days.isVisible()
    qtbot.waitUntil(save(dialog).isEnabled)
    dialog.search("StudyDate")
    assert cells(dialog, 3) == ["20231010"]


def test_text_in_the_pixels_waits_for_a_word(workspace: Workspace, qtbot: QtBot, tmp_path: Path) -> None:
    source = write_image(tmp_path / "in" / "a.dcm", BurnedInAnnotation="YES")
    dialog = make(workspace, qtbot, [source], tmp_path / "out")
    assert not save(dialog).isEnabled()
    assert "1 image may have text" in dialog._accepted.text()
    assert dialog._accepted.isVisible()
    dialog.accept_burned_in()
    qtbot.waitUntil(save(dialog).isEnabled)
    assert dialog._accepted.isVisible()


def test_closing_stops_reading(workspace: Workspace, qtbot: QtBot, study: dict[str, Path], tmp_path: Path) -> None:
    dialog = DeidentifyDialog(workspace, [study["image"]], tmp_path / "out")
    qtbot.addWidget(dialog)
    dialog.reject()
    job = dialog._job
    assert job is not None
    assert job.wait(10)
    assert job.cancel_requested
    assert dialog.plan is None


def test_copies_are_written_in_the_background_and_told(
    workspace: Workspace, qtbot: QtBot, study: dict[str, Path], tmp_path: Path
) -> None:
    workspace.add(open_paths([study["image"]]))
    assert study_paths(workspace) == (study["image"],)
    notices = NoticeLine(workspace)
    qtbot.addWidget(notices)
    copies = Deidentification(workspace, notices, notices)
    dialog = make(workspace, qtbot, list(study_paths(workspace)), tmp_path / "out")
    assert dialog.plan is not None
    told: list[Notice] = []
    notices.add = lambda notice, remedy=None: told.append(notice)  # type: ignore[method-assign]
    job = copies.write(dialog.plan, dialog.folder)
    qtbot.waitUntil(lambda: bool(told))
    assert job.state is JobState.DONE
    assert told[0].text == "Wrote 4 de-identified files"
    written = list((tmp_path / "out").rglob("*.dcm"))
    assert len({str(pydicom.dcmread(path).StudyInstanceUID) for path in written}) == 1
    assert [value for value in PLANTED for path in written if value.encode() in path.read_bytes()] == []


def test_without_a_study_it_says_so(workspace: Workspace, qtbot: QtBot) -> None:
    notices = NoticeLine(workspace)
    qtbot.addWidget(notices)
    told: list[Notice] = []
    workspace.notice.connect(told.append)
    Deidentification(workspace, notices, notices).show()
    assert [notice.text for notice in told] == ["No DICOM study is open"]


def test_there_is_a_command(qtbot: QtBot) -> None:
    titles = [command.title for command in FILE_COMMANDS["File"]]
    assert "Export de-identified copy of this study…" in titles


def test_open_reports_of_other_folders_belong_to_the_study(workspace: Workspace, tmp_path: Path) -> None:
    for folder in ("IM", "SR"):
        (tmp_path / folder).mkdir()
    write_image(tmp_path / "IM" / "image.dcm")
    write_report(tmp_path / "SR" / "report.dcm")
    assert workspace.open([tmp_path]).wait(20)
    assert {path.name for path in study_paths(workspace)} == {"image.dcm", "report.dcm"}
