"""Opening one DICOM file as an image: its header is read and its frames are located, no pixel is decoded."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pydicom

from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.errors import InputError, MammoViewerError, UnsupportedError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.codestream import Codestream, sniff
from mammoviewer.dicom.companions.reader import is_companion, read_embedded
from mammoviewer.dicom.companions.references import read_links
from mammoviewer.dicom.fragments import (
    FrameSegments,
    PixelElement,
    find_pixel_element,
    find_swallowed,
    frame_segments,
)
from mammoviewer.dicom.frames import DicomFrames, FrameCache, PixelForm
from mammoviewer.dicom.header import Header, header_lines, quiet_parsing, read_header
from mammoviewer.dicom.image import HeaderLines, Image
from mammoviewer.dicom.modality_lut import read_modality_lut
from mammoviewer.dicom.pixel_form import MAX_FRAME_BYTES, MAX_FRAMES, frame_count, read_pixel_form
from mammoviewer.dicom.record import read_padding, read_record
from mammoviewer.dicom.remedies import ASK_AGAIN, CHECK_PLACE
from mammoviewer.dicom.sco import as_volume, is_sco, read_volume


class CompanionFile(UnsupportedError):
    """The file is no image, but is read as a companion of images."""


# Objects that carry Rows and Columns but are made to be laid over an image, not to be read as one.
_NOT_SHOWN = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.66.7",
    "1.2.840.10008.5.1.4.1.1.30",
    "1.2.840.10008.5.1.4.1.1.481.2",
)
_SNIFFED = 65536
_SOI = b"\xff\xd8"


def open_dicom(path: Path, cache: FrameCache, *, charset: str | None = None) -> Image:
    """Open a DICOM image; ``charset`` is that of :func:`read_header`.

    Raises
    ------
    InputError
        The file is not a DICOM image, or not one frame of it is complete.
    UnsupportedError
        It is an object, a compression or a pixel layout that is not shown.
    """
    try:
        with quiet_parsing():
            return _open(read_header(path, charset=charset), cache, charset)
    except MammoViewerError as error:
        if error.path is not None:
            raise
        raise type(error)(error.reason, hint=error.hint, path=path) from error


def _open(header: Header, cache: FrameCache, charset: str | None) -> Image:
    _require_image(header)
    lines = functools.partial(header_lines, header.path, charset=charset)
    if is_sco(header.dataset):
        return _open_sco(header, cache, lines)
    notices = list(header.notices)
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
    segments = _clipped(segments, told, notices)
    padding = read_padding(header.dataset, form)
    modality = read_modality_lut(header.dataset, signed=form.signed, padding=padding, notices=notices)
    embedded = read_embedded(header, notices, raw_frame=_raw_frames(header, form, segments))
    attributes = read_record(header, form, len(segments), notices, modality)
    ordered = tuple(segments[attributes.file_frame(index)] for index in range(len(segments)))
    source = DicomFrames(header.path, form, ordered, header.inflater, modality)
    image = Image(attributes, source, cache, lines)
    image.links = read_links(header.dataset)
    image.companions = embedded
    return image


def _open_sco(header: Header, cache: FrameCache, lines: HeaderLines) -> Image:
    try:
        volume = read_volume(header)
    except elements.PARSE_ERRORS as error:
        raise InputError("the private volume of the file cannot be read", hint=ASK_AGAIN) from error
    shown = dataclasses.replace(header, dataset=as_volume(header.dataset, volume))
    notices = [*header.notices, Notice(Severity.INFO, "a volume in the private elements of a Secondary Capture (SCO)")]
    attributes = read_record(shown, volume.form, len(volume.segments), notices)
    source = DicomFrames(header.path, volume.form, volume.segments, header.inflater, wrap=volume.wrap)
    return Image(attributes, source, cache, lines)


def _raw_frames(header: Header, form: PixelForm, segments: tuple[FrameSegments, ...]) -> Callable[[int], StoredArray]:
    """Return the function that reads the words of a frame of the file with all their bits."""
    bits = form.bits_allocated
    whole = dataclasses.replace(form, bits_stored=bits, high_bit=bits - 1, signed=False)
    source = DicomFrames(header.path, whole, segments, header.opener)
    return lambda index: source.read(index)[0]


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


def _require_image(header: Header) -> None:
    sop_class = elements.text(header.dataset, "SOPClassUID")
    if is_companion(sop_class):
        raise CompanionFile(f"a {pydicom.uid.UID(sop_class).name} object is laid over images", hint="open it with them")
    has_size = elements.value(header.dataset, "Rows") is not None
    if sop_class in _NOT_SHOWN or (sop_class and not has_size and not _is_image_class(sop_class)):
        name = pydicom.uid.UID(sop_class).name
        raise UnsupportedError(f"a {name} object is not an image to look at", hint="open the images that it is about")
    if not sop_class and not has_size:
        raise InputError("the header has neither SOP class nor image size", hint=ASK_AGAIN)


def _is_image_class(sop_class: str) -> bool:
    return "Image Storage" in pydicom.uid.UID(sop_class).name


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
