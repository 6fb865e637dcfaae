"""Notice line, jobs, cursor line, header bar, rail, start page."""

from pathlib import Path

import pytest
from helpers.images import make_image
from PySide6.QtCore import QEvent
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.progress import Progress
from mammoviewer.dicom.study import Study
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.canvas.cursor_reading import CursorReading
from mammoviewer.gui.panels.cursor_line import CursorLine, footer_bar, slice_text, voi_text
from mammoviewer.gui.panels.header_bar import HeaderBar, study_title
from mammoviewer.gui.panels.jobs_bar import JobsBar
from mammoviewer.gui.panels.notice_line import NoticeLine
from mammoviewer.gui.panels.parts import CalmCombo
from mammoviewer.gui.panels.start_page import StartPage
from mammoviewer.gui.panels.study_list import StudyListPanel
from mammoviewer.gui.panels.thumbnail_rail import ThumbnailButton, ThumbnailRail
from mammoviewer.gui.thumbnails import Thumbnails, recent_picture_path
from mammoviewer.imaging.voi import VoiFunction, Window
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.thumbnail import thumbnail
from mammoviewer.session.viewer_state import Tool
from mammoviewer.session.workspace import Workspace

FIRST = Notice(Severity.CAUTION, "one", "do this")
SECOND = Notice(Severity.ERROR, "two")


def test_notices_stay_until_they_are_read(workspace: Workspace, qtbot: QtBot) -> None:
    line = NoticeLine(workspace)
    qtbot.addWidget(line)
    assert not line.isVisible()
    for notice in (FIRST, SECOND, FIRST):
        workspace.notice.emit(notice)
    assert line.notices == (FIRST, SECOND)
    assert (line._text.text(), line._hint.text()) == ("one", "do this")
    line._close.click()
    assert line._text.text() == "two"
    line._close.click()
    assert line.notices == ()
    assert not line.isVisibleTo(None)


def test_a_remedy_is_a_button(workspace: Workspace, qtbot: QtBot) -> None:
    line, done = NoticeLine(workspace), []
    qtbot.addWidget(line)
    line.add(FIRST, ("Mend it", lambda: done.append(1)))
    assert line._remedy.text() == "Mend it"
    line._remedy.click()
    assert done == [1]
    assert line.notices == ()


def test_a_long_job_is_shown_and_can_be_cancelled(workspace: Workspace, qtbot: QtBot) -> None:
    bar = JobsBar(workspace)
    qtbot.addWidget(bar)

    def work(progress: Progress) -> None:
        while True:
            progress(0.5, "")

    job = workspace.computing.submit("Long work", work)
    qtbot.waitUntil(lambda: bar._bar.isVisibleTo(bar))
    assert bar._name.text() == "Long work"
    bar._stop.click()
    qtbot.waitUntil(lambda: job.state is JobState.CANCELLED)
    qtbot.waitUntil(lambda: not bar._bar.isVisibleTo(bar))
    assert bar.jobs == (job,)


def test_decoding_is_not_shown(workspace: Workspace, qtbot: QtBot) -> None:
    bar = JobsBar(workspace)
    qtbot.addWidget(bar)
    workspace.decoding.submit("Decode", lambda progress: None).wait(5)
    assert bar.jobs == ()


def test_the_window_in_words() -> None:
    assert voi_text(Window(2653.0, 900.0, VoiFunction.SIGMOID, "NORMAL")) == "SIGMOID 2653 / 900  NORMAL"
    assert voi_text(Window(2744.308064989627, 13.953468239108393)) == "LINEAR 2744 / 14"
    assert voi_text(Window(0.45, 0.3)) == "LINEAR 0.45 / 0.3"


def test_the_slice_in_words(volume: Workspace) -> None:
    state = volume.active
    assert state is not None
    state.frame = 3
    assert slice_text(state) == "slice 4/12, 3.0 mm (nominal)"


def test_the_cursor_line_follows(volume: Workspace, qtbot: QtBot) -> None:
    line = CursorLine(ActiveView(volume))
    qtbot.addWidget(line)
    line.show_reading(CursorReading(3, 4, 1200, 80, (0.3, 0.4), volume.images[0]))
    assert line._value.text() == "value 1200  shown 80"
    assert line._place.text() == "row 3  column 4  (0.3, 0.4) mm at detector"
    line.show_reading(CursorReading(3, 4, None, None, None, volume.images[0]))
    assert line._value.text() == "value …"
    line.show_reading(None)
    assert line._value.text() == "value –"
    assert volume.active is not None
    volume.active.frame = 0
    assert line._slice.text().startswith("slice 1/12")


def test_the_header_bar_is_bound(four_views: Workspace, qtbot: QtBot) -> None:
    bar = HeaderBar(four_views, ActiveView(four_views))
    qtbot.addWidget(bar)
    assert four_views.study is not None
    assert bar._study.currentText() == study_title(four_views.study)
    assert "4 images" in bar._study.currentText()
    bar._on.click()
    assert four_views.stage_index == 1
    assert bar._count.text() == f"2/{len(four_views.stages)}"
    bar._tools[Tool.POLYGON].click()
    assert four_views.desk.tool is Tool.POLYGON
    assert not bar._tools[Tool.WINDOW].isChecked()
    bar._invert.click()
    assert four_views.active is not None
    assert four_views.active.inverted


