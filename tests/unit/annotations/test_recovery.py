"""What a killed program had not stored yet is stored by the next one: once, and over nobody else's work."""

from __future__ import annotations

import logging
import os
import sqlite3
import uuid
from dataclasses import replace

import numpy as np
import pytest

from mammoviewer.annotations import journal
from mammoviewer.annotations.density import BreastDensity
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.journal import Journal, JournalledEdit, Turn, orphans
from mammoviewer.annotations.recovery import open_store, recover
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.rows import to_row
from mammoviewer.annotations.step import UNKNOWN, Act, Step
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.annotations.strokes import PendingStroke, Stroke
from mammoviewer.base.errors import AnnotationError

BOX = Roi(RoiKind.RECTANGLE, ((50.0, 30.0), (80.0, 90.0)))
SHAPE = (160, 120)
STEP = Step(Act.EDIT, "token", title="Paint")
ACROSS = Stroke(((60.0, 10.0), (62.0, 110.0)), 7)


@pytest.fixture
def library(tmp_path):
    return tmp_path / "library.sqlite"


@pytest.fixture
def finding():
    return new_finding("1.1", 0, BOX, "Mass")


def leave(library, *entries, session="gone", reader="A"):
    """Leave entries as a killed program does: the file is closed, and nothing of it settled."""
    waiting = Journal(library, session)
    for entry in entries:
        waiting.note(entry, reader)
    waiting.close()


def edit(finding, known=None, step=None):
    rows = {finding.id: None if known is None else to_row(known)[1]}
    return JournalledEdit((finding,), (), step or Step(Act.EDIT, uuid.uuid4().hex), rows)


def test_what_is_settled_leaves_no_file(library, finding):
    journal = Journal(library, "s")
    assert not journal.path.exists(), "nothing waits, nothing is written"
    number = journal.note(edit(finding), "A")
    assert journal.path.exists()
    journal.settle(number)
    journal.settle(number)
    journal.close()
    assert list(library.parent.iterdir()) == []


def test_a_running_program_keeps_its_journal(library, finding):
    journal = Journal(library, "alive")
    journal.note(edit(finding), "A")
    assert recover(library) == 0
    with orphans(library) as left:
        assert left == ()
    journal.close()
    assert recover(library) == 1


def test_edits_are_stored_as_steps_of_their_session_and_reader_and_told(library, finding):
    density = BreastDensity("1.9", "L", "c", "A", "2026-01-01T00:00:00+00:00", "1")
    leave(library, edit(finding, step=STEP), JournalledEdit((density,), (), UNKNOWN, {density.id: None}))
    store, notice = open_store(library)
    with store:
        assert store.load() == (finding,)
        assert store.densities() == (density,)
        (change,) = store.changes(finding_id=finding.id, session="gone")
        assert (change.reader, change.step) == ("A", STEP)
    assert "2 changes that were not stored yet" in notice.text
    assert open_store(library)[1] is None
    assert list(library.parent.glob("*waiting*")) == []


def test_what_was_stored_before_the_kill_is_not_stored_again(library, finding):
    later = finding.edited(label="Cyst")
    with AnnotationStore(library) as store:
        store.session = "gone"
        store.record((finding,), (), STEP)
    leave(library, edit(finding, step=STEP), edit(later, finding))
    assert recover(library) == 1
    with AnnotationStore(library) as store:
        assert store.load() == (later,)
        assert len(store.changes(finding_id=finding.id)) == 2


def test_a_removed_finding_goes(library, finding):
    with AnnotationStore(library) as store:
        store.save(finding)
    leave(library, JournalledEdit((), (finding.id,), STEP, {finding.id: to_row(finding)[1]}))
    assert recover(library) == 1
    with AnnotationStore(library) as store:
        assert store.load() == ()


def test_what_another_program_made_of_a_finding_meanwhile_stays_as_a_copy(library, finding):
    with AnnotationStore(library) as store:
        store.save(finding)
        store.save(finding.edited(label="Theirs"))
    leave(library, edit(finding.edited(label="Ours"), finding), edit(finding.edited(label="Ours too"), finding))
    recover(library)
    with AnnotationStore(library) as store:
        assert sorted(found.label for found in store.load()) == ["Ours too", "Theirs"]
        assert {found.id: found.label for found in store.load()}[finding.id] == "Ours too"


