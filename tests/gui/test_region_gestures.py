"""Drawing regions and changing findings with the mouse."""

import sqlite3
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.mouse import LEFT, RIGHT, click, double_click, drag, move, press, release, send, wheel
from helpers.viewports import picture, place, shown
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mammoviewer.annotations.edits import RemoveFinding
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.notices import Notice
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.inference.detections import Detection
from mammoviewer.session.viewer_state import Overlay, Tool
from mammoviewer.session.workspace import Workspace

BOX = ((60.0, 70.0), (100.0, 110.0))
CORNERS = [(60.0, 70.0), (60.0, 110.0), (100.0, 100.0)]


@pytest.fixture
def told(workspace: Workspace) -> list[Notice]:
    """What the reader is told."""
    notices: list[Notice] = []
    workspace.notice.connect(notices.append)
    return notices


def draw(viewport: Viewport, tool: Tool = Tool.RECTANGLE) -> Finding:
    """Draw a box with the mouse and take the drawing tool away."""
    viewport.workspace.desk.tool = tool
    drag(viewport, place(viewport, *BOX[0]), place(viewport, *BOX[1]))
    viewport.workspace.desk.tool = Tool.WINDOW
    return viewport.workspace.annotations.findings[-1]


def show_slice(qtbot: QtBot, viewport: Viewport, frame: int) -> None:
    viewport.shown.frame = frame
    qtbot.waitUntil(lambda: viewport.shown_frame == frame)


@pytest.mark.parametrize("tool", [Tool.RECTANGLE, Tool.ELLIPSE, Tool.FREEHAND])
def test_a_drag_draws_a_finding(qtbot: QtBot, four_views: Workspace, tool: Tool) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = tool
    four_views.desk.label = "calcification"
    start = place(viewport, 60.0, 80.0)
    press(viewport, start)
    for row, column in ((60.0, 100.0), (100.0, 100.0), (100.0, 110.0)):
        move(viewport, place(viewport, row, column), LEFT)
    release(viewport, place(viewport, 100.0, 110.0))
    (finding,) = four_views.annotations.findings
    assert finding.roi.kind == tool.value
    assert finding.label == "calcification"
    assert finding.roi.bounding_box() == pytest.approx((60.0, 80.0, 100.0, 110.0), abs=0.01)
    assert four_views.desk.selected_finding == finding.id
    four_views.edits.undo()
    assert four_views.annotations.findings == ()


