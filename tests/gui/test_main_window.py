"""The whole window, small and offscreen."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import dicom_makers
from helpers.images import breast_like, make_image
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.dialogs.cheat_sheet import CheatSheet
from mammoviewer.gui.dialogs.command_palette import CommandPalette
from mammoviewer.gui.dialogs.header_dialog import HeaderDialog
from mammoviewer.gui.dialogs.open_raster_dialog import OpenRasterDialog
from mammoviewer.gui.dialogs.protocol_dialog import ProtocolDialog
from mammoviewer.gui.exports import export_content
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.jobs.job import JobState
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.viewer_state import FIT
from mammoviewer.session.workspace import Workspace


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(tmp_path / "qt"))


def make_window(workspace: Workspace, qtbot: QtBot, folder: Path) -> MainWindow:
    window = MainWindow(workspace, SettingsFile(folder / "settings.json"))
    qtbot.addWidget(window)
    window.resize(1280, 800)
    window.show()
    return window


@pytest.fixture
def empty(workspace: Workspace, qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    window = make_window(workspace, qtbot, tmp_path)
    yield window
    window.close()


@pytest.fixture
def window(four_views: Workspace, qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    made = make_window(four_views, qtbot, tmp_path)
    yield made
    made.close()


def test_it_starts_with_the_start_page(empty: MainWindow) -> None:
    assert empty.start_page.isVisible()
    assert not empty.grid.isVisible()
    assert not empty.panels.isVisible()


def test_a_picture_opens_hung_and_is_remembered(empty: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "L-CC.png"
    cv2.imwrite(str(path), (breast_like() >> 4).astype(np.uint8))
    empty.open_paths([path], 0.1)
    qtbot.waitUntil(empty.grid.isVisible)
    assert not empty.start_page.isVisible()
    qtbot.waitUntil(lambda: empty.opening.recent == [path])


def test_the_demo_exam_is_made_and_opened(
    empty: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(progress: object) -> Path:
        return write_exam(tmp_path / "exam", scale=0.125, frames=40).directory

    monkeypatch.setattr("mammoviewer.gui.opening.demo_exam", make)
    empty.open_demo()
    qtbot.waitUntil(lambda: empty.workspace.stage is not None, timeout=60000)
    assert empty.workspace.stage is not None
    assert len(empty.workspace.stage.cells) == 4
    qtbot.waitUntil(lambda: len(empty.rail.buttons) == 6)


def test_a_broken_file_becomes_a_notice(empty: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "broken.dcm"
    path.write_bytes(b"not an image")
    empty.open_paths([path])
    qtbot.waitUntil(lambda: bool(empty.notices.notices))
    assert "broken.dcm" in empty.notices.notices[0].text
    assert empty.start_page.isVisible()


@pytest.mark.parametrize("width", [1100, 1280, 1920])
def test_images_have_at_least_60_percent_of_the_width(window: MainWindow, width: int, qtbot: QtBot) -> None:
    window.resize(width, 800)
    qtbot.wait(20)
    assert window.width() == width
    assert window.grid.width() >= 0.6 * width


def test_the_disclaimer_is_always_there(window: MainWindow) -> None:
    texts = [part.text() for part in window.findChildren(QLabel) if part.isVisible()]
    assert "Research use only - not for primary diagnosis" in texts


def test_panels_fold_away_and_come_back(window: MainWindow) -> None:
    for title in window.panels.titles:
        window.show_panel(title)
        assert window.panels.current == title
    window.toggle_panels()
    assert not window.panels.isVisible()
    window.show_panel("AI")
    assert window.panels.isVisible()


def test_keys_lead_into_every_panel_and_back_to_the_image(window: MainWindow, qtbot: QtBot) -> None:
    viewport = window.grid.active
    assert viewport is not None
    window.activateWindow()
    viewport.setFocus()
    qtbot.waitUntil(viewport.hasFocus)
    for number, title in enumerate(window.panels.titles):
        QTest.keyClick(viewport, Qt.Key(Qt.Key.Key_1 + number), Qt.KeyboardModifier.ControlModifier)
        page = window.panels.page(title)
        entered = QApplication.focusWidget()
        assert entered is not None
        assert page.isAncestorOf(entered)
        before = viewport.shown.inverted
        QTest.keyClick(entered, Qt.Key.Key_I)
        assert viewport.shown.inverted is not before
        QTest.keyClick(entered, Qt.Key.Key_Tab)
        behind = QApplication.focusWidget()
        assert behind is not None
        assert behind is not entered
        QTest.keyClick(behind, Qt.Key.Key_Escape)
        assert viewport.hasFocus()


def test_alt_with_an_arrow_nudges_the_chosen_finding(window: MainWindow, qtbot: QtBot) -> None:
    workspace, viewport = window.workspace, window.grid.active
    assert viewport is not None
    window.activateWindow()
    viewport.setFocus()
    qtbot.waitUntil(viewport.hasFocus)
    finding = new_finding(viewport.identity, 0, Roi(RoiKind.RECTANGLE, ((50.0, 50.0), (70.0, 70.0))), "Mass")
    workspace.edit(AddFinding(finding))
    workspace.desk.selected_finding = finding.id
    right, down = viewport.view.to_widget(np.array([(50.0, 51.0), (51.0, 50.0)])) - viewport.view.to_widget(
        np.array([(50.0, 50.0)])
    )
    before = viewport.view.to_widget(np.array(finding.roi.points))
    for key, way in ((Qt.Key.Key_Right, right * np.sign(right[0])), (Qt.Key.Key_Down, down * np.sign(down[1]))):
        qtbot.keyClick(viewport, key, Qt.KeyboardModifier.AltModifier)
        after = viewport.view.to_widget(np.array(workspace.annotations.get(finding.id).roi.points))
        np.testing.assert_allclose(after - before, [way, way], atol=1e-6)
        before = after


def test_keys_reach_their_commands(window: MainWindow, qtbot: QtBot) -> None:
    workspace = window.workspace
    viewport = window.grid.active
    assert viewport is not None
    window.activateWindow()
    viewport.setFocus()
    qtbot.waitUntil(viewport.hasFocus)
    qtbot.keyClick(viewport, Qt.Key.Key_I)
    assert viewport.shown.inverted
    qtbot.keyClick(viewport, Qt.Key.Key_Tab)
    assert workspace.stage_index == 1
    qtbot.keyClick(window.grid.active, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert workspace.stage_index == 0
    qtbot.keyClick(window.grid.active, Qt.Key.Key_Question)
    sheet = window.findChild(CheatSheet)
    assert sheet is not None
    sheet.close()


def test_backspace_leaves_views_of_another_study_alone(window: MainWindow, qtbot: QtBot) -> None:
    workspace, viewport = window.workspace, window.grid.active
    assert viewport is not None
    zoomed, study = viewport.shown, workspace.study
    window.activateWindow()
    viewport.setFocus()
    qtbot.waitUntil(viewport.hasFocus)
    qtbot.keyClick(viewport, Qt.Key.Key_Plus)
    assert zoomed.zoom != FIT
    workspace.add(OpenResult((make_image("RCC", uid="2.1", StudyInstanceUID="2", PatientID="B"),), ()))
    qtbot.waitUntil(lambda: window.grid.viewports[0].identity == "2.1")
    qtbot.keyClick(window.grid.active, Qt.Key.Key_Backspace)
    assert zoomed.zoom != FIT
    assert study is not None
    workspace.choose_study(study)
    qtbot.keyClick(window.grid.active, Qt.Key.Key_Backspace)
    assert zoomed.zoom == FIT


def test_the_original_shows_while_o_is_held(window: MainWindow, qtbot: QtBot) -> None:
    viewport = window.grid.active
    assert viewport is not None
    window.activateWindow()
    viewport.setFocus()
    qtbot.waitUntil(viewport.hasFocus)
    QTest.keyPress(window.windowHandle(), Qt.Key.Key_O)
    assert viewport.shown.bypass_filters
    QTest.keyRelease(window.windowHandle(), Qt.Key.Key_O)
    assert not viewport.shown.bypass_filters


def test_export_writes_in_the_background_and_offers_the_folder(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    state = window.workspace.active
    assert state is not None
    folder = tmp_path / "out"
    folder.mkdir()
    job = window.exports.write(export_content(window.workspace, state), ("png8",), folder, "view")
    qtbot.waitUntil(lambda: job.state is JobState.DONE)
    qtbot.waitUntil(lambda: bool(window.notices.notices))
    assert [path.name for path in folder.iterdir()] == ["view-png8.png"]
    assert window.notices._remedy.text() == "Open folder"


def test_six_thousand_rounds_with_the_whole_window(window: MainWindow, qapp: object) -> None:
    for _ in range(6000):
        QApplication.processEvents()
    assert window.isVisible()


def test_the_palette_types_and_runs_without_touching_shortcuts(window: MainWindow, qtbot: QtBot) -> None:
    viewport = window.grid.active
    assert viewport is not None
    window.activateWindow()
    viewport.setFocus()
    qtbot.waitUntil(viewport.hasFocus)
    window.show_palette()
    palette = window.findChild(CommandPalette)
    assert palette is not None
    qtbot.waitUntil(lambda: QApplication.focusWidget() is palette._field)
    qtbot.keyClicks(palette._field, "corner text")
    assert not viewport.shown.inverted
    assert palette._field.text() == "corner text"
    qtbot.keyClick(palette._field, Qt.Key.Key_Return)
    assert window.workspace.desk.corner_text == "minimal"
    qtbot.waitUntil(viewport.hasFocus)


def test_escape_closes_the_palette(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    window.show_palette()
    palette = window.findChild(CommandPalette)
    assert palette is not None
    qtbot.waitUntil(lambda: QApplication.focusWidget() is palette._field)
    qtbot.keyClick(palette._field, Qt.Key.Key_Escape)
    assert not window.findChildren(CommandPalette) or not palette.isVisible()


def test_what_is_gone_is_taken_off_the_start_page(empty: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    settings = empty.opening._settings
    settings.update(settings.settings.with_recent(tmp_path / "gone").with_recent(tmp_path))
    shown: list[list[Path]] = []
    empty.opening.find_recent(shown.append)
    assert shown == [[tmp_path, tmp_path / "gone"]], "nothing is waited for"
    qtbot.waitUntil(lambda: shown[-1] == [tmp_path])


def test_pictures_of_a_folder_can_be_given_a_pixel_size(
    empty: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "films").mkdir()
    for seed, name in enumerate(("L-CC", "R-CC")):
        cv2.imwrite(str(tmp_path / "films" / f"{name}.png"), (breast_like(seed=seed) >> 4).astype(np.uint8))

    def answer(dialog: OpenRasterDialog) -> int:
        dialog.set_pixel_spacing(0.07)
        return 1

    monkeypatch.setattr(OpenRasterDialog, "exec", answer)
    empty.open_paths([tmp_path / "films"])
    wanted = "without a pixel size"
    qtbot.waitUntil(lambda: any(wanted in notice.text for notice in empty.notices.notices))
    (told,) = (notice for notice in empty.notices.notices if "pixel" in notice.text)
    while empty.notices.notices[0] != told:
        empty.notices.next_notice()
    empty.notices.use_remedy()
    sizes = [image.attributes.pixel_spacing for image in empty.workspace.images]
    assert [size.row_mm for size in sizes if size is not None] == [0.07, 0.07]
    assert [image.attributes.warnings for image in empty.workspace.images] == [(), ()]


def test_a_pixel_size_that_is_known_is_not_asked_for_any_more(
    empty: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2.imwrite(str(tmp_path / "L-CC.png"), (breast_like() >> 4).astype(np.uint8))
    monkeypatch.setattr(OpenRasterDialog, "exec", lambda _: 1)
    empty.open_paths([tmp_path / "L-CC.png"])
    qtbot.waitUntil(lambda: any("without a pixel size" in notice.text for notice in empty.notices.notices))
    monkeypatch.setattr(OpenRasterDialog, "exec", lambda dialog: dialog.set_pixel_spacing(0.07) or 1)
    empty.ask_pixel_size()
    qtbot.waitUntil(lambda: not any("pixel" in notice.text for notice in empty.notices.notices))


def test_a_picture_is_turned_by_keys(window: MainWindow, qtbot: QtBot) -> None:
    viewport = window.grid.active
    assert viewport is not None
    viewport.setFocus()
    hung = viewport.shown.orientation
    qtbot.keyClick(viewport, Qt.Key.Key_R, Qt.KeyboardModifier.AltModifier)
    assert viewport.shown.orientation == hung.rotated(1)
    assert viewport.view.to_widget(np.array([[0.0, 0.0]]))[0, 0] > viewport.width() / 2
    for _ in range(2):
        qtbot.keyClick(viewport, Qt.Key.Key_L, Qt.KeyboardModifier.AltModifier)
    assert viewport.shown.orientation == hung.rotated(-1)
    qtbot.keyClick(viewport, Qt.Key.Key_F, Qt.KeyboardModifier.AltModifier)
    assert viewport.shown.orientation == hung.rotated(-1).flipped_vertically()
    qtbot.keyClick(viewport, Qt.Key.Key_Backspace)
    assert viewport.shown.orientation == hung


def test_the_header_of_a_file_that_is_no_image_can_be_seen(empty: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    pixels = dicom_makers.texture()
    path = dicom_makers.save_fragments(
        tmp_path / "film.dcm",
        dicom_makers.mammogram(pixels),
        "1.2.840.10008.1.2.4.100",
        dicom_makers.pixel_items(b"x" * 8),
    )
    empty.open_paths([path])
    qtbot.waitUntil(lambda: bool(empty.notices.notices))
    assert empty.notices._remedy.text() == "Show header"
    empty.notices.use_remedy()
    (dialog,) = empty.findChildren(HeaderDialog)
    qtbot.waitUntil(lambda: dialog.shown_rows > 10)
    dialog.close()


def test_a_dialog_is_open_once(window: MainWindow, qtbot: QtBot) -> None:
    for _ in range(2):
        window.show_keys()
        qtbot.wait(10)
    assert sum(sheet.isVisible() for sheet in window.findChildren(CheatSheet)) == 1


def test_the_empty_start_page_stands_together(empty: MainWindow, qtbot: QtBot) -> None:
    empty.start_page.show_list(there=False)
    qtbot.wait(20)
    page = empty.start_page
    parts = [part for part in page.findChildren(QLabel) if part.isVisible()]
    assert page._empty in parts
    last = page._empty.mapTo(page, page._empty.rect().bottomLeft()).y()
    assert last < 360, "what belongs together is spread over the page"


@pytest.mark.parametrize("width", [940, 1000, 1100, 1280])
def test_the_bar_on_top_has_room_for_what_it_shows(window: MainWindow, qtbot: QtBot, width: int) -> None:
    """A full-HD screen at 200 % is 960 logical pixels wide."""
    window.header._prior.setVisible(True)
    window.resize(width, 520)
    qtbot.wait(20)
    assert window.width() == width
    shown = [part for part in window.header.children() if isinstance(part, QWidget) and part.isVisible()]
    places = sorted((part.geometry() for part in shown), key=lambda place: place.left())
    assert all(left.right() < right.left() for left, right in itertools.pairwise(places))
    assert places[-1].right() <= width


def test_a_dialog_that_is_open_comes_to_the_front_with_what_was_typed(window: MainWindow, qtbot: QtBot) -> None:
    edit = next(command for command in window.keys.commands if command.id == "stage.protocols")
    window.run_command(edit)
    dialog = next(dialog for dialog in window.findChildren(ProtocolDialog) if dialog.isVisible())
    dialog._name.setText("half typed")
    window.run_command(edit)
    qtbot.wait(10)
    assert [found for found in window.findChildren(ProtocolDialog) if found.isVisible()] == [dialog]
    assert dialog._name.text() == "half typed"
    dialog.close()
