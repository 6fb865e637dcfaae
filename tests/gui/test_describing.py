"""Descriptors, location, and one lesion over views and slices, as a reader does it."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from helpers.images import breast_like, make_image

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.actions.commands import COMMANDS
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.panels.finding_editor import FindingEditor

BY_ID = {command.id: command for command in COMMANDS}
BOX = Roi(RoiKind.RECTANGLE, ((50.0, 60.0), (60.0, 70.0)))


@pytest.fixture
def study(workspace):
    images = (
        make_image("RCC", uid="1"),
        make_image("RMLO", uid="2"),
        make_image("RMLO", kind=ImageKind.TOMO, pixels=breast_like(frames=12), slice_spacing_mm=1.0, uid="3"),
    )
    workspace.add(OpenResult(images, ()))
    return workspace


def add(workspace, uid, frame=0, label="Mass"):
    finding = new_finding(uid, frame, BOX, label)
    workspace.edit(AddFinding(finding))
    workspace.desk.selected_finding = finding.id
    return finding


def run(workspace, qtbot, command_id):
    grid = ViewportGrid(workspace)
    qtbot.addWidget(grid)
    BY_ID[command_id].handler(Desk(workspace, grid, Mock()))


def choose(box, text):
    box.setCurrentIndex(box.findText(text))
    box.activated.emit(box.currentIndex())


def test_descriptors_are_those_of_the_class_and_can_be_undone(qtbot, study):
    finding = add(study, "1")
    editor = FindingEditor(study)
    qtbot.addWidget(editor)
    editor.show_finding(study.annotations.get(finding.id))
    lists = editor._descriptors.lists
    assert list(lists) == ["shape", "margin", "density"]
    choose(lists["margin"], "Margin: spiculated")
    choose(lists["shape"], "Shape: irregular")
    described = study.annotations.get(finding.id)
    assert described.descriptors == (("shape", "irregular"), ("margin", "spiculated"))
    study.edits.undo()
    assert study.annotations.get(finding.id).descriptors == (("margin", "spiculated"),)
    assert study.store.load(["1"])[0].descriptors == (("margin", "spiculated"),)


def test_another_class_has_other_descriptors(qtbot, study):
    finding = add(study, "1", label="Calcifications")
    editor = FindingEditor(study)
    qtbot.addWidget(editor)
    editor.show_finding(study.annotations.get(finding.id))
    assert "distribution" in editor._descriptors.lists
    other = add(study, "2", label="Skin lesion")
    editor.show_finding(study.annotations.get(other.id))
    assert editor._descriptors.lists == {}
    assert editor._descriptors.isHidden()


def test_the_editor_says_where_a_finding_lies_and_with_whom_it_belongs(qtbot, study):
    one = add(study, "1")
    editor = FindingEditor(study)
    qtbot.addWidget(editor)
    editor.show_finding(study.annotations.get(one.id))
    qtbot.waitUntil(lambda: "mm from nipple" in editor._location.text())
    assert editor._location.text().startswith("right, ")
    other = add(study, "2")
    run(study, qtbot, "finding.link")
    editor.show_finding(study.annotations.get(other.id))
    qtbot.waitUntil(lambda: "quadrant" in editor._location.text() or "central" in editor._location.text())
    assert "one lesion with 1 other finding" in editor._location.text()
    run(study, qtbot, "finding.unlink")
    assert {finding.lesion for finding in study.annotations.findings} == {""}


def test_a_lesion_is_carried_through_its_slices(qtbot, study):
    study.show_single("3")
    first = add(study, "3", 2)
    told = []
    study.notice.connect(lambda notice: told.append(notice.text))
    run(study, qtbot, "finding.fill")
    assert "no slices between" in told[-1]
    study.state("3").frame = 2
    run(study, qtbot, "finding.carry")
    assert "lies on this slice" in told[-1]
    study.state("3").frame = 6
    run(study, qtbot, "finding.carry")
    assert study.desk.selected_finding != first.id
    run(study, qtbot, "finding.fill")
    assert told[-1] == "3 slices filled"
    assert sorted(finding.frame for finding in study.annotations.for_image("3")) == [2, 3, 4, 5, 6]


def test_linking_needs_two(qtbot, study):
    add(study, "1")
    told = []
    study.notice.connect(lambda notice: told.append(notice.text))
    run(study, qtbot, "finding.link")
    assert "Choose two findings" in told[-1]


def test_a_finding_out_of_sight_is_not_carried_anywhere(qtbot, study):
    first = add(study, "3", 2)
    told = []
    study.notice.connect(lambda notice: told.append(notice.text))
    study.show_single("1")
    study.desk.selected_finding = first.id
    study.state("3").frame = 6
    run(study, qtbot, "finding.carry")
    assert "not hung" in told[-1]
    assert len(study.annotations.for_image("3")) == 1


def test_how_sure_the_reader_is_can_be_said_and_taken_back(qtbot, study):
    finding = add(study, "1")
    editor = FindingEditor(study)
    qtbot.addWidget(editor)
    editor.show_finding(study.annotations.get(finding.id))
    choose(editor._confidence, "Confidence: 75 %")
    assert study.annotations.get(finding.id).confidence == 0.75
    editor.show_finding(study.annotations.get(finding.id).edited(confidence=0.8))
    assert editor._confidence.currentText() == "Confidence: 75 %"
    choose(editor._confidence, "Confidence: –")
    assert study.annotations.get(finding.id).confidence is None