def test_a_point_is_one_click(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = Tool.POINT
    click(viewport, place(viewport, 70.0, 90.0))
    (finding,) = four_views.annotations.findings
    assert finding.roi.points[0] == pytest.approx((70.0, 90.0), abs=0.01)


@pytest.mark.parametrize("ending", ["enter", "double click", "first corner", "escape"])
def test_a_polygon_is_closed_or_given_up(qtbot: QtBot, four_views: Workspace, ending: str) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = Tool.POLYGON
    corners = [(60.0, 70.0), (60.0, 110.0), (100.0, 100.0)]
    for corner in corners[:-1]:
        click(viewport, place(viewport, *corner))
    last = place(viewport, *corners[-1])
    if ending == "double click":
        double_click(viewport, last)
    else:
        click(viewport, last)
    if ending == "enter":
        QTest.keyClick(viewport, Qt.Key.Key_Return)
    elif ending == "escape":
        QTest.keyClick(viewport, Qt.Key.Key_Escape)
    elif ending == "first corner":
        click(viewport, place(viewport, *corners[0]))
    found = four_views.annotations.findings
    assert len(found) == (0 if ending == "escape" else 1)
    if found:
        np.testing.assert_allclose(found[0].roi.points, corners, atol=0.01)
    assert viewport.hands.gesture is None


def test_a_drag_moves_a_finding_in_one_step_of_undo(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = Tool.RECTANGLE
    drag(viewport, place(viewport, 60.0, 70.0), place(viewport, 100.0, 110.0))
    four_views.desk.tool = Tool.WINDOW
    drag(viewport, place(viewport, 60.0, 90.0), place(viewport, 65.0, 87.0))
    (moved,) = four_views.annotations.findings
    assert moved.roi.bounding_box() == pytest.approx((65.0, 67.0, 105.0, 107.0), abs=0.01)
    drag(viewport, place(viewport, 105.0, 107.0), place(viewport, 120.0, 90.0))
    (resized,) = four_views.annotations.findings
    assert resized.roi.bounding_box() == pytest.approx((65.0, 67.0, 120.0, 90.0), abs=0.01)
    four_views.edits.undo()
    assert four_views.annotations.findings[0].roi == moved.roi
    four_views.edits.undo()
    assert four_views.annotations.findings[0].roi.bounding_box() == pytest.approx((60, 70, 100, 110), abs=0.01)


def test_a_click_selects_and_a_click_beside_deselects(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = Tool.ELLIPSE
    drag(viewport, place(viewport, 60.0, 70.0), place(viewport, 100.0, 110.0))
    four_views.desk.tool = Tool.WINDOW
    voi = viewport.shown.voi
    click(viewport, place(viewport, 20.0, 20.0))
    assert four_views.desk.selected_finding == ""
    click(viewport, place(viewport, 80.0, 90.0))
    assert four_views.desk.selected_finding == four_views.annotations.findings[0].id
    assert viewport.shown.voi == voi


def test_hidden_findings_cannot_be_grasped(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = Tool.RECTANGLE
    drag(viewport, place(viewport, 60.0, 70.0), place(viewport, 100.0, 110.0))
    box = four_views.annotations.findings[0].roi
    four_views.desk.tool, four_views.desk.show_findings = Tool.WINDOW, False
    drag(viewport, place(viewport, 60.0, 90.0), place(viewport, 65.0, 87.0))
    assert four_views.annotations.findings[0].roi == box


def test_regions_stay_on_the_image(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = Tool.RECTANGLE
    drag(viewport, place(viewport, 60.0, 70.0), (299.0, 1000.0))
    top, left, bottom, right = four_views.annotations.findings[0].roi.bounding_box()
    assert bottom == 159.5
    assert right <= 119.5


@pytest.mark.parametrize("handle", [False, True])
def test_a_drag_is_painted_as_it_goes_and_stored_once(
    qtbot: QtBot, four_views: Workspace, monkeypatch: pytest.MonkeyPatch, handle: bool
) -> None:
    viewport = shown(qtbot, four_views)
    finding = draw(viewport)
    stored: list[object] = []
    stop = four_views.annotations.record_with(lambda saved, deleted, step: stored.append(saved))
    start = place(viewport, 100.0, 110.0) if handle else place(viewport, 60.0, 90.0)
    before = picture(viewport)
    press(viewport, start)
    for step in range(1, 11):
        move(viewport, (start[0] - 4.0 * step, start[1] - 2.0 * step), LEFT)
    assert four_views.annotations.get(finding.id).roi == finding.roi
    assert stored == []
    assert (picture(viewport) != before).any()
    preview = viewport.hands.gesture.preview  # type: ignore[union-attr]
    assert preview is not None
    release(viewport, (start[0] - 40.0, start[1] - 20.0))
    assert len(stored) == 1
    assert four_views.annotations.get(finding.id).roi == preview.roi
    four_views.edits.undo()
    assert four_views.annotations.get(finding.id).roi == finding.roi
    stop()


def test_a_drag_that_is_given_up_changes_nothing(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    finding = draw(viewport)
    press(viewport, place(viewport, 60.0, 90.0))
    move(viewport, place(viewport, 80.0, 80.0), LEFT)
    QTest.keyClick(viewport, Qt.Key.Key_Return)
    assert viewport.hands.gesture is not None, "Enter ends no drag"
    QTest.keyClick(viewport, Qt.Key.Key_Escape)
    release(viewport, place(viewport, 80.0, 80.0))
    assert four_views.annotations.findings == (finding,)
    assert four_views.edits.undo_title == "Add rectangle"


def test_a_finding_that_goes_during_its_drag_does_not_come_back(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    finding = draw(viewport)
    press(viewport, place(viewport, 60.0, 90.0))
    move(viewport, place(viewport, 80.0, 80.0), LEFT)
    four_views.edit(RemoveFinding(finding.id))
    release(viewport, place(viewport, 80.0, 80.0))
    assert four_views.annotations.findings == ()


def test_a_region_drawn_while_another_program_writes_is_kept_and_stored_later(
    qtbot: QtBot, four_views: Workspace, told: list[Notice]
) -> None:
    viewport = shown(qtbot, four_views)
    other = sqlite3.connect(four_views.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    finding = draw(viewport)
    drag(viewport, place(viewport, 60.0, 90.0), place(viewport, 65.0, 87.0))
    assert time.monotonic() - start < 1.5, "the window stood still"
    (moved,) = four_views.annotations.findings
    assert moved.roi.bounding_box() == pytest.approx((65.0, 67.0, 105.0, 107.0), abs=0.01)
    assert ["in use" in notice.text for notice in told] == [True]
    other.execute("ROLLBACK")
    other.close()
    qtbot.waitUntil(lambda: four_views.store.load() == (moved,))
    four_views.edits.undo()
    assert four_views.store.load() == (finding,)


@pytest.mark.parametrize("ending", ["enter", "double click", "first corner"])
def test_a_polygon_waits_on_its_own_slice(qtbot: QtBot, volume: Workspace, told: list[Notice], ending: str) -> None:
    viewport = shown(qtbot, volume)
    volume.desk.tool = Tool.POLYGON
    for corner in CORNERS:
        click(viewport, place(viewport, *corner))
    here = picture(viewport)
    show_slice(qtbot, viewport, 3)
    drawing = picture(viewport)
    gesture, viewport.hands.gesture = viewport.hands.gesture, None
    assert (picture(viewport) == drawing).all(), "it is painted on another slice"
    viewport.hands.gesture = gesture

    if ending == "enter":
        QTest.keyClick(viewport, Qt.Key.Key_Return)
    elif ending == "double click":
        double_click(viewport, place(viewport, 90.0, 75.0))
    else:
        click(viewport, place(viewport, *CORNERS[0]))
    assert volume.annotations.findings == ()
    assert {notice.text for notice in told} == {"The polygon was begun on slice 7"}

    show_slice(qtbot, viewport, 6)
    assert (picture(viewport) == here).all()
    QTest.keyClick(viewport, Qt.Key.Key_Return)
    (finding,) = volume.annotations.findings
    assert finding.frame == 6
    np.testing.assert_allclose(finding.roi.points, CORNERS, atol=0.01)


@pytest.mark.parametrize("tool", [Tool.RECTANGLE, Tool.FREEHAND, Tool.POINT, Tool.WINDOW])
def test_a_drag_that_ends_on_another_slice_changes_nothing(
    qtbot: QtBot, volume: Workspace, told: list[Notice], tool: Tool
) -> None:
    viewport = shown(qtbot, volume)
    # With no drawing tool the drag moves the finding that is there.
    before = (draw(viewport),) if tool is Tool.WINDOW else ()
    volume.desk.tool = tool
    press(viewport, place(viewport, 60.0, 90.0))
    move(viewport, place(viewport, 80.0, 95.0), LEFT)
    wheel(viewport, (150, 150), -2)
    qtbot.waitUntil(lambda: viewport.shown_frame == 8)
    move(viewport, place(viewport, 90.0, 105.0), LEFT)
    release(viewport, place(viewport, 90.0, 105.0))
    assert volume.annotations.findings == before
    assert [notice.text for notice in told] == ["What was begun on slice 7 was let go on another"]
    assert viewport.hands.gesture is None


def test_the_cine_stops_where_drawing_begins(qtbot: QtBot, volume: Workspace) -> None:
    viewport = shown(qtbot, volume)
    volume.desk.tool = Tool.RECTANGLE
    viewport.shown.playing = True
    press(viewport, place(viewport, 60.0, 70.0))
    assert not viewport.shown.playing
    assert viewport.shown.frame == viewport.shown_frame
    release(viewport, place(viewport, 60.0, 70.0))


def test_what_is_seen_is_meant_where_the_slice_asked_for_is_on_its_way(qtbot: QtBot, volume: Workspace) -> None:
    viewport = shown(qtbot, volume)
    viewport.shown.frame = 1
    assert viewport.shown_frame == 6
    assert draw(viewport).frame == 6
    assert viewport.shown.frame == 6


def test_a_point_beside_the_image_is_none(qtbot: QtBot, four_views: Workspace, told: list[Notice]) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = Tool.POINT
    click(viewport, place(viewport, 70.0, -20.0))
    assert four_views.annotations.findings == ()
    assert [notice.text for notice in told] == ["There is no image at that place"]


def test_a_double_click_makes_one_point(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = Tool.POINT
    x, y = place(viewport, 70.0, 90.0)
    click(viewport, (x, y))
    send(viewport, QEvent.Type.MouseButtonDblClick, (x + 8.0, y), LEFT, LEFT)
    release(viewport, (x + 8.0, y))
    assert len(four_views.annotations.findings) == 1


@pytest.mark.parametrize("end", [(100.0, 90.0), (100.0, 70.0)])
def test_a_line_there_is_no_region(
    qtbot: QtBot, four_views: Workspace, told: list[Notice], end: tuple[float, float]
) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = Tool.FREEHAND
    drag(viewport, place(viewport, 60.0, 70.0), place(viewport, *end))
    assert four_views.annotations.findings == ()
    assert [notice.text for notice in told] == ["That region has no area"]


def test_a_region_beside_the_image_is_none(qtbot: QtBot, four_views: Workspace, told: list[Notice]) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = Tool.RECTANGLE
    drag(viewport, place(viewport, 60.0, -20.0), place(viewport, 90.0, -5.0))
    assert four_views.annotations.findings == ()
    assert [notice.text for notice in told] == ["That region has no area"]


def test_a_region_is_moved_no_further_than_the_image(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    draw(viewport)
    drag(viewport, place(viewport, 80.0, 90.0), place(viewport, -300.0, 900.0))
    assert four_views.annotations.findings[0].roi.bounding_box() == pytest.approx((-0.5, 79.5, 39.5, 119.5), abs=0.01)


def test_a_drag_that_the_edge_of_the_image_holds_up_is_no_step_of_undo(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    finding = draw(viewport)
    drag(viewport, place(viewport, 60.0, 90.0), place(viewport, 60.0, 300.0))
    held = four_views.annotations.get(finding.id)
    assert held.roi.bounding_box()[3] == 119.5
    drag(viewport, place(viewport, held.roi.bounding_box()[0], 100.0), place(viewport, 60.0, 300.0))
    four_views.edits.undo()
    assert four_views.annotations.get(finding.id).roi == finding.roi


def test_a_region_is_not_reshaped_into_a_line_nor_off_the_image(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    draw(viewport)
    drag(viewport, place(viewport, *BOX[1]), place(viewport, 300.0, 500.0))
    assert four_views.annotations.findings[0].roi.bounding_box() == pytest.approx((60.0, 70.0, 159.5, 119.5), abs=0.01)
    # The last of the three moves would make it flat.
    drag(viewport, place(viewport, 159.5, 119.5), place(viewport, 60.0, 119.5))
    assert four_views.annotations.findings[0].roi.area_px > 1000


def test_what_is_drawn_while_findings_are_hidden_shows_them(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.show_findings = False
    four_views.desk.tool = Tool.RECTANGLE
    click(viewport, place(viewport, 60.0, 70.0))
    assert not four_views.desk.show_findings
    draw(viewport)
    assert four_views.desk.show_findings


def test_a_drawn_region_has_the_name_of_the_reader(qtbot: QtBot, four_views: Workspace) -> None:
    four_views.settings = replace(four_views.settings, reader="A. Reader")
    assert draw(shown(qtbot, four_views)).reader == "A. Reader"


def test_only_the_button_that_began_a_drag_ends_it(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = Tool.RECTANGLE
    press(viewport, place(viewport, *BOX[0]))
    middle = place(viewport, 80.0, 90.0)
    move(viewport, middle, LEFT)
    send(viewport, QEvent.Type.MouseButtonPress, middle, RIGHT, LEFT | RIGHT)
    send(viewport, QEvent.Type.MouseButtonRelease, middle, RIGHT, LEFT)
    assert four_views.annotations.findings == ()
    move(viewport, place(viewport, *BOX[1]), LEFT)
    release(viewport, place(viewport, *BOX[1]))
    (finding,) = four_views.annotations.findings
    assert finding.roi.bounding_box() == pytest.approx((60.0, 70.0, 100.0, 110.0), abs=0.01)


def test_enter_of_the_keypad_closes_a_polygon(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = Tool.POLYGON
    for corner in CORNERS:
        click(viewport, place(viewport, *corner))
    enter = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier)
    enter.ignore()
    QApplication.sendEvent(viewport, enter)
    assert enter.isAccepted(), "a shortcut of the window would take it"
    QTest.keyClick(viewport, Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier)
    assert len(four_views.annotations.findings) == 1


def test_a_double_click_accepts_a_mark_as_enter_does_and_once(
    qtbot: QtBot, four_views: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewport = shown(qtbot, four_views)
    four_views.settings = replace(four_views.settings, reader="A. Reader")
    four_views.desk.model, four_views.desk.label = "calc.1", "Mass"
    outputs = SimpleNamespace(positive_class="microcalcification")
    monkeypatch.setattr(four_views.registry, "get", lambda name: SimpleNamespace(outputs=outputs))
    mark = Detection(80.0, 90.0, 0, 0.8, (60.0, 70.0, 100.0, 110.0))
    four_views.heatmaps._detections[viewport.identity, 0, "calc.1"] = (mark,)
    viewport.shown.overlay = Overlay.HEATMAP
    for _ in range(2):
        double_click(viewport, place(viewport, 85.0, 95.0))
    (finding,) = four_views.annotations.findings
    assert (finding.label, finding.score, finding.reader) == ("Calcifications", 0.8, "A. Reader")
    assert finding.roi == Roi(RoiKind.RECTANGLE, BOX)
    assert four_views.desk.selected_finding == finding.id