def test_the_date_of_a_study_comes_first_where_there_is_little_room() -> None:
    image = make_image(StudyDate="20240301", PatientName="Doe^Jane", PatientID="")
    assert study_title(Study("1.2.3", (image,))) == "2024-03-01  ·  Doe Jane  ·  1 image"


def test_a_list_with_little_room_tells_its_choice_in_full(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("mammoviewer.gui.panels.parts.QToolTip.showText", lambda place, text, of: told.append(text))
    choice = CalmCombo()
    qtbot.addWidget(choice)
    choice.addItem("2024-03-01  ·  a long name that is cut")
    choice.resize(90, 30)
    choice.show()
    place = choice.rect().center()
    QApplication.sendEvent(choice, QHelpEvent(QEvent.Type.ToolTip, place, choice.mapToGlobal(place)))
    assert told == [choice.currentText()]


def test_a_bar_without_a_study_offers_nothing(workspace: Workspace, qtbot: QtBot) -> None:
    bar = HeaderBar(workspace, ActiveView(workspace))
    qtbot.addWidget(bar)
    assert not bar._study.isEnabled()
    assert not any(tool.isEnabled() or tool.isChecked() for tool in bar._tools.values())


def test_a_thumbnail_is_small_and_grey(four_views: Workspace) -> None:
    grey = thumbnail(four_views.images[0], 64)
    assert max(grey.shape) == 64
    assert grey.dtype.name == "uint8"
    assert grey.max() > 60


def test_the_rail_shows_every_image_and_hangs_one_alone(four_views: Workspace, qtbot: QtBot) -> None:
    rail = ThumbnailRail(four_views, ActiveView(four_views), Thumbnails(four_views))
    qtbot.addWidget(rail)
    entries = [entry for entry in rail.buttons if isinstance(entry, ThumbnailButton)]
    assert [entry.text() for entry in entries] == ["RCC", "LCC", "RMLO", "LMLO"]
    qtbot.waitUntil(lambda: all(entry._pixmap is not None for entry in entries))
    entries[2].click()
    assert four_views.stage is not None
    assert four_views.stage.cells == (entries[2].image.attributes.identity,)
    assert [entry.isChecked() for entry in entries] == [False, False, True, False]
    for entry in entries:
        assert not entry.grab().isNull()


def test_the_start_page_lists_what_is_still_there(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    page = StartPage(StudyListPanel())
    qtbot.addWidget(page)
    page.show_recent([])
    assert page._empty.isVisibleTo(page)
    page.show_recent([tmp_path])
    assert page._recent.count() == 1
    with qtbot.waitSignal(page.paths_chosen) as chosen:
        page._recent.itemClicked.emit(page._recent.item(0))
    assert chosen.args == [[tmp_path]]
    assert recent_picture_path(tmp_path) != recent_picture_path(tmp_path / "gone")


def test_the_start_page_tells_how_far_the_demo_exam_is(qtbot: QtBot) -> None:
    page = StartPage(StudyListPanel())
    qtbot.addWidget(page)
    told = []

    def make(progress: Progress) -> None:
        for fraction in (0.0, 0.42):
            progress(fraction, "")
            page._tell_making(job)
            told.append((page._making.text(), page._demo.isEnabled()))

    job = Job("Demo exam")
    page.follow_demo(job)
    job.run(make)
    qtbot.waitUntil(page._demo.isEnabled)
    assert told[0] == ("", False)
    assert told[1][0].startswith("Making the exam, this once: 42%")
    assert page._making.text() == ""


@pytest.mark.parametrize("width", [1100, 1400, 2400])
def test_the_bottom_bar_cuts_no_figure(volume: Workspace, qtbot: QtBot, width: int) -> None:
    line, jobs = CursorLine(ActiveView(volume)), QLabel("Find the nipple (+1)   0 %")
    jobs.setFixedWidth(320)
    bar = footer_bar(line, QLabel("Research use only - not for primary diagnosis"), jobs)
    qtbot.addWidget(bar)
    bar.resize(width, 30)
    bar.show()
    line.show_reading(CursorReading(3, 4, 1200, 80, (0.3, 0.4), volume.images[0]))
    qtbot.wait(10)
    shown = [part for part in (line._value, line._place, line._slice, line._window) if part.isVisible()]
    assert shown[:2] == [line._value, line._place]
    assert all(part.width() >= part.sizeHint().width() for part in shown)
    assert len(shown) == 4 or width < 2400


def test_what_nobody_waits_for_is_not_told_of(workspace: Workspace, qtbot: QtBot) -> None:
    bar = JobsBar(workspace)
    qtbot.addWidget(bar)
    for name in ("Check the side", "Find the air", "Find the nipple"):
        workspace.decoding.submit(name, lambda progress: None).wait(5)
    assert bar.jobs == ()
