"""Keeps the study list while the program runs: what is opened, its pictures and model runs, what comes into folders."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from pathlib import Path

from psygnal import Signal

from mammoviewer.annotations.finding import utc_now
from mammoviewer.base.arrays import ByteArray
from mammoviewer.base.errors import AnnotationError, ArgumentError
from mammoviewer.base.notices import Notice
from mammoviewer.base.paths import studies_path
from mammoviewer.base.progress import Progress
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.folder_watch import FolderWatch
from mammoviewer.session.listed_study import ListedStudy, listed
from mammoviewer.session.outcome import notice_of
from mammoviewer.session.settings import Settings, SettingsFile
from mammoviewer.session.study_library import Removed, StudyLibrary, open_library, with_findings
from mammoviewer.session.thumbnail import as_png
from mammoviewer.session.workspace import Workspace

_PATIENCE_S = 2.0


class StudyKeeper:
    """The study list of a session; all work on its file is done on a thread of its own.

    A list that cannot be used is told of once; the program goes on without it and tries again with the next change.

    Signals, emitted on background threads: ``changed()`` when the list should be read again, ``arrived(int)`` with
    the number of studies that came into watched folders, ``notice(Notice)``.

    Parameters
    ----------
    workspace
        What is listed.
    settings
        Whether a list is kept, and which folders are watched.
    path
        The file; the user's own when None.
    """

    changed = Signal()
    arrived = Signal(int)
    notice = Signal(Notice)

    def __init__(self, workspace: Workspace, settings: SettingsFile, path: Path | None = None) -> None:
        self._workspace = workspace
        self._settings = settings
        self._path = path or studies_path()
        self._library: StudyLibrary | None = None
        self._lock = threading.Lock()
        self._kept: dict[str, ListedStudy] = {}
        self._scores: dict[tuple[str, str], float] = {}
        self._told: Notice | None = None
        self._closed = False
        self._running = ThreadRunner(1, "studies")
        # A share that is away keeps a question for its files waiting, and nothing else.
        self._asking = ThreadRunner(1, "files")
        self._watches: dict[Path, FolderWatch] = {}
        workspace.studies_changed.connect(self._keep)
        workspace.heatmaps.changed.connect(self._note_run)
        workspace.desk.events.blind.connect(self._say_changed)
        workspace.facts_changed.connect(self._keep_facts)
        settings.changed.connect(self._follow)
        self._follow(settings.settings)

    @property
    def enabled(self) -> bool:
        """Return whether a list is kept."""
        return self._settings.settings.library.enabled

    @property
    def watched(self) -> tuple[Path, ...]:
        """Return the folders that are watched now."""
        return tuple(self._watches)

    def library(self) -> StudyLibrary:
        """Return the open list; call this on a background thread.

        Raises
        ------
        LibraryError
            If it cannot be opened now.
        """
        with self._lock:
            if self._library is None:
                self._library, notice = open_library(self._path)
                if notice is not None:
                    self.notice.emit(notice)
            return self._library

    def read(self) -> Job:
        """Read the list in the background; the result is a tuple of studies, empty when no list is kept."""

        def work(progress: Progress) -> tuple[ListedStudy, ...]:
            if not self.enabled:
                return ()
            try:
                tallies = self._workspace.store.tallies()
            except AnnotationError as error:
                tallies = {}
                self._tell(Notice.from_error(error))
            listed = with_findings(self.library().studies(), tallies)
            return tuple(_as_may_be_seen(self._workspace, study) for study in listed)

        return self._running.submit("Study list", work, key="read", on_done=self._tell_of)

    def find_missing(self, studies: Sequence[ListedStudy]) -> Job:
        """Ask in the background for every file; the result maps keys of studies to how many are not there."""

        def work(progress: Progress) -> dict[str, int]:
            missing = {}
            for study in studies:
                progress(0.0, "")
                missing[study.key] = sum(not _is_there(path) for path in study.paths)
            return missing

        return self._asking.submit("Files of the study list", work, key="missing", on_done=self._tell_of)

    def read_thumbnails(self, keys: Sequence[str]) -> Job:
        """Read the pictures of studies; the result maps their keys to tuples of PNG files."""

        def work(progress: Progress) -> dict[str, tuple[bytes, ...]]:
            library = self.library()
            return {key: library.thumbnails(key) for key in keys}

        return self._running.submit("Study list", work, on_done=self._tell_of)

    def keep_thumbnail(self, identity: str, picture: ByteArray) -> None:
        """Keep the small picture of an image of the list, greys 0 to 255."""
        if self.enabled:
            self._submit(lambda library: library.put_thumbnail(identity, as_png(picture)))

    def remove(self, keys: Sequence[str]) -> Job:
        """Take studies from the list; the result is what :meth:`restore` puts back. Files are not touched."""

        def work(progress: Progress) -> Removed:
            return self.library().remove(keys)

        return self._running.submit("Study list", work, priority=2, on_done=self._announce)

    def restore(self, removed: Removed) -> Job:
        """Put back what was taken from the list."""

        def work(progress: Progress) -> None:
            self.library().restore(removed)

        return self._running.submit("Study list", work, priority=2, on_done=self._announce)

    def clear(self) -> Job:
        """Forget all studies; nothing of them stays in the file."""

        def work(progress: Progress) -> None:
            self.library().clear()

        return self._running.submit("Study list", work, priority=2, on_done=self._announce)

    def close(self) -> None:
        """Stop watching, finish what is being written, close the file; before the workspace is closed."""
        if self._closed:
            return
        self._closed = True
        self._workspace.studies_changed.disconnect(self._keep)
        self._workspace.heatmaps.changed.disconnect(self._note_run)
        self._workspace.desk.events.blind.disconnect(self._say_changed)
        self._workspace.facts_changed.disconnect(self._keep_facts)
        self._settings.changed.disconnect(self._follow)
        for watch in self._watches.values():
            watch.stop()
        ended = [watch.stop(_PATIENCE_S) for watch in self._watches.values()]
        self._watches.clear()
        ended += [self._running.shutdown(_PATIENCE_S), self._asking.shutdown(_PATIENCE_S)]
        # A thread that waits for a share may still want the file: it then closes with the program.
        if self._library is not None and all(ended):
            self._library.close()

    def _keep(self) -> None:
        if not self.enabled:
            return

        def work(library: StudyLibrary) -> bool:
            before = len(self._kept)
            for study in self._workspace.studies:
                line = listed(
                    study,
                    companions=self._workspace.shelf.all,
                    opened=self._workspace.opened,
                    at=utc_now(),
                    was_opened=True,
                )
                timeless = replace(line, opened="", arrived="")
                if self._kept.get(line.key) != timeless:
                    library.put(line)
                    self._kept[line.key] = timeless
                    before = -1
            return before == -1

        self._submit(work, key="keep", priority=1)

    def _note_run(self, identity: str, frame: int) -> None:
        """Keep the best score once a run on an image is over."""
        model = self._workspace.heatmaps.finished_model(identity)
        if not model or not self.enabled or not self._workspace.is_open(identity):
            return

        def work(library: StudyLibrary) -> bool:
            image = self._workspace.state(identity).image
            scores = [score for score in self._workspace.heatmaps.slice_scores(image, model) if score is not None]
            if not scores or self._scores.get((identity, model)) == max(scores):
                return False
            self._scores[identity, model] = max(scores)
            library.put_run(identity, model, float(max(scores)), utc_now())
            return True

        self._submit(work, key=("run", identity))

    def _submit(
        self, change: Callable[[StudyLibrary], bool | None], *, key: Hashable | None = None, priority: int = 0
    ) -> None:
        """Change the list in the background and say so where ``change`` does not return False."""

        def work(progress: Progress) -> None:
            if change(self.library()) is not False:
                self.changed.emit()

        # Signals of the workspace may still come while the window closes.
        with contextlib.suppress(ArgumentError):
            self._running.submit("Study list", work, key=key, priority=priority, on_done=self._tell_of)

    def _follow(self, settings: Settings) -> None:
        """Watch the folders that the settings name, and list what is open when a list is kept from now on."""
        library = settings.library
        wanted = {Path(text).absolute() for text in library.watched} if library.enabled else set()
        for folder in self._watches.keys() - wanted:
            self._watches.pop(folder).stop()
        for folder in sorted(wanted - self._watches.keys()):
            watch = FolderWatch(folder, self.library, interval_s=library.watch_interval_s)
            watch.notice.connect(self._tell)
            watch.arrived.connect(self._on_arrival)
            self._watches[folder] = watch
            watch.start()
        self._keep()
        self.changed.emit()

    def _keep_facts(self) -> None:
        """List anew what has become known, such as the pixel size of pictures; a first read may have been signed."""
        self._keep()
        self.changed.emit()

    def _say_changed(self) -> None:
        self.changed.emit()

    def _on_arrival(self, count: int) -> None:
        self.arrived.emit(count)
        self.changed.emit()

    def _announce(self, job: Job) -> None:
        self._tell_of(job)
        self.changed.emit()

    def _tell_of(self, job: Job) -> None:
        notice = notice_of(job)
        if notice is not None:
            self._tell(notice)
        elif job.state is JobState.DONE:
            self._told = None

    def _tell(self, notice: Notice) -> None:
        """Say something once until work succeeds again: a list in use would be told of with every change."""
        if notice != self._told:
            self._told = notice
            self.notice.emit(notice)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _as_may_be_seen(workspace: Workspace, study: ListedStudy) -> ListedStudy:
    """Return a study without what a model said of it while it is being read blind."""
    first = study.StudyInstanceUID or study.images[0].identity
    hidden = workspace.desk.blind and not workspace.reads.is_signed(first, workspace.settings.reader)
    return replace(study, model="", score=None) if hidden else study
