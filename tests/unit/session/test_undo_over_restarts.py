"""Undo and redo of a session that goes on in another process: after a crash, after kill -9, and again after that."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys

import cv2
import numpy as np
import pytest
from helpers.images import make_image

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.edits import AddFinding, AmendFinding, CompositeEdit, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.mask_outline import region_of_mask
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.annotations.undo_log import replayed
from mammoviewer.base.errors import AnnotationError
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.session.edit_stack import EditStack
from mammoviewer.session.last_session import apply, capture
from mammoviewer.session.settings import Settings
from mammoviewer.session.workspace import Workspace

BOX = Roi(RoiKind.RECTANGLE, ((1.0, 2.0), (30.0, 40.0)))
LIMIT = 12


class Painter:
    """Paints and erases at random on one large region, and does the other things that readers do."""

    def __init__(self, store: AnnotationStore, seed: int) -> None:
        self.store = store
        self.annotations = AnnotationSet(store.load())
        store.attach(self.annotations)
        self.stack = EditStack(self.annotations, limit=LIMIT)
        self.chance = random.Random(seed)
        self.mask = np.zeros((260, 260), np.uint8)
        for row in range(20, 240, 8):
            cv2.line(self.mask, (20, row), (240, row + 5), 1, 3)
        region = new_finding("1.2", 0, self.painted(), "Mass")
        self.large = region.id
        self.stack.push(AddFinding(region))

    def painted(self) -> Roi:
        roi = region_of_mask(self.mask.astype(bool))
        assert roi is not None
        return roi

    def act(self) -> None:
        what = self.chance.choice(["paint", "paint", "note", "typed", "add", "both", "undo", "undo", "redo", "redo"])
        there = self.large in self.annotations
        if what == "undo":
            self.stack.undo()
        elif what == "redo":
            self.stack.redo()
        elif what == "add" or not there:
            self.stack.push(AddFinding(new_finding("1.2", 0, BOX, "Cyst")))
        elif what == "both":
            removed = RemoveFinding(self.large)
            self.stack.push(CompositeEdit((AddFinding(new_finding("1.2", 0, BOX, "Cyst")), removed), title="Both"))
        else:
            self.change(what)

    def change(self, what: str) -> None:
        finding = self.annotations.get(self.large)
        if what == "paint":
            places = [tuple(self.chance.choices(range(20, 240), k=2)) for _ in range(2)]
            cv2.line(self.mask, *places, self.chance.randrange(2), 7)
            self.stack.push(ReplaceFinding(finding.edited(roi=self.painted()), title="Paint"))
        elif what == "note":
            self.stack.push(ReplaceFinding(finding.edited(note=finding.note + "!"), title="Note"))
        else:
            for _ in range(3):
                nudged = self.annotations.get(self.large).edited(roi=finding.roi.moved(0.5, self.chance.random()))
                self.stack.push(ReplaceFinding(nudged, title="Nudge", merge_key="nudge"))


def by_id(annotations):
    return {finding.id: finding for finding in annotations.findings}


def unwound(stack, annotations):
    """Return what is there after each undo, and after each redo of all of them, and bring the set back."""
    back, forth = [], []
    steps_ahead = 0
    while stack.can_redo:
        stack.redo()
        steps_ahead += 1
        forth.append(by_id(annotations))
    while stack.can_undo:
        back.append((stack.undo_title, by_id(annotations)))
        stack.undo()
    return back, forth


@pytest.mark.parametrize("seed", range(4))
def test_the_stacks_that_the_log_tells_are_those_that_were(tmp_path, seed):
    path = tmp_path / "library.sqlite"
    with AnnotationStore(path) as store:
        painter = Painter(store, seed)
        for _ in range(40):
            painter.act()
        session = store.session
        copy = sqlite3.connect(tmp_path / "copy.sqlite")
        with sqlite3.connect(path) as connection:
            connection.backup(copy)
        copy.close()
        connection.close()
        expected = unwound(painter.stack, painter.annotations)
    with AnnotationStore(tmp_path / "copy.sqlite") as store:
        annotations = AnnotationSet(store.load())
        store.attach(annotations)
        stack = EditStack(annotations, limit=LIMIT)
        stack.restore(replayed(store.logged(session), LIMIT))
        assert unwound(stack, annotations) == expected


def test_a_stroke_is_kept_in_memory_and_in_the_log_by_what_it_changed(tmp_path):
    with AnnotationStore(tmp_path / "library.sqlite") as store:
        painter = Painter(store, 0)
        outlines = [painter.annotations.get(painter.large).roi]
        for number in range(6):
            cv2.line(painter.mask, (30 + 20 * number, 40), (35 + 20 * number, 60), number % 2, 7)
            finding = painter.annotations.get(painter.large)
            painter.stack.push(ReplaceFinding(finding.edited(roi=painter.painted()), title="Paint"))
            outlines.append(painter.annotations.get(painter.large).roi)
        whole = outlines[0].outline().nbytes
        inverses = [entry.edit for entry in painter.stack._undo[1:]]
        assert all(isinstance(edit, AmendFinding) for edit in inverses)
        assert max(len(edit.patch) for edit in inverses) < whole / 20
        query = "SELECT length(before) + length(after) + length(back) FROM change WHERE back IS NOT NULL"
        logged = [size for (size,) in store._file.rows(query)]
        assert len(logged) == 6
        assert max(logged) < whole / 8
        changes = store.changes(finding_id=painter.large)
        assert [change.after.roi for change in changes] == outlines, "the log still tells all of them"
        assert [change.before.roi for change in changes[1:]] == outlines[:-1]
        assert [change.what for change in changes] == ["added", *["region"] * 6]


def test_a_stroke_is_not_taken_back_from_an_outline_that_it_was_not_made_on(tmp_path):
    with AnnotationStore(tmp_path / "library.sqlite") as store:
        painter = Painter(store, 0)
        painter.change("paint")
        moved = painter.annotations.get(painter.large).edited(roi=painter.painted().moved(1, 1))
        ReplaceFinding(moved).apply(painter.annotations)
        with pytest.raises(AnnotationError, match="changed elsewhere"):
            painter.stack.undo()
        assert painter.annotations.get(painter.large) == moved


@pytest.fixture
def start(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    running = []

    def begin(session=None):
        workspace = Workspace(Settings())
        running.append(workspace)
        workspace.add(OpenResult((make_image("RCC", uid="1.1"),), ()))
        if session is not None:
            apply(workspace, session)
        return workspace

    yield begin
    for workspace in running:
        workspace.close()


def test_redo_comes_back_with_the_session_and_again_after_a_second_crash(start):
    first = start()
    labels = ("Mass", "Cyst", "Scar")
    for label in labels:
        first.edit(AddFinding(new_finding("1.1", 0, BOX, label), title=f"Add {label}"))
    first.edits.undo()
    first.edits.undo()
    second = start(capture(first))
    assert (second.edits.undo_title, second.edits.redo_title) == ("Add Mass", "Add Cyst")
    second.edits.redo()
    assert [finding.label for finding in second.annotations.findings] == ["Mass", "Cyst"]
    third = start(capture(second))
    assert (third.edits.undo_title, third.edits.redo_title) == ("Add Cyst", "Add Scar")
    third.edits.redo()
    assert [finding.label for finding in third.annotations.findings] == list(labels)
    assert not third.edits.can_redo
    for _ in labels:
        third.edits.undo()
    assert third.annotations.findings == third.store.load() == ()


def test_what_is_not_open_is_left_out_and_does_not_shift_the_others(start):
    first = start()
    first.add(OpenResult((make_image("LCC", uid="1.2"),), ()))
    for uid, label in (("1.1", "Mass"), ("1.2", "Cyst"), ("1.1", "Scar"), ("1.2", "Node")):
        first.edit(AddFinding(new_finding(uid, 0, BOX, label), title=f"Add {label}"))
    first.edits.undo()
    second = start(capture(first))
    assert (second.edits.undo_title, second.edits.redo_title) == ("Add Scar", "")
    second.edits.undo()
    third = start(capture(second))
    assert (third.edits.undo_title, third.edits.redo_title) == ("Add Mass", "Add Scar")
    third.add(OpenResult((make_image("LCC", uid="1.2"),), ()))
    assert sorted(finding.label for finding in third.annotations.findings) == ["Cyst", "Mass"]


def test_what_another_window_has_changed_is_not_undone_after_a_restart(start):
    first = start()
    mass, scar = (new_finding("1.1", 0, BOX, label) for label in ("Mass", "Scar"))
    first.edit(AddFinding(mass, title="Add Mass"))
    first.edit(AddFinding(scar, title="Add Scar"))
    for note in ("a", "b"):
        first.edit(ReplaceFinding(first.annotations.get(mass.id).edited(note=note), title=f"Note {note}"))
    first.edits.undo()
    other = start()
    other.edit(ReplaceFinding(other.annotations.get(mass.id).edited(label="Cyst"), title="Theirs"))
    first.watch.look()
    first.edit(ReplaceFinding(first.annotations.get(mass.id).edited(note="since"), title="Note since"))
    live = [entry.token for entry in first.edits._undo]
    second = start(capture(first))
    assert [entry.token for entry in second.edits._undo] == live
    assert not second.edits.can_redo
    assert second.edits.undo_title == "Note since"
    second.edits.undo()
    assert second.edits.undo_title == "Add Scar", "what was done before the other window's change is forgotten"
    second.edits.undo()
    assert not second.edits.can_undo
    ((label, note),) = [(finding.label, finding.note) for finding in second.store.load()]
    assert (label, note) == ("Cyst", "a"), "that change stays"


def test_what_was_undone_is_not_made_again_over_what_another_window_changed(start):
    first = start()
    mass = new_finding("1.1", 0, BOX, "Mass")
    first.edit(AddFinding(mass))
    first.edit(ReplaceFinding(mass.edited(note="a")))
    first.edits.undo()
    session = capture(first)
    other = start()
    other.edit(RemoveFinding(mass.id))
    second = start(session)
    assert not second.edits.can_undo
    assert not second.edits.can_redo
    assert second.store.load() == ()


def test_edits_before_a_session_is_taken_up_are_undone_after_the_next_crash_too(start):
    first = start()
    first.edit(AddFinding(new_finding("1.1", 0, BOX, "Mass"), title="Add Mass"))
    second = start()
    second.edit(AddFinding(new_finding("1.1", 0, BOX, "Cyst"), title="Add Cyst"))
    apply(second, capture(first))
    assert second.watch.look() == (), "its own edits are not those of another window"
    second.edit(AddFinding(new_finding("1.1", 0, BOX, "Scar"), title="Add Scar"))
    third = start(capture(second))
    titles = []
    while third.edits.can_undo:
        titles.append(third.edits.undo_title)
        third.edits.undo()
    assert titles == ["Add Scar", "Add Cyst", "Add Mass"]
    assert third.store.load() == ()


KILLED = r"""
import json, os, random, signal, sys, time
from pathlib import Path
from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.edits import AddFinding, ReplaceFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.annotations.undo_log import replayed
from mammoviewer.session.edit_stack import EditStack
from mammoviewer.session.patient_recorder import PatientRecorder

