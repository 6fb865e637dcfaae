"""Whether the pixels of a JPEG Lossless frame account for all of its bits.

Decoders of JPEG Lossless take what they get: when bytes were lost or changed they go on with what comes next, or with
zeros, and return wrong pixels without an error. But a pixel tells how many bits its code had (ITU-T T.81 H.1.2.2), so
the bits that the pixels must have taken can be compared with those that are there. A decoder that lost its way has
taken more or fewer. This costs a tenth of decoding.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

from mammoviewer.base.arrays import ByteArray, StoredArray, WordArray

_SOF3, _DHT, _SOS, _DRI, _EOI = 0xC3, 0xC4, 0xDA, 0xDD, 0xD9
_SPARE_BITS = 32
"""Bits that may be left over: up to seven fill the last byte, and some encoders add a byte or two."""
_NO_CODE = 255
_BLOCK_ROWS = 32
"""Rows looked at together: their differences stay in the processor's cache."""


_Predictor: TypeAlias = Callable[[WordArray, WordArray, WordArray], WordArray]
"""From the neighbours at the left, above, and at the corner between them; modulo 65536."""


def _half_difference(one: WordArray, other: WordArray) -> WordArray:
    return ((one.astype(np.int32) - other) >> 1).astype(np.uint16)


_PREDICTORS: dict[int, _Predictor] = {
    1: lambda left, above, corner: left,
    2: lambda left, above, corner: above,
    3: lambda left, above, corner: corner,
    4: lambda left, above, corner: left + above - corner,
    5: lambda left, above, corner: left + _half_difference(above, corner),
    6: lambda left, above, corner: above + _half_difference(left, corner),
    7: lambda left, above, corner: ((left.astype(np.uint32) + above) >> 1).astype(np.uint16),
}
"""Table H.1."""


@dataclass(frozen=True)
class _Scan:
    """The only scan of a frame of one component.

    ``code_lengths`` holds the bits of the code of each category, ``_NO_CODE`` where there is none.
    """

    precision: int
    predictor: int
    code_lengths: ByteArray
    coded: ByteArray


def require_used_up(data: bytes, pixels: StoredArray) -> None:
    """Refuse pixels that do not account for the bits of the frame.

    Frames in colour, with restart intervals or with a point transform are not checked.

    Parameters
    ----------
    data
        The codestream.
    pixels
        As decoded, shape (rows, columns), uint8 or uint16.

    Raises
    ------
    ValueError
        The pixels took more bits than there are, or left some.
    """
    scan = _scan(data)
    if scan is None or pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        return
    stuffed = int(np.count_nonzero(scan.coded == 0xFF))  # each is followed by a zero that is no code (B.1.1.5)
    left = 8 * (scan.coded.size - stuffed) - _bits_taken(pixels, scan)
    if not 0 <= left < _SPARE_BITS:
        raise ValueError("bytes were lost or changed" if left >= 0 else "bytes are missing")


def _bits_taken(pixels: StoredArray, scan: _Scan) -> int:
    """Return the bits that the codes of all pixels have together (H.1.2.1, H.1.2.2)."""
    bits = _bits_of_differences(scan.code_lengths)
    origin = np.array([1 << (scan.precision - 1)], np.uint16)
    top, side = pixels[0].astype(np.uint16), pixels[:, 0].astype(np.uint16)
    taken = int(bits[top - np.concatenate([origin, top[:-1]])].sum(dtype=np.int64))
    taken += int(bits[side[1:] - side[:-1]].sum(dtype=np.int64))
    if pixels.shape[1] == 1:
        return taken
    predict = _PREDICTORS[scan.predictor]
    for row in range(1, pixels.shape[0], _BLOCK_ROWS):
        block = pixels[row - 1 : row + _BLOCK_ROWS].astype(np.uint16, copy=False)
        differences = block[1:, 1:] - predict(block[1:, :-1], block[:-1, 1:], block[:-1, :-1])
        taken += int(cv2.sumElems(cv2.LUT(differences, bits))[0])
    return taken


def _bits_of_differences(code_lengths: ByteArray) -> ByteArray:
    """Return the bits of every difference (modulo 65536): the code of its category, and the category's own bits."""
    sizes = np.abs(np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32))
    categories = np.frexp(sizes)[1]  # the number of binary digits
    extra = np.where(categories == 16, 0, categories)
    lengths = code_lengths[categories].astype(np.int32)
    return np.where(lengths == _NO_CODE, _NO_CODE, lengths + extra).astype(np.uint8)


def _scan(data: bytes) -> _Scan | None:
    """Return the scan of a frame, None when it is not of the usual form."""
    position, precision = 2, 0
    tables: dict[int, ByteArray] = {}
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], struct.unpack_from(">H", data, position + 2)[0]
        body = data[position + 4 : position + 2 + length]
        if marker == _SOF3 and len(body) == 9 and body[5] == 1:
            precision = body[0]
        elif marker == _DHT:
            tables.update(_code_lengths(body))
        elif marker == _DRI and any(body):
            return None
        elif marker == _SOS:
            end = data.rfind(bytes([0xFF, _EOI]))
            table = tables.get(body[2] >> 4) if len(body) == 6 else None
            usual = len(body) == 6 and body[0] == 1 and body[3] in _PREDICTORS and body[5] == 0
            if not usual or table is None or not 2 <= precision <= 16:
                return None
            return _Scan(precision, body[3], table, _coded(data, position + 2 + length, end))
        position += 2 + length
    return None


def _coded(data: bytes, start: int, end: int) -> ByteArray:
    # 0xFF may be repeated before a marker (B.1.1.2); within coded bits a zero follows each.
    while end > start and data[end - 1] == 0xFF:
        end -= 1
    return np.frombuffer(data, np.uint8, max(0, end - start), start)


def _code_lengths(body: bytes) -> dict[int, ByteArray]:
    """Return the code length of each category by table (B.2.4.2)."""
    tables = {}
    while len(body) >= 17:
        counts, total = body[1:17], sum(body[1:17])
        lengths = np.full(17, _NO_CODE, np.uint8)
        codes = np.repeat(np.arange(1, 17, dtype=np.uint8), list(counts))
        for category, length in zip(body[17 : 17 + total], codes, strict=False):
            if category <= 16:
                lengths[category] = length
        tables[body[0]] = lengths
        body = body[17 + total :]
    return tables
