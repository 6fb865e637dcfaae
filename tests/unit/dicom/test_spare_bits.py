"""Bits around the sample in compressed words: overlays and rubbish there are not part of the grey value."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from helpers import dicom_makers as makers

from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths


def opened(path: Path) -> Image:
    (image,) = open_paths([path]).images
    return image


@pytest.mark.parametrize("syntax", [makers.NATIVE, makers.RLE, makers.JPEG_LS, makers.JPEG_LOSSLESS, makers.JPEG_2000])
def test_bits_above_the_sample_do_not_count(tmp_path: Path, syntax: str) -> None:
    pixels = makers.ramp(8, 8)
    image = opened(makers.save(tmp_path / "a.dcm", makers.mammogram(pixels), pixels | 0xF000, syntax=syntax))
    np.testing.assert_array_equal(image.frame(0), pixels)


@pytest.mark.parametrize("syntax", [makers.NATIVE, makers.RLE, makers.JPEG_LS])
def test_a_sample_at_the_upper_end_of_its_word_is_moved_down(tmp_path: Path, syntax: str) -> None:
    pixels = makers.ramp(8, 8)
    made = makers.mammogram(pixels, HighBit=15)
    image = opened(makers.save(tmp_path / "a.dcm", made, (pixels << 4) | 0x5, syntax=syntax))
    np.testing.assert_array_equal(image.frame(0), pixels)


def test_a_codestream_of_more_bits_than_told_is_believed(tmp_path: Path) -> None:
    pixels = makers.ramp(16, 16, bits=12)
    made = makers.mammogram(pixels, bits=10)
    stream = bytes(imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k", reversible=True, bitspersample=12))
    image = opened(makers.save(tmp_path / "a.dcm", made, pixels, syntax=makers.JPEG_2000, edit=lambda _: [stream]))
    np.testing.assert_array_equal(image.frame(0), pixels)
    assert image.attributes.value_range == (0, 4096)
    assert any("12 bits" in notice.text for notice in image.attributes.warnings)


def test_a_codestream_up_to_high_bit_carries_other_bits_along(tmp_path: Path) -> None:
    pixels = makers.ramp(16, 16, bits=10)
    made = makers.mammogram(pixels, bits=10, HighBit=11)
    words = (pixels << 2) | 0x3
    stream = bytes(imagecodecs.jpeg2k_encode(words, level=0, codecformat="j2k", reversible=True, bitspersample=12))
    image = opened(makers.save(tmp_path / "a.dcm", made, words, syntax=makers.JPEG_2000, edit=lambda _: [stream]))
    np.testing.assert_array_equal(image.frame(0), pixels)
    assert image.attributes.value_range == (0, 1024)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"])
def test_white_that_comes_out_too_high_stays_white(tmp_path: Path, syntax: str) -> None:
    """Coding with losses moves values; one step above the largest is no other bit that could be masked away."""
    pixels = np.where(makers.texture(64, 64, bits=1) > 0, 4095, 4080).astype(np.uint16)
    if syntax.endswith("81"):
        stream = bytes(imagecodecs.jpegls_encode(pixels, level=9))
        decoded = imagecodecs.jpegls_decode(stream)
    else:
        stream = bytes(imagecodecs.jpeg2k_encode(pixels, level=30, codecformat="j2k", reversible=False))
        decoded = imagecodecs.jpeg2k_decode(stream)
    assert decoded.max() > 4095
    path = makers.save_fragments(tmp_path / "a.dcm", makers.mammogram(pixels), syntax, makers.pixel_items(stream))
    shown = opened(path).frame(0)
    np.testing.assert_array_equal(shown, np.minimum(decoded, 4095))
