"""Annotations beside images: found when an image is opened, offered and not forced in, written where that is wished."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from psygnal import Signal

from mammoviewer.annotations.density import BreastDensity, is_of
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.transfer import Imported, joined
from mammoviewer.annotations.merging import Merge, merge
from mammoviewer.annotations.sidecar import read_sidecar, sidecar_path, write_sidecar
from mammoviewer.base.errors import AnnotationError, ExportError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom.attributes import ImageAttributes

if TYPE_CHECKING:
    from mammoviewer.session.workspace import Workspace

REST_S: Final = 1.0
"""So long after the last edit the files are written."""
_Said: TypeAlias = tuple[tuple[Finding, ...], tuple[BreastDensity, ...]]


@dataclass(frozen=True)
class Offer:
    """What lies beside images and is not in the library."""

    paths: tuple[Path, ...]
    theirs: Imported
    merge: Merge

    @property
    def notice(self) -> Notice:
        """Return the notice that offers it."""
        images = f"{len(self.paths)} image{'' if len(self.paths) == 1 else 's'}"
        hint = "nothing comes in unless you take it; undo takes it out again"
        return Notice(Severity.INFO, f"Annotations lie beside {images}: {self.merge.text}", hint)


class Sidecars:
    """Looks beside images as they are opened, and writes beside them while the setting says so.

    Signals: ``offered(Offer)``, on the thread that opens the images.
    """

    offered = Signal(Offer)

    def __init__(self, workspace: Workspace, *, rest_s: float = REST_S) -> None:
        self._workspace = workspace
        self._rest_s = rest_s
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._written: dict[str, _Said] = {}
        self._refused: set[Path] = set()
        workspace.studies_changed.connect(self._look)
        workspace.annotations.changed.connect(self._start)

    def take_in(self, offer: Offer) -> int:
        """Bring what was offered in, as one step of undo; return how much of it is still new."""
        found = self._merged(offer.theirs)
        edit = found.edit("Take in annotations beside images")
        if edit is not None:
            self._workspace.edit(edit)
        return len(found.findings) + len(found.densities)

    def write_all(self) -> tuple[Path, ...]:
        """Write beside every open image of which something is said and not written yet; return the files."""
        with self._lock:
            written = (self._write(image.attributes) for image in self._workspace.images)
            return tuple(path for path in written if path is not None)

    def close(self) -> None:
        """Write what waits and stop."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            timer.join()
            self.write_all()

    def _look(self) -> None:
        fresh = [i.attributes for i in self._workspace.images if i.attributes.identity not in self._written]
        found = []
        for image in fresh:
            self._written[image.identity] = self._said(image)
            theirs = self._read(image)
            if theirs.findings or theirs.densities:
                found.append((sidecar_path(image), theirs))
        theirs = joined(part for _, part in found)
        offer = Offer(tuple(path for path, _ in found), theirs, self._merged(theirs))
        if offer.merge.text:
            self.offered.emit(offer)

    def _read(self, image: ImageAttributes) -> Imported:
        try:
            return read_sidecar(image)
        except (AnnotationError, OSError) as error:
            self._refuse(sidecar_path(image), error)
            return Imported(())

    def _merged(self, theirs: Imported) -> Merge:
        annotations = self._workspace.annotations
        return merge(
            theirs, annotations.findings, annotations.densities, history=self._workspace.store.history, dated=True
        )

    def _said(self, image: ImageAttributes) -> _Said:
        annotations = self._workspace.annotations
        return annotations.for_image(image.identity), tuple(d for d in annotations.densities if is_of(d, image))

    def _start(self) -> None:
        """Write in a moment, and not at every step of a drag."""
        if not self._workspace.settings.library.sidecars:
            return
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(self._rest_s, self.write_all)
            self._timer.daemon = True
            self._timer.start()

    def _write(self, image: ImageAttributes) -> Path | None:
        said, path = self._said(image), sidecar_path(image)
        nothing: _Said = ((), ())
        if path in self._refused or (path.exists() and said == self._written.get(image.identity, nothing)):
            return None
        try:
            made = write_sidecar(image, *said, self._workspace.store.history)
        except (AnnotationError, ExportError) as error:
            self._refuse(path, error)
            return None
        self._written[image.identity] = said
        return made

    def _refuse(self, path: Path, error: AnnotationError | ExportError | OSError) -> None:
        """Leave a file alone from now on, and say why."""
        self._refused.add(path)
        reason = str(error.strerror) if isinstance(error, OSError) else error.reason
        text = f"The annotations beside {path.name.removesuffix('.mammoviewer.json')} are left alone: {reason}"
        hint = "they stay in your library; move the file away, or make the folder one that can be written"
        self._workspace.notice.emit(Notice(Severity.CAUTION, text, hint))
