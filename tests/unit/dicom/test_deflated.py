"""Deflated files: read as any other, inflated anew for every frame, and bounded."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers import dicom_makers as makers
from helpers.sco_maker import save_sco

from mammoviewer.dicom import deflated
from mammoviewer.dicom.deflated import InflatedFile, inflated_size, open_inflated
from mammoviewer.dicom.reader import open_paths
from mammoviewer.dicom.sco_export import write_tomosynthesis

VOLUME = np.stack([makers.texture(seed=seed) for seed in range(5)])
DEFLATED = "1.2.840.10008.1.2.1.99"


def deflated_file(path: Path, *, keep: float = 1.0) -> Path:
    """Write a deflated tomosynthesis volume, cut to a part of its deflated bytes."""
    return deflate(makers.save(path, makers.tomo(VOLUME), VOLUME), keep)


def deflate(path: Path, keep: float = 1.0) -> Path:
    raw = path.read_bytes()
    start = 144 + int.from_bytes(raw[140:144], "little")
    meta = raw[:start].replace(b"UI\x14\x001.2.840.10008.1.2.1\0", b"UI\x16\x00" + DEFLATED.encode())
    packer = zlib.compressobj(wbits=-15)
    body = packer.compress(raw[start:]) + packer.flush()
    path.write_bytes(meta[:140] + (start - 144 + 2).to_bytes(4, "little") + meta[144:] + body[: int(len(body) * keep)])
    return path


def test_a_private_volume_in_a_deflated_file(tmp_path: Path) -> None:
    volume = VOLUME[:4] & 0x3FF
    (image,) = open_paths([deflate(save_sco(tmp_path / "a.dcm", volume))]).images
    np.testing.assert_array_equal(image.frame(3), volume[3])
    write_tomosynthesis(tmp_path / "b.dcm", image.attributes)
    (made,) = open_paths([tmp_path / "b.dcm"]).images
    np.testing.assert_array_equal(made.frame(2), volume[2])


def test_a_deflated_volume_is_read_frame_by_frame(tmp_path: Path) -> None:
    result = open_paths([deflated_file(tmp_path / "a.dcm")])
    assert not result.rejected
    (image,) = result.images
    assert image.attributes.frames == 5
    assert image.attributes.TransferSyntaxUID == DEFLATED
    for index in (4, 0, 2, 1, 3):
        np.testing.assert_array_equal(image.frame(index), VOLUME[index])
    assert {keyword: value for _, keyword, _, value in image.header_text()}["PatientID"] == "T1"


def test_a_deflated_volume_cut_short_shows_its_complete_frames(tmp_path: Path) -> None:
    (image,) = open_paths([deflated_file(tmp_path / "a.dcm", keep=0.6)]).images
    assert 1 <= image.attributes.frames < 5
    np.testing.assert_array_equal(image.frame(0), VOLUME[0])


def test_what_inflates_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = deflated_file(tmp_path / "a.dcm")
    monkeypatch.setattr(deflated, "MAX_INFLATED_BYTES", 10_000)
    (rejected,) = open_paths([path]).rejected
    assert "larger than this program opens" in rejected.reason


def test_seeking_in_inflated_bytes(tmp_path: Path) -> None:
    content = bytes(np.random.default_rng(0).integers(0, 9, 3_000_000, dtype=np.uint8))
    packer = zlib.compressobj(wbits=-15)
    path = tmp_path / "a"
    path.write_bytes(b"head" + packer.compress(content) + packer.flush())
    with open_inflated(path, 4) as handle:
        assert inflated_size(handle) == len(content)
        for place in (2_500_000, 10, 1_999_999, 2_000_000, 0):
            handle.seek(place)
            assert handle.tell() == place
            assert handle.read(1000) == content[place : place + 1000]
        handle.seek(len(content) - 5)
        assert handle.read() == content[-5:]
    with InflatedFile(path, 4) as raw:
        assert raw.seek(-7, 2) == len(content) - 7
        assert raw.read(100) == content[-7:]


def test_damaged_deflated_bytes_read_as_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\xff" * 100)
    with open_inflated(path, 0) as handle:
        assert handle.read() == b""
