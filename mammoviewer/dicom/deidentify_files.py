"""Reading one file for de-identification and writing its copy: a new header, the same bytes of pixel data."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TypeAlias

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset

import mammoviewer
from mammoviewer.base.errors import ExportError, InputError, MammoViewerError, UnsupportedError
from mammoviewer.base.paths import atomic_path
from mammoviewer.base.progress import Progress
from mammoviewer.dicom import elements
from mammoviewer.dicom.codestream import NATIVE_SYNTAXES
from mammoviewer.dicom.deidentify_dataset import residue
from mammoviewer.dicom.deidentify_known import KnownValues
from mammoviewer.dicom.deidentify_options import Options, Pseudonyms
from mammoviewer.dicom.header import DEFLATED, Header, quiet_parsing, read_header
from mammoviewer.dicom.library import parse_errors
from mammoviewer.dicom.remedies import ASK_AGAIN, CHECK_PLACE

IMPLEMENTATION_UID: Final = "2.25.243078109467339154731934061186404937201"
_VERSION_NAME: Final = f"MAMMOVIEWER{mammoviewer.__version__}"[:16]
_IMPLICIT, _EXPLICIT, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
_BLOCK: Final = 8 << 20
_PIXEL_GROUP: Final = 0x7FE0
_UNDEFINED: Final = 0xFFFFFFFF
_SECONDARY: Final = "1.2.840.10008.5.1.4.1.1.7"
_SEGMENTATION: Final = "1.2.840.10008.5.1.4.1.1.66.4"
_DIRECTORY: Final = "1.2.840.10008.1.3.10"
_HOLOGIC_FRAMES: Final = 0x7E011010
_CLEARED_WORDS: Final = (8, 16)
_CAPTURES: Final = frozenset({"OT", "SC", "DOC", "SD"})
_Cleaner: TypeAlias = Callable[[bytes, int], bytes]
_LONG_VRS: Final = (b"OB", b"OW", b"OD", b"OF", b"OL", b"OV", b"UN")


def read_original(path: Path) -> Header:
    """Read the header of a file that can be de-identified. Call within ``quiet_parsing``.

    Raises
    ------
    InputError
        The file is not DICOM, or damaged.
    UnsupportedError
        A copy would be worthless, or what identifies the patient cannot be taken out of it.
    """
    header = read_header(path)
    dataset = header.dataset
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        if not elements.text(dataset, keyword):
            if elements.text(dataset.file_meta, "MediaStorageSOPClassUID") == _DIRECTORY:
                raise UnsupportedError("an index of other files is not copied", hint="name the files", path=path)
            raise InputError(f"{keyword} is missing", hint=ASK_AGAIN, path=path)
    if "EncapsulatedDocument" in dataset:
        raise UnsupportedError("a document inside DICOM cannot be de-identified", hint="leave it out", path=path)
    if _HOLOGIC_FRAMES in dataset:
        hint = "export it as tomosynthesis first"
        raise UnsupportedError("its frames lie in private elements, which are removed", hint=hint, path=path)
    return header


def burned_in_doubt(header: Header) -> str:
    """Return why there may be text in the pixels, empty when the header rules it out or there are no pixels."""
    dataset = header.dataset
    sop_class = elements.text(dataset, "SOPClassUID")
    if "Rows" not in dataset or sop_class == _SEGMENTATION:
        return ""
    capture = sop_class == _SECONDARY or sop_class.startswith(f"{_SECONDARY}.")
    if capture or "ConversionType" in dataset or elements.text(dataset, "Modality") in _CAPTURES:
        return "a secondary capture or scan may have text in its pixels"
    if elements.text(dataset, "BurnedInAnnotation") != "NO":
        return "the header does not rule out text in the pixels"
    if overlay_bits(header) and not (_is_native(header) and _word_bits(header) in _CLEARED_WORDS):
        return "an overlay in spare bits of such pixels cannot be removed"
    return ""


def overlay_bits(header: Header) -> int:
    """Return the bits of a pixel word in which overlays lie, 0 without any (PS3.3 C.9.2.1, retired but in use)."""
    bits = 0
    for group in range(0x6000, 0x6020, 2):
        position = header.dataset.get((group, 0x0102))
        if (group, 0x3000) not in header.dataset and position is not None and str(position.value).isdecimal():
            bits |= 1 << int(position.value)
    allocated = _word_bits(header)
    stored = elements.integer(header.dataset, "BitsStored") or allocated
    high = elements.integer(header.dataset, "HighBit")
    top = stored if high is None else high + 1
    sample = ((1 << stored) - 1) << max(top - stored, 0)
    return bits & ((1 << allocated) - 1) & ~sample


def _word_bits(header: Header) -> int:
    return elements.integer(header.dataset, "BitsAllocated") or 16


def _is_native(header: Header) -> bool:
    return header.transfer_syntax in ("", DEFLATED, *NATIVE_SYNTAXES)


def write_copy(
    header: Header,
    path: Path,
    *,
    options: Options,
    pseudonyms: Pseudonyms,
    known: KnownValues,
    clear_bits: int = 0,
    progress: Progress,
) -> None:
    """Write a de-identified data set with the pixel data of its original, and search what was written.

    Parameters
    ----------
    header
        The original, its data set de-identified in place.
    path
        The new file; there is none until it is complete and was searched.
    options, pseudonyms, known
        What was done, and what to search for.
    clear_bits
        Bits that are set to 0 in every word of uncompressed pixels: those of overlays.
    progress
        Reported to for every block of pixel data.

    Raises
    ------
    InputError
        The pixel data of the original are cut short.
    ExportError
        The file exists, cannot be written, or still holds a known value.
    """
    if path.exists():
        hint = "find out which of them is the right one"
        raise ExportError("another file of the batch has the same SOPInstanceUID", hint=hint, path=header.path)
    try:
        with atomic_path(path) as temporary:
            with quiet_parsing():
                _write_header(header, temporary)
            with header.open() as source, temporary.open("ab") as target:
                extent = _pixel_range(source, header)
                if extent.start == extent.end and "Rows" in header.dataset:
                    raise InputError("the pixel data cannot be found", hint=ASK_AGAIN)
                clear = _cleaner(header, extent, clear_bits)
                _copy(_blocks(source, extent, clear), target, known, progress)
            _search(temporary, options, pseudonyms, known)
    except MammoViewerError as error:
        if error.path is None:
            error.path = header.path
        raise
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror}", hint=CHECK_PLACE, path=path) from error


def _write_header(header: Header, path: Path) -> None:
    dataset = header.dataset
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    # a deflated data set is inflated as it is copied; an old file that names no syntax is uncompressed
    inflated = header.transfer_syntax in ("", DEFLATED)
    meta.TransferSyntaxUID = _native_syntax(header) if inflated else header.transfer_syntax
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = _VERSION_NAME
    dataset.file_meta = meta
    dataset.preamble = b"\0" * 128
    try:
        pydicom.dcmwrite(
            path, dataset, implicit_vr=header.implicit, little_endian=not header.big_endian, enforce_file_format=True
        )
    except parse_errors() as error:
        if isinstance(error, OSError) and error.strerror:
            raise
        raise InputError("the header is damaged and cannot be written again", hint=ASK_AGAIN) from error


def _native_syntax(header: Header) -> str:
    if header.implicit:
        return _IMPLICIT
    return _BIG_ENDIAN if header.big_endian else _EXPLICIT


class _Extent(NamedTuple):
    """Where group 7FE0 begins, where the value of its last element does, and where it ends."""

    start: int
    body: int
    end: int


def _pixel_range(handle: BinaryIO, header: Header) -> _Extent:
    """Return where the pixel data lie in the original; what comes after them is left out."""
    order = ">" if header.big_endian else "<"
    position = body = header.pixel_start
    while position + 8 <= header.size:
        handle.seek(position)
        head = handle.read(12).ljust(12, b"\0")
        group, _ = struct.unpack(f"{order}HH", head[:4])
        if group != _PIXEL_GROUP:
            break
        if header.implicit:
            size, length = 8, struct.unpack(f"{order}L", head[4:8])[0]
        elif head[4:6] in _LONG_VRS:
            size, length = 12, struct.unpack(f"{order}L", head[8:12])[0]
        else:
            size, length = 8, struct.unpack(f"{order}H", head[6:8])[0]
        body = position + size
        if length == _UNDEFINED and not header.transfer_syntax:
            reason = "the pixel data are compressed and the transfer syntax is missing"
            raise InputError(reason, hint=ASK_AGAIN)
        position = _end_of_items(handle, body, header.size) if length == _UNDEFINED else body + length
        if position > header.size:
            raise InputError("the pixel data are cut short", hint=ASK_AGAIN)
    return _Extent(header.pixel_start, body, max(position, header.pixel_start))


def _end_of_items(handle: BinaryIO, position: int, size: int) -> int:
    """Return the end of encapsulated pixel data that begin at ``position`` (PS3.5 A.4)."""
    while position + 8 <= size:
        handle.seek(position)
        group, element, length = struct.unpack("<HHL", handle.read(8))
        position += 8
        if (group, element) == (0xFFFE, 0xE0DD):
            return position
        if (group, element) != (0xFFFE, 0xE000) or length == _UNDEFINED:
            break
        position += length
    raise InputError("the pixel data are cut short", hint=ASK_AGAIN)


def _cleaner(header: Header, extent: _Extent, bits: int) -> _Cleaner:
    """Return the function that clears bits in the pixels of a block that stands at a place of the file."""
    allocated = _word_bits(header)
    if not bits or allocated not in _CLEARED_WORDS or not _is_native(header):
        return lambda block, position: block
    dtype = np.dtype(f"{'>' if header.big_endian else '<'}u{allocated // 8}")
    kept = np.array(~bits & ((1 << allocated) - 1), dtype)

    def clear(block: bytes, position: int) -> bytes:
        first = min(max(0, extent.body - position), len(block))
        count = (len(block) - first) // dtype.itemsize
        words = np.frombuffer(block, dtype, count, first) & kept
        cleared: bytes = words.astype(dtype).tobytes()
        return block[:first] + cleared + block[first + len(cleared) :]

    return clear


def _copy(blocks: Iterator[tuple[float, bytes]], target: BinaryIO, known: KnownValues, progress: Progress) -> None:
    """Copy bytes; codestreams may carry comments, so that they are searched on the way."""
    sought = known.byte_strings
    overlap = max((len(value) for value in sought), default=1) - 1
    tail = b""
    for fraction, block in blocks:
        progress(fraction, "Copying pixel data")
        joined = tail + block
        if any(value in joined for value in sought):
            hint = "it may be in a comment of the compressed pixels: convert the file to uncompressed first"
            raise ExportError("the pixel data hold a value that identifies the patient", hint=hint)
        target.write(block)
        tail = block[-overlap:] if overlap else b""


def _blocks(source: BinaryIO, extent: _Extent, clear: _Cleaner) -> Iterator[tuple[float, bytes]]:
    start, _, end = extent
    position = start
    source.seek(start)
    while position < end:
        block = source.read(min(_BLOCK, end - position))
        if not block:
            raise InputError("the pixel data are cut short", hint=ASK_AGAIN)
        yield (position - start) / (end - start), clear(block, position)
        position += len(block)


def _search(path: Path, options: Options, pseudonyms: Pseudonyms, known: KnownValues) -> None:
    """Read what was written and look for what should not be there, element by element and through the bytes."""
    with quiet_parsing():
        header = read_header(path)
        try:
            meta = header.dataset.file_meta
            if meta.get("ImplementationVersionName") == _VERSION_NAME:
                del meta.ImplementationVersionName  # ours, whatever a patient is called
            left = residue(header.dataset, known, pseudonyms, options) or residue(meta, known, pseudonyms, options)
        except parse_errors():
            left = "an element that cannot be read"
    if not left:
        with path.open("rb") as handle:
            head = handle.read(header.pixel_start)
        left = "the header" if any(value in head for value in known.byte_strings) else ""
    if left:
        reason = f"a value that identifies the patient was left in {left}; nothing was written"
        raise ExportError(reason, hint="leave the file out and report this")
