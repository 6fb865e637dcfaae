"""How files get into the window: dialogs, drops, the demo exam; and what was opened lately."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from psygnal import Signal
from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QFileDialog, QWidget

from mammoviewer.base.errors import SettingsError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.progress import Progress
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.spacing import STATED
from mammoviewer.gui.bridge import bind, bind_values, when_over
from mammoviewer.gui.dialogs.open_raster_dialog import OpenRasterDialog, rasters
from mammoviewer.gui.panels.notice_line import NoticeLine
from mammoviewer.gui.thumbnails import Thumbnails, recent_picture_path
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.demo import demo_exam
from mammoviewer.session.image_facts import state_picture_views, state_pixel_size
from mammoviewer.session.opened import PictureView
from mammoviewer.session.outcome import notice_of
from mammoviewer.session.settings import Settings, SettingsFile
from mammoviewer.session.workspace import Workspace


class _Found:
    """Looks which paths are there; ``ready`` carries them, on the thread that looked."""

    ready = Signal(list)

    def look(self, paths: Sequence[Path]) -> None:
        """Ask for each path; one that may not be asked for counts as gone."""
        there = []
        for path in paths:
            with contextlib.suppress(OSError):
                there += [path] if path.exists() else []
        self.ready.emit(there)


def unsized(images: Iterable[Image]) -> list[Image]:
    """Return the images whose pixel size the reader may state: those that bring none."""
    spacings = [(image, image.attributes.pixel_spacing) for image in images]
    return [image for image, spacing in spacings if spacing is None or spacing.source == STATED]


def untold(images: Iterable[Image]) -> list[Image]:
    """Return the images of which the reader may state something: pictures, and those without a pixel size."""
    found = list(images)
    sizes = unsized(found)
    return [image for image in found if image.attributes.kind is ImageKind.RASTER or image in sizes]


class Opening(QObject):
    """Asks, opens in the background, and remembers."""

    def __init__(
        self,
        workspace: Workspace,
        settings: SettingsFile,
        thumbnails: Thumbnails,
        notices: NoticeLine,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._workspace = workspace
        self._notices = notices
        self._settings = settings
        self._thumbnails = thumbnails
        self._window = window
        self._unsized: dict[Notice, list[str]] = {}
        bind(self, workspace.facts_changed, self._withdraw_sized)

    @property
    def recent(self) -> list[Path]:
        """Return what was opened lately, the newest first."""
        return [Path(text) for text in self._settings.settings.recent]

    def forget_recent(self) -> None:
        """Forget what was opened lately, with its pictures."""
        for path in self.recent:
            recent_picture_path(path).unlink(missing_ok=True)
        self._update(replace(self._settings.settings, recent=(), last_folder=""))

    def find_recent(self, show: Callable[[list[Path]], None]) -> None:
        """Show what was opened lately, and again without what is gone: a share that is away is slow to say so."""
        recent = self.recent
        show(recent)
        found = _Found()
        bind_values(self, found.ready, lambda there: show(there) if there != recent else None)
        # A thread of its own: those that decode are not to wait for a share either.
        threading.Thread(target=found.look, args=(recent,), name="recent", daemon=True).start()

    def choose_files(self) -> None:
        """Ask for files and open them."""
        start = self._settings.settings.last_folder
        chosen, _ = QFileDialog.getOpenFileNames(self._window, "Open mammograms", start)
        self.open([Path(text) for text in chosen])

    def choose_folder(self) -> None:
        """Ask for a folder and open it."""
        chosen = QFileDialog.getExistingDirectory(self._window, "Open a folder", self._settings.settings.last_folder)
        if chosen:
            self.open([Path(chosen)])

    def choose_duke_folder(self) -> None:
        """Ask for a folder of the Duke data set and open it, volumes turned as its convention has them."""
        chosen = QFileDialog.getExistingDirectory(
            self._window, "Open a folder of the Duke data set", self._settings.settings.last_folder
        )
        if chosen:
            self.open([Path(chosen)], duke_convention=True)

    def open(
        self,
        paths: Sequence[Path],
        pixel_spacing_mm: float | None = None,
        *,
        charset: str | None = None,
        duke_convention: bool = False,
        pictures: tuple[PictureView, ...] = (),
    ) -> Job | None:
        """Open files and folders; asks for what plain pictures among the files do not say and nobody has stated."""
        if not paths:
            return None
        files = rasters(paths)
        views = pictures
        if files and pixel_spacing_mm is None and not views:
            question = OpenRasterDialog(files, self._window)
            if not question.exec():
                return None
            pixel_spacing_mm, views = question.pixel_spacing_mm, question.views
        job = self._workspace.open(
            list(paths),
            pixel_spacing_mm=pixel_spacing_mm,
            charset=charset,
            duke_convention=duke_convention,
            pictures=views,
        )
        remembered = paths[0] if len(paths) == 1 else paths[0].parent
        # After the study is on screen: it writes to the disk.
        when_over(self, job, lambda ended: QTimer.singleShot(0, self, lambda: self._remember(remembered, ended)))
        when_over(self, job, self._offer_pixel_size)
        return job

    def ask_pixel_size(self) -> None:
        """Ask for what the study's pictures do not say: views, and the pixel size of images that bring none."""
        images = untold(self._workspace.study.images if self._workspace.study is not None else ())
        if not images:
            text = "Every image of this study brings its view and pixel size"
            self._workspace.notice.emit(Notice(Severity.INFO, text, "a size in the file is not changed"))
            return
        question = OpenRasterDialog([image.attributes.path for image in images], self._window)
        for number, image in enumerate(images):
            question.set_view(number, image.attributes.view.label)
        if not question.exec():
            return
        state_picture_views(self._workspace, question.views)
        if question.pixel_spacing_mm is not None:
            identities = [image.attributes.identity for image in unsized(images)]
            state_pixel_size(self._workspace, identities, question.pixel_spacing_mm)

    def _offer_pixel_size(self, job: Job) -> None:
        if job.state is not JobState.DONE:
            return
        found = self._without_size(image.attributes.identity for image in job.result.images)
        if found:
            text = f"{len(found)} picture{'' if len(found) == 1 else 's'} without a pixel size: lengths are in pixels"
            notice = Notice(Severity.INFO, text, "models and measurements need it")
            self._unsized[notice] = found
            self._notices.add(notice, ("State it…", self.ask_pixel_size))

    def _withdraw_sized(self) -> None:
        """Say no longer that a pixel size is missing once it is known."""
        for notice, identities in list(self._unsized.items()):
            if not self._without_size(identities):
                del self._unsized[notice]
                self._notices.withdraw(notice)

    def _without_size(self, identities: Iterable[str]) -> list[str]:
        """Return which of the images that are open have no pixel size."""
        workspace = self._workspace
        there = [workspace.state(identity).image.attributes for identity in identities if workspace.is_open(identity)]
        return [attributes.identity for attributes in there if attributes.pixel_spacing is None]

    def open_demo(self) -> Job:
        """Make the demo exam if it is not there yet, and open it."""
        workspace = self._workspace

        def work(progress: Progress) -> Path:
            return demo_exam(progress)

        job = workspace.decoding.submit("Demo exam", work, key="demo", priority=4, on_done=self._tell)
        when_over(self, job, self._open_made)
        return job

    def _open_made(self, job: Job) -> None:
        if job.state is JobState.DONE:
            self.open([job.result])

    def _tell(self, job: Job) -> None:
        notice = notice_of(job)
        if notice is not None:
            self._workspace.notice.emit(notice)

    def _remember(self, path: Path, job: Job) -> None:
        if job.state is not JobState.DONE or not job.result.images:
            return
        path = path.resolve()
        self._thumbnails.keep_recent(path, job.result.images[0])
        folder = path if path.is_dir() else path.parent
        self._update(replace(self._settings.settings.with_recent(path), last_folder=str(folder)))

    def _update(self, settings: Settings) -> None:
        try:
            self._settings.update(settings)
        except SettingsError as error:
            self._workspace.notice.emit(Notice.from_error(error))
