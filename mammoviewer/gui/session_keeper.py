"""Keeps what is open while the program runs, and brings it back after it was stopped in the midst of work."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, QTimer

from mammoviewer.base.errors import SettingsError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.progress import Progress
from mammoviewer.gui.bridge import bind, when_over
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.last_session import LastSession, apply, capture, last_session_path, take_up, write_session
from mammoviewer.session.viewer_state import ViewerState
from mammoviewer.session.workspace import Workspace

DELAY_MS = 1000
"""A change is written at most so long after it was made, and no more often than that."""


class SessionKeeper(QObject):
    """Writes the session in the background after changes; the file goes away with :meth:`finish`.

    Of several windows that run at once the first keeps its session; the others leave the file alone.

    Parameters
    ----------
    workspace
        What is kept.
    path
        The file; the user's own when None.
    """

    def __init__(self, workspace: Workspace, path: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._path = path or last_session_path()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = QLockFile(str(self._path.with_suffix(".lock")))
        # Stale is the lock of a process that is gone, however old or young it is.
        self._lock.setStaleLockTime(0)
        self._keeps = self._lock.tryLock(0)
        self._restoring = False
        self._written: LastSession | None = None
        self._followed: list[ViewerState] = []
        self._writing = ThreadRunner(1, "keep")
        self._later = QTimer(self, singleShot=True, interval=DELAY_MS)
        self._later.timeout.connect(self._write)
        for signal in (workspace.studies_changed, workspace.stage_changed):
            bind(self, signal, self._follow)
        desk = workspace.desk.events
        for signal in (desk.active_identity, desk.model, desk.linked_cursor):
            bind(self, signal, self._note)
        self._follow()

    def restore(self) -> Job | None:
        """Open again what was open when the program stopped; None when it was closed as it should be."""
        try:
            session = take_up(self._path, self._workspace.store.session) if self._keeps else None
        except SettingsError as error:
            self._workspace.notice.emit(Notice.from_error(error))
            return None
        if session is None:
            return None
        self._restoring = True
        job = self._workspace.reopen(session.opened)
        when_over(self, job, lambda ended: self._apply(session, ended))
        return job

    def finish(self) -> None:
        """Stop keeping and remove the file: the window is closed, and the next start is a fresh one."""
        self._later.stop()
        self._writing.shutdown()
        if self._keeps:
            self._keeps = False
            self._path.unlink(missing_ok=True)
            self._lock.unlock()

    def _apply(self, session: LastSession, job: Job) -> None:
        self._restoring = False
        if job.state is JobState.DONE and job.result:
            apply(self._workspace, session)
            text = "Reopened what was open when the program stopped"
            self._workspace.notice.emit(Notice(Severity.INFO, text))
        self._note()

    def _follow(self) -> None:
        for image in self._workspace.images:
            state = self._workspace.state(image.attributes.identity)
            if not any(state is known for known in self._followed):
                self._followed.append(state)
                bind(self, state.events, self._note)
        self._note()

    def _note(self) -> None:
        # Not started anew by each change: while slices play there would be no rest to wait for.
        if self._keeps and not self._restoring and not self._later.isActive():
            self._later.start()

    def _write(self) -> None:
        session = capture(self._workspace)
        if session == self._written or not session.opened:
            return
        self._written = session

        def work(progress: Progress) -> None:
            write_session(self._path, session)

        self._writing.submit("Keep", work, key="keep", on_done=self._tell)

    def _tell(self, job: Job) -> None:
        if isinstance(job.error, SettingsError):
            self._workspace.notice.emit(Notice.from_error(job.error))
