"""The header of a DICOM file, read up to the pixel data and no further, from files as they come."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mammoviewer.base.errors import InputError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.character_sets import decode_texts
from mammoviewer.dicom.deflated import inflated_size, open_inflated
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.library import parse_errors, pydicom
from mammoviewer.dicom.private_volume import LAST, VOLUME, PassedElement, has_creator, pass_over
from mammoviewer.dicom.remedies import ASK_AGAIN, CHECK_GREYS, CHECK_PLACE

DEFLATED = "1.2.840.10008.1.2.1.99"
_PREAMBLE = 132
_PIXEL_GROUP = 0x7FE00000
_ICON = 0x00880200
_CHARSET = "(0008,0005)"
_FIRST_GROUPS = (0x0002, 0x0008)
_PARSE_LOCK = threading.RLock()


@dataclass(frozen=True, eq=False)
class Header:
    """A data set without its pixels, and what is needed to find them.

    ``passed`` are the elements of a private volume, which the data set has without their contents. ``declared`` is the
    character set that the file names where its texts were read with another one.
    """

    path: Path
    dataset: Dataset
    transfer_syntax: str
    pixel_start: int
    size: int
    implicit: bool
    big_endian: bool
    notices: tuple[Notice, ...]
    deflated_at: int | None = None
    passed: tuple[PassedElement, ...] = ()
    declared: str | None = None

    @property
    def opener(self) -> Callable[[], BinaryIO]:
        """Return :meth:`open` as a function that does not keep the data set alive."""
        return functools.partial(_open, self.path, self.deflated_at)

    @property
    def inflater(self) -> Callable[[], BinaryIO] | None:
        """Return :attr:`opener` where the file is deflated, None where frames can be read at their place in it."""
        return None if self.deflated_at is None else self.opener

    def open(self) -> BinaryIO:
        """Return the file that ``pixel_start`` and ``size`` refer to: this one, or what is deflated in it."""
        return _open(self.path, self.deflated_at)


def _open(path: Path, deflated_at: int | None) -> BinaryIO:
    return path.open("rb") if deflated_at is None else open_inflated(path, deflated_at)


@contextlib.contextmanager
def quiet_parsing() -> Iterator[None]:
    """Keep the DICOM library's warnings about odd values off the console while a header is read.

    They may quote patient data, and what they tell is told by our own notices. Warning filters belong to the process,
    so that headers are read one after the other.
    """
    with _PARSE_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def looks_like_dicom(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of DICOM, with or without preamble."""
    if head[128:132] == b"DICM":
        return True
    if len(head) < 12:
        return False
    for order in ("<", ">"):
        group, element = struct.unpack(f"{order}HH", head[:4])
        (length,) = struct.unpack(f"{order}L", head[4:8])
        explicit = head[4:6].isalpha() and head[4:6].isupper()
        if group in _FIRST_GROUPS and element < 0x0100 and (explicit or length < 1024):
            return True
    return False


