"""Where the frames of a file lie and how their bytes are laid out: for images, and for masks laid over them."""

from __future__ import annotations

from typing import BinaryIO

from mammoviewer.base.errors import InputError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.codestream import Codestream, sniff
from mammoviewer.dicom.fragments import (
    FrameSegments,
    PixelElement,
    find_pixel_element,
    find_swallowed,
    frame_segments,
)
from mammoviewer.dicom.frames import PixelForm
from mammoviewer.dicom.header import Header
from mammoviewer.dicom.pixel_form import MAX_FRAME_BYTES, MAX_FRAMES, frame_count, read_pixel_form
from mammoviewer.dicom.remedies import ASK_AGAIN, CHECK_PLACE

_SNIFFED = 65536
_SOI = b"\xff\xd8"


def find_frames(header: Header, notices: list[Notice]) -> tuple[PixelForm, tuple[FrameSegments, ...]]:
    """Return the layout of the pixels and where each frame lies, in the order of the file; no pixel is decoded.

    What had to be assumed is added to ``notices``.

    Raises
    ------
    InputError
        There are no pixel data, they cannot be read, or not one frame of them is complete.
    UnsupportedError
        The pixels are of a kind that is not shown.
    """
    told = frame_count(header.dataset, notices)
    try:
        with header.open() as handle:
            element = _pixel_element(handle, header, notices)
            seen = None
            if element.native is None:
                segments = frame_segments(handle, element, told)
                seen = _first_codestream(handle, segments)
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", hint=CHECK_PLACE) from error
    form = read_pixel_form(
        header.dataset,
        header.transfer_syntax,
        encapsulated=element.native is None,
        big_endian=header.big_endian,
        seen=seen,
        notices=notices,
    )
    if element.native is not None:
        segments = _native_segments(element, form)
    return form, _clipped(segments, told, notices)


def _pixel_element(handle: BinaryIO, header: Header, notices: list[Notice]) -> PixelElement:
    """Return the Pixel Data element; looked for by its mark when a damaged sequence before it has swallowed it."""
    implicit, big_endian = header.implicit, header.big_endian
    try:
        return find_pixel_element(handle, header.pixel_start, header.size, implicit=implicit, big_endian=big_endian)
    except InputError:
        found = find_swallowed(
            handle, header.size, expected=_frame_bytes(header), implicit=implicit, big_endian=big_endian
        )
        if found is None:
            raise
        text = "a damaged sequence hides the pixel data, which were found behind it"
        notices.append(Notice(Severity.CAUTION, text, ASK_AGAIN))
        return found


def _frame_bytes(header: Header) -> int:
    """Return the bytes of an uncompressed frame, 0 when the header does not tell."""
    keywords = ("Rows", "Columns", "BitsAllocated")
    rows, columns, bits = (elements.integer(header.dataset, keyword) or 0 for keyword in keywords)
    return max(0, rows * columns * (elements.integer(header.dataset, "SamplesPerPixel") or 1) * bits // 8)


def _first_codestream(handle: BinaryIO, segments: tuple[FrameSegments, ...]) -> Codestream | None:
    """Return what the first frame says of itself; more of it is read where other segments come before that."""
    if not segments:
        return None
    head = _first_bytes(handle, segments[0], _SNIFFED)
    seen = sniff(head)
    if seen is None and head.startswith(_SOI):
        seen = sniff(_first_bytes(handle, segments[0], MAX_FRAME_BYTES))
    return seen


def _first_bytes(handle: BinaryIO, parts: FrameSegments, most: int) -> bytes:
    found = b""
    for offset, length in parts:
        handle.seek(offset)
        found += handle.read(min(length, most - len(found)))
    return found


def _native_segments(element: PixelElement, form: PixelForm) -> tuple[FrameSegments, ...]:
    """Return the runs of bytes of the complete frames of uncompressed pixel data."""
    offset, length = element.native or (0, 0)
    count = min(length // form.frame_bytes, MAX_FRAMES)
    return tuple(((offset + index * form.frame_bytes, form.frame_bytes),) for index in range(count))


def _clipped(segments: tuple[FrameSegments, ...], told: int | None, notices: list[Notice]) -> tuple[FrameSegments, ...]:
    """Return at most the frames that the header tells of, with a notice when their number differs."""
    if not segments:
        raise InputError("the pixel data are cut short: not one frame is complete", hint=ASK_AGAIN)
    if told is None or len(segments) == told:
        return segments
    if len(segments) < told:
        text = f"the file is incomplete: {len(segments)} of {told} frames"
        notices.append(Notice(Severity.CAUTION, text, ASK_AGAIN))
        return segments
    text = f"the file holds {len(segments)} frames, {told} are declared and shown"
    notices.append(Notice(Severity.CAUTION, text, "open it in another viewer to see the others"))
    return segments[:told]
