import threading

import pytest

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.edits import AddFinding, CompositeEdit, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import AnnotationError


def _finding(image_uid="1.2", frame=0, label="Mass"):
    return new_finding(image_uid, frame, Roi(RoiKind.POINT, ((1, 2),)), label)


@pytest.fixture
def told():
    return []


@pytest.fixture
def annotations(told):
    made = AnnotationSet([_finding(frame=0), _finding(frame=1), _finding("3.4")])
    made.changed.connect(told.append)
    return made


def test_findings_are_found_by_image_and_frame(annotations):
    first, second, other = annotations.findings
    assert annotations.for_image("1.2") == (first, second)
    assert annotations.for_image("1.2", 1) == (second,)
    assert annotations.for_image("3.4", 0) == (other,)
    assert annotations.for_image("9") == ()
    assert annotations.get(other.id) is other


def test_an_unknown_id_is_told(annotations):
    with pytest.raises(AnnotationError, match="not there"):
        annotations.get("nothing")


def test_two_findings_with_one_id_are_refused():
    finding = _finding()
    with pytest.raises(AnnotationError, match="already"):
        AnnotationSet([finding, finding])


def test_what_changes_together_is_told_at_once(annotations, told):
    first, second, _ = annotations.findings
    added = _finding()
    edits = (
        AddFinding(added),
        ReplaceFinding(first.edited(label="a")),
        ReplaceFinding(first.edited(label="b")),
        RemoveFinding(second.id),
    )
    CompositeEdit(edits).apply(annotations)
    (ids,) = told
    assert sorted(ids) == sorted([first.id, second.id, added.id])


def test_recorders_take_one_edit_at_a_time_before_it_is_told(annotations, told):
    taken = []
    stop = annotations.record_with(lambda saved, deleted, step: taken.append((saved, deleted, tuple(told))))
    first, second, _ = annotations.findings
    added = _finding()
    CompositeEdit((AddFinding(added), RemoveFinding(first.id))).apply(annotations)
    assert taken == [((added,), (first.id,), ())]
    stop()
    RemoveFinding(second.id).apply(annotations)
    assert len(taken) == 1


def test_an_edit_that_cannot_be_recorded_does_not_happen(annotations, told):
    def refuse(saved, deleted, step):
        raise AnnotationError("the disk is full")

    annotations.record_with(refuse)
    before = annotations.findings
    with pytest.raises(AnnotationError, match="disk is full"):
        AddFinding(_finding()).apply(annotations)
    assert annotations.findings == before
    assert told == []


def test_a_change_to_the_same_is_not_recorded(annotations, told):
    taken = []
    annotations.record_with(lambda saved, deleted, step: taken.append(saved))
    ReplaceFinding(annotations.findings[0]).apply(annotations)
    assert taken == []
    assert told == []


def test_loaded_findings_are_told_but_not_recorded(annotations, told):
    taken = []
    annotations.record_with(lambda saved, deleted, step: taken.append(saved))
    known, new = annotations.findings[0], _finding("5.6")
    annotations.load([known.edited(label="other"), new])
    assert annotations.get(known.id) is known
    assert annotations.findings[-1] is new
    assert told == [(new.id,)]
    assert taken == []


def test_what_a_worker_loads_survives_an_edit_that_fails_meanwhile(annotations):
    loaded = _finding("5.6")
    worker = threading.Thread(target=lambda: annotations.load([loaded]))

    def refuse(saved, deleted, step):
        worker.start()
        worker.join(0.2)
        raise AnnotationError("the disk is full")

    annotations.record_with(refuse)
    with pytest.raises(AnnotationError, match="disk is full"):
        AddFinding(_finding()).apply(annotations)
    worker.join()
    assert loaded.id in annotations
