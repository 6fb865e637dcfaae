"""The elements in which Hologic devices keep a volume: found when a header is read, and passed over.

They may hold gigabytes and stand before the pixel data, so that a parser reads them whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.fragments import Segment, element_header
from mammoviewer.dicom.library import parse_errors, pydicom

CREATOR = "HOLOGIC, Inc."
VOLUME = 0x7E011010
LAST = 0x7E0110FF
ITEM, ITEM_END, SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
UNDEFINED = 0xFFFFFFFF
_CREATOR_TAG = 0x7E010010


@dataclass(frozen=True)
class PassedElement:
    """An element that was not read. ``implicit`` tells how what it holds is encoded, ``place`` where that stands."""

    tag: int
    implicit: bool
    place: Segment


def has_creator(dataset: Dataset) -> bool:
    """Return whether the private elements of the group are Hologic's."""
    try:
        creator = dataset.get(pydicom.tag.Tag(_CREATOR_TAG))
    except parse_errors():
        return False
    return creator is not None and str(creator.value).strip() == CREATOR


def pass_over(
    handle: BinaryIO, position: int, size: int, order: str, *, implicit: bool
) -> tuple[tuple[PassedElement, ...], int]:
    """Return the elements of the volume from ``position`` on, and where the first element behind them stands.

    ``order`` is that of the bytes, "<" or ">".
    """
    passed: list[PassedElement] = []
    while position + 8 <= size:
        (group, element), length, header = element_header(handle, position, order, implicit=implicit)
        tag = group << 16 | element
        if not VOLUME <= tag <= LAST:
            break
        handle.seek(position + 4)
        # what is known as UN only holds implicit elements (PS3.5 6.2.2)
        inner = implicit or handle.read(2) == b"UN"
        start = position + header
        end = start + length if length != UNDEFINED else _sequence_end(handle, start, size, order, implicit=inner)
        position = min(end, size)
        passed.append(PassedElement(tag, inner, (start, position - start)))
    return tuple(passed), position


def _sequence_end(handle: BinaryIO, position: int, size: int, order: str, *, implicit: bool) -> int:
    """Return where a sequence of undefined length ends; sequences in it are passed over by counting their ends."""
    depth = 1
    while position + 8 <= size and depth:
        tag, length, header = item_header(handle, position, order, implicit=implicit)
        position += header
        if tag == SEQUENCE_END:
            depth -= 1
        elif tag not in (ITEM, ITEM_END) and length == UNDEFINED:
            depth += 1
        elif length != UNDEFINED:
            position += length
    return position


def item_header(handle: BinaryIO, position: int, order: str, *, implicit: bool) -> tuple[tuple[int, int], int, int]:
    """Return (tag, length, bytes of the header) of an element, or of the mark of an item, which has no VR."""
    handle.seek(position)
    mark = handle.read(2) == (b"\xfe\xff" if order == "<" else b"\xff\xfe")
    return element_header(handle, position, order, implicit=implicit or mark)
