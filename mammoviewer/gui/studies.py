"""The study list in the window: kept up to date while it is seen, studies opened from it, folders watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from mammoviewer.base.errors import SettingsError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.bridge import bind, bind_values, when_over
from mammoviewer.gui.opening import Opening
from mammoviewer.gui.panels.notice_line import NoticeLine
from mammoviewer.gui.panels.study_list import StudyListPanel
from mammoviewer.gui.thumbnails import Thumbnails
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.listed_study import ListedStudy
from mammoviewer.session.settings import LibrarySettings, SettingsFile
from mammoviewer.session.study_keeper import StudyKeeper
from mammoviewer.session.study_library import Removed
from mammoviewer.session.workspace import Workspace

REST_MS = 150
"""Changes that come so close together are shown together."""


class Studies(QObject):
    """Between the list and its panel.

    Signals: ``filled(bool)`` with whether there is a list to show, when that may have changed; ``wanted()`` when the
    reader wants to see it; ``toggled()`` when the reader wants to see it, or the images again.
    """

    filled = Signal(bool)
    wanted = Signal()
    toggled = Signal()

    def __init__(
        self,
        workspace: Workspace,
        settings: SettingsFile,
        *,
        opening: Opening,
        thumbnails: Thumbnails,
        notices: NoticeLine,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._settings = settings
        self._opening = opening
        self._notices = notices
        self._window = window
        self._arrived: tuple[int, Notice] | None = None
        self._removed: Removed | None = None
        self.keeper = StudyKeeper(workspace, settings)
        self._closed = False
        self.panel = StudyListPanel()
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.refresh)
        bind(self, self.keeper.changed, self._note)
        bind_values(self, self.keeper.notice, notices.add)
        bind_values(self, self.keeper.arrived, self._tell_of_arrivals)
        thumbnails.made.connect(self.keeper.keep_thumbnail)
        panel = self.panel
        panel.model.pictures_wanted.connect(self._fetch_pictures)
        panel.open_wanted.connect(self.open)
        panel.removal_wanted.connect(self.remove)
        panel.folder_wanted.connect(self._show_folder)
        panel.watch_wanted.connect(self.choose_folder)
        panel.unwatch_wanted.connect(self._unwatch)
        panel.enabling_wanted.connect(lambda enabled: self._set(enabled=enabled))
        panel.clearing_wanted.connect(self.ask_to_clear)
        self._show_state()

    @property
    def can_undo(self) -> bool:
        """Return whether a removal can be taken back."""
        return self._removed is not None

    def show(self) -> None:
        """Bring the list to the front, or go back to the images."""
        self.toggled.emit()

    def refresh(self) -> None:
        """Read the list, and then ask for the files."""
        when_over(self, self.keeper.read(), self._show)

    def close(self) -> None:
        """End all that goes on in the background."""
        self._rest.stop()
        self._closed = True
        self.keeper.close()

    def open(self, chosen: Sequence[ListedStudy]) -> None:
        """Open studies of one patient together, the newest first; those of several patients are not mixed."""
        if len({study.same_patient for study in chosen}) > 1:
            text = "The chosen studies are of different patients"
            self._notices.add(Notice(Severity.CAUTION, text, "open those of one patient together, or one by one"))
            return
        newest_first = sorted(chosen, key=lambda study: study.date, reverse=True)
        for how, found in groupby(newest_first, key=lambda s: (s.pixel_spacing_mm, s.charset, s.duke_convention)):
            spacing, charset, duke = how
            studies = list(found)
            paths = list(dict.fromkeys(path for study in studies for path in study.paths))
            views = tuple(view for study in studies for view in study.pictures)
            self._opening.open(paths, spacing, charset=charset, duke_convention=duke, pictures=views)

    def remove(self, chosen: Sequence[ListedStudy]) -> None:
        """Take studies from the list at once, and offer to take that back."""
        job = self.keeper.remove([study.key for study in chosen])
        when_over(self, job, self._offer_undo)

    def undo(self) -> None:
        """Take the newest removal back."""
        removed, self._removed = self._removed, None
        if removed is not None:
            self._notices.withdraw(_removal_notice(removed))
            self.keeper.restore(removed)

    def choose_folder(self) -> None:
        """Ask for a folder and watch it."""
        start = self._settings.settings.last_folder
        chosen = QFileDialog.getExistingDirectory(self._window, "Watch a folder for new studies", start)
        if chosen:
            self.watch(Path(chosen))

    def watch(self, folder: Path) -> None:
        """Watch a folder from now on, also after a restart."""
        watched = self._settings.settings.library.watched
        if str(folder) not in watched and self._set(watched=(*watched, str(folder))):
            text = f"Watching {folder.name} for new studies"
            self._notices.add(Notice(Severity.INFO, text, "they come into the list (Ctrl+L), nothing opens by itself"))

    def ask_to_clear(self) -> None:
        """Offer to forget the whole list."""
        text = "Forget all studies of the list? This cannot be undone"
        notice = Notice(Severity.CAUTION, text, "files and findings stay")
        self._notices.add(notice, ("Clear the list", self.clear), first=True)

    def clear(self) -> None:
        """Forget the whole list, and what was opened lately with it."""
        self._removed = None
        self.keeper.clear()
        self._opening.forget_recent()

    def _note(self) -> None:
        self._show_state()
        # Not the panel: it is hidden while there is nothing in it.
        page = self.panel.parentWidget()
        if page is not None and page.isVisible() and not self._rest.isActive():
            self._rest.start()

    def _show(self, job: Job) -> None:
        # What was read for a window that is closed by now may be told late.
        if job.state is not JobState.DONE or self._closed:
            return
        self.panel.show_studies(job.result)
        self.filled.emit(self.panel.has_studies)
        if job.result:
            when_over(self, self.keeper.find_missing(job.result), self._show_missing)

    def _show_missing(self, job: Job) -> None:
        if job.state is JobState.DONE:
            self.panel.show_missing(job.result)

    def _fetch_pictures(self, keys: list[str]) -> None:
        when_over(self, self.keeper.read_thumbnails(keys), self._take_pictures)

    def _take_pictures(self, job: Job) -> None:
        if job.state is JobState.DONE:
            self.panel.model.take_pictures(job.result)

    def _offer_undo(self, job: Job) -> None:
        if job.state is JobState.DONE:
            if self._removed is not None:
                self._notices.withdraw(_removal_notice(self._removed))
            self._removed = job.result
            self._notices.add(_removal_notice(job.result), ("Undo", self.undo), first=True)

    def _tell_of_arrivals(self, count: int) -> None:
        if self._arrived is not None and self._arrived[1] in self._notices.notices:
            count += self._arrived[0]
            self._notices.withdraw(self._arrived[1])
        notice = Notice(Severity.INFO, f"{count} new {'study' if count == 1 else 'studies'} arrived")
        self._arrived = count, notice
        self._notices.add(notice, ("Show list", self.wanted.emit))

    def _show_folder(self, study: ListedStudy) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(study.images[0].path.parent)))

    def _unwatch(self, folder: Path) -> None:
        watched = self._settings.settings.library.watched
        self._set(watched=tuple(text for text in watched if Path(text).absolute() != folder))

    def _set(self, **changes: object) -> bool:
        """Change settings of the list; return whether that worked."""
        settings = self._settings.settings
        library: LibrarySettings = replace(settings.library, **changes)  # type: ignore[arg-type]
        try:
            self._settings.update(replace(settings, library=library))
        except SettingsError as error:
            self._notices.add(Notice.from_error(error))
            return False
        return True

    def _show_state(self) -> None:
        self.panel.show_state(enabled=self.keeper.enabled, watched=self.keeper.watched)


def _removal_notice(removed: Removed) -> Notice:
    count = len(removed.studies)
    text = f"Removed {count} {'study' if count == 1 else 'studies'} from the list"
    return Notice(Severity.INFO, text, "the files are untouched")
