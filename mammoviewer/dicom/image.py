"""An image of any origin: its attributes at once, its frames when asked for."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.errors import DecodeError
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.companions.records import Companion, ImageLinks
from mammoviewer.dicom.frames import FrameCache, FrameSource

HeaderLines: TypeAlias = Callable[[], list[tuple[str, str, str, str]]]
"""Returns (tag, keyword, VR, value) of every element of a header."""

_serials = itertools.count()


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


class Image:
    """One image or volume. Frames come through a cache that many images share; every method is thread-safe."""

    def __init__(
        self,
        attributes: ImageAttributes,
        source: FrameSource,
        cache: FrameCache,
        header_lines: HeaderLines,
    ) -> None:
        self.attributes = attributes
        self.header_lines = header_lines
        """Reads the header for :meth:`header_text`; another one where its texts are to be read differently."""
        self._source = source
        self._cache = cache
        self.serial = next(_serials)
        """Tells this image from every other of the process, also from another reading of the same file."""
        self._decoder = ""
        self.stamp = _stamp(attributes.path)
        """Size and time of the file when it was opened, None without a file: tells whether it has changed since."""
        self.links = ImageLinks()
        self.companions: tuple[Companion, ...] = ()
        """The overlays and display shutters in the image's own header."""

    def __repr__(self) -> str:
        """Return the view and size, without patient data."""
        attributes = self.attributes
        size = f"{attributes.frames} x {attributes.rows} x {attributes.columns}"
        return f"<Image {attributes.kind} {attributes.view.label} {size}>"

    @property
    def decoder(self) -> str:
        """Return the name of the decoder that ran last, empty before the first frame."""
        return self._decoder

    def frame(self, index: int = 0) -> StoredArray:
        """Return the stored values of a frame, read-only, any integer dtype, (rows, columns).

        Raises
        ------
        DecodeError
            There is no such frame, or it cannot be read or decoded.
        """
        if not 0 <= index < self.attributes.frames:
            reason = f"there is no frame {index + 1} of {self.attributes.frames}"
            raise DecodeError(reason, hint="frames are counted from 1", path=self.attributes.path)
        return self._cache.get((self.serial, index), lambda: self._decoded(index))

    def is_cached(self, index: int) -> bool:
        """Return whether a frame can be had without decoding."""
        return (self.serial, index) in self._cache

    def cached_frame(self, index: int) -> StoredArray | None:
        """Return a frame if it is decoded already; never decodes."""
        return self._cache.peek((self.serial, index))

    def header_text(self) -> list[tuple[str, str, str, str]]:
        """Return (tag, keyword, VR, value) of every element of the header, read from the file again."""
        return self.header_lines()

    def close(self) -> None:
        """Give the memory of the frames back."""
        self._cache.drop(self.serial)

    def _decoded(self, index: int) -> StoredArray:
        pixels, self._decoder = self._source.read(index)
        return pixels
