"""Small pictures of images, made in the background and kept; also those of recent studies on the start page."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeAlias

import cv2
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPixmap

from mammoviewer.base.arrays import ByteArray
from mammoviewer.base.paths import cache_dir
from mammoviewer.base.progress import Progress
from mammoviewer.dicom.image import Image
from mammoviewer.gui.bridge import when_over
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.thumbnail import thumbnail
from mammoviewer.session.workspace import Workspace


def to_pixmap(grey: ByteArray) -> QPixmap:
    """Return an 8-bit picture as a pixmap that owns its pixels."""
    rows, columns = grey.shape
    return QPixmap.fromImage(QImage(grey.data, columns, rows, grey.strides[0], QImage.Format.Format_Grayscale8))


def recent_picture_path(opened: Path) -> Path:
    """Return where the start page's picture of an opened file or folder is kept."""
    digest = hashlib.sha256(str(opened).encode()).hexdigest()[:24]
    return cache_dir() / "thumbnails" / f"{digest}.png"


_Key: TypeAlias = tuple[int, Orientation]


def _key(image: Image) -> _Key:
    """Return what a thumbnail is made of: an image, and not an identity, whose file may have changed, as it hangs."""
    return image.serial, image.attributes.orientation


class Thumbnails(QObject):
    """Makes thumbnails when nothing more urgent is to be done.

    Signals: ``ready(identity)``; ``made(identity, picture)`` with the greys of a thumbnail that was made just now.
    """

    ready = Signal(str)
    made = Signal(str, object)

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._made: dict[_Key, QPixmap] = {}
        self._asked: set[_Key] = set()

    @property
    def waiting(self) -> bool:
        """Return whether thumbnails that were asked for are still being made."""
        return not self._asked <= self._made.keys()

    def pixmap(self, image: Image) -> QPixmap | None:
        """Return the thumbnail of an image, or None and ask for it."""
        key = _key(image)
        if key not in self._made and key not in self._asked:
            self._asked.add(key)
            self._ask(image, key)
        return self._made.get(key)

    def keep_recent(self, opened: Path, image: Image) -> None:
        """Keep a picture of what was opened for the start page."""

        def work(progress: Progress) -> None:
            target = recent_picture_path(opened)
            target.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(target), thumbnail(image))

        self._workspace.decoding.submit("Thumbnail", work)

    def _ask(self, image: Image, key: _Key) -> None:
        def work(progress: Progress) -> ByteArray:
            return thumbnail(image)

        job = self._workspace.decoding.submit("Thumbnail", work, key=("thumbnail", image.attributes.identity))
        when_over(self, job, lambda ended: self._take(image, key, ended))

    def _take(self, image: Image, key: _Key, job: Job) -> None:
        if job.state is JobState.DONE:
            self._made[key] = to_pixmap(job.result)
            self.ready.emit(image.attributes.identity)
            self.made.emit(image.attributes.identity, job.result)
        else:
            self._asked.discard(key)
