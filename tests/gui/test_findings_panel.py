"""The list of findings, its editor and the class field."""

from dataclasses import replace

import pytest
from helpers.images import make_image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.strokes import PendingStroke, Stroke
from mammoviewer.dicom.attributes import PixelSpacing
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.finding_actions import copy_chosen
from mammoviewer.gui.navigation import findings_of_study, neighbour, show_finding
from mammoviewer.gui.panels.finding_editor import NoteEdit
from mammoviewer.gui.panels.findings_panel import FindingsPanel
from mammoviewer.gui.panels.header_bar import HeaderBar
from mammoviewer.session.viewer_state import Tool
from mammoviewer.session.workspace import Workspace

VIEWS = ("RCC", "LCC", "RMLO", "LMLO")
BOX = Roi(RoiKind.RECTANGLE, ((5.0, 5.0), (15.0, 25.0)))


def add(workspace: Workspace, image: int, label: str = "Mass", frame: int = 0) -> Finding:
    finding = new_finding(workspace.images[image].attributes.identity, frame, BOX, label)
    workspace.edit(AddFinding(finding))
    return finding


@pytest.fixture
def panel(four_views: Workspace, qtbot: QtBot) -> FindingsPanel:
    made = FindingsPanel(four_views)
    qtbot.addWidget(made)
    return made


def test_the_empty_list_says_what_to_do(panel: FindingsPanel) -> None:
    assert panel.rows == []
    assert panel._empty.isVisibleTo(panel)
    assert "drag on the image" in panel._empty.text()


def test_findings_are_listed_in_words_and_undo_takes_them_away(panel: FindingsPanel, four_views: Workspace) -> None:
    add(four_views, 0, "Mass")
    add(four_views, 3, "Calcifications")
    views = [image.attributes.view.label for image in four_views.images]
    assert panel.rows == [f"Mass  ·  {views[0]}", f"Calcifications  ·  {views[3]}"]
    assert panel._undo.isEnabled()
    panel._undo.click()
    assert len(panel.rows) == 1
    panel._redo.click()
    assert len(panel.rows) == 2


def test_a_stroke_that_is_not_made_yet_can_be_undone(panel: FindingsPanel, four_views: Workspace) -> None:
    place = new_finding(four_views.images[0].attributes.identity, 0, Roi(RoiKind.POINT, ((1.0, 1.0),)), "Mass")
    assert not panel._undo.isEnabled()
    four_views.painting.add(PendingStroke(place, Stroke(((20.0, 20.0), (20.0, 60.0)), 5), (160, 120), new=True))
    assert panel._undo.isEnabled()
    panel._undo.click()
    four_views.painting.settle()
    assert panel.rows == []
    assert not panel._undo.isEnabled()
    assert panel._redo.isEnabled()


def test_a_slice_is_named_from_1(volume: Workspace, qtbot: QtBot) -> None:
    panel = FindingsPanel(volume)
    qtbot.addWidget(panel)
    add(volume, 0, frame=4)
    assert panel.rows == ["Mass  ·  RMLO  ·  slice 5"]


def test_choosing_an_entry_goes_there(volume: Workspace, qtbot: QtBot) -> None:
    panel = FindingsPanel(volume)
    qtbot.addWidget(panel)
    finding = add(volume, 0, frame=9)
    volume.state(finding.image_uid).zoom = 1.0
    panel._list.itemClicked.emit(panel._list.item(0))
    assert volume.desk.selected_finding == finding.id
    assert volume.state(finding.image_uid).frame == 9
    assert volume.state(finding.image_uid).centre == finding.roi.centre


def test_a_finding_on_an_image_of_another_stage_hangs_it(four_views: Workspace) -> None:
    finding = add(four_views, 0)
    other = four_views.images[1].attributes.identity
    four_views.show_single(other)
    show_finding(four_views, finding)
    assert four_views.stage is not None
    assert finding.image_uid in four_views.stage.cells
    assert four_views.desk.active_identity == finding.image_uid


def test_the_editor_changes_class_and_assessment_as_edits(panel: FindingsPanel, four_views: Workspace) -> None:
    finding = add(four_views, 0)
    four_views.desk.selected_finding = finding.id
    editor = panel._editor
    assert editor.isVisibleTo(panel)
    editor._label.setCurrentText("My own class")
    editor._label.activated.emit(0)
    editor._assessment.setCurrentIndex(editor._assessment.findData("4A"))
    editor._assessment.activated.emit(0)
    changed = four_views.annotations.get(finding.id)
    assert (changed.label, changed.assessment) == ("My own class", "4A")
    four_views.edits.undo()
    assert four_views.annotations.get(finding.id).assessment == ""
    assert "My own class" in [panel._label.itemText(i) for i in range(panel._label.count())]


