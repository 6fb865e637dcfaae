"""What keys do to a shape that is being drawn, in the whole window."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.mouse import LEFT, click, drag, move, press, release
from helpers.viewports import place
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.viewer_state import Tool
from mammoviewer.session.workspace import Workspace

CTRL = Qt.KeyboardModifier.ControlModifier
BOX = Roi(RoiKind.RECTANGLE, ((20.0, 60.0), (40.0, 110.0)))
PLACES = [(60.0, 70.0), (60.0, 110.0), (100.0, 110.0), (100.0, 70.0)]


@pytest.fixture
def viewport(four_views: Workspace, qtbot: QtBot, tmp_path: Path) -> Iterator[Viewport]:
    """The active viewport of a window, with the keyboard."""
    window = MainWindow(four_views, SettingsFile(tmp_path / "settings.json"))
    qtbot.addWidget(window)
    window.resize(1280, 800)
    window.show()
    active = window.grid.active
    assert active is not None
    window.activateWindow()
    active.setFocus()
    qtbot.waitUntil(lambda: active.hasFocus() and not active.follower.waiting)
    yield active
    window.close()


@pytest.fixture
def marked(viewport: Viewport) -> Finding:
    """What was drawn before."""
    finding = new_finding(viewport.identity, 0, BOX, "Mass")
    viewport.workspace.edit(AddFinding(finding))
    return finding


def begin(viewport: Viewport, tool: Tool) -> None:
    """Press all places with a tool; an angle takes the first two as its arm."""
    viewport.workspace.desk.tool = tool
    if tool is Tool.ANGLE:
        drag(viewport, place(viewport, *PLACES[0]), place(viewport, *PLACES[1]))
        return
    for spot in PLACES:
        click(viewport, place(viewport, *spot))


def test_undo_takes_corners_back_and_then_what_was_drawn_before(viewport: Viewport, marked: Finding) -> None:
    annotations = viewport.workspace.annotations
    begin(viewport, Tool.POLYGON)
    QTest.keyClick(viewport, Qt.Key.Key_Z, CTRL)
    assert annotations.findings == (marked,)
    QTest.keyClick(viewport, Qt.Key.Key_Return)
    polygon = annotations.findings[-1]
    np.testing.assert_allclose(polygon.roi.points, PLACES[:3], atol=0.01)
    viewport.select("")
    begin(viewport, Tool.POLYGON)
    for _ in PLACES:
        QTest.keyClick(viewport, Qt.Key.Key_Z, CTRL)
    assert annotations.findings == (marked, polygon)
    assert viewport.hands.gesture is None
    for _ in annotations.findings:
        QTest.keyClick(viewport, Qt.Key.Key_Z, CTRL)
    assert annotations.findings == ()


@pytest.mark.parametrize(("tool", "steps"), [(Tool.ANGLE, 1), (Tool.SPECKS, 4)])
def test_undo_takes_back_an_angle_and_specks_that_are_being_made(
    viewport: Viewport, marked: Finding, tool: Tool, steps: int
) -> None:
    begin(viewport, tool)
    for _ in range(steps):
        assert viewport.hands.gesture is not None
        QTest.keyClick(viewport, Qt.Key.Key_Z, CTRL)
    assert viewport.hands.gesture is None
    assert viewport.workspace.annotations.findings == (marked,)


@pytest.mark.parametrize("tool", [Tool.POLYGON, Tool.ANGLE, Tool.SPECKS])
def test_the_key_of_another_tool_gives_up_what_is_half_drawn(viewport: Viewport, tool: Tool) -> None:
    told: list[str] = []
    viewport.workspace.notice.connect(lambda notice: told.append(notice.text))
    begin(viewport, tool)
    QTest.keyClick(viewport, Qt.Key.Key_L)
    assert "given up" in told[0]
    drag(viewport, place(viewport, *PLACES[0]), place(viewport, *PLACES[2]))
    (found,) = viewport.workspace.annotations.findings
    assert found.roi.kind is RoiKind.DISTANCE
    np.testing.assert_allclose(found.roi.points, [PLACES[0], PLACES[2]], atol=0.01)


def test_a_drag_under_way_ends_as_what_it_began(viewport: Viewport) -> None:
    viewport.workspace.desk.tool = Tool.RECTANGLE
    press(viewport, place(viewport, *PLACES[0]))
    QTest.keyClick(viewport, Qt.Key.Key_L)
    move(viewport, place(viewport, *PLACES[2]), LEFT)
    release(viewport, place(viewport, *PLACES[2]))
    (found,) = viewport.workspace.annotations.findings
    assert found.roi.kind is RoiKind.RECTANGLE
    assert viewport.workspace.desk.tool is Tool.DISTANCE
