"""Deflated DICOM (PS3.5 A.5) as a file to read and seek in, inflated as it is read: nothing of it is kept."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from mammoviewer.base.errors import InputError
from mammoviewer.dicom.remedies import UNCOMPRESSED

MAX_INFLATED_BYTES = 1 << 31
_CHUNK = 1 << 18
_BUFFER = 1 << 20


class InflatedFile(io.RawIOBase):
    """The inflated bytes of ``path`` from ``start`` on. Seeking backwards begins anew; a damaged rest reads as the end.

    Raises
    ------
    OSError
        The file cannot be read.
    """

    def __init__(self, path: Path, start: int) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._start = start
        self._position = 0
        self._rewind()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place among the inflated bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; the end is found by inflating up to it."""
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            while self._next(_CHUNK):
                pass
            offset += self._position
        if offset < self._position:
            self._rewind()
        while self._position < offset and self._next(min(_CHUNK, offset - self._position)):
            pass
        return self._position

    def readinto(self, buffer: object) -> int:
        """Fill ``buffer`` as far as there are bytes."""
        target = memoryview(cast(bytearray, buffer)).cast("B")
        data = self._next(len(target))
        target[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def _rewind(self) -> None:
        self._file.seek(self._start)
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._waiting = b""
        self._position = 0

    def _next(self, most: int) -> bytes:
        while most > 0 and not self._inflater.eof:
            source = self._waiting or self._file.read(_CHUNK)
            try:
                data = self._inflater.decompress(source, most)
            except zlib.error:
                return b""
            self._waiting = self._inflater.unconsumed_tail
            if data:
                self._position += len(data)
                return data
            if not source:
                return b""
        return b""


def open_inflated(path: Path, start: int) -> BinaryIO:
    """Return the deflated data set that starts at ``start`` as a file of inflated bytes."""
    return cast(BinaryIO, io.BufferedReader(InflatedFile(path, start), _BUFFER))


def inflated_size(handle: BinaryIO) -> int:
    """Return how many bytes there are and go back to the first one.

    Raises
    ------
    InputError
        There are more than ``MAX_INFLATED_BYTES``.
    """
    end = handle.seek(MAX_INFLATED_BYTES)
    if end >= MAX_INFLATED_BYTES:
        raise InputError("the deflated file is larger than this program opens", hint=UNCOMPRESSED)
    handle.seek(0)
    return end
