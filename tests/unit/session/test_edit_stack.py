from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.edits import AddFinding, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import AnnotationError
from mammoviewer.session.edit_stack import EditStack

ROI = Roi(RoiKind.RECTANGLE, ((0, 0), (5, 5)))


def _finding(name: str) -> Finding:
    return Finding(name, "1.2", 0, ROI, "Mass")


@pytest.fixture
def annotations():
    return AnnotationSet()


@pytest.fixture
def stack(annotations):
    return EditStack(annotations, limit=5)


def test_undo_and_redo(annotations, stack):
    told = []
    stack.changed.connect(lambda: told.append(stack.undo_title))
    assert (stack.can_undo, stack.can_redo, stack.undo_title, stack.redo_title) == (False, False, "", "")
    stack.push(AddFinding(_finding("a")))
    assert (stack.can_undo, stack.undo_title) == (True, "Add finding")
    stack.undo()
    assert annotations.findings == ()
    assert (stack.can_undo, stack.can_redo, stack.redo_title) == (False, True, "Add finding")
    stack.redo()
    assert annotations.findings == (_finding("a"),)
    assert told == ["Add finding", "", "Add finding"]


def test_a_new_edit_forgets_what_was_undone(stack):
    stack.push(AddFinding(_finding("a")))
    stack.undo()
    stack.push(AddFinding(_finding("b")))
    assert not stack.can_redo


def test_with_nothing_to_do_nothing_is_done(annotations, stack):
    stack.undo()
    stack.redo()
    assert annotations.findings == ()


def test_a_refused_edit_is_not_pushed(stack):
    with pytest.raises(AnnotationError):
        stack.push(RemoveFinding("missing"))
    assert not stack.can_undo


def test_an_undo_that_cannot_be_stored_stays_on_the_stack(annotations, stack):
    stack.push(AddFinding(_finding("a")))

    def refuse(saved, deleted, step):
        raise AnnotationError("the disk is full")

    stop = annotations.record_with(refuse)
    with pytest.raises(AnnotationError, match="full"):
        stack.undo()
    assert stack.can_undo
    assert not stack.can_redo
    stop()
    stack.undo()
    assert annotations.findings == ()


def test_the_moves_of_one_drag_are_one_step_and_the_next_drag_another(annotations, stack):
    stack.push(AddFinding(_finding("a")))
    for key in ("drag 1", "drag 2"):
        for _ in range(4):
            moved = replace(annotations.get("a"), roi=annotations.get("a").roi.moved(1, 0))
            stack.push(ReplaceFinding(moved, merge_key=key))
    stack.undo()
    assert annotations.get("a").roi == ROI.moved(4, 0)
    stack.redo()
    assert annotations.get("a").roi == ROI.moved(8, 0)
    stack.undo()
    stack.undo()
    assert annotations.get("a").roi == ROI
    stack.undo()
    assert annotations.findings == ()


def test_after_an_undo_the_same_key_begins_a_new_step(annotations, stack):
    stack.push(AddFinding(_finding("a")))
    stack.push(ReplaceFinding(replace(_finding("a"), label="b"), merge_key="note"))
    stack.undo()
    stack.push(ReplaceFinding(replace(_finding("a"), label="c"), merge_key="note"))
    stack.undo()
    assert annotations.get("a").label == "Mass"


def test_the_oldest_steps_are_forgotten(annotations, stack):
    for name in "abcdefgh":
        stack.push(AddFinding(_finding(name)))
    while stack.can_undo:
        stack.undo()
    assert [f.id for f in annotations.findings] == ["a", "b", "c"]


def test_clear_forgets_all_steps_and_keeps_the_findings(annotations, stack):
    stack.push(AddFinding(_finding("a")))
    stack.push(AddFinding(_finding("b")))
    stack.undo()
    stack.clear()
    assert (stack.can_undo, stack.can_redo) == (False, False)
    assert len(annotations) == 1


moves = st.lists(
    st.one_of(
        st.sampled_from(["undo", "redo"]),
        st.tuples(st.sampled_from(["add", "remove", "change"]), st.sampled_from("abc"), st.sampled_from(["", "k"])),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(moves)
def test_undoing_everything_leads_back_to_the_beginning(chosen):
    annotations = AnnotationSet([_finding("a")])
    stack = EditStack(annotations)
    for number, move in enumerate(chosen):
        if move == "undo":
            stack.undo()
        elif move == "redo":
            stack.redo()
        else:
            kind, name, key = move
            changed = ReplaceFinding(replace(_finding(name), label=str(number)), merge_key=key and key + name)
            edit = {"add": AddFinding(_finding(name)), "remove": RemoveFinding(name), "change": changed}[kind]
            if (name in annotations) == (kind != "add"):
                stack.push(edit)
    while stack.can_undo:
        stack.undo()
    assert annotations.findings == (_finding("a"),)
