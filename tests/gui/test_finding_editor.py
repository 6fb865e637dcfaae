"""What the reader says about one finding: when a note is stored, when a region is measured."""

import pytest
from helpers.mouse import LEFT, move, press, release
from helpers.viewports import place, shown
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from mammoviewer.annotations.edits import AddFinding, ReplaceFinding
from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.gui.panels import finding_editor
from mammoviewer.gui.panels.finding_editor import FindingEditor, NoteEdit
from mammoviewer.gui.panels.findings_panel import FindingsPanel
from mammoviewer.session.workspace import Workspace

BOX = Roi(RoiKind.RECTANGLE, ((60.0, 70.0), (100.0, 110.0)))


@pytest.fixture
def finding(four_views: Workspace) -> Finding:
    """A chosen finding of the image RMLO."""
    image = next(i for i in four_views.images if i.attributes.view.label == "RMLO")
    made = new_finding(image.attributes.identity, 0, BOX, "Mass")
    four_views.edit(AddFinding(made))
    four_views.desk.selected_finding = made.id
    return made


@pytest.fixture
def editor(four_views: Workspace, finding: Finding, qtbot: QtBot) -> FindingEditor:
    """The editor in its panel, on screen."""
    panel = FindingsPanel(four_views)
    qtbot.addWidget(panel)
    panel.show()
    found = panel.findChild(FindingEditor)
    assert found is not None
    return found


def note_of(workspace: Workspace, finding: Finding) -> str:
    return workspace.annotations.get(finding.id).note


def write(editor: FindingEditor, text: str) -> NoteEdit:
    note = editor.findChild(NoteEdit)
    assert note is not None
    note.setFocus()
    QTest.keyClicks(note, text)
    return note


def test_a_note_is_stored_when_typing_rests_as_one_step_of_undo(
    editor: FindingEditor, four_views: Workspace, finding: Finding, qtbot: QtBot
) -> None:
    note = write(editor, "spiculated ")
    assert note_of(four_views, finding) == ""
    qtbot.waitUntil(lambda: note_of(four_views, finding) == "spiculated", timeout=2000)
    assert four_views.store.load()[0].note == "spiculated"
    qtbot.wait(30)
    assert note.toPlainText() == "spiculated ", "the space that was typed last is still there"
    QTest.keyClicks(note, "12 mm")
    qtbot.waitUntil(lambda: note_of(four_views, finding) == "spiculated 12 mm", timeout=2000)
    note.finished.emit()
    four_views.edits.undo()
    assert note_of(four_views, finding) == ""
    qtbot.waitUntil(lambda: note.toPlainText() == "")


def test_coming_back_to_a_note_is_another_step(editor: FindingEditor, four_views: Workspace, finding: Finding) -> None:
    for text in ("first", " second"):
        write(editor, text).finished.emit()
    four_views.edits.undo()
    assert note_of(four_views, finding) == "first"


def test_closing_the_window_keeps_what_was_just_typed(
    editor: FindingEditor, four_views: Workspace, finding: Finding
) -> None:
    write(editor, "last words")
    editor.window().close()
    assert note_of(four_views, finding) == "last words"


def test_what_is_typed_stays_while_the_finding_changes_otherwise(
    editor: FindingEditor, four_views: Workspace, finding: Finding, qtbot: QtBot
) -> None:
    note = write(editor, "half a w")
    four_views.edit(ReplaceFinding(four_views.annotations.get(finding.id).edited(label="Cyst")))
    qtbot.wait(30)
    assert note.toPlainText() == "half a w"
    note.finished.emit()
    assert note_of(four_views, finding) == "half a w"


def test_a_note_goes_to_the_finding_it_was_typed_for(
    editor: FindingEditor, four_views: Workspace, finding: Finding, qtbot: QtBot
) -> None:
    other = new_finding(finding.image_uid, 0, BOX.moved(5.0, 5.0), "Mass")
    four_views.edit(AddFinding(other))
    note = write(editor, "of the first")
    four_views.desk.selected_finding = other.id
    qtbot.waitUntil(lambda: note.toPlainText() == "")
    assert note_of(four_views, finding) == "of the first"
    assert note_of(four_views, other) == ""


def test_a_region_is_measured_when_it_rests_and_not_while_it_is_dragged(
    editor: FindingEditor, four_views: Workspace, finding: Finding, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewport = shown(qtbot, four_views)
    qtbot.waitUntil(lambda: "mm" in editor._figures.text())
    first = editor._figures.text()
    measured: list[Roi] = []

    def measure(workspace: Workspace, measured_finding: Finding) -> str:
        measured.append(measured_finding.roi)
        return "4 mm"

    monkeypatch.setattr(finding_editor, "region_figures", measure)
    press(viewport, place(viewport, 60.0, 90.0))
    for step in range(20):
        move(viewport, place(viewport, 60.0 + step, 90.0), LEFT)
        qtbot.wait(1)
    assert measured == []
    release(viewport, place(viewport, 79.0, 90.0))
    qtbot.waitUntil(lambda: editor._figures.text() == "4 mm" != first)
    assert measured == [four_views.annotations.get(finding.id).roi]

    four_views.edit(ReplaceFinding(four_views.annotations.get(finding.id).edited(label="Cyst")))
    qtbot.wait(200)
    assert len(measured) == 1, "the region is the same"


def test_a_held_button_puts_measuring_off(editor: FindingEditor, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[object] = []
    monkeypatch.setattr(finding_editor, "region_figures", lambda *values: str(measured.append(values)))
    with monkeypatch.context() as held:
        held.setattr(QGuiApplication, "mouseButtons", lambda: Qt.MouseButton.LeftButton)
        qtbot.wait(200)
        assert measured == []
    qtbot.waitUntil(lambda: len(measured) == 1)


def test_nothing_is_measured_out_of_sight(editor: FindingEditor, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[object] = []
    monkeypatch.setattr(finding_editor, "region_figures", lambda *values: str(measured.append(values)))
    editor.window().hide()
    qtbot.wait(200)
    assert measured == []
    editor.window().show()
    qtbot.waitUntil(lambda: len(measured) == 1)
