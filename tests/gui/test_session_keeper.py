"""What is open is kept while the window runs and comes back after the program was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.images import make_image
from pytestqt.qtbot import QtBot

from mammoviewer.base.errors import SettingsError
from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.session_keeper import SessionKeeper
from mammoviewer.session.last_session import LastSession, read_session, write_session
from mammoviewer.session.opened import Opened
from mammoviewer.session.workspace import Workspace

CHILD = """
import json, os, sys, time
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from mammoviewer.gui.app import make_application, show_window
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.imaging.filter_chain import format_filter, parse_filter
from mammoviewer.imaging.voi import Window
from mammoviewer.session.last_session import last_session_path, read_session
from mammoviewer.session.window_request import WindowRequest

def work_on(workspace):
    workspace.show_stage(1)
    workspace.desk.active_identity = next(cell for cell in workspace.stage.cells if workspace.state(cell).frames > 1)
    state = workspace.active
    state.frame, state.inverted, state.zoom, state.centre = 3, True, 1.25, (40.0, 30.0)
    state.voi = Window(1500.0, 700.0)
    state.orientation = state.orientation.flipped_vertically()
    state.filters = (parse_filter("unsharp:radius=2,amount=1.5"),)

def told(workspace, window):
    state = workspace.active
    return {"stage": workspace.stage_index, "frame": state.frame, "frames": state.frames, "inverted": state.inverted,
        "zoom": state.zoom, "centre": state.centre, "voi": [state.voi.center, state.voi.width],
        "flipped": state.orientation == state.image.attributes.orientation.flipped_vertically(),
        "filters": [format_filter(step) for step in state.filters], "images": len(workspace.images),
        "notices": [notice.text for notice in window.notices.notices]}

def look():
    window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow))
    workspace = window.workspace
    if sys.argv[1:]:
        if not worked and workspace.stages:
            work_on(workspace)
            worked.append(True)
        kept = read_session(last_session_path())
        if worked and kept and kept.active == workspace.desk.active_identity and kept.views[kept.active].inverted:
            print("kept", flush=True)
    elif workspace.stages and window.notices.notices:
        print(json.dumps(told(workspace, window)), flush=True)
        timer.stop()
        window.close()

worked = []
application = make_application()
timer = QTimer(interval=50)
timer.timeout.connect(look)
timer.start()
sys.exit(show_window(WindowRequest(tuple(map(Path, sys.argv[1:])))))
"""


@pytest.fixture
def keeper(four_views: Workspace, tmp_path: Path) -> Iterator[SessionKeeper]:
    four_views.opened = (Opened((tmp_path / "exam",)),)
    made = SessionKeeper(four_views, tmp_path / "last.json")
    made._later.setInterval(10)
    yield made
    made.finish()


def kept(path: Path) -> LastSession:
    session = read_session(path)
    assert session is not None
    return session


def test_a_change_is_written_a_moment_later(keeper: SessionKeeper, four_views: Workspace, qtbot: QtBot) -> None:
    identity = four_views.desk.active_identity
    qtbot.waitUntil(keeper._path.exists)
    assert not kept(keeper._path).views[identity].inverted
    four_views.state(identity).inverted = True
    qtbot.waitUntil(lambda: kept(keeper._path).views[identity].inverted)
    four_views.show_stage(1)
    qtbot.waitUntil(lambda: kept(keeper._path).stage == 1)
    four_views.desk.linked_cursor = True
    qtbot.waitUntil(lambda: kept(keeper._path).linked_cursor)


def test_images_that_come_later_are_followed_too(keeper: SessionKeeper, four_views: Workspace, qtbot: QtBot) -> None:
    four_views.add(OpenResult((make_image("LCC", uid="9.9"),), ()))
    qtbot.waitUntil(lambda: keeper._path.exists() and "9.9" in kept(keeper._path).views)
    four_views.state("9.9").zoom = 2.0
    qtbot.waitUntil(lambda: kept(keeper._path).views["9.9"].zoom == 2.0)


def test_changes_without_rest_are_written_all_the_same(
    keeper: SessionKeeper, four_views: Workspace, qtbot: QtBot
) -> None:
    keeper._later.setInterval(60)
    keeper._later.stop()
    state = four_views.active
    assert state is not None

    def moved_and_written() -> bool:
        state.centre = (state.centre[0] + 1.0, 0.0)
        return keeper._path.exists()

    qtbot.waitUntil(moved_and_written)


def test_closing_removes_the_file(keeper: SessionKeeper, qtbot: QtBot) -> None:
    qtbot.waitUntil(keeper._path.exists)
    keeper.finish()
    assert list(keeper._path.parent.glob("last*")) == []


def test_a_second_window_leaves_the_session_of_the_first_alone(
    keeper: SessionKeeper, four_views: Workspace, qtbot: QtBot
) -> None:
    qtbot.waitUntil(keeper._path.exists)
    second = SessionKeeper(four_views, keeper._path)
    assert second.restore() is None
    second.finish()
    assert keeper._path.exists()


def test_a_session_whose_files_are_gone_opens_nothing_and_says_why(
    workspace: Workspace, tmp_path: Path, qtbot: QtBot
) -> None:
    told = []
    workspace.notice.connect(lambda notice: told.append(notice.text))
    write_session(tmp_path / "last.json", LastSession(opened=(Opened((tmp_path / "gone",)),)))
    keeper = SessionKeeper(workspace, tmp_path / "last.json")
    job = keeper.restore()
    assert job is not None
    qtbot.waitUntil(lambda: bool(told) and not keeper._restoring)
    assert told == ["gone: there is no such file or folder"]
    keeper.finish()


def test_a_full_disk_is_told(
    keeper: SessionKeeper, four_views: Workspace, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, session: LastSession) -> None:
        raise SettingsError("what is open cannot be kept for the next start")

    monkeypatch.setattr("mammoviewer.gui.session_keeper.write_session", fail)
    told = []
    four_views.notice.connect(told.append)
    qtbot.waitUntil(lambda: bool(told))
    assert told[0].text == "what is open cannot be kept for the next start"


def test_after_a_kill_everything_is_as_it_was(tmp_path: Path) -> None:
    exam = write_exam(tmp_path / "exam", scale=0.125, frames=40).directory
    home = tmp_path / "home"
    environment = {**os.environ, "MAMMOVIEWER_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", CHILD]
    child = subprocess.Popen([*command, str(exam)], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "kept\n"
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=20)
    assert child.returncode == -signal.SIGKILL
    assert (home / "last-session.json").exists()
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == {
        "stage": 1,
        "frame": 3,
        "frames": kept_frames(exam),
        "inverted": True,
        "zoom": 1.25,
        "centre": [40.0, 30.0],
        "voi": [1500.0, 700.0],
        "flipped": True,
        "filters": ["unsharp:radius=2.0,amount=1.5"],
        "images": 6,
        "notices": ["Reopened what was open when the program stopped"],
    }
    assert not (home / "last-session.json").exists(), "a clean close leaves nothing to reopen"
    assert "Traceback" not in (home / "logs" / "mammoviewer.log").read_text()


def kept_frames(exam: Path) -> int:
    from mammoviewer.dicom.reader import open_paths

    return max(image.attributes.frames for image in open_paths([exam]).images)
