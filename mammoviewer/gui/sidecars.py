"""Annotations beside images in the window: the offer to take them in, and the switch."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject

from mammoviewer.base.errors import AnnotationError, SettingsError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.progress import Progress
from mammoviewer.gui.bridge import bind_values, when_over
from mammoviewer.gui.panels.notice_line import NoticeLine
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.sidecars import Offer
from mammoviewer.session.workspace import Workspace


class SidecarOffers(QObject):
    """Offers what lies beside images, and switches writing there on and off."""

    def __init__(self, workspace: Workspace, settings: SettingsFile, notices: NoticeLine, parent: QObject) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._settings = settings
        self._notices = notices
        bind_values(self, workspace.sidecars.offered, self.offer)

    def offer(self, offer: Offer) -> None:
        """Offer to take annotations in."""
        self._notices.add(offer.notice, ("Take them in", lambda: self._take_in(offer)))

    def switch(self) -> None:
        """Begin or end writing annotations beside images, and say which."""
        settings = self._settings.settings
        wanted = not settings.library.sidecars
        try:
            self._settings.update(replace(settings, library=replace(settings.library, sidecars=wanted)))
        except SettingsError as error:
            self._notices.add(Notice.from_error(error))
            return
        self._workspace.settings = self._settings.settings
        if not wanted:
            self._notices.add(Notice(Severity.INFO, "Annotations are no longer saved beside images"))
            return
        job = self._workspace.decoding.submit("Save annotations beside images", self._write, priority=3)
        when_over(self, job, self._tell)

    def _write(self, progress: Progress) -> int:
        return len(self._workspace.sidecars.write_all())

    def _tell(self, job: Job) -> None:
        count = job.result if job.state is JobState.DONE else 0
        hint = f"{count} file{'' if count == 1 else 's'} written, NAME.mammoviewer.json" if count else ""
        self._notices.add(Notice(Severity.INFO, "Annotations are saved beside images from now on", hint))

    def _take_in(self, offer: Offer) -> None:
        try:
            count = self._workspace.sidecars.take_in(offer)
        except AnnotationError as error:
            self._notices.add(Notice.from_error(error))
            return
        self._notices.add(Notice(Severity.INFO, f"{count} taken in", "undo takes them out again (Ctrl+Z)"))
