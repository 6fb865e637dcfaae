"""Every pixel of a JPEG Lossless frame must account for its bits."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from helpers import dicom_makers as makers

from mammoviewer.base.errors import DecodeError
from mammoviewer.dicom.codestream import Codec
from mammoviewer.dicom.decoders import FrameForm, decode
from mammoviewer.dicom.jpeg_lossless import require_used_up

PIXELS = makers.texture(100, 140)
FORM = FrameForm(100, 140, 1, 16)


def encode(pixels: np.ndarray, bits: int, predictor: int = 1) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=predictor, bitspersample=bits))


DATA = encode(PIXELS, 12)


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("bits", [2, 8, 9, 12, 15, 16])
@pytest.mark.parametrize("shape", [(70, 33), (1, 50), (50, 1), (1, 1)])
def test_what_was_encoded_is_accounted_for(predictor, bits, shape):
    generator = np.random.default_rng(bits)
    dtype = np.uint8 if bits <= 8 else np.uint16
    for pixels in (generator.integers(0, 1 << bits, shape), np.full(shape, (1 << bits) - 1), np.zeros(shape, int)):
        data = encode(pixels.astype(dtype), bits, predictor)
        require_used_up(data, np.asarray(imagecodecs.jpeg8_decode(data)))


def test_the_other_encoder_is_understood_too():
    data = makers.compress(PIXELS, makers.JPEG_LOSSLESS)
    require_used_up(data, PIXELS)
    wrong = PIXELS.copy()
    wrong[50, 50] += 1000
    with pytest.raises(ValueError, match="missing"):
        require_used_up(data, wrong)


def test_a_difference_of_half_the_range_has_no_bits_of_its_own():
    pixels = np.array([[32768, 0, 32768, 0], [0, 32768, 0, 32768]], np.uint16)
    require_used_up(encode(pixels, 16), pixels)


@pytest.mark.parametrize("start", [0.1, 0.4, 0.7])
@pytest.mark.parametrize("change", ["lost", "zeroed", "repeated", "cut"])
def test_bytes_lost_or_changed_in_the_middle_are_an_error(start, change):
    """All decoders return wrong pixels here without a word, or with one only when bytes are missing."""
    begin = int(len(DATA) * start)
    parts = {
        "lost": DATA[:begin] + DATA[begin + 300 :],
        "zeroed": DATA[:begin] + bytes(300) + DATA[begin + 300 :],
        "repeated": DATA[: begin + 300] + DATA[begin:],
        "cut": DATA[:begin] + b"\xff\xd9",
    }
    with pytest.raises(DecodeError, match="bytes were lost or changed|bytes are missing"):
        decode(parts[change], Codec.JPEG_LOSSLESS, FORM)


@pytest.mark.parametrize("more", [b"", b"\xff", b"\xff\xff\xff", b"\0\0"])
def test_fill_bytes_before_the_end_marker_are_allowed(more):
    end = DATA.rindex(b"\xff\xd9")
    pixels, _ = decode(DATA[:end] + more + DATA[end:] + b"\0", Codec.JPEG_LOSSLESS, FORM)
    np.testing.assert_array_equal(pixels, PIXELS)


def test_frames_of_other_forms_are_not_checked():
    colour = np.stack([PIXELS >> 4] * 3, axis=-1).astype(np.uint8)
    require_used_up(encode(colour, 8), colour)
    scan = DATA.index(b"\xff\xda")
    restart = DATA[:scan] + b"\xff\xdd\0\4\0\x10" + DATA[scan:]
    require_used_up(restart, np.zeros((100, 140), np.uint16))
    require_used_up(b"\xff\xd8\xff\xd9", PIXELS)