def read_header(path: Path, *, charset: str | None = None) -> Header:
    """Read the header of ``path``. Call within :func:`quiet_parsing`, as element values are converted on first use.

    Parameters
    ----------
    path
        The file.
    charset
        What texts are decoded by instead of SpecificCharacterSet; see :data:`character_sets.CHARSETS`.

    Raises
    ------
    ArgumentError
        The character set is none that the program has.
    InputError
        The file cannot be read, or is not DICOM.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as handle:
            header = _read(path, handle, size)
    except OSError as error:
        # the DICOM library raises one without a system message for a sequence that ends too early
        if error.strerror:
            raise InputError(f"the file cannot be read: {error.strerror}", hint=CHECK_PLACE, path=path) from error
        raise InputError("the file is damaged", hint=ASK_AGAIN, path=path) from error
    except parse_errors() as error:
        raise InputError("the file is damaged or not DICOM", hint=ASK_AGAIN, path=path) from error
    declared, told = decode_texts(header.dataset, charset)
    return dataclasses.replace(header, declared=declared, notices=(*header.notices, *told))


def _read(path: Path, handle: BinaryIO, size: int) -> Header:
    head = handle.read(_PREAMBLE)
    handle.seek(0)
    if not looks_like_dicom(head):
        raise InputError("the file is not DICOM", hint="choose a DICOM file", path=path)
    notices: list[Notice] = []
    if head[128:132] != b"DICM":
        notices.append(Notice(Severity.INFO, "the file has no DICOM preamble"))
    else:
        meta = _meta(handle)
        if elements.text(meta, "TransferSyntaxUID") == DEFLATED:
            return _read_deflated(path, meta, handle.tell())
        handle.seek(0)
    dataset, start, passed = _parsed(handle, size, notices)
    syntax = elements.text(dataset.file_meta, "TransferSyntaxUID")
    implicit, little = dataset.original_encoding
    if not syntax:
        text = "the transfer syntax is missing and is guessed from the data"
        notices.append(Notice(Severity.CAUTION, text, CHECK_GREYS))
    return Header(path, dataset, syntax, start, size, bool(implicit), little is False, tuple(notices), passed=passed)


def _parsed(handle: BinaryIO, size: int, notices: list[Notice]) -> tuple[Dataset, int, tuple[PassedElement, ...]]:
    """Return the data set, where it stopped and what was passed over; one damaged from its icon on is read up to it."""
    try:
        dataset = pydicom.filereader.read_partial(handle, stop_when=_at_volume, force=True)
        passed = _pass_volume(handle, dataset, size)
        return dataset, handle.tell(), passed
    except parse_errors() as error:
        if isinstance(error, OSError) and error.strerror:
            raise
    handle.seek(0)
    dataset = pydicom.filereader.read_partial(handle, stop_when=lambda tag, _vr, _length: tag >= _ICON, force=True)
    notices.append(Notice(Severity.CAUTION, "the header is damaged and is read in part", ASK_AGAIN))
    return dataset, size, ()


def _pass_volume(handle: BinaryIO, dataset: Dataset, size: int) -> tuple[PassedElement, ...]:
    """Go on to the pixels from where a private volume may stand; return what was passed over of it.

    ``dataset`` gets what stands between the two, and each element passed over as a sequence without items.
    """
    position = handle.tell()
    implicit, little = bool(dataset.original_encoding[0]), dataset.original_encoding[1] is not False
    order = "<" if little else ">"
    if handle.read(2) != struct.pack(f"{order}H", VOLUME >> 16):
        handle.seek(position)
        return ()
    passed: tuple[PassedElement, ...] = ()
    if has_creator(dataset):
        passed, position = pass_over(handle, position, size, order, implicit=implicit)
    handle.seek(position)
    dataset.update(pydicom.filereader.read_dataset(handle, implicit, little, stop_when=_at_pixels))
    for element in passed:
        dataset.add_new(element.tag, "SQ", [])
    return passed


def _meta(handle: BinaryIO) -> Dataset:
    """Return the file meta information and stay where the data set begins."""
    handle.seek(_PREAMBLE)
    return pydicom.filereader.read_dataset(
        handle, is_implicit_VR=False, is_little_endian=True, stop_when=lambda tag, _vr, _length: tag >= 0x00030000
    )


def _read_deflated(path: Path, meta: Dataset, start: int) -> Header:
    with open_inflated(path, start) as handle:
        size = inflated_size(handle)
        dataset = pydicom.filereader.read_dataset(
            handle, is_implicit_VR=False, is_little_endian=True, stop_when=_at_volume
        )
        dataset.file_meta = meta
        passed = _pass_volume(handle, dataset, size)
        return Header(path, dataset, DEFLATED, handle.tell(), size, False, False, (), deflated_at=start, passed=passed)


def _at_volume(tag: int, _vr: str | None, _length: int) -> bool:
    return VOLUME <= tag <= LAST or tag >= _PIXEL_GROUP


def _at_pixels(tag: int, _vr: str | None, _length: int) -> bool:
    return tag >= _PIXEL_GROUP


def header_lines(path: Path, *, charset: str | None = None) -> list[tuple[str, str, str, str]]:
    """Return (tag, keyword, VR, value) of every element of the header, items of sequences indented, for reading.

    ``charset`` is that of :func:`read_header`. Of a private volume only the size is told.

    Raises
    ------
    InputError
        The file cannot be read any more.
    """
    with quiet_parsing():
        header = read_header(path, charset=charset)
        known = {str(pydicom.tag.Tag(element.tag)): f"{element.place[1]} bytes" for element in header.passed}
        if header.declared is not None:
            used = elements.text(header.dataset, "SpecificCharacterSet")
            known[_CHARSET] = f"{header.declared} (read as {used})".lstrip()
        lines = [*_lines(header.dataset.file_meta, 0), *_lines(header.dataset, 0)]
        return [(tag, keyword, vr, known.get(tag, value)) for tag, keyword, vr, value in lines]


def _lines(dataset: Dataset, depth: int) -> Iterator[tuple[str, str, str, str]]:
    indent = "  " * depth
    for tag in sorted(dataset.keys()):
        try:
            element = dataset[tag]
        except parse_errors():
            yield f"{indent}{pydicom.tag.Tag(tag)}", "", "", "(not readable)"
            continue
        name = element.keyword or element.name
        if element.VR == "SQ":
            yield f"{indent}{element.tag}", name, "SQ", f"{len(element.value)} items"
            for item in element.value:
                yield from _lines(item, depth + 1)
        else:
            yield f"{indent}{element.tag}", name, str(element.VR), _shortened(element.value)


def _shortened(value: object, limit: int = 200) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    shown = "" if value is None else str(value)
    return shown if len(shown) <= limit else f"{shown[:limit]}..."
