"""Undo and redo of edits."""

from __future__ import annotations

from collections.abc import Sequence

from psygnal import Signal

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.edits import Edit


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

    def __init__(self, annotations: AnnotationSet, limit: int = 200) -> None:
        self._annotations = annotations
        self._limit = limit
        self._undo: list[Edit] = []
        self._redo: list[Edit] = []
        self._open_key = ""

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
        return self._undo[-1].title if self._undo else ""

    @property
    def redo_title(self) -> str:
        """What redo would make again; empty if nothing."""
        return self._redo[-1].title if self._redo else ""

    def push(self, edit: Edit) -> None:
        """Make an edit; what was undone before can then no longer be made again.

        Raises
        ------
        AnnotationError
            If the edit is not possible or cannot be stored; nothing has changed then.
        """
        inverse = edit.apply(self._annotations)
        merged = edit.merge_key != "" and edit.merge_key == self._open_key
        if not merged:
            self._undo = [*self._undo, inverse][-self._limit :]
        # A merged edit needs no inverse of its own: that of the first restores the value before all of them.
        self._open_key = edit.merge_key
        self._redo.clear()
        self.changed.emit()

    def undo(self) -> None:
        """Take the newest edit back; does nothing if there is none.

        Raises
        ------
        AnnotationError
            If it cannot be taken back; it stays on the stack.
        """
        self._move(self._undo, self._redo)

    def redo(self) -> None:
        """Make the edit that was undone last again; does nothing if there is none.

        Raises
        ------
        AnnotationError
            If it cannot be made again; it stays on the stack.
        """
        self._move(self._redo, self._undo)

    def restore(self, inverses: Sequence[Edit]) -> None:
        """Take up the steps of another session, the newest last; what is there already stays newer than they are."""
        self._undo = [*inverses, *self._undo][-self._limit :]
        self.changed.emit()

    def clear(self) -> None:
        """Forget all steps."""
        self._undo.clear()
        self._redo.clear()
        self._open_key = ""
        self.changed.emit()

    def _move(self, source: list[Edit], target: list[Edit]) -> None:
        if not source:
            return
        target.append(source[-1].apply(self._annotations))
        source.pop()
        self._open_key = ""
        self.changed.emit()
