"""The findings of what is open, in order, with one signal for what changed.

Only edits (:mod:`mammoviewer.annotations.edits`) change a set, and always inside a :meth:`AnnotationSet.transaction`:
what is changed is first given to the recorders (the store), and shown and told only when they have taken it. Findings
of images being opened are loaded on a worker's thread while the reader edits: every change holds the set's lock.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from psygnal import Signal

from mammoviewer.annotations.finding import Finding
from mammoviewer.base.errors import AnnotationError


class Recorder(Protocol):
    """Where changes are kept; raises to refuse them, and then they do not happen."""

    def __call__(self, saved: tuple[Finding, ...], deleted: tuple[str, ...]) -> None:
        """Keep one edit as a whole: findings added or changed, ids of findings removed."""


class AnnotationSet:
    """Findings in the order in which they were added.

    Parameters
    ----------
    findings
        Findings that are kept already.

    Raises
    ------
    AnnotationError
        If two of them have the same id.
    """

    changed = Signal(tuple)
    """Emitted with the ids of the findings that were added, changed or removed together."""

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._findings: dict[str, Finding] = {}
        self._lock = threading.RLock()
        self._recorders: list[Recorder] = []
        self._before: dict[str, Finding] | None = None
        for finding in findings:
            self._insert(finding)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings in order."""
        with self._lock:
            return tuple(self._findings.values())

    def __len__(self) -> int:
        return len(self._findings)

    def __contains__(self, finding_id: object) -> bool:
        return finding_id in self._findings

    def get(self, finding_id: str) -> Finding:
        """Return the finding with this id.

        Raises
        ------
        AnnotationError
            If there is none.
        """
        try:
            return self._findings[finding_id]
        except KeyError:
            raise AnnotationError("the finding is not there any more") from None

    def for_image(self, image_uid: str, frame: int | None = None) -> tuple[Finding, ...]:
        """Return the findings of an image, or of one of its 0-based frames, in order."""
        return tuple(f for f in self.findings if f.image_uid == image_uid and frame in (None, f.frame))

    def load(self, findings: Iterable[Finding]) -> None:
        """Show findings that are kept already, for example of an image just opened; known ids are left alone."""
        with self._lock:
            new = [finding for finding in findings if finding.id not in self._findings]
            self._findings.update({finding.id: finding for finding in new})
        if new:
            self.changed.emit(tuple(finding.id for finding in new))

    def record_with(self, recorder: Recorder) -> Callable[[], None]:
        """Give every later edit to ``recorder`` before it takes effect; return a function that ends this."""
        self._recorders.append(recorder)
        return lambda: self._recorders.remove(recorder)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes inside the block one: recorded together, told at its end, or undone if it fails."""
        with self._lock:
            if self._before is not None:
                yield
                return
            self._before = dict(self._findings)
            try:
                yield
                touched = self._touched(self._before)
                self._record(touched)
            except BaseException:
                self._findings = self._before
                raise
            finally:
                self._before = None
        if touched:
            self.changed.emit(touched)

    def _touched(self, before: dict[str, Finding]) -> tuple[str, ...]:
        ids = dict.fromkeys((*before, *self._findings))
        return tuple(i for i in ids if before.get(i) != self._findings.get(i))

    def _record(self, touched: tuple[str, ...]) -> None:
        if not touched:
            return
        saved = tuple(self._findings[i] for i in touched if i in self._findings)
        deleted = tuple(i for i in touched if i not in self._findings)
        for recorder in self._recorders:
            recorder(saved, deleted)

    def _index(self, finding_id: str) -> int:
        self.get(finding_id)
        return list(self._findings).index(finding_id)

    def _insert(self, finding: Finding, index: int | None = None) -> None:
        if finding.id in self._findings:
            raise AnnotationError("a finding with this id is there already")
        self._findings[finding.id] = finding
        if index is not None and index < len(self._findings) - 1:
            order = [f for f in self._findings.values() if f.id != finding.id]
            order.insert(index, finding)
            self._findings = {f.id: f for f in order}

    def _remove(self, finding_id: str) -> None:
        self.get(finding_id)
        del self._findings[finding_id]

    def _replace(self, finding: Finding) -> None:
        self.get(finding.id)
        self._findings[finding.id] = finding