def test_strokes_are_painted_on_what_is_there_and_can_be_undone(library, finding):
    with AnnotationStore(library) as store:
        store.save(finding)
    new = new_finding("1.1", 0, Roi(RoiKind.POINT, ((1.0, 1.0),)), "Cyst")
    gone = replace(finding, id="gone")
    entries = [PendingStroke(finding, ACROSS, SHAPE), PendingStroke(new, ACROSS, SHAPE, new=True)]
    leave(library, *entries)
    leave(library, PendingStroke(gone, ACROSS, SHAPE), session="another")
    assert recover(library) == 2
    assert Journal(library, "another").path.exists(), "its library may be found again"
    with AnnotationStore(library) as store:
        store.session = "another"
        store.save(gone)
        store.delete(gone.id)
    assert recover(library) == 0
    assert not Journal(library, "another").path.exists(), "it was removed: the stroke goes with it"
    mask = BOX.mask(SHAPE).astype(np.uint8)
    ACROSS.stamp(mask)
    with AnnotationStore(library) as store:
        found = {each.id: each for each in store.load()}
        np.testing.assert_array_equal(found[finding.id].roi.mask(SHAPE), mask.astype(bool))
        assert found[new.id].label == "Cyst"
        assert found.keys() == {finding.id, new.id}
        steps = [change.step for change in store.logged("gone")]
    assert [step.title for step in steps] == ["Paint", "Add freehand"]
    assert len({step.token for step in steps if step.token}) == 2


def test_a_stroke_whose_edit_stands_there_too_is_painted_once(library, finding):
    with AnnotationStore(library) as store:
        store.save(finding)
    stroke = PendingStroke(finding, ACROSS, SHAPE)
    painted = stroke.edit(finding, Roi(RoiKind.RECTANGLE, ((0.0, 0.0), (5.0, 5.0)))).finding
    leave(library, stroke, edit(painted, finding))
    recover(library)
    with AnnotationStore(library) as store:
        (found,) = store.load()
    assert found.id == finding.id, "and no copy is made"


def test_what_cannot_be_read_is_left_and_the_rest_is_stored(library, finding, caplog):
    leave(library, edit(finding), edit(finding.edited(label="Cyst"), finding))
    path = Journal(library, "gone").path
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entry SET content = '{\"saved\": 3}' WHERE number = 2")
    connection.close()
    with caplog.at_level(logging.WARNING):
        assert recover(library) == 1
    assert "cannot be read" in caplog.text
    assert path.exists()
    with AnnotationStore(library) as store:
        assert store.load() == (finding,)


def test_a_damaged_journal_stops_nobody(library, finding):
    Journal(library, "gone").path.write_bytes(b"no database" * 400)
    store, notice = open_store(library)
    with store:
        store.save(finding)
    assert notice is None
    assert Journal(library, "gone").path.exists()


def test_a_journal_that_cannot_be_written_stands_in_no_way(tmp_path, finding, caplog):
    journal = Journal(tmp_path / "not" / "there.sqlite", "s")
    with caplog.at_level(logging.WARNING):
        number = journal.note(edit(finding), "A")
        journal.note(edit(finding), "A")
    assert caplog.text.count("cannot be noted") == 1
    journal.settle(number)
    journal.close()


