"""The decoders of each kind of codestream, as a table of facts: best first, the next one only when it fails.

imagecodecs comes first because it is fast and lets other threads run while it decodes. Two of its decoders return wrong
pixels of damaged data and are made strict here: htj2k (see :mod:`mammoviewer.dicom.htj2k`) and those of JPEG Lossless
(see :mod:`mammoviewer.dicom.jpeg_lossless`). Three decoders are left out for what they do with damaged data:
imagecodecs dicomrle ends the process, pydicom's RLE returns wrong pixels with a warning, and pylibjpeg-rle panics past
every handler.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.errors import DecodeError
from mammoviewer.dicom.codestream import Codec, require_end, sniff
from mammoviewer.dicom.fallback_decoders import decode_by
from mammoviewer.dicom.htj2k import decode_htj2k
from mammoviewer.dicom.jpeg_lossless import require_used_up


@dataclass(frozen=True)
class FrameForm:
    """The form that the header promises for a decoded frame."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int


_SEGMENT_SLACK = 256
"""Bytes that a run length segment may hold beyond its pixels: encoders fill up to an even length, some by more."""

_SAID = 80
"""Characters of a decoder's own words that are handed on."""

DecodeFunction: TypeAlias = Callable[[bytes, FrameForm], StoredArray]


@dataclass(frozen=True)
class Decoder:
    """One decoder: the name shown to the user, and its function."""

    name: str
    decode: DecodeFunction


def _jpeg8(data: bytes, form: FrameForm) -> StoredArray:
    import imagecodecs

    return np.asarray(imagecodecs.jpeg8_decode(data))


def _ljpeg(data: bytes, form: FrameForm) -> StoredArray:
    import imagecodecs

    return np.asarray(imagecodecs.ljpeg_decode(data))


def _jpegsof3(data: bytes, form: FrameForm) -> StoredArray:
    import imagecodecs

    return np.asarray(imagecodecs.jpegsof3_decode(data))


def _jpegls(data: bytes, form: FrameForm) -> StoredArray:
    import imagecodecs

    return np.asarray(imagecodecs.jpegls_decode(data))


def _jpeg2k(data: bytes, form: FrameForm) -> StoredArray:
    import imagecodecs

    return np.asarray(imagecodecs.jpeg2k_decode(data))


def _htj2k(data: bytes, form: FrameForm) -> StoredArray:
    return decode_htj2k(data)


def _openjpeg(data: bytes, form: FrameForm) -> StoredArray:
    return decode_by("pylibjpeg-openjpeg", data, form.rows * form.columns)


def _pillow(data: bytes, form: FrameForm) -> StoredArray:
    return decode_by("pillow", data, form.rows * form.columns)


def _packbits(data: bytes, form: FrameForm) -> StoredArray:
    """Return a run length encoded frame: one segment for each byte of a sample, the high byte first (PS3.5 G)."""
    import imagecodecs

    size, width = form.rows * form.columns, form.bits_allocated // 8
    starts = _segment_starts(data, form.samples * width)
    planes = np.empty((len(starts), size), np.uint8)
    for plane, start, end in zip(planes, starts, [*starts[1:], len(data)], strict=True):
        decoded = imagecodecs.packbits_decode(data[start:end], out=size + _SEGMENT_SLACK)
        if len(decoded) < size:
            raise ValueError("a segment is too short")
        plane[:] = np.frombuffer(decoded, np.uint8, size)
    little = planes.reshape(form.samples, width, size)[:, ::-1].transpose(0, 2, 1)
    return _planes(np.ascontiguousarray(little).tobytes(), form)


def _segment_starts(data: bytes, count: int) -> list[int]:
    """Return where the segments start; imagecodecs' own reader of this header writes past its memory if they lie."""
    told, *offsets = struct.unpack_from("<16L", data)
    starts = offsets[:count]
    ascending = all(early < late for early, late in itertools.pairwise([63, *starts, len(data)]))
    if told != count or len(starts) != count or not ascending:
        raise ValueError("the segments do not fit the image")
    return starts


