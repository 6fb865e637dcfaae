"""Measures are drawn with the mouse, written beside their lines, kept like findings and never learned from."""

from __future__ import annotations

from unittest.mock import Mock

import numpy as np
import pytest
from helpers import mouse
from helpers.viewports import picture, place, shown
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import MEASURES, Roi, RoiKind
from mammoviewer.gui.actions.commands import COMMANDS
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.canvas.roi_layer import finding_at, handle_at
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.gui.panels.finding_editor import FindingEditor
from mammoviewer.gui.panels.findings_panel import FindingsPanel
from mammoviewer.gui.panels.header_bar import HeaderBar
from mammoviewer.gui.panels.train_panel import TrainPanel
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.viewer_state import Tool

BY_ID = {command.id: command for command in COMMANDS}


@pytest.fixture
def viewport(qtbot, four_views):
    return shown(qtbot, four_views, "RMLO", (480, 520))


def draw(viewport, tool, start, end):
    viewport.workspace.desk.tool = tool
    mouse.drag(viewport, place(viewport, *start), place(viewport, *end))
    return viewport.workspace.annotations.findings[-1]


def test_a_distance_is_drawn_and_says_where_its_millimetres_come_from(viewport):
    found = draw(viewport, Tool.DISTANCE, (40.0, 100.0), (70.0, 60.0))
    assert found.roi.kind is RoiKind.DISTANCE
    assert found.label == ""
    np.testing.assert_allclose(found.roi.points, [(40.0, 100.0), (70.0, 60.0)], atol=0.6)
    text = viewport.workspace.measures.text(found)
    assert text.endswith(" mm at detector")
    assert float(text.split()[0]) == pytest.approx(5.0, abs=0.15)
    assert viewport.workspace.desk.selected_finding == found.id


def test_an_angle_takes_a_drag_and_a_click(viewport):
    workspace = viewport.workspace
    workspace.desk.tool = Tool.ANGLE
    mouse.drag(viewport, place(viewport, 40.0, 100.0), place(viewport, 80.0, 100.0))
    assert not workspace.annotations.findings
    end = place(viewport, 80.0, 60.0)
    mouse.move(viewport, end)
    mouse.press(viewport, end)
    mouse.release(viewport, end)
    found = workspace.annotations.findings[-1]
    assert found.roi.kind is RoiKind.ANGLE
    assert workspace.measures.text(found).endswith("°")
    assert float(workspace.measures.text(found)[:-1]) == pytest.approx(90.0, abs=1.5)


def test_statistics_are_those_of_the_pixels_inside(qtbot, viewport):
    found = draw(viewport, Tool.STATISTICS, (60.0, 90.0), (90.0, 110.0))
    workspace = viewport.workspace
    workspace.measures.text(found)
    qtbot.waitUntil(lambda: "mean" in workspace.measures.text(found))
    stored = viewport.shown.image.frame(0)
    inside = stored[found.roi.mask(stored.shape)]
    size, values = workspace.measures.text(found).splitlines()
    assert f"mean {inside.mean():.0f}, sd {inside.std(ddof=1):.0f}, {inside.min()} to {inside.max()}" == values
    assert "mm²" in size


def test_what_is_measured_is_painted(viewport):
    before = picture(viewport)
    draw(viewport, Tool.DISTANCE, (40.0, 100.0), (70.0, 60.0))
    x, y = (np.array(place(viewport, 40.0, 100.0)) + place(viewport, 70.0, 60.0)) / 2
    after = picture(viewport)
    patch = np.s_[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3]
    assert np.abs(after[patch].astype(int) - before[patch]).max() > 60


def test_the_end_of_a_line_can_be_dragged_and_undone(viewport):
    found = draw(viewport, Tool.DISTANCE, (40.0, 100.0), (70.0, 60.0))
    workspace = viewport.workspace
    workspace.desk.tool = Tool.WINDOW
    assert handle_at(found.roi, viewport.view, QPointF(*place(viewport, *found.roi.points[1]))) == 1
    mouse.drag(viewport, place(viewport, *found.roi.points[1]), place(viewport, 100.0, 100.0))
    changed = workspace.annotations.get(found.id).roi
    np.testing.assert_allclose(changed.points[1], (100.0, 100.0), atol=1.0)
    workspace.edits.undo()
    assert workspace.annotations.get(found.id).roi == found.roi