path, rounds = Path(sys.argv[1]), int(sys.argv[2])

def taken_up():
    store = AnnotationStore(path)
    store.session = "one"
    annotations = AnnotationSet(store.load())
    stack = EditStack(annotations)
    stack.restore(replayed(store.logged("one"), 200))
    return store, annotations, stack

def state(annotations, stack):
    findings = sorted((f.id, f.note, len(f.roi.points), f.roi.points[0]) for f in annotations.findings)
    return json.dumps([[e.token for e in stack._undo], [e.token for e in stack._redo], findings])

def read(out, number):
    store, annotations, stack = taken_up()
    recorder = PatientRecorder(store, prompt_s=10.0)
    annotations.record_with(recorder.record)
    chance = random.Random(number)
    os.write(out, f"= {state(annotations, stack)}\n".encode())
    while True:
        os.write(out, b"?\n")
        what = chance.random()
        if what < 0.3:
            stack.undo()
        elif what < 0.55:
            stack.redo()
        elif what < 0.8 and annotations.findings:
            finding = chance.choice(annotations.findings)
            stack.push(ReplaceFinding(finding.edited(roi=finding.roi.moved(1, 0), note=str(chance.random()))))
        else:
            points = tuple((chance.random(), chance.random()) for _ in range(chance.choice((4, 300))))
            stack.push(AddFinding(new_finding("1.2", 0, Roi(RoiKind.FREEHAND, points), "Mass")))
        os.write(out, f"= {state(annotations, stack)}\n".encode())

