"""Between findings and their file: edits are stored by a thread of their own, and none is lost to a file in use.

An edit that is not stored at once stands in the journal until it is, so that a killed program does not lose it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from psygnal import Signal

from mammoviewer.annotations.density import Record
from mammoviewer.annotations.journal import Journal, JournalledEdit
from mammoviewer.annotations.rows import Row, to_row
from mammoviewer.annotations.step import UNKNOWN, Step
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.notices import Notice, Severity

WRITE_PATIENCE_S: Final = 0.25
"""So long may one attempt to write wait for another program."""
PROMPT_S = 0.01
"""So long does an edit wait until it is stored: long enough for nearly all, too short to be seen."""
_AGAIN_S: Final = 0.05
_LOGGER = logging.getLogger(__name__)


@dataclass
class _Edit:
    saved: tuple[Record, ...]
    deleted: tuple[str, ...]
    step: Step
    reader: str
    noted: int | None = None
    """Its number in the journal, None while it does not stand there."""

    @property
    def ids(self) -> tuple[str, ...]:
        return *(record.id for record in self.saved), *self.deleted


class PatientRecorder:
    """A recorder that never refuses an edit and never holds up the window: neither a slow disk nor a file in use can.

    Edits are stored in their order, each in a transaction of its own.

    Signals, on the thread that writes: ``notice(Notice)`` when something could not be stored, and when all is.

    Parameters
    ----------
    store
        Where findings are kept.
    journal
        Where what waits is noted; nowhere when None.
    retry_s
        Seconds between two attempts.
    prompt_s
        How long an edit waits until it is stored; ``PROMPT_S`` when None.
    """

    notice = Signal(Notice)

    def __init__(
        self,
        store: AnnotationStore,
        journal: Journal | None = None,
        *,
        retry_s: float = 2.0,
        prompt_s: float | None = None,
    ) -> None:
        self._store = store
        self._journal = journal
        self._retry_s = retry_s
        self._prompt_s = PROMPT_S if prompt_s is None else prompt_s
        self._changed = threading.Condition()
        self._waiting: deque[_Edit] = deque()
        self._failing = False
        self._until: float | None = None
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """How many findings are not stored as they are now."""
        return len(self.waiting_ids)

    @property
    def waiting_ids(self) -> frozenset[str]:
        """The ids of what is not stored as it is now."""
        with self._changed:
            return frozenset(name for edit in self._waiting for name in edit.ids)

    def record(self, saved: tuple[Record, ...], deleted: tuple[str, ...], step: Step = UNKNOWN) -> None:
        """Have an edit stored, as a rule before this returns; where that fails, it is told and tried again."""
        with self._changed:
            edit = _Edit(saved, deleted, step, self._store.reader)
            self._waiting.append(edit)
            if not self._failing:
                if self._thread is None:
                    self._until = None
                    self._thread = threading.Thread(target=self._run, name="record", daemon=True)
                    self._thread.start()
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._waiting or self._failing, self._prompt_s)
            if self._waiting and self._journal is not None:
                # They are stored in their order: what came last waits still.
                entry = JournalledEdit(saved, deleted, step, {i: self._known(i) for i in edit.ids})
                edit.noted = self._journal.note(entry, edit.reader)

    def _known(self, record_id: str) -> Row | None:
        """Return what a finding was before the newest edit: what an edit that waits makes of it, or what is stored."""
        for edit in list(self._waiting)[-2::-1]:
            if record_id in edit.ids:
                return next((to_row(record)[1] for record in edit.saved if record.id == record_id), None)
        return self._store.known(record_id)

    def flush(self, patience_s: float = 5.0) -> bool:
        """Wait until all is stored, and return whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, patience_s)

    def close(self, patience_s: float = 5.0) -> None:
        """Store what waits; what cannot be stored so long either stays in the journal for the next start."""
        with self._changed:
            thread, self._until = self._thread, time.monotonic() + patience_s
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        try:
            while True:
                until = self._next_attempt()
                error = self._write_all()
                if until is not None and error is None:
                    return
                if error is not None and until is not None and time.monotonic() >= until:
                    _LOGGER.error("%d findings could not be stored: %s", self.waiting, error)
                    return
        finally:
            with self._changed:
                self._thread = None

    def _next_attempt(self) -> float | None:
        """Wait until there is something to write, and time to try again; return when to give up, once closing."""
        with self._changed:
            if self._failing and self._until is not None:
                self._changed.wait(min(_AGAIN_S, max(0.0, self._until - time.monotonic())))
            elif self._failing:
                self._changed.wait_for(lambda: self._until is not None, self._retry_s)
            else:
                self._changed.wait_for(lambda: self._waiting or self._until is not None)
            return self._until

    def _write_all(self) -> AnnotationError | None:
        """Store what waits, the oldest first; tell once that something cannot be stored, and when it is."""
        while self._waiting:
            edit = self._waiting[0]
            error = self._stored(edit)
            if error is not None:
                if not self._failing:
                    self.notice.emit(_kept(error))
                with self._changed:
                    self._failing = True
                    self._changed.notify_all()
                return error
            with self._changed:
                self._waiting.popleft()
                stored_again = self._failing and not self._waiting
                self._failing = self._failing and bool(self._waiting)
                self._changed.notify_all()
            if edit.noted is not None and self._journal is not None:
                self._journal.settle(edit.noted)
            if stored_again:
                self.notice.emit(Notice(Severity.INFO, "All findings are stored again"))
        return None

    def _stored(self, edit: _Edit) -> AnnotationError | None:
        """Store an edit; return why that is not possible: even a defect must neither lose it nor what follows."""
        try:
            self._store.record(edit.saved, edit.deleted, edit.step, reader=edit.reader)
        except AnnotationError as error:
            return error
        except Exception:
            _LOGGER.exception("an edit cannot be stored")
            return AnnotationError("a change cannot be stored because of a defect (Help > Log)")
        return None


def _kept(error: AnnotationError) -> Notice:
    told = Notice.from_error(error)
    return Notice(Severity.CAUTION, told.text, "your findings are kept and stored as soon as the file can be written")
