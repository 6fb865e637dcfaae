from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import dicom_makers as makers

from mammoviewer.base.errors import InputError
from mammoviewer.base.notices import Notice
from mammoviewer.dicom.codestream import Codec
from mammoviewer.dicom.frames import DicomFrames
from mammoviewer.dicom.header import quiet_parsing, read_header
from mammoviewer.dicom.pixel_data import find_frames

VOLUME = np.stack([makers.texture(12, 16, seed=seed) for seed in range(3)])


@pytest.mark.parametrize(
    ("syntax", "codec"),
    [(makers.NATIVE, None), (makers.BIG_ENDIAN, None), (makers.RLE, Codec.RLE), (makers.JPEG_LS, Codec.JPEG_LS)],
)
def test_frames_are_found_where_they_lie(tmp_path: Path, syntax: str, codec: Codec | None) -> None:
    path = makers.save(tmp_path / "a.dcm", makers.tomo(VOLUME), VOLUME, syntax=syntax)
    notices: list[Notice] = []
    with quiet_parsing():
        form, segments = find_frames(read_header(path), notices)
    assert (form.rows, form.columns, form.codec, len(segments), notices) == (12, 16, codec, 3, [])
    for index, frame in enumerate(VOLUME):
        np.testing.assert_array_equal(DicomFrames(path, form, segments).read(index)[0], frame)


def test_nothing_is_found_where_there_are_no_pixels(tmp_path: Path) -> None:
    path = makers.save(tmp_path / "a.dcm", makers.tomo(VOLUME), VOLUME)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"\xe0\x7f\x10\x00")])
    with quiet_parsing(), pytest.raises(InputError, match="there are no pixel data"):
        find_frames(read_header(path), [])
