"""Decoders that let no other thread run work elsewhere when they would take long."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from helpers import dicom_makers as makers

from mammoviewer.dicom import fallback_decoders
from mammoviewer.dicom.fallback_decoders import FALLBACKS, decode_apart, decode_by

PIXELS = makers.texture()
GREY = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)


def test_another_process_gives_the_same_pixels(monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # Set, it changes the kind of file the child writes to.
    data = makers.compress(PIXELS, makers.JPEG_2000)
    np.testing.assert_array_equal(decode_apart("pylibjpeg-openjpeg", data), PIXELS)
    data = bytes(imagecodecs.jpeg8_encode(GREY, level=98))
    np.testing.assert_array_equal(decode_apart("pillow", data), FALLBACKS["pillow"](data))


def test_what_fails_there_is_an_error_here(capfd):
    with pytest.raises(ValueError, match="its process failed: .*cannot identify image"):
        decode_apart("pillow", b"no picture")
    assert capfd.readouterr() == ("", "")


def test_a_process_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(fallback_decoders, "_LIMIT_S", 0.001)
    with pytest.raises(ValueError, match="its process failed: not ready"):
        decode_apart("pillow", b"")


@pytest.mark.parametrize(("size", "where"), [(499_999, "here"), (500_000, "apart")])
def test_large_frames_alone_are_worth_a_process(monkeypatch, size, where):
    monkeypatch.setitem(FALLBACKS, "pillow", lambda data: "here")
    monkeypatch.setattr(fallback_decoders, "decode_apart", lambda name, data: "apart")
    assert decode_by("pillow", b"", size) == where
