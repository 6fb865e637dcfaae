import logging
import sqlite3
import time

import pytest

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.edits import AddFinding, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.journal import Journal
from mammoviewer.annotations.recovery import recover
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.notices import Severity
from mammoviewer.session.edit_stack import EditStack
from mammoviewer.session.patient_recorder import PatientRecorder

RETRY_S = 0.05


def _finding(label="Mass"):
    return new_finding("1.2", 0, Roi(RoiKind.RECTANGLE, ((0, 0), (5, 5))), label)


def _wait(condition):
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until, "nothing came of it"
        time.sleep(0.005)


@pytest.fixture
def store(tmp_path):
    with AnnotationStore(tmp_path / "a.sqlite", write_patience_s=0.02) as opened:
        yield opened


@pytest.fixture
def recorder(store):
    made = PatientRecorder(store, retry_s=RETRY_S)
    yield made
    made.close(patience_s=0.0)


@pytest.fixture
def annotations(recorder):
    made = AnnotationSet()
    made.record_with(recorder.record)
    return made


@pytest.fixture
def other(store):
    """Another program on the same file."""
    connection = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
    yield connection
    connection.close()


def test_an_edit_is_stored_before_it_counts(annotations, recorder, store):
    finding = _finding()
    AddFinding(finding).apply(annotations)
    assert store.load() == (finding,)
    assert recorder.waiting == 0


def test_edits_made_while_the_file_is_in_use_are_kept_and_stored_when_it_is_free(annotations, recorder, store, other):
    told = []
    recorder.notice.connect(told.append)
    stack = EditStack(annotations)
    old = _finding()
    stack.push(AddFinding(old))
    other.execute("BEGIN IMMEDIATE")
    new, passing = _finding("Cyst"), _finding()
    stack.push(AddFinding(new))
    stack.push(ReplaceFinding(new.edited(label="Normal")))
    stack.push(AddFinding(passing))
    stack.push(RemoveFinding(passing.id))
    stack.push(RemoveFinding(old.id))
    assert annotations.findings == (annotations.get(new.id),)
    assert recorder.waiting == 3
    assert [(notice.severity, "in use" in notice.text) for notice in told] == [(Severity.CAUTION, True)]
    assert "kept" in told[0].hint
    time.sleep(3 * RETRY_S)
    assert len(told) == 1, "it is told once"

    other.execute("ROLLBACK")
    _wait(lambda: recorder.waiting == 0)
    assert store.load() == (annotations.get(new.id),)
    _wait(lambda: len(told) == 2)
    assert told[1].severity is Severity.INFO
    stack.undo()
    assert len(store.load()) == 2


def test_while_it_waits_an_edit_is_only_kept(store, other, monkeypatch):
    slow = PatientRecorder(store, retry_s=30.0)
    annotations = AnnotationSet()
    annotations.record_with(slow.record)
    other.execute("BEGIN IMMEDIATE")
    AddFinding(_finding()).apply(annotations)
    with monkeypatch.context() as patch:
        patch.setattr(store, "record", lambda saved, deleted, step: pytest.fail("it would wait for the file again"))
        AddFinding(_finding()).apply(annotations)
    assert slow.waiting == 2
    other.execute("ROLLBACK")
    slow.close()
    assert slow.waiting == 0


def test_closing_stores_what_waits(annotations, recorder, store, other):
    other.execute("BEGIN IMMEDIATE")
    AddFinding(_finding()).apply(annotations)
    other.execute("ROLLBACK")
    recorder.close()
    assert store.load() == annotations.findings
    recorder.close()


def test_what_cannot_be_stored_in_the_end_is_logged(annotations, recorder, monkeypatch, caplog):
    def refuse(saved, deleted, step, *, reader=None):
        raise AnnotationError("the disk is full")

    monkeypatch.setattr(recorder._store, "record", refuse)
    AddFinding(_finding()).apply(annotations)
    with caplog.at_level(logging.ERROR):
        recorder.close(patience_s=0.1)
    assert "1 findings could not be stored" in caplog.text
    assert "the disk is full" in caplog.text
    monkeypatch.undo()


def test_what_waits_stands_in_the_journal_until_it_is_stored(store, other, tmp_path):
    journal = Journal(store.path, store.session)
    recorder = PatientRecorder(store, journal, retry_s=RETRY_S)
    annotations = AnnotationSet()
    annotations.record_with(recorder.record)
    AddFinding(_finding()).apply(annotations)
    assert not journal.path.exists(), "it was stored at once"
    other.execute("BEGIN IMMEDIATE")
    finding = _finding("Cyst")
    AddFinding(finding).apply(annotations)
    ReplaceFinding(finding.edited(label="Normal")).apply(annotations)
    assert journal.path.exists()
    other.execute("ROLLBACK")
    _wait(lambda: recorder.waiting == 0)
    recorder.close()
    journal.close()
    assert not journal.path.exists()


def test_a_file_that_stays_in_use_to_the_end_leaves_the_edits_to_the_next_start(tmp_path, other, store):
    journal = Journal(store.path, store.session)
    recorder = PatientRecorder(store, journal, retry_s=RETRY_S)
    annotations = AnnotationSet()
    annotations.record_with(recorder.record)
    other.execute("BEGIN IMMEDIATE")
    finding = _finding("Cyst")
    AddFinding(finding).apply(annotations)
    recorder.close(patience_s=0.0)
    journal.close()
    other.execute("ROLLBACK")
    assert store.load() == ()
    assert recover(store.path) == 1
    assert store.load() == (finding,)


def test_a_defect_is_told_and_neither_loses_the_edit_nor_stops_the_thread(annotations, recorder, monkeypatch, caplog):
    told = []
    recorder.notice.connect(told.append)
    with monkeypatch.context() as patch:
        patch.setattr(recorder._store, "record", lambda *_, **__: 1 / 0)
        AddFinding(_finding()).apply(annotations)
        _wait(lambda: told)
    assert "defect" in told[0].text
    assert "ZeroDivisionError" in caplog.text
    _wait(lambda: recorder.waiting == 0)
    assert len(recorder._store.load()) == 1


def test_an_edit_that_waited_is_that_of_the_reader_who_made_it(annotations, recorder, store, other):
    store.reader = "Alice"
    other.execute("BEGIN IMMEDIATE")
    finding = _finding()
    AddFinding(finding).apply(annotations)
    store.reader = "Bob"
    other.execute("ROLLBACK")
    _wait(lambda: recorder.waiting == 0)
    assert [change.reader for change in store.changes(finding_id=finding.id)] == ["Alice"]
