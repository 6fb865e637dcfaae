"""Watching a folder for new studies: by looking again and again, which also works on network shares."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from psygnal import Signal

from mammoviewer.annotations.finding import utc_now
from mammoviewer.base.errors import Cancelled, LibraryError, MammoViewerError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom.frames import FrameCache
from mammoviewer.dicom.header import looks_like_dicom
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import OpenResult, may_be_image, open_paths
from mammoviewer.dicom.study import group_studies
from mammoviewer.session.listed_study import listed
from mammoviewer.session.study_library import THUMBNAILS, Stamp, StudyLibrary
from mammoviewer.session.thumbnail import as_png, thumbnail

MOST_FILES: Final = 20_000
"""More files than that below one folder are not watched."""
_FILES_A_ROUND: Final = 400
"""Headers are read in portions, so that a large folder neither fills the memory nor delays the end of the program."""
_CACHE_BYTES: Final = 64 << 20
_REST: Final = 10.0
"""After a look the watch rests so many times longer than the look took."""
_ATTEMPTS: Final = 5
_HEAD: Final = 136
_UNFINISHED: Final = {".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".download"}
_LOGGER = logging.getLogger(__name__)


class FolderWatch:
    """Looks into a folder and all below it on a thread of its own; DICOM files that are new are listed as studies.

    A file counts when two looks in a row found it the same, and with it all others that changed in its folder: what
    is being copied is left alone until it is whole. Nothing is opened for the reader.

    Signals, emitted on the watching thread: ``arrived(int)`` with the number of new studies, ``notice(Notice)``.

    Parameters
    ----------
    folder
        The folder.
    library
        Returns the list; may raise LibraryError, and is then asked again at the next look.
    interval_s
        Seconds between two looks.
    """

    arrived = Signal(int)
    notice = Signal(Notice)

    def __init__(self, folder: Path, library: Callable[[], StudyLibrary], *, interval_s: float = 5.0) -> None:
        self.folder = folder.absolute()
        self._library = library
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._known: dict[str, Stamp] | None = None
        self._before: dict[str, Stamp] = {}
        self._failures: dict[str, int] = defaultdict(int)
        self._told: Notice | None = None
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self, patience_s: float = 0.0) -> bool:
        """Look no more; return whether the thread has ended, which a share that does not answer may delay."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(patience_s)
        return not self._thread.is_alive()

    def look(self) -> int:
        """Look once, list what is new and whole, and return how many new studies there are.

        Raises
        ------
        LibraryError
            If the list cannot be read or written: what was found is found again at the next look.
        Cancelled
            If the watch was stopped meanwhile.
        """
        library = self._library()
        if self._known is None:
            self._known = library.seen(self.folder)
        found = self._files()
        known, before, self._before = self._known, self._before, found
        fresh: dict[str, list[str]] = defaultdict(list)
        for path, stamp in found.items():
            if known.get(path) != stamp:
                fresh[str(Path(path).parent)].append(path)
        whole = [paths for paths in fresh.values() if all(before.get(path) == found[path] for path in paths)]
        return sum(self._list({path: found[path] for path in paths}, library) for paths in _portions(whole))

    def _list(self, files: dict[str, Stamp], library: StudyLibrary) -> int:
        """Read the headers of files that are whole and list their studies; return how many are new."""
        result = open_paths(
            [Path(path) for path in files if self._is_dicom(path)],
            cache=FrameCache(_CACHE_BYTES),
            progress=self._progress,
        )
        try:
            new = self._put(result, library)
        finally:
            for image in result.images:
                image.close()
        failed = {str(rejected.path) for rejected in result.rejected} & files.keys()
        for path in failed:
            self._failures[path] += 1
        # A share that stammers: what could not be read is tried some more times.
        read = {p: s for p, s in files.items() if p not in failed or self._failures[p] >= _ATTEMPTS}
        library.mark_seen(read)
        assert self._known is not None
        self._known.update(read)
        if new:
            self.arrived.emit(new)
        return new

    def _put(self, result: OpenResult, library: StudyLibrary) -> int:
        new = 0
        for study in group_studies(result.images):
            line = listed(study, companions=result.companions, at=utc_now(), was_opened=False)
            new += library.put(line)
            by_identity = {image.attributes.identity: image for image in study.images}
            for entry in line.images[:THUMBNAILS]:
                self._picture(by_identity[entry.identity], library)
        for companion in result.companions:
            if companion.StudyInstanceUID:
                library.add_companion(companion.StudyInstanceUID, companion.path.absolute())
        return new

    def _picture(self, image: Image, library: StudyLibrary) -> None:
        self._progress(0.0, "")
        try:
            png = as_png(thumbnail(image))
        except MammoViewerError:
            return  # the line stands without a picture; opening it tells what is wrong
        library.put_thumbnail(image.attributes.identity, png)

    def _is_dicom(self, path: str) -> bool:
        try:
            with Path(path).open("rb") as handle:
                return looks_like_dicom(handle.read(_HEAD))
        except OSError:
            return True  # the reader says why not, and it is tried again

    def _files(self) -> dict[str, Stamp]:
        """Return the files that may be images, with size and time.

        Raises
        ------
        OSError
            The folder itself cannot be listed.
        """
        os.scandir(self.folder).close()
        found: dict[str, Stamp] = {}
        for parent, folders, names in os.walk(self.folder):
            self._progress(0.0, "")
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in names:
                path = Path(parent, name)
                if not may_be_image(path) or path.suffix.lower() in _UNFINISHED:
                    continue
                if len(found) == MOST_FILES:
                    text = f"a watched folder holds more than {MOST_FILES} files"
                    self._tell(Notice(Severity.CAUTION, text, "watch the folders below it that matter"))
                    return found
                try:
                    state = path.stat()
                except OSError:
                    continue  # gone again
                found[str(path)] = (state.st_size, state.st_mtime_ns)
        return found

    def _progress(self, fraction: float, message: str) -> None:
        if self._stop.is_set():
            raise Cancelled

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            try:
                self.look()
            except Cancelled:
                return
            except LibraryError as error:
                self._tell(Notice.from_error(error))
            except OSError:
                hint = "it is watched again as soon as it is there"
                self._tell(Notice(Severity.CAUTION, f"the watched folder {self.folder.name} cannot be reached", hint))
            except Exception:
                _LOGGER.exception("watching a folder failed")
                hint = "the log tells more (Help > Log)"
                self._tell(Notice(Severity.ERROR, "Watching a folder stopped because of a defect", hint))
                return
            if self._stop.wait(max(self._interval_s, _REST * (time.monotonic() - began))):
                return

    def _tell(self, notice: Notice) -> None:
        """Say something once, until there is something else to say."""
        if notice != self._told:
            self._told = notice
            self.notice.emit(notice)


def _portions(folders: list[list[str]]) -> Iterator[list[str]]:
    """Put folders together up to so many files; those of one folder stay together."""
    portion: list[str] = []
    for paths in folders:
        if portion and len(portion) + len(paths) > _FILES_A_ROUND:
            yield portion
            portion = []
        portion = portion + paths
    if portion:
        yield portion
