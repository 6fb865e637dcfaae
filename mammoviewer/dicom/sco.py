"""Hologic SCO: tomosynthesis volumes inside Secondary Capture objects, in private elements (dicom.md section 1).

The bytes of (7E01,1012) in the items of (7E01,1010), joined, begin with a little-endian header and end with 1024 bytes
of offsets; between them lie bare JPEG-LS scans, one for each frame.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from mammoviewer.base.errors import InputError
from mammoviewer.dicom import elements
from mammoviewer.dicom.codestream import Codec
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.fragments import FrameSegments, Segment
from mammoviewer.dicom.frames import PixelForm
from mammoviewer.dicom.header import Header
from mammoviewer.dicom.library import pydicom
from mammoviewer.dicom.pixel_form import MAX_FRAME_BYTES
from mammoviewer.dicom.private_volume import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    VOLUME,
    PassedElement,
    has_creator,
    item_header,
)
from mammoviewer.dicom.remedies import ASK_AGAIN, CONVERT

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_BYTES = (0x7E01, 0x1012)
_TABLE_BYTES = 1024
_HEADER_BYTES = 40
_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"


@dataclass(frozen=True)
class ScoVolume:
    """Where the frames are, as runs of bytes of the file, and how they are coded."""

    form: PixelForm
    near: int
    segments: tuple[FrameSegments, ...]

    @property
    def wrap(self) -> Callable[[bytes], bytes]:
        """Return the function that makes a JPEG-LS codestream of a bare scan."""
        head = jpegls_head(self.form.rows, self.form.columns, self.form.bits_stored, self.near)
        return lambda scan: scan if scan.startswith(_SOI) else head + scan + _EOI


def is_sco(dataset: Dataset) -> bool:
    """Return whether a header is that of a Secondary Capture with a volume in Hologic's private elements."""
    return (
        elements.text(dataset, "SOPClassUID").startswith(_SECONDARY_CAPTURE)
        and pydicom.tag.Tag(VOLUME) in dataset
        and has_creator(dataset)
    )


def read_volume(header: Header) -> ScoVolume:
    """Return the volume of an SCO file; no pixel is read.

    Raises
    ------
    InputError
        The private elements are not as they should be, or cut short before the offsets.
    """
    if header.big_endian:
        raise InputError("the private volume of the file is not in little-endian order", hint=CONVERT)
    element = next((element for element in header.passed if element.tag == VOLUME), None)
    if element is None:
        raise InputError("the file has no private volume", hint=ASK_AGAIN)
    with header.open() as handle:
        return _volume(handle, _parts(handle, element), elements.text(header.dataset, "PhotometricInterpretation"))


def _volume(handle: BinaryIO, parts: list[Segment], photometric: str) -> ScoVolume:
    total = sum(length for _, length in parts)
    if total < _HEADER_BYTES + _TABLE_BYTES:
        raise InputError("the private volume of the file is cut short", hint=ASK_AGAIN)
    frames, columns, rows, bits, near = _numbers(_read(handle, parts, 0, _HEADER_BYTES))
    if not (0 < frames < _TABLE_BYTES // 4 and rows and columns and 2 <= bits <= 16):
        raise InputError("the private volume of the file has no valid header", hint=ASK_AGAIN)
    offsets = struct.unpack(f"<{frames + 1}i", _read(handle, parts, total - _TABLE_BYTES, 4 * (frames + 1)))
    rising = all(early < late for early, late in zip(offsets, offsets[1:], strict=False))
    if not rising or offsets[0] < _HEADER_BYTES or offsets[-1] > total:
        raise InputError("the private volume of the file has no valid offsets", hint=ASK_AGAIN)
    allocated = 8 if bits <= 8 else 16
    form = PixelForm(
        rows, columns, 1, allocated, bits, bits - 1, signed=False, planar=False,
        photometric=photometric or "MONOCHROME2",
        big_endian=False, codec=Codec.JPEG_LS,
    )  # fmt: skip
    if form.frame_bytes > MAX_FRAME_BYTES:
        raise InputError(f"a frame of {columns} x {rows} pixels is larger than this program opens", hint=ASK_AGAIN)
    spans = zip(offsets, offsets[1:], strict=False)
    return ScoVolume(form, near, tuple(_spanned(parts, start, end) for start, end in spans))


def as_volume(dataset: Dataset, volume: ScoVolume) -> Dataset:
    """Return the header as that of the volume inside, so that it is read like any other."""
    shown = pydicom.Dataset(dataset)
    shown.NumberOfFrames = len(volume.segments)
    shown.ImageType = ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "NONE"]
    if volume.near:
        shown.LossyImageCompression = "01"
    return shown


def jpegls_head(rows: int, columns: int, bits: int, near: int) -> bytes:
    """Return the markers before a scan of one component (ISO 14495-1 C.2): SOI, SOF55 and SOS."""
    frame = struct.pack(">HHBHHBBBB", 0xFFF7, 11, bits, rows, columns, 1, 1, 0x11, 0)
    return _SOI + frame + struct.pack(">HHBBBBBB", 0xFFDA, 8, 1, 1, 0, near, 0, 0)


def _numbers(header: bytes) -> tuple[int, int, int, int, int]:
    frames, columns, rows = (struct.unpack_from("<H", header, place)[0] for place in (20, 24, 28))
    return frames, columns, rows, header[32], header[36]


def _parts(handle: BinaryIO, element: PassedElement) -> list[Segment]:
    """Return the runs of bytes of (7E01,1012) in the items of the sequence."""
    found: list[Segment] = []
    position, end = element.place[0], sum(element.place)
    while position + 8 <= end:
        tag, length, header = item_header(handle, position, "<", implicit=element.implicit)
        position += header
        if tag == SEQUENCE_END:
            break
        if tag in (ITEM, ITEM_END):
            continue  # the elements of an item are walked as if they stood in one list
        if length == UNDEFINED:
            raise InputError("the private volume of the file holds a sequence, which is not read", hint=ASK_AGAIN)
        if tag == _BYTES:
            found.append((position, min(length, end - position)))
        position += length
    return found


def _spanned(parts: list[Segment], start: int, end: int) -> FrameSegments:
    """Return the runs of bytes of the file that the bytes ``start`` to ``end`` of the joined parts are."""
    runs = []
    before = 0
    for offset, length in parts:
        low, high = max(start, before), min(end, before + length)
        if low < high:
            runs.append((offset + low - before, high - low))
        before += length
    return tuple(runs)


def _read(handle: BinaryIO, parts: list[Segment], start: int, count: int) -> bytes:
    data = b""
    for offset, length in _spanned(parts, start, start + count):
        handle.seek(offset)
        data += handle.read(length)
    if len(data) != count:
        raise InputError("the private volume of the file is cut short", hint=ASK_AGAIN)
    return data
