"""HTJ2K frames by OpenJPH, three times as fast as OpenJPEG but not strict by itself.

Three things make it strict. It is given ordinary codestreams only: a header with impossible numbers would end the
process. The lengths of all tile parts must add up to the codestream (ISO/IEC 15444-1 A.4.2), because pixels that lost
their bytes come out wrong without an error. And errors among the pixels, which it reports to the interpreter's hooks
instead of its caller, are heard and raised.
"""

from __future__ import annotations

import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mammoviewer.base.arrays import StoredArray

_SOC, _SIZ, _CAP, _COD, _QCD = 0xFF4F, 0xFF51, 0xFF50, 0xFF52, 0xFF5C
_TLM, _COM = 0xFF55, 0xFF64
_SOT, _SOD, _EOC = 0xFF90, 0xFF93, 0xFFD9
_SOT_BYTES = 12
_MOST_TILES = 4096
_MOST_DECOMPOSITIONS = 8
_HIGH_THROUGHPUT = 0x40
"""Code-block style of HT blocks alone, none of them vertically causal (ISO/IEC 15444-15)."""


def decode_htj2k(data: bytes) -> StoredArray:
    """Return the pixels of an HTJ2K codestream, (rows, columns) or (rows, columns, samples).

    Raises
    ------
    ValueError
        The codestream is damaged, or not of the ordinary form that this decoder is trusted with.
    """
    import imagecodecs

    require_ordinary(data)
    with _errors_raised():
        return np.asarray(imagecodecs.htj2k_decode(data))


def require_ordinary(data: bytes) -> None:
    """Refuse a codestream with an unusual header, or whose tile parts do not end where its bytes end.

    Raises
    ------
    ValueError
        Always with the reason.
    """
    try:
        tiles, position = _main_header(data)
        _tile_parts(data, position, tiles)
    except struct.error as error:
        raise ValueError("the codestream ends within a header") from error


def _main_header(data: bytes) -> tuple[int, int]:
    """Check the main header and return the number of tiles and where the first tile part starts."""
    segments: dict[int, bytes] = {}
    position = 2
    while (marker := _word(data, position)) != _SOT:
        length = _word(data, position + 2)
        body = data[position + 4 : position + 2 + length]
        if marker not in (_TLM, _COM) and (marker in segments or marker not in (_SIZ, _CAP, _COD, _QCD)):
            raise ValueError(f"marker {marker:04X} is not ordinary")
        if length < 2 or len(body) != length - 2:
            raise ValueError("a marker segment is cut short")
        segments[marker] = body
        position += 2 + length
    if _word(data, 0) != _SOC or not {_SIZ, _CAP, _COD, _QCD} <= segments.keys():
        raise ValueError("the main header is not complete")
    if not segments[_CAP].startswith(b"\0\2\0\0") or len(segments[_CAP]) != 6:
        raise ValueError("the capabilities are not those of HTJ2K alone")
    decompositions, reversible = _coding_style(segments[_COD])
    _quantisation(segments[_QCD], decompositions, reversible=reversible)
    return _size(segments[_SIZ]), position


def _size(body: bytes) -> int:
    """Check the image and tile size (A.5.1) and return the number of tiles."""
    _, width, height, left, top, tile_width, tile_height, tile_left, tile_top, samples = struct.unpack_from(
        ">H8LH", body
    )
    components = body[36:]
    if any((left, top, tile_left, tile_top)) or 0 in (width, height, tile_width, tile_height):
        raise ValueError("the image does not start at the origin")
    precision = (components[0] & 0x7F) + 1 if components else 0
    if samples not in (1, 3) or components != bytes([components[0], 1, 1]) * samples or precision > 16:
        raise ValueError("the components are not alike")
    tiles = -(-width // tile_width) * -(-height // tile_height)
    if tiles > _MOST_TILES:
        raise ValueError("there are too many tiles")
    return int(tiles)


def _coding_style(body: bytes) -> tuple[int, bool]:
    """Check the coding style (A.6.1) and return the number of decompositions and whether they are reversible."""
    style, progression, layers, transform, decompositions, wide, high, blocks, wavelet = struct.unpack_from(
        ">BBHBBBBBB", body
    )
    precincts = body[10:]
    if style not in (0, 1) or progression > 4 or layers != 1 or transform > 1 or wavelet > 1:
        raise ValueError("the coding style is not ordinary")
    if decompositions > _MOST_DECOMPOSITIONS or len(precincts) != (decompositions + 1 if style else 0):
        raise ValueError("the precincts do not fit the decompositions")
    if any(size & 15 == 0 or size >> 4 == 0 for size in precincts[1:]):
        raise ValueError("the precincts are empty")
    if wide + high > 8 or blocks != _HIGH_THROUGHPUT:
        raise ValueError("the code blocks are not ordinary")
    return decompositions, wavelet == 1


def _quantisation(body: bytes, decompositions: int, *, reversible: bool) -> None:
    """Check that there is one step for every subband (A.6.4)."""
    bands = 3 * decompositions + 1
    style = body[0] & 31 if body else -1
    expected = {0: 1 + bands, 1: 3, 2: 1 + 2 * bands}.get(style)
    if len(body) != expected or reversible != (style == 0):
        raise ValueError("the quantisation does not fit the decompositions")


def _tile_parts(data: bytes, position: int, tiles: int) -> None:
    """Check that tile parts follow one another to the end marker, and that nothing but padding follows that."""
    while (marker := _word(data, position)) == _SOT:
        length, tile, part_bytes, _, _ = struct.unpack_from(">HHLBB", data, position + 2)
        headless = _word(data, position + _SOT_BYTES) == _SOD
        if length != _SOT_BYTES - 2 or tile >= tiles or part_bytes < _SOT_BYTES + 2 or not headless:
            raise ValueError("a tile part is not ordinary")
        position += part_bytes
    if marker != _EOC or data[position + 2 :].strip(b"\0"):
        raise ValueError("the tile parts do not end where the codestream ends")


def _word(data: bytes, position: int) -> int:
    return int(struct.unpack_from(">H", data, position)[0])


class _Listening(threading.local):
    """Whether the decoder runs on this thread, and whether it reported an error there."""

    active = False
    heard = False


_listening = _Listening()
_hooking = threading.Lock()


class _Ear:
    """A hook of the interpreter that keeps what this thread's decoder reports, and hands on everything else."""

    def __init__(self, following: Callable[..., object]) -> None:
        self._following = following

    def __call__(self, *report: Any) -> None:
        """Take a report as either hook gets it."""
        if _listening.active:
            _listening.heard = True
        else:
            self._following(*report)


@contextmanager
def _errors_raised() -> Iterator[None]:
    """Raise what is reported to the interpreter's hooks on this thread, and let nobody else see it.

    The hooks are looked at anew each time: others set them as well.
    """
    with _hooking:
        if not isinstance(sys.excepthook, _Ear):
            sys.excepthook = _Ear(sys.excepthook)
        if not isinstance(sys.unraisablehook, _Ear):
            sys.unraisablehook = _Ear(sys.unraisablehook)
    _listening.active, _listening.heard = True, False
    try:
        yield
    finally:
        _listening.active = False
    if _listening.heard:
        raise ValueError("the code blocks are damaged")