@pytest.mark.parametrize("chosen", [True, False])
@pytest.mark.parametrize("start", [(75.0, 90.0), (60.0, 90.0)])
def test_a_lesion_is_measured_from_its_outline(viewport, start, chosen):
    workspace = viewport.workspace
    lesion = Roi(RoiKind.POLYGON, ((60.0, 90.0), (90.0, 90.0), (90.0, 110.0), (60.0, 110.0)))
    marked = new_finding(viewport.identity, 0, lesion, "Mass")
    workspace.edit(AddFinding(marked))
    workspace.desk.selected_finding = marked.id if chosen else ""
    found = draw(viewport, Tool.DISTANCE, start, (75.0, 110.0))
    assert found.roi.kind is RoiKind.DISTANCE
    np.testing.assert_allclose(found.roi.points, [start, (75.0, 110.0)], atol=0.6)
    assert workspace.annotations.get(marked.id) == marked
    mouse.drag(viewport, place(viewport, *start), place(viewport, 85.0, 70.0))
    assert len(workspace.annotations.findings) == 2, "the tool grasps the ends of its own line"
    np.testing.assert_allclose(workspace.annotations.get(found.id).roi.points[0], (85.0, 70.0), atol=0.6)


@pytest.mark.parametrize("kind", sorted(MEASURES))
def test_every_measure_is_found_under_the_cursor(viewport, kind):
    points = {1: ((60.0, 80.0),), 2: ((60.0, 80.0), (90.0, 110.0)), 3: ((60.0, 80.0), (90.0, 80.0), (90.0, 110.0))}
    count = 3 if kind is RoiKind.ANGLE else 1 if kind is RoiKind.TEXT else 2
    found = new_finding(viewport.identity, 0, Roi(kind, points[count]), "", note="look")
    on_it = (75.0, 110.0) if kind is RoiKind.STATISTICS else (60.0, 80.0)
    assert finding_at((found,), viewport.view, QPointF(*place(viewport, *on_it))) is found
    assert finding_at((found,), viewport.view, QPointF(*place(viewport, 20.0, 115.0))) is None


def test_a_click_makes_no_measure(viewport):
    for tool in (Tool.DISTANCE, Tool.ANGLE, Tool.STATISTICS, Tool.PROFILE, Tool.ARROW):
        viewport.workspace.desk.tool = tool
        spot = place(viewport, 60.0, 80.0)
        mouse.press(viewport, spot)
        mouse.release(viewport, spot)
    assert not viewport.workspace.annotations.findings


def test_nothing_is_learned_from_measures_and_walking_leaves_them_out(qtbot, viewport):
    draw(viewport, Tool.DISTANCE, (40.0, 100.0), (70.0, 60.0))
    panel = TrainPanel(viewport.workspace)
    qtbot.addWidget(panel)
    assert panel._findings() == ()
    desk = Desk(viewport.workspace, Mock(active=viewport), Mock())
    viewport.workspace.desk.selected_finding = ""
    BY_ID["finding.next"].handler(desk)
    assert viewport.workspace.desk.selected_finding == ""


def test_the_key_of_a_chosen_tool_goes_back_to_windowing(viewport):
    desk = Desk(viewport.workspace, Mock(active=viewport), Mock())
    BY_ID["tool.distance"].handler(desk)
    assert viewport.workspace.desk.tool is Tool.DISTANCE
    BY_ID["tool.distance"].handler(desk)
    assert viewport.workspace.desk.tool is Tool.WINDOW


def test_the_list_names_measures_and_the_editor_leaves_out_what_they_have_not(qtbot, viewport):
    found = draw(viewport, Tool.DISTANCE, (40.0, 100.0), (70.0, 60.0))
    panel = FindingsPanel(viewport.workspace)
    qtbot.addWidget(panel)
    assert panel.rows[0].startswith("Distance ")
    assert "mm at detector" in panel.rows[0]
    assert panel._editor._label.isHidden()
    assert panel._editor._assessment.isHidden()
    viewport.workspace.edit(AddFinding(new_finding(found.image_uid, 0, Roi(RoiKind.POINT, ((5.0, 5.0),)), "Mass")))
    viewport.workspace.desk.selected_finding = viewport.workspace.annotations.findings[-1].id
    assert not panel._editor._label.isHidden()


def test_a_profile_is_plotted(qtbot, viewport):
    found = draw(viewport, Tool.PROFILE, (40.0, 100.0), (70.0, 60.0))
    editor = FindingEditor(viewport.workspace)
    qtbot.addWidget(editor)
    editor.show_finding(found)
    editor.show()
    qtbot.waitUntil(lambda: not editor._plot.isHidden())
    along, values = editor._plot.curve
    assert along[-1] == pytest.approx(5.0, abs=0.15)
    assert values.max() <= 4095
    assert len(values) >= 50


