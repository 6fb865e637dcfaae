"""The findings of what is open, in order, and the densities of its breasts, with one signal for what changed.

Only edits (:mod:`mammoviewer.annotations.edits`) change a set, and always inside a :meth:`AnnotationSet.transaction`:
what is changed is first given to the recorders (the store), and shown and told only when they have taken it. Findings
of images being opened are loaded on a worker's thread while the reader edits: every change holds the set's lock.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from psygnal import Signal

from mammoviewer.annotations.density import BreastDensity, Record
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.step import UNKNOWN, Step
from mammoviewer.base.errors import AnnotationError


class Recorder(Protocol):
    """Where changes are kept; raises to refuse them, and then they do not happen."""

    def __call__(self, saved: tuple[Record, ...], deleted: tuple[str, ...], step: Step) -> None:
        """Keep one edit as a whole: what was added or changed, ids of what was removed, how that came about."""


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
    """Emitted with the ids of the findings and densities that were added, changed or removed together."""

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._findings: dict[str, Finding] = {}
        self._densities: dict[str, BreastDensity] = {}
        self._lock = threading.RLock()
        self._recorders: list[Recorder] = []
        self._before: tuple[dict[str, Finding], dict[str, BreastDensity]] | None = None
        for finding in findings:
            self._insert(finding)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings in order."""
        with self._lock:
            return tuple(self._findings.values())

    @property
    def densities(self) -> tuple[BreastDensity, ...]:
        """All densities of breasts in the order in which they were first said."""
        with self._lock:
            return tuple(self._densities.values())

    def density(self, study_uid: str, laterality: str, reader: str) -> BreastDensity | None:
        """Return what a reader said of a breast, None for nothing."""
        said = (d for d in self.densities if (d.study_uid, d.laterality, d.reader) == (study_uid, laterality, reader))
        return next(said, None)

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

    def load(self, findings: Iterable[Finding], densities: Iterable[BreastDensity] = ()) -> None:
        """Show what is kept already, for example of an image just opened; known ids are left alone."""
        with self._lock:
            new = {finding.id: finding for finding in findings if finding.id not in self._findings}
            said = {density.id: density for density in densities if density.id not in self._densities}
            self._findings.update(new)
            self._densities.update(said)
        if new or said:
            self.changed.emit((*new, *said))

    def follow(self, records: Mapping[str, Record | None], takes: Callable[[str], bool]) -> tuple[str, ...]:
        """Show what was changed elsewhere and is kept already; nothing is recorded.

        Parameters
        ----------
        records
            By id what is there now, None for what is gone.
        takes
            Asked for each of them while no edit can come between; those that it refuses stay as they are here.

        Returns
        -------
        tuple of str
            Ids of what looks different now.
        """
        with self._lock:
            before = self._records
            for record_id in [i for i in records if takes(i)]:
                record = records[record_id]
                if isinstance(record, BreastDensity):
                    self._densities[record_id] = record
                elif isinstance(record, Finding):
                    self._findings[record_id] = record
                else:
                    self._findings.pop(record_id, None)
                    self._densities.pop(record_id, None)
            touched = self._touched(before)
        if touched:
            self.changed.emit(touched)
        return touched

    def record_with(self, recorder: Recorder) -> Callable[[], None]:
        """Give every later edit to ``recorder`` before it takes effect; return a function that ends this."""
        self._recorders.append(recorder)
        return lambda: self._recorders.remove(recorder)

    @contextlib.contextmanager
    def transaction(self, step: Step = UNKNOWN) -> Iterator[None]:
        """Make all changes inside the block one: recorded together, told at its end, or undone if it fails.

        Of blocks in one another the outermost counts, and its ``step``.
        """
        with self._lock:
            if self._before is not None:
                yield
                return
            self._before = dict(self._findings), dict(self._densities)
            try:
                yield
                touched = self._touched({**self._before[0], **self._before[1]})
                self._record(touched, step)
            except BaseException:
                self._findings, self._densities = self._before
                raise
            finally:
                self._before = None
        if touched:
            self.changed.emit(touched)

    def _touched(self, before: Mapping[str, Record]) -> tuple[str, ...]:
        now = self._records
        return tuple(i for i in dict.fromkeys((*before, *now)) if before.get(i) != now.get(i))

    @property
    def _records(self) -> dict[str, Record]:
        return {**self._findings, **self._densities}

    def _record(self, touched: tuple[str, ...], step: Step) -> None:
        if not touched:
            return
        now = self._records
        saved = tuple(now[i] for i in touched if i in now)
        deleted = tuple(i for i in touched if i not in now)
        for recorder in self._recorders:
            recorder(saved, deleted, step)

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

    def _say(self, density: BreastDensity) -> None:
        self._densities[density.id] = density

    def _unsay(self, density_id: str) -> BreastDensity:
        try:
            return self._densities.pop(density_id)
        except KeyError:
            raise AnnotationError("the density is not there any more") from None