wrong, acts, redos = [], 0, 0
for number in range(rounds):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        read(writing, number)
    os.close(writing)
    told, moment = b"", random.Random(number)
    # However slow the machine is, so many acts come before the kill.
    acted = moment.randrange(2, 14)
    while told.count(b"= ") < acted and (part := os.read(reading, 65536)):
        told += part
    time.sleep(0.008 * moment.random())
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while part := os.read(reading, 65536):
        told += part
    os.close(reading)
    # A line that the kill cut short is no word of anything.
    *lines, rest = told.decode().split("\n")
    known = [line[2:] for line in lines if line.startswith("= ")]
    acts += len(known)
    store, annotations, stack = taken_up()
    now = state(annotations, stack)
    redos += bool(stack._redo)
    store.close()
    if now != known[-1] and lines[-1] != "?" and not rest:
        wrong.append((number, known[-1][:300], now[:300]))
    undo, redo, _ = json.loads(now)
    before = json.loads(known[-1])
    if abs(len(undo) - len(before[0])) > 1 or len(redo) > len(before[1]) + 1:
        wrong.append((number, "more than one step"))
store, annotations, stack = taken_up()
while stack.can_undo:
    stack.undo()
print(json.dumps({"wrong": wrong, "acts": acts, "redos": redos, "left": len(annotations)}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_kills_lose_neither_undo_nor_redo(tmp_path):
    """After each of twenty-five kills both stacks are those after the last step that was acknowledged, or one more."""
    path = tmp_path / "library.sqlite"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), "25"], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["wrong"] == []
    assert told["left"] == 0, "all of it can be undone in the end"
    assert told["acts"] > 40
    assert told["redos"] > 3
