"""Strokes on large regions: what they make of the region takes longer than a frame, and is made in the background.

Strokes are taken up one after the other, each on what the one before has left, and each is one step of undo. What is to
follow a stroke, such as undo, waits in the same queue, before the strokes that came after it. A stroke that waits
stands in the journal, so that a killed program does not lose it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psygnal import Signal

from mammoviewer.annotations.journal import Turn
from mammoviewer.annotations.roi import Roi
from mammoviewer.annotations.step import Act
from mammoviewer.annotations.strokes import PendingStroke, painted_on
from mammoviewer.base.errors import AnnotationError, MammoViewerError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.progress import Progress
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.outcome import notice_of

if TYPE_CHECKING:
    from mammoviewer.session.workspace import Workspace

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Waiting:
    what: PendingStroke | Callable[[], None]
    noted: int | None
    """Its number in the journal; None for what does not stand there."""
    turn: Act | None = None


class Painting:
    """The strokes that wait, the oldest first.

    Signals: ``changed()`` when one came or went; ``ready()``, on a worker's thread, when :meth:`take` has something to
    do.

    Parameters
    ----------
    workspace
        Whose findings are painted.
    """

    ready = Signal()
    changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._running = ThreadRunner(1, "paint")
        self._queue: deque[_Waiting] = deque()
        self._job: Job | None = None
        self._base: Roi | None = None

    @property
    def pending(self) -> tuple[PendingStroke, ...]:
        """Return the strokes whose regions are not made yet."""
        return tuple(entry.what for entry in self._queue if isinstance(entry.what, PendingStroke))

    def waits_for(self, finding_id: str) -> bool:
        """Return whether a stroke on a finding waits."""
        return any(pending.finding.id == finding_id for pending in self.pending)

    def add(self, pending: PendingStroke) -> None:
        """Take a stroke up."""
        self._queue.append(_Waiting(pending, self._workspace.journal.note(pending, self._workspace.store.reader)))
        self._go_on()
        self.changed.emit()

    def when_settled(self, act: Callable[[], None], turn: Act | None = None) -> None:
        """Act now, or as soon as the strokes that wait now are made: undo must find the one that was drawn last.

        Parameters
        ----------
        act
            What to do, on the thread on which edits are made.
        turn
            That it is an undo or a redo, which a killed program must not lose.
        """
        if not self._queue:
            act()
            return
        noted = None
        if turn is not None:
            store = self._workspace.store
            noted = self._workspace.journal.note(Turn(turn, earlier=store.earlier), store.reader)
        self._queue.append(_Waiting(act, noted, turn))

    def take(self) -> None:
        """Make the edit of a stroke that is ready, and go on with the next; call this where edits are made."""
        job = self._job
        if job is None or not job.state.final:
            return
        waiting, self._job = self._queue[0], None
        pending = waiting.what
        assert isinstance(pending, PendingStroke)
        if self._now(pending) is not self._base:
            # Somebody has changed the region meanwhile.
            self._begin(pending)
            return
        self._queue.popleft()
        try:
            if job.state is JobState.DONE:
                self._try(lambda: self._change(pending, job.result))
            else:
                self._tell(job)
        finally:
            self._settled(waiting)
            self._go_on()
            self.changed.emit()

    def settle(self) -> None:
        """Wait for every stroke and make its edit."""
        while self._job is not None:
            self._job.wait(None)
            self.take()

    def close(self) -> None:
        """Make the edits that wait, and stop."""
        self.settle()
        self._running.shutdown()

    def _now(self, pending: PendingStroke) -> Roi | None:
        annotations = self._workspace.annotations
        return annotations.get(pending.finding.id).roi if pending.finding.id in annotations else None

    def _go_on(self) -> None:
        """Do what is next, up to the next stroke, which is begun."""
        while self._job is None and self._queue:
            waiting = self._queue[0]
            if isinstance(waiting.what, PendingStroke):
                self._begin(waiting.what)
            else:
                self._queue.popleft()
                if waiting.turn is not None and waiting.noted is not None:
                    # Of which step it is must be known: done twice, it would take back one more.
                    workspace = self._workspace
                    of = workspace.edits.next_token(waiting.turn)
                    workspace.journal.renew(waiting.noted, Turn(waiting.turn, of, workspace.store.earlier))
                self._try(waiting.what)
                self._settled(waiting)

    def _settled(self, waiting: _Waiting) -> None:
        if waiting.noted is not None:
            self._workspace.journal.settle(waiting.noted)

    def _try(self, act: Callable[[], None]) -> None:
        """Act; what stands in the way becomes a notice, so that what waits behind it is not lost."""
        try:
            act()
        except MammoViewerError as error:
            self._workspace.notice.emit(Notice.from_error(error))
        except Exception:
            _LOGGER.exception("what painting was to change failed")
            text = "A change was not made as painted because of a defect"
            self._workspace.notice.emit(Notice(Severity.ERROR, text, "the log tells more (Help > Log)"))

    def _begin(self, pending: PendingStroke) -> None:
        self._base = base = self._now(pending)

        def work(progress: Progress) -> Roi | None:
            roi = painted_on(base, pending.stroke, pending.shape)
            if roi is not None:
                # What the window asks of it first is made here too.
                _ = roi.loops, roi.bounding_box()
            return roi

        self._job = self._running.submit("Paint", work, on_done=lambda _job: self.ready.emit())

    def _change(self, pending: PendingStroke, roi: Roi | None) -> None:
        workspace, finding = self._workspace, pending.finding
        there = finding.id in workspace.annotations
        edit = pending.edit(workspace.annotations.get(finding.id) if there else None, roi)
        if edit is not None:
            workspace.edit(edit)
            if not there:
                workspace.desk.show_findings = True
                workspace.desk.selected_finding = finding.id
        elif not there and not pending.new:
            self._say("What was painted on is gone, and the stroke with it", "paint it again as a new region")

    def _tell(self, job: Job) -> None:
        notice = notice_of(job)
        if isinstance(job.error, AnnotationError):
            self._say("That outline is too long to be kept", "paint in several regions")
        elif notice is not None:
            self._workspace.notice.emit(notice)

    def _say(self, text: str, hint: str) -> None:
        self._workspace.notice.emit(Notice(Severity.INFO, text, hint))
