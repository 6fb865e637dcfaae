"""Opening one DICOM file as an image: its header is read and its frames are located, no pixel is decoded."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.errors import InputError, MammoViewerError, UnsupportedError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.companions.reader import is_companion, read_embedded
from mammoviewer.dicom.companions.references import read_links
from mammoviewer.dicom.fragments import FrameSegments
from mammoviewer.dicom.frames import DicomFrames, FrameCache, PixelForm
from mammoviewer.dicom.header import Header, header_lines, quiet_parsing, read_header
from mammoviewer.dicom.image import HeaderLines, Image
from mammoviewer.dicom.library import parse_errors, pydicom
from mammoviewer.dicom.modality_lut import read_modality_lut
from mammoviewer.dicom.pixel_data import find_frames
from mammoviewer.dicom.record import read_padding, read_record
from mammoviewer.dicom.remedies import ASK_AGAIN
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
    form, segments = find_frames(header, notices)
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
    except parse_errors() as error:
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
