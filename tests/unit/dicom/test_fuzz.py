"""Damage of every kind, chosen by hypothesis: a file opens or is refused, and a frame is shown or is told to be bad."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
from helpers import dicom_makers as makers
from helpers.sco_maker import save_sco
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.dicom.codestream import Codec
from mammoviewer.dicom.decoders import FrameForm, decode
from mammoviewer.dicom.reader import open_paths

SYNTAXES = (makers.NATIVE, makers.BIG_ENDIAN, makers.JPEG_LOSSLESS, makers.JPEG_LS, makers.JPEG_2000, makers.HTJ2K,
            makers.RLE)  # fmt: skip
VOLUME = np.stack([makers.texture(8, 10, seed=seed) for seed in range(3)])
FORM = FrameForm(8, 10, 1, 16)
CODECS = {makers.JPEG_LOSSLESS: Codec.JPEG_LOSSLESS, makers.JPEG_LS: Codec.JPEG_LS, makers.JPEG_2000: Codec.JPEG_2000,
          makers.HTJ2K: Codec.HTJ2K, makers.RLE: Codec.RLE}  # fmt: skip
changes = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True), st.sampled_from(["set", "cut", "insert"]), st.binary(min_size=1, max_size=8)
    ),
    min_size=1,
    max_size=4,
)
relaxed = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture],
                   derandomize=True, database=None)  # fmt: skip


def damaged(data: bytes, damage: list[tuple[float, str, bytes]]) -> bytes:
    changed = bytearray(data)
    for where, kind, value in damage:
        place = int(where * len(changed))
        if kind == "set":
            changed[place : place + len(value)] = value
        elif kind == "insert":
            changed[place:place] = value
        else:
            del changed[place : place + len(value) ** 3]
    return bytes(changed)


@functools.cache
def whole(folder: Path, name: str) -> bytes:
    path = folder / "whole.dcm"
    if name == "sco":
        return save_sco(path, VOLUME).read_bytes()
    return makers.save(path, makers.tomo(VOLUME), VOLUME, syntax=name, offsets="basic").read_bytes()


@pytest.mark.parametrize("name", [*SYNTAXES, "sco"])
@relaxed
@given(damage=changes)
def test_a_damaged_file_is_shown_or_told(tmp_path: Path, name: str, damage: list[tuple[float, str, bytes]]) -> None:
    path = tmp_path / "damaged.dcm"
    path.write_bytes(damaged(whole(tmp_path, name), damage))
    result = open_paths([path])
    assert len(result.images) + len(result.rejected) + len(result.companions) == 1
    for image in result.images:
        for index in range(min(3, image.attributes.frames)):
            try:
                frame = image.frame(index)
            except MammoViewerError:
                continue
            assert frame.shape == image.attributes.shape


@pytest.mark.parametrize("syntax", CODECS)
@relaxed
@given(damage=changes)
def test_a_damaged_codestream_is_decoded_or_told(syntax: str, damage: list[tuple[float, str, bytes]]) -> None:
    data = damaged(makers.compress(VOLUME[0], syntax), damage)
    try:
        pixels, _ = decode(data, CODECS[syntax], FORM)
    except MammoViewerError:
        return
    assert pixels.shape[:2] == (8, 10)
