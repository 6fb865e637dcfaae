"""The log of changes, undo over restarts, and editing under kill -9."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.edits import AddFinding, CompositeEdit, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.rows import LONG
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.annotations.undo_log import replayed

BOX = Roi(RoiKind.RECTANGLE, ((1.0, 2.0), (30.0, 40.0)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "library.sqlite"


def edited(path, reader="A"):
    """Make edits of every kind and return the session they were made in, and what was there after each of them."""
    with AnnotationStore(path) as store:
        store.reader = reader
        annotations = AnnotationSet()
        store.attach(annotations)
        first, second = (new_finding("1.2", 0, BOX, label) for label in ("Mass", "Calcifications"))
        states = [annotations.findings]
        for edit in (
            AddFinding(first),
            CompositeEdit((AddFinding(second), ReplaceFinding(first.edited(note="scar")))),
            RemoveFinding(first.id),
        ):
            edit.apply(annotations)
            states.append(annotations.findings)
        return store.session, states


def test_who_changed_what_is_logged_with_the_change(path):
    session, _ = edited(path, "Dr A")
    with AnnotationStore(path) as store:
        changes = store.changes()
        assert [(c.batch, c.what) for c in sorted(changes, key=lambda c: (c.batch, c.what))] == [
            (1, "added"),
            (2, "added"),
            (2, "note"),
            (3, "removed"),
        ]
        assert {c.reader for c in changes} == {"Dr A"}
        assert {c.session for c in changes} == {session}
        assert [c.time for c in changes] == sorted(c.time for c in changes)
        one = changes[0].finding_id
        assert [c.what for c in store.changes(finding_id=one)] == ["added", "note", "removed"]
        assert store.changes(session="none") == ()


def test_a_session_can_be_undone_step_by_step_after_a_restart(path):
    session, states = edited(path)
    with AnnotationStore(path) as store:
        annotations = AnnotationSet()
        annotations.load(store.load())
        store.attach(annotations)
        steps = [inverse.edit for inverse in replayed(store.logged(session), 200).undo]
        assert len(steps) == 3
        for step, before in zip(reversed(steps), reversed(states[:-1]), strict=True):
            step.apply(annotations)
            assert {f.id: f for f in annotations.findings} == {f.id: f for f in before}
        assert store.load() == ()


def test_the_history_tells_what_kind_a_long_outline_was(path):
    rows = np.random.default_rng(0).uniform(0, 90, (LONG + 50, 2))
    drawn = new_finding("1.2", 0, Roi.of_outline(RoiKind.POLYGON, rows), "Mass")
    painted = drawn.edited(roi=Roi.of_outline(RoiKind.FREEHAND, rows[:-9]))
    renamed = painted.edited(label="Cyst")
    back = renamed.edited(roi=Roi.of_outline(RoiKind.POLYGON, rows[:-9]))
    with AnnotationStore(path) as store:
        for finding in (drawn, painted, renamed, back):
            store.save(finding)
        changes = store.changes(finding_id=drawn.id)
        assert [change.after for change in changes] == [drawn, painted, renamed, back]
        assert [change.before for change in changes] == [None, drawn, painted, renamed]
        annotations = AnnotationSet(store.load())
        for step in reversed(replayed(store.logged(), 200).undo[1:]):
            step.edit.apply(annotations)
        assert annotations.findings == (drawn,)


def test_a_change_that_cannot_be_stored_is_not_logged(path):
    with AnnotationStore(path) as store:
        annotations = AnnotationSet()
        store.attach(annotations)
        finding = new_finding("1.2", 0, BOX, "Mass")
        AddFinding(finding).apply(annotations)
        with pytest.raises(Exception, match="already|there"):
            AddFinding(finding).apply(annotations)
        assert len(store.changes()) == 1


KILLED = r"""
import json, os, random, signal, sys, time
from pathlib import Path
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.annotations.undo_log import replayed

path, rounds = Path(sys.argv[1]), int(sys.argv[2])
chance = random.Random(5)

def edit(out, number):
    store = AnnotationStore(path)
    store.reader = str(number)
    known = {f.id: f for f in store.load()}
    while True:
        if known and chance.random() < 0.5:
            finding = known[chance.choice(sorted(known))]
            changed = finding.edited(note=finding.note + "x" * chance.randrange(200))
        else:
            points = tuple((chance.random(), chance.random()) for _ in range(chance.randrange(3, 60)))
            changed = new_finding("1.2", 0, Roi(RoiKind.FREEHAND, points), "Mass")
        os.write(out, f"? {changed.id} {len(changed.note)}\n".encode())
        if known and chance.random() < 0.15 and changed.id in known:
            store.record((), (changed.id,))
            del known[changed.id]
            os.write(out, f"- {changed.id} 0\n".encode())
        else:
            store.record((changed,), ())
            known[changed.id] = changed
            os.write(out, f"+ {changed.id} {len(changed.note)}\n".encode())

wanted, wrong = {}, []
AnnotationStore(path).close()
for number in range(rounds):
    reading, writing = os.pipe()
    chance.seed(number)
    child = os.fork()
    if child == 0:
        os.close(reading)
        edit(writing, number)
    os.close(writing)
    told, moment = b"", random.Random(number)
    # However slow the machine is, some edits come before the kill.
    begun = moment.randrange(4)
    while told.count(b"? ") < begun and (part := os.read(reading, 65536)):
        told += part
    time.sleep(0.012 * moment.random())
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while part := os.read(reading, 65536):
        told += part
    os.close(reading)
    under_way = None
    for line in told.decode().splitlines():
        what, name, length = line.split()
        if what == "?":
            under_way = name
        elif what == "-":
            wanted.pop(name, None)
            under_way = None
        else:
            wanted[name] = int(length)
            under_way = None
    with AnnotationStore(path) as store:
        found = {f.id: len(f.note) for f in store.load()}
        logged = {c.finding_id: c.after for c in store.changes()} if number % 20 == 19 else None
    differ = {name for name in {*found, *wanted} if found.get(name) != wanted.get(name)}
    if differ - {under_way}:
        wrong.append((number, sorted(differ)))
    if logged is not None and {name for name, after in logged.items() if after is not None} != set(found):
        wrong.append((number, "log"))
    wanted = found
aside = len(list(path.parent.glob("*.bad*")))
print(json.dumps({"rounds": rounds, "findings": len(wanted), "wrong": wrong, "aside": aside}))
"""


def test_two_hundred_kills_lose_nothing_but_the_edit_under_way(path):
    """Every edit that was acknowledged is there after kill -9, whole, and so is its entry in the log."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), "200"], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["wrong"] == []
    assert told["aside"] == 0
    assert told["rounds"] == 200
    assert told["findings"] > 30
