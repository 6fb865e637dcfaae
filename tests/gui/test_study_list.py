"""The study list by real keys and clicks: search, sort, choose, open, remove and take back, watch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import dicom_makers
from helpers.images import make_image
from PySide6.QtCore import QPoint, QSettings, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from mammoviewer.base.paths import studies_path
from mammoviewer.dicom.study import Study
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.gui.panels.study_list import StudyListPanel
from mammoviewer.gui.panels.study_table import COLUMNS, DOUBTFUL, PICTURES, ROW_HEIGHT, SECOND_LINE
from mammoviewer.session.listed_study import ListedStudy, listed
from mammoviewer.session.settings import LibrarySettings, SettingsFile
from mammoviewer.session.study_library import StudyLibrary
from mammoviewer.session.workspace import Workspace

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def line(name: str, patient_id: str, date: str, hour: int, **facts: object) -> ListedStudy:
    image = make_image("RCC", uid=f"1.{name}.{date}", PatientName=name, PatientID=patient_id, StudyDate=date, **facts)
    at = f"2026-11-20T{hour:02}:00:00+00:00"
    return listed(Study(f"1.2.{date}.{name}", (image,)), at=at, was_opened=True)


ANNA = line("Muster^Anna", "P1", "20240301", 9)
ANNA_BEFORE = line("Muster^Anna", "P1", "20220215", 8)
YUKI = replace(line("Tanaka^Yuki", "JP17", "20230704", 10), findings=2, model="calc.1", score=0.875)
ALL = (ANNA, ANNA_BEFORE, YUKI)


@pytest.fixture
def panel(qtbot: QtBot) -> StudyListPanel:
    made = StudyListPanel()
    qtbot.addWidget(made)
    made.resize(1100, 500)
    made.show_studies(ALL)
    made.show()
    return made


def names(panel: StudyListPanel) -> list[tuple[str, str]]:
    return [(study.PatientID, study.date[:4]) for study in panel.model.studies]


def click_row(qtbot: QtBot, panel: StudyListPanel, row: int, modifiers: Qt.KeyboardModifier) -> None:
    place = QPoint(250, row * ROW_HEIGHT + 10)
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, modifiers, place)


def test_the_newest_comes_first_and_headings_sort(panel: StudyListPanel, qtbot: QtBot) -> None:
    assert names(panel) == [("JP17", "2023"), ("P1", "2024"), ("P1", "2022")]
    head = panel.table.horizontalHeader()
    by_date = next(number for number, column in enumerate(COLUMNS) if column[0] == "Date")
    place = QPoint(head.sectionPosition(by_date) + 20, head.height() // 2)
    qtbot.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert [year for _, year in names(panel)] == ["2022", "2023", "2024"]
    qtbot.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert [year for _, year in names(panel)] == ["2024", "2023", "2022"]


def test_cells_tell_findings_model_and_score(panel: StudyListPanel) -> None:
    titles = [title for title, _, _ in COLUMNS]
    lines = {
        title: (panel.model.index(0, n).data(), panel.model.index(0, n).data(SECOND_LINE))
        for n, title in enumerate(titles)
    }
    assert lines["Patient"] == ("Tanaka Yuki", "JP17")
    assert lines["Findings"][0] == "2"
    assert lines["Model"] == ("0.88", "calc.1")
    assert lines["Images"] == ("RCC", "1 image")


def test_typing_searches_and_the_choice_outlives_it(panel: StudyListPanel, qtbot: QtBot) -> None:
    panel.choose_row(1)
    qtbot.keyClicks(panel.field, "anna 20240301")
    assert names(panel) == [("P1", "2024")]
    assert panel.chosen == [ANNA]
    panel.clear_search()
    assert len(panel.model.studies) == 3
    assert panel.chosen == [ANNA]


def test_arrows_go_from_the_field_into_the_table_and_enter_opens(panel: StudyListPanel, qtbot: QtBot) -> None:
    opened: list[list[ListedStudy]] = []
    panel.open_wanted.connect(opened.append)
    qtbot.keyClicks(panel.field, "anna")
    qtbot.keyClick(panel.field, Qt.Key.Key_Down)
    qtbot.keyClick(panel.table, Qt.Key.Key_Down, SHIFT)
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    assert opened == [[ANNA, ANNA_BEFORE]]


def test_enter_in_the_field_opens_what_is_found_first(panel: StudyListPanel, qtbot: QtBot) -> None:
    opened: list[list[ListedStudy]] = []
    panel.open_wanted.connect(opened.append)
    qtbot.keyClicks(panel.field, "2022")
    qtbot.keyClick(panel.field, Qt.Key.Key_Return)
    assert opened == [[ANNA_BEFORE]]


def test_a_double_click_opens(panel: StudyListPanel, qtbot: QtBot) -> None:
    opened: list[list[ListedStudy]] = []
    panel.open_wanted.connect(opened.append)
    place = QPoint(250, ROW_HEIGHT + 10)
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert opened == [[ANNA]]


def test_delete_removes_what_is_chosen_and_goes_on_from_there(panel: StudyListPanel, qtbot: QtBot) -> None:
    removed: list[list[ListedStudy]] = []
    panel.removal_wanted.connect(removed.append)
    click_row(qtbot, panel, 0, Qt.KeyboardModifier.NoModifier)
    click_row(qtbot, panel, 1, CONTROL)
    qtbot.keyClick(panel.table, Qt.Key.Key_Delete)
    assert removed == [[YUKI, ANNA]]
    assert panel.chosen == [ANNA_BEFORE]
    qtbot.keyClick(panel.table, Qt.Key.Key_Delete)
    assert panel.chosen == [ANNA]


def context_menu(panel: StudyListPanel, row: int) -> dict[str, QAction]:
    panel.choose_row(row)
    return {action.text(): action for action in panel.context_menu().actions() if action.text()}


def test_the_context_menu_finds_priors_and_shows_the_folder(panel: StudyListPanel) -> None:
    folders: list[ListedStudy] = []
    panel.folder_wanted.connect(folders.append)
    actions = context_menu(panel, 1)
    assert list(actions) == ["Open", "Show folder", "Find priors of this patient", "Remove from list"]
    actions["Show folder"].trigger()
    actions["Find priors of this patient"].trigger()
    assert folders == [ANNA]
    assert names(panel) == [("P1", "2024"), ("P1", "2022")]


def test_missing_files_are_shown_and_stay_so_until_it_is_known_again(panel: StudyListPanel) -> None:
    panel.show_missing({YUKI.key: 1})
    for _ in range(2):
        index = panel.model.index(0, 4)
        assert index.data(DOUBTFUL)
        assert index.data(SECOND_LINE) == "files are gone"
        panel.show_studies(ALL)
    panel.show_missing(dict.fromkeys((study.key for study in ALL), 0))
    assert not panel.model.index(0, 4).data(DOUBTFUL)


def test_pictures_are_asked_for_once_and_only_where_they_are_seen(panel: StudyListPanel, qtbot: QtBot) -> None:
    many = [replace(YUKI, key=str(n)) for n in range(200)]
    panel.show_studies(many)
    with qtbot.waitSignal(panel.model.pictures_wanted) as asked:
        panel.table.viewport().repaint()
    assert 0 < len(asked.args[0]) < 40
    with qtbot.assertNotEmitted(panel.model.pictures_wanted, wait=50):
        panel.table.viewport().repaint()


def test_a_thousand_studies_are_searched_within_a_frame_or_two(panel: StudyListPanel) -> None:
    panel.show_studies([replace(YUKI, key=str(n), PatientID=f"X{n}") for n in range(1000)])
    start = time.perf_counter()
    panel.field.setText("x99")
    assert time.perf_counter() - start < 0.25
    assert len(panel.model.studies) == 11


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(tmp_path / "qt"))


def write_exam(folder: Path, name: str, patient_id: str, date: str) -> None:
    folder.mkdir(parents=True)
    pixels = dicom_makers.texture()
    facts = {"PatientName": name, "PatientID": patient_id, "StudyDate": date, "StudyInstanceUID": f"1.2.{date}"}
    for side in "RL":
        dataset = dicom_makers.mammogram(
            pixels, ImageLaterality=side, SOPInstanceUID=f"1.9.{date}.{ord(side)}", **facts
        )
        dicom_makers.save(folder / f"{side}.dcm", dataset, pixels)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    write_exam(folder / "a", "Muster^Anna", "P1", "20240301")
    write_exam(folder / "b", "Muster^Anna", "P1", "20220215")
    write_exam(folder / "c", "Tanaka^Yuki", "JP17", "20230704")
    return folder


Make = Callable[[], MainWindow]


@pytest.fixture
def window(workspace: Workspace, qtbot: QtBot, tmp_path: Path, inbox: Path) -> Iterator[MainWindow]:
    settings = SettingsFile(tmp_path / "settings.json")
    library = LibrarySettings(watched=(str(inbox),), watch_interval_s=1.0)
    settings.update(replace(settings.settings, library=library))
    made = MainWindow(workspace, settings)
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(lambda: len(made.studies.panel.model.studies) == 3, timeout=20000)
    yield made
    made.close()


def test_what_comes_into_a_watched_folder_is_listed_and_not_opened(window: MainWindow, qtbot: QtBot) -> None:
    assert window.start_page.isVisible()
    assert window.studies.panel.isVisible()
    assert window.workspace.studies == ()
    qtbot.waitUntil(lambda: bool(window.notices.notices))
    assert window.notices.notices[0].text == "3 new studies arrived"
    model = window.studies.panel.model
    qtbot.waitUntil(lambda: all(len(model.index(row, 0).data(PICTURES)) == 2 for row in range(3)), timeout=10000)


def test_studies_of_one_patient_open_together_the_newest_first(window: MainWindow, qtbot: QtBot) -> None:
    panel, workspace = window.studies.panel, window.workspace
    qtbot.waitUntil(lambda: QApplication.focusWidget() is panel.table)
    qtbot.keyClicks(panel.table, "anna")
    assert panel.field.text() == "anna"
    qtbot.keyClick(panel.field, Qt.Key.Key_Down)
    qtbot.keyClick(panel.table, Qt.Key.Key_A, CONTROL)
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(workspace.studies) == 2)
    assert workspace.study is not None
    assert workspace.study.date == "2024-03-01"
    qtbot.waitUntil(window.grid.isVisible)
    assert window.panels.isVisible()


def test_studies_of_several_patients_are_not_mixed(window: MainWindow, qtbot: QtBot) -> None:
    window.studies.panel.table.selectAll()
    qtbot.keyClick(window.studies.panel.table, Qt.Key.Key_Return)
    assert any("different patients" in notice.text for notice in window.notices.notices)
    assert not window.workspace.decoding.jobs


def open_first(window: MainWindow, qtbot: QtBot) -> None:
    panel = window.studies.panel
    panel.table.setFocus()
    panel.choose_row(0)
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    qtbot.waitUntil(window.grid.isVisible)


def test_ctrl_l_shows_the_list_in_place_of_the_images_and_escape_goes_back(window: MainWindow, qtbot: QtBot) -> None:
    open_first(window, qtbot)
    viewport = window.grid.active
    assert viewport is not None
    qtbot.waitUntil(viewport.hasFocus)
    qtbot.keyClick(viewport, Qt.Key.Key_L, CONTROL)
    assert window.start_page.isVisible()
    assert not window.rail.isVisible()
    assert not window.panels.isVisible()
    table = window.studies.panel.table
    qtbot.waitUntil(table.hasFocus)
    qtbot.keyClick(table, Qt.Key.Key_I)
    assert not viewport.shown.inverted
    assert window.studies.panel.field.text() == "i"
    qtbot.keyClick(window.studies.panel.field, Qt.Key.Key_Escape)
    assert window.start_page.isVisible()
    assert window.studies.panel.field.text() == ""
    qtbot.keyClick(window.studies.panel.field, Qt.Key.Key_Escape)
    assert window.grid.isVisible()
    qtbot.keyClick(window.grid.active, Qt.Key.Key_L, CONTROL)
    qtbot.keyClick(window.studies.panel.table, Qt.Key.Key_L, CONTROL)
    assert window.grid.isVisible()


def test_removing_asks_nothing_touches_no_file_and_can_be_taken_back(
    window: MainWindow, qtbot: QtBot, inbox: Path
) -> None:
    panel = window.studies.panel
    before = {study.key for study in panel.model.studies}
    for undo in (window.notices.use_remedy, lambda: qtbot.keyClick(panel.table, Qt.Key.Key_Z, CONTROL)):
        panel.table.setFocus()
        panel.choose_row(0)
        qtbot.keyClick(panel.table, Qt.Key.Key_Delete)
        qtbot.waitUntil(lambda: len(panel.model.studies) == 2)
        assert window.notices.notices[0].text == "Removed 1 study from the list"
        assert len(list(inbox.rglob("*.dcm"))) == 6
        undo()
        qtbot.waitUntil(lambda: {study.key for study in panel.model.studies} == before)
        assert not any("Removed" in notice.text for notice in window.notices.notices)


def menu_entries(window: MainWindow) -> dict[str, QAction]:
    window.studies.panel._menu.aboutToShow.emit()
    return {action.text(): action for action in window.studies.panel._menu.actions() if action.text()}


def test_the_list_is_cleared_after_one_more_press(window: MainWindow, qtbot: QtBot) -> None:
    menu_entries(window)["Clear the list…"].trigger()
    assert "cannot be undone" in window.notices.notices[0].text
    assert len(window.studies.panel.model.studies) == 3
    window.notices.use_remedy()
    qtbot.waitUntil(lambda: not window.studies.panel.model.studies)
    assert not window.studies.panel.isVisible()
    assert window.opening.recent == []


def test_a_list_that_is_not_wanted_is_not_shown_and_not_kept(window: MainWindow, qtbot: QtBot, inbox: Path) -> None:
    menu_entries(window)["Keep a list of studies"].trigger()
    qtbot.waitUntil(lambda: not window.studies.panel.isVisible())
    assert window.studies.keeper.watched == ()
    window.open_paths([inbox / "a"])
    qtbot.waitUntil(window.grid.isVisible)
    with StudyLibrary(studies_path()) as library:
        assert [study.opened for study in library.studies()] == ["", "", ""]


def test_folders_are_watched_and_left(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inbox: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(other))
    menu_entries(window)["Watch a folder…"].trigger()
    assert window.studies.keeper.watched == (inbox, other)
    qtbot.waitUntil(lambda: "Stop watching other" in menu_entries(window))
    menu_entries(window)["Stop watching other"].trigger()
    assert window.studies.keeper.watched == (inbox,)


def test_reading_the_list_never_blocks_the_window(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = StudyLibrary.studies

    def slow(library: StudyLibrary, keys: object = None) -> tuple[ListedStudy, ...]:
        time.sleep(0.4)
        return real(library)

    monkeypatch.setattr(StudyLibrary, "studies", slow)
    ticks: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start(5)
    window.studies.refresh()
    qtbot.wait(600)
    timer.stop()
    assert max(later - earlier for earlier, later in zip(ticks, ticks[1:], strict=False)) < 0.2


def test_a_list_that_is_read_while_the_window_closes_is_left_alone(window: MainWindow, qtbot: QtBot) -> None:
    studies = window.studies
    job = studies.keeper.read()
    assert job.wait(10.0)
    assert job.result
    studies.close()
    with qtbot.captureExceptions() as exceptions:
        studies._show(job)
        QApplication.processEvents()
    assert exceptions == []
