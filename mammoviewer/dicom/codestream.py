"""What the first bytes of a compressed frame say of themselves, before anything is allocated for it."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from mammoviewer.base.errors import DecodeError
from mammoviewer.dicom.remedies import ASK_AGAIN

_TAIL = 64
_BLOCK = 4096
_BOXES = 65536
_SOS, _COD = 0xDA, b"\xff\x52"
_IRREVERSIBLE = 0
_SOF_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
_SOF_OTHER = (0xC0, 0xC1, 0xC2, 0xC5, 0xC6, 0xC9, 0xCA, 0xCD, 0xCE)
_SOF_LS = 0xF7
_STANDALONE = (0x01, *range(0xD0, 0xD8))


class Codec(enum.StrEnum):
    """A family of codestreams; each has its table of decoders."""

    JPEG = "JPEG"
    JPEG_LOSSLESS = "JPEG Lossless"
    JPEG_LS = "JPEG-LS"
    JPEG_2000 = "JPEG 2000"
    HTJ2K = "HTJ2K"
    RLE = "RLE"


@dataclass(frozen=True)
class Codestream:
    """Facts of a codestream; ``signed`` is None where the codestream cannot tell.

    ``exact`` is False where its way of coding changes values: those next to a limit may come out on its other side.
    """

    codec: Codec
    rows: int
    columns: int
    precision: int
    components: int
    signed: bool | None = None
    exact: bool = True


CODEC_OF_SYNTAX = {
    "1.2.840.10008.1.2.4.50": Codec.JPEG,
    "1.2.840.10008.1.2.4.51": Codec.JPEG,
    "1.2.840.10008.1.2.4.57": Codec.JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.70": Codec.JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.80": Codec.JPEG_LS,
    "1.2.840.10008.1.2.4.81": Codec.JPEG_LS,
    "1.2.840.10008.1.2.4.90": Codec.JPEG_2000,
    "1.2.840.10008.1.2.4.91": Codec.JPEG_2000,
    "1.2.840.10008.1.2.4.201": Codec.HTJ2K,
    "1.2.840.10008.1.2.4.202": Codec.HTJ2K,
    "1.2.840.10008.1.2.4.203": Codec.HTJ2K,
    "1.2.840.10008.1.2.5": Codec.RLE,
}
NATIVE_SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
LOSSY_SYNTAXES = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")


def sniff(data: bytes | memoryview) -> Codestream | None:
    """Return what a codestream says of itself; None when it is of no known kind (RLE has no mark of its own)."""
    head = bytes(data[:12])
    try:
        if head.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if head.startswith(b"\xff\x4f\xff\x51"):
            return _jpeg2000(bytes(data[:_BOXES]))
        if head.startswith(b"\x00\x00\x00\x0cjP  "):
            boxes = bytes(data[: 2 * _BOXES])
            inside = boxes.find(b"\xff\x4f\xff\x51")
            return _jpeg2000(boxes[inside:]) if inside >= 0 else None
    except (struct.error, IndexError):
        return None  # cut short within its own header
    return None


def _jpeg(data: bytes | memoryview) -> Codestream | None:
    """Walk the marker segments; those of applications (APPn) before the frame header may be of any length."""
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in _STANDALONE:
            position += 2
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        if marker in (*_SOF_LOSSLESS, *_SOF_OTHER, _SOF_LS):
            precision, rows, columns, components = struct.unpack_from(">BHHB", data, position + 4)
            codec = Codec.JPEG_LOSSLESS if marker in _SOF_LOSSLESS else Codec.JPEG
            codec = Codec.JPEG_LS if marker == _SOF_LS else codec
            exact = _near(data, position + 2 + length) == 0 if codec is Codec.JPEG_LS else codec is not Codec.JPEG
            return Codestream(codec, rows, columns, precision, components, exact=exact)
        position += 2 + length
    return None


def _near(data: bytes | memoryview, position: int) -> int:
    """Return by how much JPEG-LS may change values (ISO 14495-1 C.2.3), from the first scan header; 0 without one."""
    while position + 5 <= len(data) and data[position] == 0xFF:
        (length,) = struct.unpack_from(">H", data, position + 2)
        if data[position + 1] == _SOS:
            place = position + 5 + 2 * data[position + 4]
            return data[place] if place < len(data) else 0
        position += 2 + length
    return 0


def _jpeg2000(head: bytes) -> Codestream:
    capabilities, right, bottom, left, top = struct.unpack(">HLLLL", head[6:24])
    components, sign_and_bits = struct.unpack(">HB", head[40:43])
    codec = Codec.HTJ2K if capabilities & 0x4000 else Codec.JPEG_2000
    precision = (sign_and_bits & 0x7F) + 1
    # The wavelet is the 10th byte of COD's parameters (ISO 15444-1 A.6.1); COD comes after SIZ.
    coding = head.find(_COD, 43)
    exact = not (0 <= coding < len(head) - 13 and head[coding + 13] == _IRREVERSIBLE)
    signed = bool(sign_and_bits & 0x80)
    return Codestream(codec, bottom - top, right - left, precision, components, signed, exact)


def require_end(data: bytes | memoryview, codec: Codec) -> None:
    """Refuse a codestream without its end marker: several decoders return wrong pixels for one that was cut short.

    Raises
    ------
    DecodeError
        The end marker (EOI or EOC, both FFD9) is not among the last bytes before zeros that fill the frame up.
    """
    end = _filled_from(data)
    if codec is not Codec.RLE and b"\xff\xd9" not in bytes(data[max(0, end - _TAIL) : end]):
        raise DecodeError("the compressed frame is cut short", hint=ASK_AGAIN)


def _filled_from(data: bytes | memoryview) -> int:
    """Return where the zeros at the end begin; looked for block by block, as a frame may be large."""
    end = len(data)
    while end > 0:
        start = max(0, end - _BLOCK)
        block = bytes(data[start:end]).rstrip(b"\0")
        if block:
            return start + len(block)
        end = start
    return 0
