"""Marks seen in both projections: linked in list and picture, gone to and accepted together, by real events."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.images import breast_like, make_image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from mammoviewer.annotations.edits import RemoveFinding
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.canvas.model_output import shown_output
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.model_actions import show_mark
from mammoviewer.gui.panels.ai_marks import AiMarks
from mammoviewer.inference.detections import Detection
from mammoviewer.session.marks import marks_of
from mammoviewer.session.viewer_state import Overlay
from mammoviewer.session.workspace import Workspace


def mark(row: float, column: float, score: float, frame: int = 0) -> Detection:
    box = (row - 12, column - 12, row + 12, column + 12)
    return Detection(row, column, frame, score, box, "microcalcification")


CC_MARK = mark(80.0, 80.0, 0.9)
SLICES = tuple(mark(80.0, 80.0 + frame / 10, 0.5 + frame / 20, frame) for frame in (3, 4, 6))


@pytest.fixture
def both(workspace: Workspace, qtbot: QtBot) -> Workspace:
    """A CC view with a mark beside a volume of the MLO view with one on slices 3, 4 and 6, as far from the nipple."""
    flat = make_image("RCC", pixels=breast_like(), StudyInstanceUID="1.2")
    volume = make_image("RMLO", kind=ImageKind.TOMO, pixels=breast_like(frames=12), StudyInstanceUID="1.2")
    workspace.add(OpenResult((flat, volume), ()))
    workspace.desk.model = "calc.1"
    for image in (flat, volume):
        image.frame(image.attributes.frames // 2)
        assert workspace.nipples.at_once(image) is not None
    workspace.heatmaps._detections[flat.attributes.identity, 0, "calc.1"] = (CC_MARK,)
    for found in SLICES:
        workspace.heatmaps._detections[volume.attributes.identity, found.frame, "calc.1"] = (found,)
    workspace.desk.active_identity = flat.attributes.identity
    return workspace


def shown(qtbot: QtBot, workspace: Workspace, identity: str) -> Viewport:
    viewport = Viewport(workspace)
    qtbot.addWidget(viewport)
    viewport.resize(400, 500)
    viewport.show_image(identity)
    viewport.show()
    qtbot.waitUntil(lambda: not viewport.follower.waiting)
    return viewport


def test_a_place_of_a_volume_is_one_mark_on_all_its_slices(both: Workspace) -> None:
    volume = both.images[1]
    (found,) = marks_of(both, volume)
    assert (found.frame, found.slices) == (6, (3, 6))
    state = both.state(volume.attributes.identity)
    state.overlay = Overlay.HEATMAP
    seen = [len(shown_output(both, state, frame).detections) for frame in range(12)]
    assert seen == [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    assert marks_of(both, volume) is marks_of(both, volume), "grouped once"


def test_the_list_tells_class_score_slices_and_the_other_view(both: Workspace, qtbot: QtBot) -> None:
    listed = AiMarks(both, ActiveView(both))
    qtbot.addWidget(listed)
    text = listed._list.item(0).text()
    assert text.startswith("0.90  ·  microcalcification  ·  row 80, column 80  ·  also in RMLO: 0.80, pair 0.")
    both.desk.active_identity = both.images[1].attributes.identity
    qtbot.waitUntil(lambda: "slices 4–7" in listed._list.item(0).text())
    assert "also in RCC: 0.90" in listed._list.item(0).text()
    del both.heatmaps._detections[both.images[0].attributes.identity, 0, "calc.1"]
    listed.refresh()
    assert "also in" not in listed._list.item(0).text()


def test_a_matched_mark_is_painted_otherwise(both: Workspace, qtbot: QtBot) -> None:
    identity = both.images[0].attributes.identity
    both.state(identity).overlay = Overlay.HEATMAP
    viewport = shown(qtbot, both, identity)
    linked = viewport.grab().toImage()
    assert viewport.output.links[CC_MARK].text.startswith("also in RMLO: 0.80, pair")
    for found in SLICES:
        del both.heatmaps._detections[both.images[1].attributes.identity, found.frame, "calc.1"]
    assert viewport.output.links == {}
    assert viewport.grab().toImage() != linked


def test_going_to_a_mark_turns_the_volume_beside_to_its_slice(both: Workspace) -> None:
    volume = both.state(both.images[1].attributes.identity)
    volume.frame = 1
    show_mark(both, CC_MARK)
    assert volume.frame == 6
    assert volume.overlay is Overlay.HEATMAP


def test_a_double_click_accepts_a_matched_mark_in_both_views_as_one_lesion(both: Workspace, qtbot: QtBot) -> None:
    flat, volume = both.images
    both.state(flat.attributes.identity).overlay = Overlay.HEATMAP
    viewport = shown(qtbot, both, flat.attributes.identity)
    x, y = viewport.view.to_widget(np.array([(82.0, 84.0)]))[0]
    QTest.mouseDClick(viewport, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(round(x), round(y)))
    first, second = both.annotations.findings
    assert (first.image_uid, second.image_uid) == (flat.attributes.identity, volume.attributes.identity)
    assert first.roi.bounding_box() == CC_MARK.box
    assert (second.frame, second.roi.bounding_box()) == (6, SLICES[2].box)
    assert (first.label, first.score, second.score) == ("Calcifications", 0.9, SLICES[2].score)
    assert first.lesion == second.lesion != ""
    assert first.note.startswith("marked by calc.1: 0.90; also in RMLO: 0.80, together 0.")
    assert second.note.startswith("marked by calc.1: 0.80, slices 4–7; also in RCC: 0.90, together 0.")
    assert both.desk.selected_finding == first.id
    both.edits.undo()
    assert both.annotations.findings == (), "one step back takes both"


def test_the_other_view_joins_a_lesion_that_was_accepted_before(both: Workspace, qtbot: QtBot) -> None:
    flat = both.images[0]
    listed = AiMarks(both, ActiveView(both))
    qtbot.addWidget(listed)
    listed.show()
    listed._list.setCurrentRow(0)
    QTest.mouseClick(listed._accept, Qt.MouseButton.LeftButton)
    first, second = both.annotations.findings
    both.edit(RemoveFinding(first.id))
    QTest.mouseClick(listed._accept, Qt.MouseButton.LeftButton)
    again = both.annotations.for_image(flat.attributes.identity, 0)
    assert [finding.lesion for finding in again] == [second.lesion]
    assert len(both.annotations.findings) == 2
