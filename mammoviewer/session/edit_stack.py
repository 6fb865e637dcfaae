"""Undo and redo of edits."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection
from dataclasses import replace
from typing import Final

from psygnal import Signal

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.edits import Edit
from mammoviewer.annotations.step import Act, Step
from mammoviewer.annotations.undo_log import Inverse, Stacks, ids_of, merged

LIMIT: Final = 200
"""The most steps that can be undone."""


class EditStack:
    """The edits that can be taken back, the newest last.

    An edit is pushed only after it took effect; one that raises leaves set and stack as they were. Edits with the same
    ``merge_key`` that follow one another (what was typed into one note) are one step.

    Parameters
    ----------
    annotations
        The set that the edits change.
    limit
        The most steps kept; the oldest are forgotten first.
    """

    changed = Signal()
    """Emitted after every push, undo, redo and clear."""

    def __init__(self, annotations: AnnotationSet, limit: int = LIMIT) -> None:
        self._annotations = annotations
        self._limit = limit
        self._undo: list[Inverse] = []
        self._redo: list[Inverse] = []
        self._open_key = ""
        self._lock = threading.RLock()

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone edit to make again."""
        return bool(self._redo)

    @property
    def undo_title(self) -> str:
        """What undo would take back; empty if nothing."""
        return self._undo[-1].edit.title if self._undo else ""

    @property
    def redo_title(self) -> str:
        """What redo would make again; empty if nothing."""
        return self._redo[-1].edit.title if self._redo else ""

    def next_token(self, act: Act) -> str:
        """Return the name of the step that undo, or redo, would be of; empty if there is none."""
        stack = self._redo if act is Act.REDO else self._undo
        return stack[-1].token if stack else ""

    def push(self, edit: Edit) -> None:
        """Make an edit; what was undone before can then no longer be made again.

        Raises
        ------
        AnnotationError
            If the edit is not possible or cannot be stored; nothing has changed then.
        """
        with self._lock:
            self._push(edit)
        self.changed.emit()

    def _push(self, edit: Edit) -> None:
        is_merged = edit.merge_key != "" and edit.merge_key == self._open_key
        token = self._undo[-1].token if is_merged else _new_token()
        inverse = self._apply(edit, Step(Act.MERGE if is_merged else Act.EDIT, token, title=edit.title))
        if is_merged:
            top = self._undo[-1]
            self._undo[-1] = replace(top, edit=merged(inverse, top.edit))
        else:
            self._undo = [*self._undo, Inverse(inverse, token)][-self._limit :]
        self._open_key = edit.merge_key
        self._redo.clear()

    def undo(self) -> None:
        """Take the newest edit back; does nothing if there is none.

        Raises
        ------
        AnnotationError
            If it cannot be taken back; it stays on the stack.
        """
        with self._lock:
            moved = self._move(self._undo, self._redo, Act.UNDO)
        if moved:
            self.changed.emit()

    def redo(self) -> None:
        """Make the edit that was undone last again; does nothing if there is none.

        Raises
        ------
        AnnotationError
            If it cannot be made again; it stays on the stack.
        """
        with self._lock:
            moved = self._move(self._redo, self._undo, Act.REDO)
        if moved:
            self.changed.emit()

    def restore(self, stacks: Stacks) -> None:
        """Take up the steps of another session, the newest last; what is there already stays newer than they are."""
        if not self._undo and not self._redo:
            self._redo = list(stacks.redo)
        self._undo = [*stacks.undo, *self._undo][-self._limit :]
        self.changed.emit()

    def forget(self, ids: Collection[str]) -> None:
        """Forget the steps about findings and densities that somebody else has changed: those are not to be undone."""
        gone = set(ids)
        with self._lock:
            stacks = ([entry for entry in stack if not gone & ids_of(entry.edit)] for stack in (self._undo, self._redo))
            self._undo, self._redo = stacks
            self._open_key = ""
        self.changed.emit()

    def clear(self) -> None:
        """Forget all steps."""
        self._undo.clear()
        self._redo.clear()
        self._open_key = ""
        self.changed.emit()

    def _move(self, source: list[Inverse], target: list[Inverse], act: Act) -> bool:
        if not source:
            return False
        entry, token = source[-1], _new_token()
        inverse = self._apply(entry.edit, Step(act, token, entry.token, entry.edit.title))
        target.append(Inverse(inverse, token))
        source.pop()
        self._open_key = ""
        return True

    def _apply(self, edit: Edit, step: Step) -> Edit:
        with self._annotations.transaction(step):
            return edit.apply(self._annotations)


def _new_token() -> str:
    """Return a name that no other step of the log has."""
    return secrets.token_hex(8)
