from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from helpers import dicom_makers as makers

from mammoviewer.base.errors import DecodeError
from mammoviewer.dicom import decoders
from mammoviewer.dicom.codestream import CODEC_OF_SYNTAX, Codec, Codestream, require_end, sniff
from mammoviewer.dicom.decoders import DECODERS, Decoder, FrameForm, decode

PIXELS = makers.texture()
FORM = FrameForm(*PIXELS.shape, samples=1, bits_allocated=16)
SYNTAX_OF = {
    Codec.JPEG_LOSSLESS: makers.JPEG_LOSSLESS,
    Codec.JPEG_LS: makers.JPEG_LS,
    Codec.JPEG_2000: makers.JPEG_2000,
    Codec.HTJ2K: makers.HTJ2K,
    Codec.RLE: makers.RLE,
}
LOSSLESS = [(codec, decoder) for codec in SYNTAX_OF for decoder in DECODERS[codec]]


@pytest.mark.parametrize(("codec", "decoder"), LOSSLESS, ids=lambda item: getattr(item, "name", str(item)))
def test_every_decoder_of_the_table_gives_the_same_pixels(codec: Codec, decoder: Decoder) -> None:
    data = makers.compress(PIXELS, SYNTAX_OF[codec])
    np.testing.assert_array_equal(decoder.decode(data, FORM), PIXELS)


@pytest.mark.parametrize("decoder", DECODERS[Codec.JPEG], ids=lambda decoder: decoder.name)
def test_lossy_jpeg_is_close(decoder: Decoder) -> None:
    smooth = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)
    data = imagecodecs.jpeg8_encode(smooth, level=98)
    decoded = decoder.decode(data, FrameForm(48, 64, 1, 8)).astype(int)
    assert np.abs(decoded - smooth).max() <= 3


def test_twelve_bit_jpeg_is_read() -> None:
    smooth = (np.add.outer(np.arange(48), np.arange(64)) * 30).astype(np.uint16)
    data = imagecodecs.jpeg8_encode(smooth, level=98, bitspersample=12)
    pixels, name = decode(data, Codec.JPEG, FORM)
    assert name == "imagecodecs jpeg8"
    assert np.abs(pixels.astype(int) - smooth).max() <= 20


@pytest.mark.parametrize("codec", [*SYNTAX_OF, Codec.JPEG])
def test_every_codec_has_a_decoder_and_a_syntax(codec: Codec) -> None:
    assert DECODERS[codec]
    assert codec in CODEC_OF_SYNTAX.values()


@pytest.mark.parametrize("codec", [codec for codec in SYNTAX_OF if codec is not Codec.RLE])
def test_a_codestream_tells_what_it_is(codec: Codec) -> None:
    seen = sniff(makers.compress(PIXELS, SYNTAX_OF[codec]))
    assert seen is not None
    assert (seen.codec, seen.rows, seen.columns, seen.components) == (codec, *PIXELS.shape, 1)
    assert seen.precision in (12, 16)


def test_a_jp2_file_inside_a_frame_is_seen_as_jpeg_2000() -> None:
    data = imagecodecs.jpeg2k_encode(PIXELS, level=0, codecformat="jp2", reversible=True)
    assert sniff(data) == Codestream(Codec.JPEG_2000, *PIXELS.shape, 16, 1, signed=False)
    np.testing.assert_array_equal(decode(bytes(data), Codec.JPEG_2000, FORM)[0], PIXELS)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\x4f\xff\x51\x00", b"\xff\xd8zzzz", b"GIF89a"]
)
def test_what_is_no_codestream_is_not_guessed(data: bytes) -> None:
    assert sniff(data) is None


@pytest.mark.parametrize("padding", [b"", b"\0", b"\0" * 7])
def test_padding_after_the_end_marker_is_allowed(padding: bytes) -> None:
    require_end(makers.compress(PIXELS, makers.JPEG_LS) + padding, Codec.JPEG_LS)


