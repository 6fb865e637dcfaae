"""kill -9 while edits wait for a slow disk or another program, and strokes for their regions: none is lost."""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from helpers.editing_child import BOX, LARGE, READY, SHAPE, UID, Act, acts, stamped

from mammoviewer.annotations.recovery import open_store
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.base.arrays import BoolArray

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="fork and SIGKILL")
KILLS = 200


@dataclass(frozen=True)
class State:
    """Labels of the small findings by name, and the pixels of the large region."""

    labels: Mapping[str, str]
    mask: BoolArray
    before: BoolArray | None = None
    """The pixels before the last stroke."""

    def after(self, act: Act) -> State:
        if act.stroke is not None:
            return State(self.labels, stamped(self.mask, act.stroke), self.mask)
        if act.kind == "undo":
            assert self.before is not None
            return State(self.labels, self.before)
        labels = {name: label for name, label in self.labels.items() if name != act.name}
        if act.kind != "remove":
            labels[act.name] = "Cyst" if act.kind == "add" else "Normal"
        return State(labels, self.mask)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self.labels == other.labels and np.array_equal(self.mask, other.mask)

    __hash__ = None  # type: ignore[assignment]


def state_of(store: AnnotationStore) -> State:
    findings = {finding.id: finding for finding in store.load([UID])}
    large = findings.pop(LARGE.id)
    return State({name: finding.label for name, finding in findings.items()}, large.roi.mask(SHAPE))


@pytest.fixture
def victims(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    command = [sys.executable, "-m", "helpers.editing_child"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield child
    child.stdin.close()
    child.stdout.close()
    child.wait()


def test_two_hundred_kills_lose_at_most_the_act_under_way(victims, tmp_path):
    library = tmp_path / "library.sqlite"
    with AnnotationStore(library) as store:
        store.save(LARGE)
    state = State({}, BOX.mask(SHAPE))
    done, taken_over = 0, 0
    for seed in range(1, KILLS + 1):
        how = ("slow", "busy", "normal")[seed % 3]
        file = tmp_path / f"done-{seed}"
        other = sqlite3.connect(library, isolation_level=None)
        if how == "busy":
            other.execute("BEGIN IMMEDIATE")
        victims.stdin.write(f"{seed} {how} {file}\n")
        victims.stdin.flush()
        assert victims.stdout.readline() == "killed\n"
        if how == "busy":
            other.execute("ROLLBACK")
        other.close()
        count = len(file.read_bytes()) - len(READY)
        store, notice = open_store(library)
        with store:
            found = state_of(store)
        done_and_next = itertools.islice(acts(seed, state.mask), count + 1)
        *_, before, last = itertools.accumulate(done_and_next, State.after, initial=state)
        assert found in (before, last), f"seed {seed}, {how}: not the state after {count} or {count + 1} acts"
        state = found
        done += count
        taken_over += notice is not None
        assert not list(tmp_path.glob("*-waiting-*")), "what was taken over is removed"
    assert done > 5 * KILLS
    assert taken_over > KILLS / 3
