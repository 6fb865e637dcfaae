"""Between findings and their file: what cannot be stored at once stays in memory and is stored as soon as it can be."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from psygnal import Signal

from mammoviewer.annotations.density import Record
from mammoviewer.annotations.store import AnnotationStore
from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.notices import Notice, Severity

WRITE_PATIENCE_S: Final = 0.25
"""So long may an edit wait for another program; longer, and the reader would see the window stand still."""
_AGAIN_S: Final = 0.05
_LOGGER = logging.getLogger(__name__)


class PatientRecorder:
    """A recorder that never refuses an edit, so that a region that was drawn is not lost to a file in use.

    Signals: ``notice(Notice)`` when something could not be stored, and when all is; the latter on a timer's thread.

    Parameters
    ----------
    store
        Where findings are kept.
    retry_s
        Seconds between two attempts.
    """

    notice = Signal(Notice)

    def __init__(self, store: AnnotationStore, *, retry_s: float = 2.0) -> None:
        self._store = store
        self._retry_s = retry_s
        self._lock = threading.Lock()
        self._waiting: dict[str, Record | None] = {}
        self._timer: threading.Timer | None = None

    @property
    def waiting(self) -> int:
        """How many findings are not stored as they are now."""
        return len(self._waiting)

    def record(self, saved: tuple[Record, ...], deleted: tuple[str, ...]) -> None:
        """Store an edit before this returns; where that fails, keep it, say so, and try again in the background."""
        with self._lock:
            self._waiting.update({**dict.fromkeys(deleted), **{record.id: record for record in saved}})
            if self._timer is not None:
                return
            error = self._write()
            if error is not None:
                self._wait()
        if error is not None:
            self.notice.emit(_kept(error))

    def close(self, patience_s: float = 5.0) -> None:
        """Store what waits; where the file cannot be written so long either, the log tells what is lost."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            timer.join()
        until = time.monotonic() + patience_s
        with self._lock:
            while (error := self._write()) is not None and time.monotonic() < until:
                time.sleep(_AGAIN_S)
        if error is not None:
            _LOGGER.error("%d findings could not be stored: %s", self.waiting, error)

    def _write(self) -> AnnotationError | None:
        """Store all that waits in one transaction, with the lock held."""
        if not self._waiting:
            return None
        saved = tuple(record for record in self._waiting.values() if record is not None)
        deleted = tuple(name for name, record in self._waiting.items() if record is None)
        try:
            self._store.record(saved, deleted)
        except AnnotationError as error:
            return error
        self._waiting.clear()
        return None

    def _wait(self) -> None:
        self._timer = threading.Timer(self._retry_s, self._retry)
        self._timer.daemon = True
        self._timer.start()

    def _retry(self) -> None:
        with self._lock:
            # Closing has taken the timer away: it writes itself.
            if self._timer is None:
                return
            self._timer = None
            if self._write() is not None:
                self._wait()
                return
        self.notice.emit(Notice(Severity.INFO, "All findings are stored again"))


def _kept(error: AnnotationError) -> Notice:
    told = Notice.from_error(error)
    return Notice(Severity.CAUTION, told.text, "your findings are kept and stored as soon as the file can be written")