def test_a_library_in_use_leaves_the_journal_for_the_next_time(library, finding, monkeypatch):
    with AnnotationStore(library) as store:
        store.save(finding)
        changed = finding.edited(label="Cyst")
        leave(library, edit(changed, finding))
        made = AnnotationStore.__init__

        def impatient(self, path):
            made(self, path, busy_timeout_s=0.01)

        with monkeypatch.context() as patch:
            patch.setattr(AnnotationStore, "__init__", impatient)
            other = sqlite3.connect(library, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            assert recover(library) == 0
            other.execute("ROLLBACK")
            other.close()
        assert recover(library) == 1
        assert store.load() == (changed,)


def test_an_undo_that_waited_takes_back_the_stroke_before_it(library, finding):
    with AnnotationStore(library) as store:
        store.save(finding)
    down = Stroke(((20.0, 60.0), (140.0, 60.0)), 9)
    strokes = [PendingStroke(finding, stroke, SHAPE) for stroke in (ACROSS, down)]
    leave(library, strokes[0], Turn(Act.UNDO), strokes[1], Turn(Act.UNDO), Turn(Act.REDO))
    assert recover(library) == 5
    mask = BOX.mask(SHAPE).astype(np.uint8)
    down.stamp(mask)
    with AnnotationStore(library) as store:
        np.testing.assert_array_equal(store.load()[0].roi.mask(SHAPE), mask.astype(bool))
        acts = [change.step.act for change in store.logged("gone")]
    assert acts == [Act.EDIT, Act.UNDO, Act.EDIT, Act.UNDO, Act.REDO]


def test_an_undo_that_was_being_done_is_done_once(library, finding):
    changed, newest = finding.edited(label="Cyst"), finding.edited(label="Normal")
    with AnnotationStore(library) as store:
        store.session = "gone"
        store.record((finding,), (), Step(Act.EDIT, "first"))
        store.record((changed,), (), Step(Act.EDIT, "second"))
        store.record((newest,), (), Step(Act.EDIT, "third"))
    leave(library, Turn(Act.UNDO, "third"))
    assert recover(library) == 1
    leave(library, Turn(Act.UNDO, "third"))
    assert recover(library) == 0
    with AnnotationStore(library) as store:
        assert store.load() == (changed,)


def test_an_undo_leaves_what_others_changed_and_what_is_gone_and_lets_the_rest_through(library, finding):
    new = new_finding("1.1", 0, Roi(RoiKind.POINT, ((1.0, 1.0),)), "Cyst")
    other = replace(finding, id="other")
    with AnnotationStore(library) as store:
        store.session = "gone"
        store.record((finding,), (), Step(Act.EDIT, "first"))
        store.record((other,), (), Step(Act.EDIT, "second"))
    theirs = finding.edited(label="Theirs")
    with AnnotationStore(library) as store:
        store.load()
        store.save(theirs)
        store.delete(other.id)
    leave(library, Turn(Act.UNDO), Turn(Act.UNDO), PendingStroke(new, ACROSS, SHAPE, new=True))
    assert recover(library) == 1
    with AnnotationStore(library) as store:
        assert {found.id for found in store.load()} == {finding.id, new.id}
        assert theirs in store.load()
    assert list(library.parent.glob("*waiting*")) == []


def test_an_undo_reaches_the_sessions_that_were_gone_on_with_and_densities(library):
    density = BreastDensity("1.9", "L", "c", "A", "2026-01-01T00:00:00+00:00", "1")
    with AnnotationStore(library) as store:
        store.session = "before"
        store.record((density,), (), Step(Act.EDIT, "first"))
    leave(library, Turn(Act.UNDO, earlier=("before",)))
    assert recover(library) == 1
    with AnnotationStore(library) as store:
        assert store.densities() == ()


def test_an_undo_behind_a_stroke_that_is_left_is_left(library, finding):
    with AnnotationStore(library) as store:
        store.session = "gone"
        store.record((replace(finding, id="other"),), (), Step(Act.EDIT, "first"))
    leave(library, PendingStroke(finding, ACROSS, SHAPE), Turn(Act.UNDO))
    assert recover(library) == 0
    with AnnotationStore(library) as store:
        assert len(store.load()) == 1
        store.save(finding)
    assert recover(library) == 2
    with AnnotationStore(library) as store:
        found = {each.id: each for each in store.load()}
    np.testing.assert_array_equal(found[finding.id].roi.mask(SHAPE), BOX.mask(SHAPE))


def test_a_step_that_is_logged_is_not_stored_over_newer_ones(library, finding):
    newest = finding.edited(label="Newest")
    with AnnotationStore(library) as store:
        store.session = "gone"
        store.record((finding,), (), STEP)
        store.record((newest,), (), Step(Act.EDIT, "later"))
    leave(library, edit(finding, step=STEP))
    assert recover(library) == 0
    with AnnotationStore(library) as store:
        assert store.load() == (newest,)


def test_of_two_journals_the_one_written_first_is_stored_first(library, finding):
    with AnnotationStore(library) as store:
        store.save(finding)
    leave(library, edit(finding.edited(label="Older"), finding), session="zz")
    leave(library, edit(finding.edited(label="Newer"), finding), session="aa")
    os.utime(Journal(library, "zz").path, (1.0, 1.0))
    assert recover(library) == 2
    with AnnotationStore(library) as store:
        assert {found.id: found.label for found in store.load()}[finding.id] == "Newer"


def test_a_library_of_any_name_has_a_journal(tmp_path, finding):
    library = tmp_path / "study[1]*.sqlite"
    leave(library, edit(finding))
    assert recover(library) == 1


def test_another_version_of_the_journal_stops_nobody(library, finding):
    leave(library, edit(finding))
    with sqlite3.connect(Journal(library, "gone").path) as connection:
        connection.execute("ALTER TABLE entry ADD COLUMN more TEXT")
    connection.close()
    assert recover(library) == 1
    leave(library, edit(finding), session="other")
    with sqlite3.connect(Journal(library, "other").path) as connection:
        connection.execute("ALTER TABLE entry RENAME COLUMN content TO contents")
    connection.close()
    assert recover(library) == 0
    assert Journal(library, "other").path.exists()


def test_what_could_not_be_noted_is_noted_with_what_comes_next(library, finding, monkeypatch):
    refused = [sqlite3.OperationalError("database or disk is full")]

    def locked(path):
        if refused:
            raise refused.pop()
        return opened(path)

    opened = journal._locked
    monkeypatch.setattr(journal, "_locked", locked)
    waiting = Journal(library, "gone")
    first = waiting.note(edit(finding), "A")
    second = waiting.note(edit(finding.edited(label="Cyst"), finding), "A")
    assert waiting._connection.execute("SELECT number FROM entry").fetchall() == [(first,), (second,)]
    waiting.settle(first)
    assert waiting._connection.execute("SELECT number FROM entry").fetchall() == [(second,)]
    waiting.close()


def test_half_a_character_is_refused_before_it_stops_what_follows(finding):
    with pytest.raises(AnnotationError, match="half a character"):
        finding.edited(note="\ud83d")
