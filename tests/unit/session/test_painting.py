"""Strokes on large regions, made in the background one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.images import make_image

from mammoviewer.annotations.edits import AddFinding, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.strokes import PendingStroke, Stroke, painted_on
from mammoviewer.base.errors import AnnotationError, InputError
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.session import painting
from mammoviewer.session.settings import Settings
from mammoviewer.session.workspace import Workspace

SHAPE = (160, 120)
BOX = Roi(RoiKind.RECTANGLE, ((50.0, 30.0), (80.0, 90.0)))
ACROSS = Stroke(((60.0, 10.0), (62.0, 110.0)), 7)
DOWN = Stroke(((20.0, 60.0), (140.0, 60.0)), 9)
HOLE = Stroke(((65.0, 60.0),), 11, erase=True)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    made = Workspace(Settings())
    made.add(OpenResult((make_image("RCC", uid="1.1"),), ()))
    yield made
    made.close()


@pytest.fixture
def finding(workspace):
    made = new_finding("1.1", 0, BOX, "Mass")
    workspace.edit(AddFinding(made))
    return made


@pytest.fixture
def told(workspace):
    notices = []
    workspace.notice.connect(notices.append)
    return notices


def stamped(mask, *strokes):
    whole = mask.astype(np.uint8)
    for stroke in strokes:
        stroke.stamp(whole)
    return whole.astype(bool)


@pytest.mark.parametrize("strokes", [(ACROSS,), (ACROSS, DOWN), (HOLE,), (DOWN, HOLE, ACROSS)])
def test_a_stroke_changes_exactly_the_pixels_it_stamps(strokes):
    roi = BOX
    for stroke in strokes:
        roi = painted_on(roi, stroke, SHAPE)
    np.testing.assert_array_equal(roi.mask(SHAPE), stamped(BOX.mask(SHAPE), *strokes))


def test_strokes_off_the_image_and_on_nothing(tmp_path):
    off = Stroke(((-40.0, 20.0), (-30.0, 25.0)), 5)
    assert painted_on(None, off, SHAPE) is None
    assert painted_on(None, HOLE, SHAPE) is None
    np.testing.assert_array_equal(painted_on(BOX, off, SHAPE).mask(SHAPE), BOX.mask(SHAPE))
    partly = Stroke(((-3.0, 20.0), (400.0, 25.0)), 5)
    np.testing.assert_array_equal(painted_on(None, partly, SHAPE).mask(SHAPE), stamped(np.zeros(SHAPE), partly))
    everything = Stroke(((65.0, 0.0), (65.0, 120.0)), 80, erase=True)
    assert painted_on(BOX, everything, SHAPE) is None


def test_strokes_go_one_onto_the_other_and_each_is_a_step(workspace, finding):
    for stroke in (ACROSS, DOWN, HOLE):
        workspace.painting.add(PendingStroke(finding, stroke, SHAPE))
    assert workspace.painting.waits_for(finding.id)
    workspace.painting.settle()
    assert workspace.painting.pending == ()
    masks = [stamped(BOX.mask(SHAPE), *(ACROSS, DOWN, HOLE)[:count]) for count in range(4)]
    for wanted, title in zip(masks[:0:-1], ("Erase", "Paint", "Paint"), strict=True):
        np.testing.assert_array_equal(workspace.annotations.get(finding.id).roi.mask(SHAPE), wanted)
        assert workspace.edits.undo_title == title
        workspace.edits.undo()
    assert workspace.annotations.get(finding.id) == finding


def test_a_new_finding_is_added_chosen_and_painted_on(workspace):
    place = new_finding("1.1", 0, Roi(RoiKind.POINT, ((1.0, 1.0),)), "Cyst", reader="A")
    workspace.painting.add(PendingStroke(place, ACROSS, SHAPE, new=True))
    workspace.painting.add(PendingStroke(place, DOWN, SHAPE, new=True))
    workspace.painting.settle()
    (made,) = workspace.annotations.findings
    assert (made.id, made.label, made.reader) == (place.id, "Cyst", "A")
    assert workspace.desk.selected_finding == made.id
    np.testing.assert_array_equal(made.roi.mask(SHAPE), stamped(np.zeros(SHAPE), ACROSS, DOWN))
    workspace.edits.undo()
    workspace.edits.undo()
    assert workspace.annotations.findings == ()


def test_what_was_changed_meanwhile_is_painted_on_as_it_is_then(workspace, finding):
    workspace.painting.add(PendingStroke(finding, ACROSS, SHAPE))
    moved = finding.edited(roi=finding.roi.moved(10, 0), label="Cyst")
    workspace.edit(ReplaceFinding(moved))
    workspace.painting.settle()
    painted = workspace.annotations.get(finding.id)
    assert painted.label == "Cyst"
    np.testing.assert_array_equal(painted.roi.mask(SHAPE), stamped(moved.roi.mask(SHAPE), ACROSS))


def test_a_stroke_on_what_was_removed_meanwhile_is_gone_with_it_and_that_is_told(workspace, finding, told):
    workspace.painting.add(PendingStroke(finding, ACROSS, SHAPE))
    workspace.edit(RemoveFinding(finding.id))
    workspace.painting.settle()
    assert workspace.annotations.findings == ()
    assert [notice.text for notice in told] == ["What was painted on is gone, and the stroke with it"]


def test_a_stroke_on_a_new_finding_that_was_removed_begins_it_anew_without_what_was_removed(workspace):
    place = new_finding("1.1", 0, Roi(RoiKind.POINT, ((1.0, 1.0),)), "Cyst")
    workspace.painting.add(PendingStroke(place, ACROSS, SHAPE, new=True))
    workspace.painting.settle()
    workspace.painting.add(PendingStroke(place, DOWN, SHAPE, new=True))
    workspace.edit(RemoveFinding(place.id))
    workspace.painting.settle()
    (made,) = workspace.annotations.findings
    np.testing.assert_array_equal(made.roi.mask(SHAPE), stamped(np.zeros(SHAPE), DOWN))


def test_undo_waits_for_the_stroke_before_it(workspace, finding):
    workspace.painting.add(PendingStroke(finding, ACROSS, SHAPE))
    workspace.painting.when_settled(workspace.edits.undo)
    assert workspace.edits.undo_title == "Add finding", "the stroke is not there yet"
    workspace.painting.settle()
    assert workspace.annotations.get(finding.id) == finding
    assert workspace.edits.redo_title == "Paint"


def test_undo_takes_the_stroke_before_it_not_the_one_after_it(workspace, finding):
    workspace.painting.add(PendingStroke(finding, ACROSS, SHAPE))
    workspace.painting.when_settled(workspace.edits.undo)
    workspace.painting.add(PendingStroke(finding, DOWN, SHAPE))
    workspace.painting.when_settled(workspace.edits.undo)
    workspace.painting.when_settled(workspace.edits.redo)
    workspace.painting.add(PendingStroke(finding, HOLE, SHAPE))
    assert len(workspace.painting.pending) == 3
    workspace.painting.settle()
    assert workspace.painting.pending == ()
    painted = workspace.annotations.get(finding.id).roi.mask(SHAPE)
    np.testing.assert_array_equal(painted, stamped(BOX.mask(SHAPE), DOWN, HOLE))


def test_a_new_finding_whose_first_stroke_is_undone_begins_with_the_second(workspace):
    place = new_finding("1.1", 0, Roi(RoiKind.POINT, ((1.0, 1.0),)), "Cyst")
    workspace.painting.add(PendingStroke(place, ACROSS, SHAPE, new=True))
    workspace.painting.when_settled(workspace.edits.undo)
    workspace.painting.add(PendingStroke(place, DOWN, SHAPE, new=True))
    workspace.painting.settle()
    (made,) = workspace.annotations.findings
    np.testing.assert_array_equal(made.roi.mask(SHAPE), stamped(np.zeros(SHAPE), DOWN))
    assert workspace.desk.selected_finding == made.id


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError(), "Paint stopped because of a defect"),
        (InputError("no such image"), "no such image"),
        (AnnotationError("too many corners"), "That outline is too long to be kept"),
    ],
)
def test_a_stroke_that_cannot_be_made_is_told_and_the_next_one_is_made(
    workspace, finding, told, monkeypatch, error, text
):
    def fails_across(roi, stroke, shape):
        if stroke is ACROSS:
            raise error
        return painted_on(roi, stroke, shape)

    monkeypatch.setattr(painting, "painted_on", fails_across)
    workspace.painting.add(PendingStroke(finding, ACROSS, SHAPE))
    workspace.painting.add(PendingStroke(finding, DOWN, SHAPE))
    workspace.painting.settle()
    assert [notice.text for notice in told] == [text]
    painted = workspace.annotations.get(finding.id).roi.mask(SHAPE)
    np.testing.assert_array_equal(painted, stamped(BOX.mask(SHAPE), DOWN))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError("the disk is gone"), "A change was not made as painted because of a defect"),
        (AnnotationError("the library is read-only"), "the library is read-only"),
    ],
)
def test_an_edit_that_fails_is_told_and_loses_no_other_stroke_at_closing(
    workspace, finding, told, monkeypatch, error, text
):
    edit, failures = workspace.edit, [error]

    def fails_once(change):
        if failures:
            raise failures.pop()
        edit(change)

    monkeypatch.setattr(workspace, "edit", fails_once)
    workspace.painting.add(PendingStroke(finding, ACROSS, SHAPE))
    workspace.painting.add(PendingStroke(finding, DOWN, SHAPE))
    workspace.painting.close()
    assert [notice.text for notice in told] == [text]
    np.testing.assert_array_equal(workspace.store.load()[0].roi.mask(SHAPE), stamped(BOX.mask(SHAPE), DOWN))


def test_what_is_to_follow_a_stroke_and_fails_loses_no_stroke(workspace, finding, told):
    def fails():
        raise ValueError("a defect")

    workspace.painting.add(PendingStroke(finding, ACROSS, SHAPE))
    workspace.painting.when_settled(fails)
    workspace.painting.add(PendingStroke(finding, DOWN, SHAPE))
    workspace.painting.settle()
    assert [notice.hint for notice in told] == ["the log tells more (Help > Log)"]
    painted = workspace.annotations.get(finding.id).roi.mask(SHAPE)
    np.testing.assert_array_equal(painted, stamped(BOX.mask(SHAPE), ACROSS, DOWN))


def test_closing_keeps_what_was_painted(workspace, finding):
    workspace.painting.add(PendingStroke(finding, ACROSS, SHAPE))
    workspace.painting.close()
    np.testing.assert_array_equal(workspace.store.load()[0].roi.mask(SHAPE), stamped(BOX.mask(SHAPE), ACROSS))
