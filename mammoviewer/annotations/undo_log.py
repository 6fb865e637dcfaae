"""The stacks of undo and redo as the log tells them, for a session that goes on after the program was stopped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields, replace
from typing import TypeAlias

from mammoviewer.annotations.change_log import NOWHERE, LoggedChange
from mammoviewer.annotations.edits import (
    AddFinding,
    AmendFinding,
    CompositeEdit,
    Edit,
    RemoveFinding,
    ReplaceFinding,
    SayDensity,
    UnsayDensity,
)
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.roi import RoiKind
from mammoviewer.annotations.rows import DENSITY, KIND_PLACE, Row, density_of, finding_of
from mammoviewer.annotations.step import Act


@dataclass(frozen=True)
class Inverse:
    """An edit that takes a step back; ``token`` names the step."""

    edit: Edit
    token: str


@dataclass(frozen=True)
class Stacks:
    """What can be undone and what can be made again, the newest last."""

    undo: tuple[Inverse, ...] = ()
    redo: tuple[Inverse, ...] = ()


IsOpen: TypeAlias = Callable[[str, str], bool]
"""Says of the kind of a record and the UID of its image or examination whether that is open."""


def replayed(
    changes: Iterable[LoggedChange],
    limit: int,
    is_open: IsOpen = lambda _kind, _uid: True,
    others: Iterable[tuple[int, str]] = (),
) -> Stacks:
    """Return the stacks that the logged changes of a session have left.

    Parameters
    ----------
    changes
        All changes of the session and those that it went on with, the oldest first.
    limit
        The most steps that can be undone.
    is_open
        Steps that are not wholly about what is open are left out.
    others
        Batch and id of what others changed meanwhile: steps about that from before it are not to be undone.

    Raises
    ------
    AnnotationError
        If one of them cannot be read.
    """
    batches: dict[int, list[LoggedChange]] = {}
    for change in changes:
        batches.setdefault(change.batch, []).append(change)
    foreign: dict[int, set[str]] = {}
    for number, record_id in others:
        foreign.setdefault(number, set()).add(record_id)
    undo: dict[str, Edit] = {}
    redo: dict[str, Edit] = {}
    closed = set()
    for number in sorted(batches.keys() | foreign.keys()):
        if number in foreign:
            undo, redo = (_without(foreign[number], stack) for stack in (undo, redo))
            continue
        batch = batches[number]
        step, edit = batch[0].step, _inverse_of(batch)
        token = step.token or f"batch {number}"
        if not all(is_open(*change.owner(row)) for change in batch for row in change.rows):
            closed.add(token)
        if step.act is Act.UNDO:
            undo.pop(step.of, None)
            redo[token] = edit
            continue
        if step.act is Act.REDO:
            redo.pop(step.of, None)
        else:
            redo.clear()
        older = undo.get(token)
        undo[token] = edit if older is None else merged(edit, older)
        while len(undo) > limit:
            del undo[next(iter(undo))]
    return Stacks(*(tuple(Inverse(e, t) for t, e in stack.items() if t not in closed) for stack in (undo, redo)))


def _without(ids: Collection[str], stack: dict[str, Edit]) -> dict[str, Edit]:
    return {token: edit for token, edit in stack.items() if ids_of(edit).isdisjoint(ids)}


def merged(newer: Edit, older: Edit) -> Edit:
    """Return the inverse of two edits that count as one: what was before the first of them."""
    # Whole values were kept before the first; a part of an outline fits only the outline that it was made for.
    if not (_is_partial(newer) or _is_partial(older)):
        return older
    return CompositeEdit((newer, older), title=older.title)


def ids_of(edit: Edit) -> frozenset[str]:
    """Return the ids of the findings and densities that an edit changes."""
    if isinstance(edit, CompositeEdit):
        return frozenset().union(*map(ids_of, edit.edits))
    if isinstance(edit, AddFinding | ReplaceFinding):
        return frozenset((edit.finding.id,))
    if isinstance(edit, RemoveFinding | AmendFinding):
        return frozenset((edit.finding_id,))
    if isinstance(edit, SayDensity):
        return frozenset((edit.density.id,))
    return frozenset((edit.density_id,)) if isinstance(edit, UnsayDensity) else frozenset()


def _is_partial(edit: Edit) -> bool:
    if isinstance(edit, CompositeEdit):
        return any(map(_is_partial, edit.edits))
    return isinstance(edit, AmendFinding) and edit.patch != b""


def _inverse_of(batch: list[LoggedChange]) -> Edit:
    title = batch[0].step.title or "Change before the restart"
    edits = tuple(_inverse(change, title) for change in reversed(batch))
    return edits[0] if len(edits) == 1 else CompositeEdit(edits, title=title)


def _inverse(change: LoggedChange, title: str) -> Edit:
    before, after = change.before, change.after
    if change.kind == DENSITY:
        said = UnsayDensity(change.record_id) if before is None else SayDensity(density_of(before))
        return replace(said, title=title)
    if before is None:
        return RemoveFinding(change.record_id, title=title)
    if after is None:
        return AddFinding(finding_of(before), title=title)
    if change.back is None:
        return ReplaceFinding(finding_of(before), title=title)
    then, now = finding_of(before, NOWHERE), finding_of(after, NOWHERE)
    return AmendFinding(change.record_id, _differing(then, now), _kind(before), change.back, title)


def _differing(then: Finding, now: Finding) -> tuple[tuple[str, object], ...]:
    names = (field.name for field in fields(Finding))
    return tuple((name, getattr(then, name)) for name in names if getattr(then, name) != getattr(now, name))


def _kind(row: Row) -> RoiKind:
    return RoiKind(row[KIND_PLACE])