def test_a_region_gets_a_histogram_of_all_its_pixels(qtbot, viewport):
    found = draw(viewport, Tool.STATISTICS, (60.0, 90.0), (90.0, 110.0))
    editor = FindingEditor(viewport.workspace)
    qtbot.addWidget(editor)
    editor.show_finding(found)
    editor.show()
    qtbot.waitUntil(lambda: not editor._plot.isHidden())
    _, counts = editor._plot.curve
    assert counts[1::2].sum() == found.roi.mask(viewport.shown.image.frame(0).shape).sum()


def test_an_arrow_asks_for_its_text_and_shows_it(qtbot, four_views, tmp_path):
    window = MainWindow(four_views, SettingsFile(tmp_path / "settings.json"))
    qtbot.addWidget(window)
    window.resize(1400, 900)
    window.show()
    window.show_panel("AI")
    viewport = window.grid.viewports[2]
    qtbot.waitUntil(lambda: not viewport.follower.waiting)
    found = draw(viewport, Tool.ARROW, (40.0, 100.0), (70.0, 60.0))
    editor = window.panels.findChild(FindingEditor)
    qtbot.waitUntil(editor._note.hasFocus)
    QTest.keyClicks(editor._note, "scar?")
    QTest.keyClick(editor._note, Qt.Key.Key_Tab)
    qtbot.waitUntil(lambda: four_views.measures.text(four_views.annotations.get(found.id)) == "scar?")


@pytest.mark.parametrize("leave", ["Esc", "Ctrl+Return"])
@pytest.mark.parametrize("tool", [Tool.ARROW, Tool.TEXT])
def test_a_key_leads_from_a_text_back_to_the_image_and_keeps_it(qtbot, four_views, tmp_path, tool, leave):
    window = window_at(qtbot, four_views, tmp_path, "Findings")
    viewport = window.grid.viewports[2]
    four_views.desk.tool = tool
    mouse.drag(viewport, place(viewport, 40.0, 100.0), place(viewport, 70.0, 60.0))
    note = window.panels.findChild(FindingEditor)._note
    window.activateWindow()
    qtbot.waitUntil(note.hasFocus)
    QTest.keyClicks(note, "rim?")
    QTest.keySequence(note, QKeySequence(leave))
    qtbot.waitUntil(viewport.hasFocus)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_L)
    assert four_views.desk.tool is Tool.DISTANCE
    assert [found.note for found in four_views.annotations.findings] == ["rim?"]


def test_measures_are_chosen_from_the_bar(qtbot, four_views):
    header = HeaderBar(four_views, Mock(state=None, switched=Mock(), changed=Mock()))
    qtbot.addWidget(header)
    actions = header._measure.menu().actions()
    assert [action.text().split("\t")[0] for action in actions][:2] == ["Distance", "Angle"]
    actions[1].trigger()
    assert four_views.desk.tool is Tool.ANGLE
    assert header._measure.isChecked()


def window_at(qtbot, workspace, folder, panel):
    """Return a window in which no panel but one was ever seen."""
    window = MainWindow(workspace, SettingsFile(folder / "settings.json"))
    qtbot.addWidget(window)
    window.panels.choose(panel)
    window.resize(1400, 900)
    window.show()
    qtbot.waitUntil(lambda: not window.grid.viewports[2].follower.waiting)
    return window


def test_the_text_of_an_arrow_is_typed_into_a_panel_that_was_never_seen(qtbot, four_views, tmp_path):
    window = window_at(qtbot, four_views, tmp_path, "Filters")
    found = draw(window.grid.viewports[2], Tool.ARROW, (40.0, 100.0), (70.0, 60.0))
    editor = window.panels.findChild(FindingEditor)
    assert editor is not None
    qtbot.waitUntil(editor._note.hasFocus)
    assert four_views.desk.selected_finding == found.id


def test_a_profile_shows_its_plot_and_leaves_the_keys_to_the_image(qtbot, four_views, tmp_path):
    window = window_at(qtbot, four_views, tmp_path, "Filters")
    draw(window.grid.viewports[2], Tool.PROFILE, (40.0, 100.0), (70.0, 60.0))
    assert window.panels.current == "Findings"
    editor = window.panels.findChild(FindingEditor)
    qtbot.waitUntil(editor._plot.isVisible)
    assert not editor._note.hasFocus()
    window.show_panel("Filters")
    draw(window.grid.viewports[2], Tool.PROFILE, (50.0, 100.0), (80.0, 60.0))
    assert window.panels.current == "Findings"
