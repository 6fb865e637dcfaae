"""HTJ2K: as strict as OpenJPEG, and nothing reaches the interpreter's hooks."""

from __future__ import annotations

import struct
import sys
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import pytest
from helpers import dicom_makers as makers

from mammoviewer.dicom.htj2k import decode_htj2k, require_ordinary

PIXELS = makers.texture(96, 120)
DATA = makers.compress(PIXELS, makers.HTJ2K)


def segment(data: bytes, marker: int) -> int:
    """Return where the parameters of a marker segment start."""
    return data.index(struct.pack(">H", marker)) + 4


def changed(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tile": (64, 64)},
        {"resolutions": 1},
        {"resolutions": 3, "tilepart": 1, "tlm": True},
    ],
)
@pytest.mark.parametrize("dtype", [np.uint16, np.uint8, np.int16])
def test_ordinary_codestreams_are_decoded(options, dtype):
    pixels = (PIXELS >> 4 if dtype == np.uint8 else PIXELS.astype(np.int32) - 700 * (dtype == np.int16)).astype(dtype)
    data = bytes(imagecodecs.htj2k_encode(pixels, reversible=True, **options))
    np.testing.assert_array_equal(decode_htj2k(data + b"\0"), pixels)


def test_colour_is_decoded():
    pixels = np.stack([PIXELS >> 4, PIXELS >> 5, PIXELS >> 6], axis=-1).astype(np.uint8)
    np.testing.assert_array_equal(decode_htj2k(bytes(imagecodecs.htj2k_encode(pixels, reversible=True))), pixels)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_a_codestream_cut_short_is_refused(share, end):
    with pytest.raises(ValueError, match=r"tile part|header|cut short|complete"):
        decode_htj2k(DATA[: int(len(DATA) * share)] + end)


def test_bytes_lost_from_the_middle_are_noticed():
    with pytest.raises(ValueError, match=r"tile part|header"):
        decode_htj2k(DATA[:1000] + DATA[1400:])


def test_damaged_code_blocks_are_heard_on_every_thread_and_by_nobody_else(monkeypatch, capfd):
    told = []
    monkeypatch.setattr(sys, "excepthook", lambda *report: told.append(report))
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    bad = changed(DATA, len(DATA) // 2, bytes(len(DATA) // 3))

    def outcome(number: int) -> str:
        try:
            pixels = decode_htj2k(bad if number % 2 else DATA)
        except ValueError as error:
            return str(error)
        return "good" if np.array_equal(pixels, PIXELS) else "wrong"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(outcome, range(200)))
    assert set(outcomes[::2]) == {"good"}
    assert set(outcomes[1::2]) == {"the code blocks are damaged"}
    assert told == []
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    sys.excepthook(ValueError, ValueError("of somebody else"), None)
    assert len(told) == 1, "reports of others are handed on"


@pytest.mark.parametrize(
    ("marker", "offset", "new", "reason"),
    [
        (0xFF51, 2, b"\0\0\0\0", "origin"),
        (0xFF51, 10, b"\0\0\0\1", "origin"),
        (0xFF51, 18, b"\0\0\0\0", "origin"),
        (0xFF51, 18, b"\0\0\0\1\0\0\0\1", "too many tiles"),
        (0xFF51, 34, b"\0\2", "not alike"),
        (0xFF51, 36, b"\x1f", "not alike"),
        (0xFF51, 37, b"\0", "not alike"),
        (0xFF50, 0, b"\xff", "capabilities"),
        (0xFF52, 1, b"\5", "coding style"),
        (0xFF52, 2, b"\0\0", "coding style"),
        (0xFF52, 5, b"\x21", "precincts"),
        (0xFF52, 6, b"\x08\x08", "code blocks"),
        (0xFF52, 8, b"\0", "code blocks"),
        (0xFF5C, 0, b"\x42", "quantisation"),
        (0xFF90, 0, b"\0\7", "tile part"),
        (0xFF90, 2, b"\0\0\0\0", "tile part"),
        (0xFF64, -4, b"\xff\x61", "FF61"),
    ],
)
def test_a_header_that_could_end_the_process_never_reaches_the_decoder(marker, offset, new, reason):
    with pytest.raises(ValueError, match=reason):
        require_ordinary(changed(DATA, segment(DATA, marker) + offset, new))


def test_precincts_must_fit_the_decompositions():
    place = segment(DATA, 0xFF52)
    levels = DATA[place + 5]
    for sizes, reason in ((b"\x88" * (levels + 1), None), (b"\x88" * levels, "do not fit"), (b"\x88\x80" * 3, "empty")):
        style = changed(DATA[place : place + 10], 0, b"\1")
        data = DATA[: place - 2] + struct.pack(">H", 12 + len(sizes)) + style + sizes + DATA[place + 10 :]
        if reason is None:
            require_ordinary(data)
        else:
            with pytest.raises(ValueError, match=reason):
                require_ordinary(data)


def test_bytes_after_the_end_must_be_padding():
    require_ordinary(DATA + bytes(7))
    with pytest.raises(ValueError, match="do not end"):
        require_ordinary(DATA + b"\0x")
