"""Where the bytes of each frame lie in a file, found by walking item headers; pixel bytes are not touched.

The walk survives what a full read does not: a file cut short still gives its complete frames, and the bytes of a
delimiter inside a fragment mean nothing because item lengths are honoured (PS3.5 A.4).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from mammoviewer.base.errors import InputError
from mammoviewer.dicom.remedies import ASK_AGAIN, CONVERT

Segment: TypeAlias = tuple[int, int]
"""(offset in the file, length) of a run of bytes."""

FrameSegments: TypeAlias = tuple[Segment, ...]

_ITEM = (0xFFFE, 0xE000)
_SEQUENCE_END = (0xFFFE, 0xE0DD)
_MARKS = (struct.pack("<HH", *_ITEM), struct.pack("<HH", *_SEQUENCE_END))
_UNDEFINED = 0xFFFFFFFF
_LONG_VRS = (b"OB", b"OW", b"OD", b"OF", b"OL", b"OV", b"UN", b"SQ", b"UT", b"UC", b"UR", b"SV", b"UV")
_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
_MAX_TABLE_BYTES = 64 << 20
_MAX_FRAGMENTS = 4_000_000
_SEARCHED = 64 << 20


@dataclass(frozen=True)
class PixelElement:
    """The Pixel Data element of a file.

    ``native`` is the run of bytes of uncompressed frames, None when encapsulated. ``fragments`` are the complete
    fragments, ``offsets`` the offset tables found, extended first, counted from ``base``. ``cut_short`` tells that the
    file ends inside the element.
    """

    native: Segment | None
    fragments: tuple[Segment, ...] = ()
    offsets: tuple[tuple[int, ...], ...] = ()
    base: int = 0
    cut_short: bool = False


def find_pixel_element(handle: BinaryIO, start: int, size: int, *, implicit: bool, big_endian: bool) -> PixelElement:
    """Walk group 7FE0 from ``start`` (the first element of that group) and return its Pixel Data element.

    Raises
    ------
    InputError
        There is no Pixel Data element, or it holds floating point values.
    """
    order = ">" if big_endian else "<"
    extended: tuple[int, ...] = ()
    position = start
    while position + 8 <= size:
        tag, length, header = element_header(handle, position, order, implicit=implicit)
        if tag == (0x7FE0, 0x0010):
            body = position + header
            if length == _UNDEFINED:
                return _walk_items(handle, body, size, extended)
            available = max(0, min(length, size - body))
            return PixelElement((body, available), cut_short=length > size - body)
        if tag in ((0x7FE0, 0x0008), (0x7FE0, 0x0009)):
            raise InputError("the pixels are floating point values, which are not shown", hint=CONVERT)
        if length == _UNDEFINED:
            break
        if tag == (0x7FE0, 0x0001):
            extended = _table(handle, position + header, length, "Q")
        position += header + length
    raise InputError("there are no pixel data", hint=ASK_AGAIN)


def find_swallowed(
    handle: BinaryIO, size: int, *, expected: int, implicit: bool, big_endian: bool
) -> PixelElement | None:
    """Return the last element of the file that can be its Pixel Data, found by its tag; None when there is none.

    A sequence before the pixels whose length is wrong, such as an icon, hides them from a parser. ``expected`` is the
    size of an uncompressed frame: an icon's own pixels are smaller. At most the first 64 MiB are searched.
    """
    handle.seek(0)
    data = handle.read(min(size, _SEARCHED))
    order = ">" if big_endian else "<"
    tag = struct.pack(f"{order}HH", 0x7FE0, 0x0010)
    position = data.rfind(tag, 0, len(data) - 8)
    while position >= 0:
        if implicit or data[position + 4 : position + 6] in (b"OB", b"OW"):
            _, length, header = element_header(handle, position, order, implicit=implicit)
            body = position + header
            item = data[body : body + 4] == struct.pack("<HH", *_ITEM)
            if length == _UNDEFINED and item:
                return _walk_items(handle, body, size, ())
            if 0 < expected <= length <= size - body:
                return PixelElement((body, length))
        position = data.rfind(tag, 0, position)
    return None


def element_header(handle: BinaryIO, position: int, order: str, *, implicit: bool) -> tuple[tuple[int, int], int, int]:
    """Return (tag, length, bytes of the header) of the element at ``position``."""
    handle.seek(position)
    head = handle.read(12)
    if len(head) < 8:
        raise InputError("the file ends within the header of an element", hint=ASK_AGAIN)
    group, element = struct.unpack(f"{order}HH", head[:4])
    if implicit:
        return (group, element), int(struct.unpack(f"{order}L", head[4:8])[0]), 8
    if head[4:6] in _LONG_VRS:
        if len(head) < 12:
            return (group, element), 0, 12
        return (group, element), int(struct.unpack(f"{order}L", head[8:12])[0]), 12
    return (group, element), int(struct.unpack(f"{order}H", head[6:8])[0]), 8


def _walk_items(handle: BinaryIO, position: int, size: int, extended: tuple[int, ...]) -> PixelElement:
    basic: tuple[int, ...] = ()
    fragments: list[Segment] = []
    base = position
    first = True
    ended = False
    while position + 8 <= size and len(fragments) < _MAX_FRAGMENTS:
        position, tag, length = _item_header(handle, position)
        if tag == _SEQUENCE_END:
            ended = True
            break
        if tag != _ITEM or length == _UNDEFINED:
            break  # not an item: what follows is not pixel data
        body = position + 8
        if first:
            basic = _table(handle, body, min(length, size - body), "L")
            base = body + length
            first = False
        elif body + length > size:
            break
        else:
            fragments.append((body, length))
        position = body + length
    tables = tuple(table for table in (extended, basic) if table)
    return PixelElement(None, tuple(fragments), tables, base, cut_short=not ended)


def _item_header(handle: BinaryIO, position: int) -> tuple[int, tuple[int, int], int]:
    """Return where an item stands, its tag and its length.

    Some writers fill an item of odd length up with a zero byte which that length leaves out.
    """
    handle.seek(position)
    raw = handle.read(9)
    filled = int(len(raw) == 9 and raw[0] == 0 and raw[1:5] in _MARKS)
    group, element, length = struct.unpack_from("<HHL", raw, filled)
    return position + filled, (group, element), length


def _table(handle: BinaryIO, position: int, length: int, code: str) -> tuple[int, ...]:
    width = struct.calcsize(f"<{code}")
    if not 0 < length <= _MAX_TABLE_BYTES:
        return ()
    handle.seek(position)
    raw = handle.read(length)
    count = len(raw) // width
    return struct.unpack(f"<{count}{code}", raw[: count * width])


def frame_segments(handle: BinaryIO, element: PixelElement, frames: int | None) -> tuple[FrameSegments, ...]:
    """Return the fragments of each frame of encapsulated pixel data.

    A valid offset table is followed; without one fragments are counted, then grouped by the marks with which a
    codestream starts. ``frames`` is NumberOfFrames, None when it is not known. The result may hold fewer or more
    frames than that. Fragments without bytes are ignored.
    """
    fragments = [segment for segment in element.fragments if segment[1] > 0]
    for table in element.offsets:
        grouped = _by_table(element, table, frames)
        if grouped is not None:
            return grouped
    starts = _starting(handle, fragments)
    if frames == 1 and len(fragments) > 1 and not element.cut_short:
        return (tuple(fragments),) if sum(starts) <= 1 else _grouped(fragments, starts)
    if not any(starts):
        return tuple((segment,) for segment in fragments)  # RLE: one fragment is one frame (PS3.5 A.4.2)
    # The fragments that are left of a file cut short may be as many as the frames by chance. In a complete one a
    # fragment without a mark is a damaged frame.
    if frames is not None and len(fragments) == frames and not element.cut_short:
        return tuple((segment,) for segment in fragments)
    return _grouped(fragments, starts)


def _by_table(element: PixelElement, table: Sequence[int], frames: int | None) -> tuple[FrameSegments, ...] | None:
    """Return the frames as an offset table has them, or None when the table does not fit the fragments."""
    if frames is not None and len(table) != frames and not element.cut_short:
        return None
    if any(later <= earlier for earlier, later in zip(table, table[1:], strict=False)):
        return None
    starts = {segment[0] - 8 - element.base: index for index, segment in enumerate(element.fragments)}
    reached = [offset for offset in table if offset in starts]
    if not reached or reached[0] != 0 or (len(reached) != len(table) and not element.cut_short):
        return None
    if list(table[: len(reached)]) != reached:
        return None
    ends = [*[starts[offset] for offset in reached[1:]], len(element.fragments)]
    grouped = []
    for offset, end in zip(reached, ends, strict=True):
        grouped.append(tuple(part for part in element.fragments[starts[offset] : end] if part[1] > 0))
    return tuple(grouped)


def _starting(handle: BinaryIO, fragments: Sequence[Segment]) -> list[bool]:
    starts = []
    for offset, _ in fragments:
        handle.seek(offset)
        starts.append(handle.read(12).startswith(_STARTS))
    return starts


def _grouped(fragments: Sequence[Segment], starts: Sequence[bool]) -> tuple[FrameSegments, ...]:
    groups: list[list[Segment]] = []
    for segment, start in zip(fragments, starts, strict=True):
        if start or not groups:
            groups.append([])
        groups[-1].append(segment)
    return tuple(tuple(group) for group in groups)