def test_the_next_decoder_runs_when_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(data: bytes, form: FrameForm) -> np.ndarray:
        raise RuntimeError("not this one")

    good = DECODERS[Codec.JPEG_2000]
    monkeypatch.setitem(decoders.DECODERS, Codec.JPEG_2000, (Decoder("first", fail), *good))
    pixels, name = decode(makers.compress(PIXELS, makers.JPEG_2000), Codec.JPEG_2000, FORM)
    assert name == good[0].name
    np.testing.assert_array_equal(pixels, PIXELS)
    monkeypatch.setitem(decoders.DECODERS, Codec.JPEG_2000, (Decoder("first", fail),))
    with pytest.raises(DecodeError, match=r"not this one \(first\)"):
        decode(makers.compress(PIXELS, makers.JPEG_2000), Codec.JPEG_2000, FORM)


@pytest.mark.parametrize("cut", [0, 10, 64, 100, 500])
def test_run_length_data_cut_short_are_an_error(cut: int) -> None:
    data = makers.compress(PIXELS, makers.RLE)[:cut]
    with pytest.raises(DecodeError):
        decode(data, Codec.RLE, FORM)


def test_damaged_htj2k_is_an_error_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """imagecodecs' htj2k decoder alone would return unwritten memory here."""
    data = bytearray(makers.compress(PIXELS, makers.HTJ2K))
    data[len(data) // 2 : -2] = bytes(len(data) - len(data) // 2 - 2)
    with pytest.raises(DecodeError):
        decode(bytes(data), Codec.HTJ2K, FORM)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_htj2k_of_an_unusual_form_is_left_to_openjpeg() -> None:
    data = bytearray(makers.compress(PIXELS, makers.HTJ2K))
    comment = data.index(b"\xff\x64")
    length = int.from_bytes(data[comment + 2 : comment + 4], "big")
    parts = bytes(data[: comment + 2 + length]) + b"\xff\x63\0\6\0\0\0\0" + bytes(data[comment + 2 + length :])
    pixels, name = decode(parts, Codec.HTJ2K, FORM)
    assert name == "imagecodecs jpeg2k"
    np.testing.assert_array_equal(pixels, PIXELS)
    assert decode(bytes(data), Codec.HTJ2K, FORM)[1] == "imagecodecs htj2k"


@pytest.mark.parametrize("seed", range(20))
def test_damaged_run_length_data_never_escape_as_another_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(makers.compress(PIXELS, makers.RLE))
    for place in rng.integers(0, len(data), 8):
        data[place] = rng.integers(256)
    try:
        pixels, _ = decode(bytes(data), Codec.RLE, FORM)
    except DecodeError:
        return
    assert pixels.shape == PIXELS.shape


@pytest.mark.parametrize("shape", [(7, 9), (8, 9), (1, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_run_length_planes_of_odd_size(shape: tuple[int, int], dtype: type) -> None:
    pixels = np.random.default_rng(0).integers(0, 4, shape).astype(dtype)
    data = makers.compress(pixels, makers.RLE, bits=8)
    for decoder in DECODERS[Codec.RLE]:
        form = FrameForm(*shape, samples=1, bits_allocated=pixels.dtype.itemsize * 8)
        np.testing.assert_array_equal(decoder.decode(data, form), pixels)


def test_bytes_that_are_nothing_are_an_error() -> None:
    with pytest.raises(DecodeError, match="not of a known kind"):
        decode(b"\0" * 100, Codec.JPEG_LS, FORM)


def test_a_run_length_header_that_lies_about_its_segments_is_an_error() -> None:
    """imagecodecs' own dicomrle decoder ends the process here: the second segment holds more than its plane."""
    data = bytearray(makers.compress(PIXELS, makers.RLE))
    data[8:12] = (0x58).to_bytes(4, "little")
    with pytest.raises(DecodeError):
        decode(bytes(data), Codec.RLE, FORM)