def test_a_note_is_kept_when_the_field_is_left(panel: FindingsPanel, four_views: Workspace, qtbot: QtBot) -> None:
    finding = add(four_views, 0)
    four_views.desk.selected_finding = finding.id
    panel._editor._note.insertPlainText("seen before")
    panel._editor._note.finished.emit()
    assert four_views.annotations.get(finding.id).note == "seen before"


def test_a_finding_of_another_study_is_not_changed_before_its_study_is_back(
    panel: FindingsPanel, four_views: Workspace, qtbot: QtBot
) -> None:
    finding = add(four_views, 0)
    four_views.desk.selected_finding = finding.id
    bar = HeaderBar(four_views, ActiveView(four_views))
    qtbot.addWidget(bar)
    bar.show()
    panel.show()
    four_views.add(OpenResult((make_image("RCC", uid="2.1", StudyInstanceUID="2", PatientID="B"),), ()))
    qtbot.waitUntil(lambda: not panel.rows)
    note = panel._editor.findChild(NoteEdit)
    assert note is not None
    assert not note.isVisible()
    assert copy_chosen(four_views) == 0
    assert four_views.annotations.findings == (finding,)
    combo = next(c for c in bar.findChildren(QComboBox) if c.accessibleName() == "Study")
    own = next(n for n, study in enumerate(four_views.studies) if len(study.images) == 4)
    QTest.keyClick(combo, Qt.Key.Key_Down if own > combo.currentIndex() else Qt.Key.Key_Up)
    qtbot.waitUntil(note.isVisible)
    assert four_views.desk.selected_finding == finding.id


def test_a_finding_of_a_prior_is_described_where_the_prior_hangs(workspace: Workspace, qtbot: QtBot) -> None:
    now, before = (
        [
            make_image(label, uid=f"{uid}.{label}", StudyInstanceUID=uid, StudyDate=date, PatientID="P")
            for label in VIEWS
        ]
        for uid, date in (("1", "20240101"), ("2", "20200101"))
    )
    workspace.add(OpenResult((*now, *before), ()))
    panel = FindingsPanel(workspace)
    qtbot.addWidget(panel)
    finding = new_finding("2.RCC", 0, BOX, "Mass")
    workspace.edit(AddFinding(finding))
    with_prior = next(n for n, stage in enumerate(workspace.stages) if "2.RCC" in stage.cells)
    workspace.show_stage(with_prior)
    workspace.desk.selected_finding = finding.id
    assert panel._editor.isVisibleTo(panel)
    workspace.show_stage(next(n for n, stage in enumerate(workspace.stages) if "2.RCC" not in stage.cells))
    assert not panel._editor.isVisibleTo(panel)


def test_delete_removes_the_chosen_one_only(panel: FindingsPanel, four_views: Workspace) -> None:
    first, second = add(four_views, 0), add(four_views, 1)
    assert not panel._delete.isEnabled()
    four_views.desk.selected_finding = first.id
    panel._delete.click()
    assert [finding.id for finding in four_views.annotations.findings] == [second.id]


def test_shapes_and_class_of_the_next_region(panel: FindingsPanel, four_views: Workspace) -> None:
    panel._shapes[Tool.ELLIPSE].click()
    assert four_views.desk.tool is Tool.ELLIPSE
    panel._shapes[Tool.ELLIPSE].click()
    assert four_views.desk.tool is Tool.WINDOW
    panel._label.setCurrentText("Normal")
    panel._label.activated.emit(0)
    assert four_views.desk.label == "Normal"


def test_going_round() -> None:
    assert [neighbour(["a", "b", "c"], current, 1) for current in ("a", "c", "")] == ["b", "a", "a"]
    assert [neighbour(["a", "b", "c"], current, -1) for current in ("a", "c", "")] == ["c", "b", "c"]
    assert neighbour([], "a", 1) == ""


def test_findings_follow_the_order_of_the_study(four_views: Workspace) -> None:
    last, first = add(four_views, 3), add(four_views, 0)
    assert [finding.id for finding in findings_of_study(four_views)] == [first.id, last.id]


def test_figures_follow_a_pixel_size_that_is_stated(four_views: Workspace, qtbot: QtBot) -> None:
    image = four_views.images[0]
    image.frame(0)
    finding = new_finding(image.attributes.identity, 0, Roi(RoiKind.RECTANGLE, ((60.0, 80.0), (80.0, 100.0))), "Mass")
    four_views.edit(AddFinding(finding))
    panel = FindingsPanel(four_views)
    qtbot.addWidget(panel)
    panel.show()
    four_views.desk.selected_finding = finding.id
    qtbot.waitUntil(lambda: "2.0 x 2.0 mm" in panel._editor._figures.text())
    image.attributes = replace(image.attributes, pixel_spacing=PixelSpacing(0.2, 0.2, "mm"))
    four_views.facts_changed.emit()
    qtbot.waitUntil(lambda: "4.0 x 4.0 mm" in panel._editor._figures.text())
