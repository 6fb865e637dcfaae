"""What other windows and programs say of the open images meanwhile: it is shown here without opening them again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from mammoviewer.annotations.density import BreastDensity, Record, examination_of
from mammoviewer.annotations.finding import Finding
from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.session.blind import seen_of_readers

if TYPE_CHECKING:
    from mammoviewer.session.workspace import Workspace

INTERVAL_S: Final = 1.0
"""So often the library is looked at."""
_QUIET_S: Final = 20.0
"""So long nothing more is told after something was: somebody may be typing there."""
_LOGGER = logging.getLogger(__name__)


class LibraryWatch:
    """Follows the library of a workspace on a thread of its own, from :meth:`start` on.

    What is not stored yet here is left alone: storing it keeps the other version as a finding of its own.

    Parameters
    ----------
    workspace
        Whose library and open images.
    interval_s
        Seconds between two looks.
    """

    def __init__(self, workspace: Workspace, *, interval_s: float = INTERVAL_S) -> None:
        self._workspace = workspace
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._since = workspace.store.newest_change()
        self._again: frozenset[str] = frozenset()
        self._told_at = -_QUIET_S

    def start(self) -> None:
        """Begin to look; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="library", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> tuple[str, ...]:
        """Look once, show what others have changed, and return the ids of that.

        Raises
        ------
        AnnotationError
            If the library cannot be read: the next look finds the same.
        """
        workspace = self._workspace
        newest, news = workspace.store.changed_by_others(self._since, self._again)
        self._since = newest
        here = {i: foreign for i, foreign in news.items() if self._is_open(i, foreign.record)}
        left: set[str] = set()

        def takes(record_id: str) -> bool:
            fits = record_id not in workspace.recorder.waiting_ids and workspace.store.saw(record_id, here[record_id])
            if not fits:
                left.add(record_id)
            return fits

        records = {record_id: foreign.record for record_id, foreign in here.items()}
        before = {finding.id: finding for finding in workspace.annotations.findings}
        taken = workspace.annotations.follow(records, takes)
        self._again = frozenset(left)
        if taken:
            workspace.edits.forget(taken)
            self._tell(before, records, taken)
        return taken

    def _is_open(self, record_id: str, record: Record | None) -> bool:
        workspace = self._workspace
        if isinstance(record, BreastDensity):
            return record.study_uid in {examination_of(image.attributes) for image in workspace.images}
        if isinstance(record, Finding):
            return workspace.is_open(record.image_uid)
        return record_id in workspace.annotations or any(d.id == record_id for d in workspace.annotations.densities)

    def _tell(
        self, before: Mapping[str, Finding], records: Mapping[str, Record | None], taken: tuple[str, ...]
    ) -> None:
        """Say what changed on screen, as far as this reader may see it."""
        workspace = self._workspace
        cells = workspace.stage.cells if workspace.stage is not None else ()
        findings = [found for i in taken if isinstance(found := records[i] or before.get(i), Finding)]
        seen = [
            finding
            for finding in findings
            if finding.image_uid in cells
            and seen_of_readers(workspace, workspace.state(finding.image_uid).image, (finding,))
        ]
        now = time.monotonic()
        if not seen or now - self._told_at < _QUIET_S:
            return
        self._told_at = now
        what = f"{len(seen)} findings" if len(seen) > 1 else f"a finding ({seen[0].label or 'unlabelled'})"
        names = sorted({finding.reader for finding in seen if finding.reader})
        whose = f" of {', '.join(names)}" if names else ""
        text = f"Another window has changed {what}{whose} on these images"
        workspace.notice.emit(Notice(Severity.INFO, text, "what is shown is up to date; undo here leaves it alone"))

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            try:
                self.look()
            except AnnotationError as error:
                _LOGGER.info("the library cannot be looked at: %s", error.reason)
