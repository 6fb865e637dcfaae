"""Edits a library until it is killed, again and again: the victims of test_killed_while_editing.

For each line "SEED HOW FILE" a process is forked that makes the acts of the seed in a workspace of its own, writes a
byte into FILE after each, is killed after some, and "killed" is told. HOW is "slow" for a disk with 30 ms a change.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from helpers.images import make_image

from mammoviewer.annotations import step, strokes
from mammoviewer.annotations.edits import AddFinding, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.annotations.strokes import PendingStroke, Stroke
from mammoviewer.base.arrays import BoolArray
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.session import painting
from mammoviewer.session.settings import Settings
from mammoviewer.session.workspace import Workspace

UID = "1.1"
SHAPE = (160, 120)
BOX = Roi(RoiKind.RECTANGLE, ((50.0, 30.0), (80.0, 90.0)))
LARGE = replace(new_finding(UID, 0, BOX, "Mass"), id="large")
READY = b"ready\n"
DISK_S, PAINTING_S = 0.03, 0.02


@dataclass(frozen=True)
class Act:
    """What is done: add, label or remove the finding ``name``, paint ``stroke`` on the large region, or undo that."""

    kind: str
    name: str = ""
    stroke: Stroke | None = None


def acts(seed: int, mask: BoolArray) -> Iterator[Act]:
    """Yield what a process does, for ever: the same for the same seed and pixels of the large region.

    A stroke is undone only at once and if it changed something, so that it does not matter how long strokes wait.
    """
    chance = random.Random(seed)
    there: list[str] = []
    number = 0
    while True:
        kind = chance.choice(["add", "add", "stroke", "stroke", "label", "remove"])
        number += 1
        if kind == "stroke":
            ends = tuple((float(chance.randrange(SHAPE[0])), float(chance.randrange(SHAPE[1]))) for _ in range(2))
            stroke = Stroke(ends, 5, erase=chance.random() < 0.4)
            yield Act(kind, stroke=stroke)
            painted = stamped(mask, stroke)
            if chance.random() < 0.4 and not np.array_equal(painted, mask):
                yield Act("undo")
            else:
                mask = painted
        elif kind == "add" or not there:
            there.append(f"{seed}.{number}")
            yield Act("add", there[-1])
        else:
            name = chance.choice(there)
            if kind == "remove":
                there.remove(name)
            yield Act(kind, name)


def stamped(mask: BoolArray, stroke: Stroke) -> BoolArray:
    pixels = mask.astype(np.uint8)
    stroke.stamp(pixels)
    return pixels.astype(bool)


def perform(workspace: Workspace, act: Act) -> None:
    if act.stroke is not None:
        workspace.painting.add(PendingStroke(LARGE, act.stroke, SHAPE))
    elif act.kind == "undo":
        workspace.painting.when_settled(workspace.edits.undo, step.Act.UNDO)
    elif act.kind == "add":
        workspace.edit(AddFinding(replace(new_finding(UID, 0, BOX, "Cyst"), id=act.name)))
    elif act.kind == "remove":
        workspace.edit(RemoveFinding(act.name))
    else:
        workspace.edit(ReplaceFinding(workspace.annotations.get(act.name).edited(label="Normal")))


def edit_for_ever(seed: int, how: str, done: int) -> None:
    if how == "slow":
        record = AnnotationStore.record

        def slow(*arguments: Any, **named: Any) -> None:
            time.sleep(DISK_S)
            record(*arguments, **named)

        AnnotationStore.record = slow  # type: ignore[assignment,method-assign]
    painted_on = strokes.painted_on

    def slowly(*arguments: object) -> Roi | None:
        time.sleep(PAINTING_S)
        return painted_on(*arguments)  # type: ignore[arg-type]

    workspace = Workspace(Settings())
    workspace.add(OpenResult((make_image("RCC", uid=UID, pixels=np.zeros(SHAPE, np.uint16)),), ()))
    painting.painted_on = slowly
    os.write(done, READY)
    pause = random.Random(-seed)
    for act in acts(seed, workspace.annotations.get(LARGE.id).roi.mask(SHAPE)):
        perform(workspace, act)
        os.write(done, b".")
        time.sleep(pause.uniform(0.0, 0.008))
        workspace.painting.take()


def main() -> None:
    for line in sys.stdin:
        seed, how, file = line.split()
        pid = os.fork()
        if pid == 0:
            edit_for_ever(int(seed), how, os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        chance = random.Random(seed)
        after = len(READY) + chance.randrange(12)
        while not (Path(file).exists() and Path(file).stat().st_size >= after):
            time.sleep(0.001)
        time.sleep(chance.uniform(0.0, 0.02))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        print("killed", flush=True)


if __name__ == "__main__":
    main()
