"""Opening the library with what killed programs left beside it."""

from __future__ import annotations

import logging
import secrets
import sqlite3
from pathlib import Path
from typing import Final

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.journal import JournalledEdit, Orphan, Turn, orphans
from mammoviewer.annotations.rows import to_row
from mammoviewer.annotations.step import Act, Step
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.annotations.strokes import PendingStroke, painted_on
from mammoviewer.annotations.undo_log import replayed
from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.sqlite_file import open_or_begin_anew

_STEPS: Final = 200
"""So far back an undo that was waited for is looked for."""
_LOGGER = logging.getLogger(__name__)


def open_store(path: Path, *, write_patience_s: float | None = None) -> tuple[AnnotationStore, Notice | None]:
    """Open the store with all that was done in it, also by programs that were killed before they had stored it.

    Returns
    -------
    store : AnnotationStore
        The open store; a new one where the file had to be moved aside.
    notice : Notice or None
        That the file was moved aside, or that changes of a killed program were stored.

    Raises
    ------
    AnnotationError
        If the file is in use or cannot be written.
    """
    store, notice = open_or_begin_anew(path, lambda: AnnotationStore(path, write_patience_s=write_patience_s))
    count = recover(path)
    if notice is None and count:
        changes = "1 change that was" if count == 1 else f"{count} changes that were"
        notice = Notice(Severity.INFO, f"{changes} not stored yet when the program was stopped: in place now")
    return store, notice


def recover(library: Path) -> int:
    """Store what killed programs left beside a library, as steps of their sessions; return how many changes that were.

    What cannot be stored now is left for the next time.
    """
    count = 0
    with orphans(library) as left:
        for orphan in left:
            try:
                with AnnotationStore(library) as store:
                    store.session = orphan.session
                    count += _store_all(store, orphan)
            except (AnnotationError, sqlite3.Error) as error:
                _LOGGER.warning("what a killed program left cannot be stored yet: %s", error)
    return count


def _store_all(store: AnnotationStore, orphan: Orphan) -> int:
    """Store what one program left; what cannot be stored stands in nobody's way."""
    count = 0
    named: set[str] = set()
    held = False
    # A stroke that is stored already may stand there still, before the edit that it became: painted once more on what
    # that edit has left, it changes nothing.
    for number, reader, entry in sorted(orphan.entries(), key=lambda noted: not isinstance(noted[2], JournalledEdit)):
        store.reader = reader
        try:
            if isinstance(entry, JournalledEdit):
                count += _store_edit(store, entry, named)
            elif isinstance(entry, PendingStroke):
                if _waits_for_its_finding(store, entry):
                    held = True
                    continue
                count += _store_stroke(store, entry)
            elif entry is None or held:
                # An undo behind a stroke that is left is left, too: it may be of that.
                continue
            else:
                count += _take_turn(store, entry)
        except AnnotationError:
            raise
        except Exception:
            _LOGGER.exception("a change that a killed program left cannot be stored")
            continue
        orphan.settle(number)
    return count


def _store_edit(store: AnnotationStore, entry: JournalledEdit, named: set[str]) -> bool:
    """Store an edit unless it is there: the program may have been killed between storing it and saying so."""
    for record_id, row in entry.known.items():
        # Of a later edit it is what the one before has just made of it.
        if record_id not in named and row is not None:
            store.knew(record_id, row)
    named.update(entry.known)
    rows = {record.id: to_row(record) for record in entry.saved}
    if _is_logged(store, entry.step) or (
        all(store.there(i) == row for i, row in rows.items()) and not any(map(store.there, entry.deleted))
    ):
        for record_id, (_, row) in rows.items():
            store.knew(record_id, row)
        return False
    store.record(entry.saved, entry.deleted, entry.step)
    return True


def _is_logged(store: AnnotationStore, step: Step) -> bool:
    """Return whether a step is in the log of the session; several that merge into one share a token."""
    if not step.token or step.act is Act.MERGE:
        return False
    steps = (change.step for change in store.logged(store.session))
    return any((logged.act, logged.token) == (step.act, step.token) for logged in steps)


def _waits_for_its_finding(store: AnnotationStore, pending: PendingStroke) -> bool:
    """Return whether what was painted on is neither there nor was removed: the library may have been moved aside."""
    name = pending.finding.id
    if pending.new or store.there(name) is not None:
        return False
    return all(change.record_id != name for change in store.logged(store.session))


def _take_turn(store: AnnotationStore, turn: Turn) -> bool:
    """Take the newest step of the session back, or make the one that was undone last again, unless that is done.

    What others have changed since is left alone, as it is while a program runs.
    """
    sessions = (*turn.earlier, store.session)
    logged = store.logged(*sessions)
    if turn.of and any((change.step.act, change.step.of) == (turn.act, turn.of) for change in logged):
        return False
    stacks = replayed(logged, _STEPS, others=store.logged_by_others(*sessions))
    stack = stacks.redo if turn.act is Act.REDO else stacks.undo
    if not stack or turn.of not in ("", stack[-1].token):
        return False
    step = Step(turn.act, secrets.token_hex(8), stack[-1].token, stack[-1].edit.title)
    try:
        stack[-1].edit.apply(_everything(store))
    except AnnotationError as error:
        _LOGGER.warning("an undo that a killed program left does not fit any more: %s", error)
        return False
    annotations = _everything(store)
    store.attach(annotations)
    with annotations.transaction(step):
        stack[-1].edit.apply(annotations)
    return True


def _everything(store: AnnotationStore) -> AnnotationSet:
    annotations = AnnotationSet()
    annotations.load(store.load(), store.densities())
    return annotations


def _store_stroke(store: AnnotationStore, pending: PendingStroke) -> bool:
    """Paint a stroke on what is there, as the program was about to."""
    finding = pending.finding
    annotations = AnnotationSet(store.load([finding.image_uid]))
    current = annotations.get(finding.id) if finding.id in annotations else None
    try:
        edit = pending.edit(
            current, painted_on(None if current is None else current.roi, pending.stroke, pending.shape)
        )
    except AnnotationError as error:
        _LOGGER.warning("a stroke that a killed program left cannot be painted: %s", error)
        return False
    if edit is None:
        return False
    store.attach(annotations)
    with annotations.transaction(Step(Act.EDIT, secrets.token_hex(8), title=edit.title)):
        edit.apply(annotations)
    return True