def _planes(raw: bytes | bytearray, form: FrameForm) -> StoredArray:
    pixels = np.frombuffer(raw, f"<u{form.bits_allocated // 8}")
    if form.samples == 1:
        return pixels.reshape(form.rows, form.columns)
    return np.moveaxis(pixels.reshape(form.samples, form.rows, form.columns), 0, -1)


def _all_bits_used(decode_frame: DecodeFunction) -> DecodeFunction:
    def decode_strictly(data: bytes, form: FrameForm) -> StoredArray:
        pixels = decode_frame(data, form)
        require_used_up(data, pixels)
        return pixels

    return decode_strictly


DECODERS: dict[Codec, tuple[Decoder, ...]] = {
    Codec.JPEG: (Decoder("imagecodecs jpeg8", _jpeg8), Decoder("pillow", _pillow)),
    Codec.JPEG_LOSSLESS: (
        Decoder("imagecodecs jpeg8", _all_bits_used(_jpeg8)),
        Decoder("imagecodecs ljpeg", _all_bits_used(_ljpeg)),
        Decoder("imagecodecs jpegsof3", _all_bits_used(_jpegsof3)),
    ),
    Codec.JPEG_LS: (Decoder("imagecodecs jpegls", _jpegls),),
    Codec.JPEG_2000: (Decoder("imagecodecs jpeg2k", _jpeg2k), Decoder("pylibjpeg-openjpeg", _openjpeg)),
    Codec.HTJ2K: (
        Decoder("imagecodecs htj2k", _htj2k),
        Decoder("imagecodecs jpeg2k", _jpeg2k),
        Decoder("pylibjpeg-openjpeg", _openjpeg),
    ),
    Codec.RLE: (Decoder("imagecodecs packbits", _packbits),),
}

_FAILURES = (
    RuntimeError, ValueError, TypeError, OSError, ImportError, IndexError, AttributeError, MemoryError, struct.error,
)  # fmt: skip


def _words(error: Exception) -> str:
    """Return what a decoder says in a few words; the name of the error where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0][:_SAID] if lines else type(error).__name__


def decode(data: bytes, declared: Codec | None, form: FrameForm) -> tuple[StoredArray, str]:
    """Decode one compressed frame.

    Parameters
    ----------
    data
        All fragments of the frame, joined.
    declared
        The codec of the transfer syntax. A codestream that carries the mark of another kind is decoded as that.
    form
        What the header says; checked against the codestream before memory is taken for it.

    Returns
    -------
    The pixels, (rows, columns) or (rows, columns, samples), in the dtype of the codestream, and the decoder's name.

    Raises
    ------
    DecodeError
        The frame is cut short, of another size than the header says, or no decoder reads it.
    """
    seen = sniff(data)
    codec = seen.codec if seen is not None else declared
    if codec is None or (seen is None and codec is not Codec.RLE):
        raise DecodeError("the compressed frame is not of a known kind")
    require_end(data, codec)
    if seen is not None and (seen.rows, seen.columns) != (form.rows, form.columns):
        raise DecodeError(
            f"the compressed frame is {seen.columns} x {seen.rows}, the header says {form.columns} x {form.rows}"
        )
    failures: dict[str, list[str]] = {}
    for decoder in DECODERS[codec]:
        try:
            pixels = decoder.decode(data, form)
        except _FAILURES as error:
            failures.setdefault(_words(error), []).append(decoder.name)
            continue
        if pixels.shape[:2] == (form.rows, form.columns) and pixels.ndim in (2, 3):
            return pixels, decoder.name
        failures.setdefault("another size than the header says", []).append(decoder.name)
    said = "; ".join(f"{words} ({', '.join(names)})" for words, names in failures.items())
    raise DecodeError(f"the {codec} frame is damaged or of an unknown form: {said}")
