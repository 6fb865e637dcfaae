"""Further cases of the list of bad inputs: damage between files and around the pixels, not within one element."""

from __future__ import annotations

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from helpers import companion_makers
from helpers import dicom_makers as makers
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset

from mammoviewer.base.errors import DecodeError
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.companions.records import CompanionKind
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import OpenResult, open_paths
from mammoviewer.dicom.study import group_studies

PIXELS = makers.texture()
VOLUME = np.stack([makers.texture(seed=seed) for seed in range(3)])
ICON = struct.pack("<HH2sH", 0x0088, 0x0200, b"SQ", 0)


def opened(path: Path) -> Image:
    result = open_paths([path])
    assert not result.rejected, result.rejected
    return result.images[0]


def texts(image: Image) -> str:
    return " | ".join(notice.text for notice in image.attributes.warnings)


def icon() -> Dataset:
    small = Dataset()
    small.Rows, small.Columns, small.BitsAllocated, small.BitsStored, small.HighBit = 4, 4, 8, 8, 7
    small.SamplesPerPixel, small.PixelRepresentation, small.PhotometricInterpretation = 1, 0, "MONOCHROME2"
    small.PixelData = bytes(16)
    return small


@pytest.mark.parametrize("syntax", [makers.NATIVE, makers.JPEG_LS, makers.BIG_ENDIAN])
@pytest.mark.parametrize("too_long", [50, 1_000_000])
def test_11_an_icon_sequence_that_swallows_the_pixels(tmp_path: Path, syntax: str, too_long: int) -> None:
    dataset = makers.mammogram(PIXELS, IconImageSequence=[icon()])
    path = makers.save(tmp_path / "a.dcm", dataset, PIXELS, syntax=syntax)
    np.testing.assert_array_equal(opened(path).frame(0), PIXELS)
    raw = bytearray(path.read_bytes())
    order = ">" if syntax == makers.BIG_ENDIAN else "<"
    start = raw.index(struct.pack(f"{order}HH2sH", 0x0088, 0x0200, b"SQ", 0)) + 8
    (length,) = struct.unpack_from(f"{order}L", raw, start)
    struct.pack_into(f"{order}L", raw, start, length + too_long)
    path.write_bytes(raw)
    image = opened(path)
    assert "hides the pixel data" in texts(image)
    np.testing.assert_array_equal(image.frame(0), PIXELS)


def test_11_an_icon_sequence_that_never_ends(tmp_path: Path) -> None:
    dataset = makers.mammogram(PIXELS, IconImageSequence=[icon()])
    path = makers.save(tmp_path / "a.dcm", dataset, PIXELS)
    raw = bytearray(path.read_bytes())
    start = raw.index(ICON) + 8
    raw[start : start + 4] = b"\xff" * 4  # of undefined length, without its delimiter
    path.write_bytes(raw)
    np.testing.assert_array_equal(opened(path).frame(0), PIXELS)


def test_12_the_sign_of_a_jpeg_2000_codestream_is_believed(tmp_path: Path) -> None:
    signed = makers.ramp(signed=True)
    dataset = makers.mammogram(signed, PixelRepresentation=0)
    image = opened(makers.save(tmp_path / "a.dcm", dataset, signed, syntax=makers.JPEG_2000))
    assert image.attributes.signed
    assert "contradicts the JPEG 2000 codestream" in texts(image)
    np.testing.assert_array_equal(image.frame(0), signed)


@pytest.mark.parametrize("bits", [9, 12, 15])
def test_13_signed_jpeg_ls_with_spare_bits(tmp_path: Path, bits: int) -> None:
    """JPEG-LS knows no sign: the words are two's complement of BitsStored bits, the spare bits of a frame are 0."""
    signed = makers.ramp(bits=bits, signed=True)
    words = signed.view(np.uint16) & np.uint16((1 << bits) - 1)
    value = makers.pixel_items(bytes(imagecodecs.jpegls_encode(words)))
    dataset = makers.mammogram(signed, bits=bits)
    image = opened(makers.save_fragments(tmp_path / "a.dcm", dataset, makers.JPEG_LS, value))
    np.testing.assert_array_equal(image.frame(0), signed)
    assert image.frame(0).min() == -(1 << (bits - 1))


def test_29_a_volume_of_more_than_two_gibibytes(tmp_path: Path) -> None:
    rows, columns, frames = 3000, 2000, 200
    size = rows * columns * 2
    dataset = makers.tomo(np.empty((1, rows, columns), np.uint16), NumberOfFrames=frames)
    dataset.PixelData = b""
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = makers.NATIVE
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path = tmp_path / "a.dcm"
    dataset.save_as(path, enforce_file_format=True)
    with path.open("r+b") as handle:
        handle.seek(-4, 2)
        handle.write(struct.pack("<L", size * frames))
        start = handle.tell()
        handle.truncate(start + size * frames)  # a hole in the file: takes no room on the disk
        handle.seek(start + size * (frames - 1) + 2 * columns)
        handle.write(struct.pack("<3H", 7, 8, 9))
    assert path.stat().st_size > 1 << 31
    image = opened(path)
    assert image.attributes.frames == frames
    assert image.frame(frames - 1)[1, :4].tolist() == [7, 8, 9, 0]
    image.close()


def dicomdir(path: Path, *names: list[str]) -> Path:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = makers.NATIVE
    meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    records = [Dataset()]
    records[0].DirectoryRecordType = "PATIENT"
    for name in names:
        record = Dataset()
        record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", name
        records.append(record)
    dataset.FileSetID = "TEST"
    dataset.DirectoryRecordSequence = records
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_31_a_dicomdir_opens_what_it_names(tmp_path: Path) -> None:
    makers.save(tmp_path / "disc" / "IMAGES" / "A", makers.mammogram(PIXELS), PIXELS)
    makers.save(tmp_path / "disc" / "images" / "b", makers.mammogram(PIXELS), PIXELS)
    makers.save(tmp_path / "disc" / "not-named", makers.mammogram(PIXELS), PIXELS)
    path = dicomdir(tmp_path / "disc" / "DICOMDIR", ["IMAGES", "A"], ["IMAGES", "B"], ["IMAGES", "GONE"])
    result = open_paths([path])
    assert len(result.images) == 2
    assert [rejected.reason for rejected in result.rejected] == ["a file that it names is not there"]


@pytest.mark.parametrize("name", [["..", "secret"], ["IMAGES", "..", "..", "secret"], ["/", "secret"], ["LINK"]])
def test_31_a_dicomdir_does_not_lead_out_of_its_folder(tmp_path: Path, name: list[str]) -> None:
    makers.save(tmp_path / "secret", makers.mammogram(PIXELS), PIXELS)
    (tmp_path / "disc" / "IMAGES").mkdir(parents=True)
    (tmp_path / "disc" / "LINK").symlink_to(tmp_path / "secret")
    result = open_paths([dicomdir(tmp_path / "disc" / "DICOMDIR", name)])
    assert result.images == ()
    assert "outside of its folder" in result.rejected[0].reason


@pytest.mark.parametrize("content", [b"nothing of the kind" * 20, b""])
def test_31_a_dicomdir_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "DICOMDIR"
    path.write_bytes(content)
    assert len(open_paths([path]).rejected) == 1
    assert "names no files" in open_paths([dicomdir(path)]).rejected[0].reason


def same_uid(folder: Path, *contents: np.ndarray) -> OpenResult:
    for index, pixels in enumerate(contents):
        makers.save(folder / f"{index}.dcm", makers.mammogram(pixels, SOPInstanceUID="1.2.3.77"), pixels)
    return open_paths([folder])


def test_32_one_uid_with_different_pixels_is_kept_twice(tmp_path: Path) -> None:
    other = makers.texture(seed=9)
    result = same_uid(tmp_path, PIXELS, other, PIXELS, other)
    first, second = result.images
    assert first.attributes.identity == "1.2.3.77"
    assert second.attributes.identity.startswith("1.2.3.77#sha256:")
    for image, pixels in zip(result.images, (PIXELS, other), strict=True):
        np.testing.assert_array_equal(image.frame(0), pixels)
        assert texts(image).count("one SOPInstanceUID but differ") == 1


def test_32_a_copy_opens_once_and_without_a_warning(tmp_path: Path) -> None:
    (image,) = same_uid(tmp_path, PIXELS, PIXELS).images
    assert "SOPInstanceUID" not in texts(image)


def test_33_a_series_of_several_kinds_is_taken_apart(tmp_path: Path) -> None:
    makers.save(tmp_path / "1.dcm", makers.mammogram(PIXELS), PIXELS)
    makers.save(tmp_path / "2.dcm", makers.tomo(VOLUME), VOLUME)
    synthetic = makers.mammogram(PIXELS, ImageType=["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"])
    makers.save(tmp_path / "3.dcm", synthetic, PIXELS)
    makers.save(tmp_path / "4.dcm", makers.mammogram(PIXELS, PresentationIntentType="FOR PROCESSING"), PIXELS)
    makers.save(tmp_path / "5.dcm", makers.secondary_capture(PIXELS), PIXELS)
    for name, companion in (
        ("6.dcm", companion_makers.segmentation("1.2", np.zeros((1, 4, 4)))),
        (
            "7.dcm",
            companion_makers.report(companion_makers.COMPREHENSIVE, "121060", companion_makers.text("121071", "seen")),
        ),
    ):
        companion.SeriesInstanceUID = "1.2.3.4.5"
        companion_makers.save(tmp_path / name, companion)
    result = open_paths([tmp_path])
    images = result.images
    assert [companion.kind for companion in result.companions] == [CompanionKind.SEGMENTATION, CompanionKind.REPORT]
    assert result.rejected == ()
    assert len({image.attributes.SeriesInstanceUID for image in images}) == 1
    assert [image.attributes.kind for image in images] == [
        ImageKind.MAMMOGRAM, ImageKind.TOMO, ImageKind.SYNTHETIC_2D, ImageKind.MAMMOGRAM_RAW, ImageKind.SECONDARY,
    ]  # fmt: skip
    assert len(group_studies(images)) == 1


def test_36_a_read_that_fails_once_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = makers.save(tmp_path / "a.dcm", makers.tomo(VOLUME), VOLUME)
    image = opened(path)
    away = tmp_path / "away.dcm"
    path.rename(away)
    monkeypatch.setattr("mammoviewer.dicom.frames.time.sleep", lambda seconds: away.rename(path))
    np.testing.assert_array_equal(image.frame(1), VOLUME[1])


def test_36_a_drive_that_is_gone_is_told_and_can_come_back(tmp_path: Path) -> None:
    path = makers.save(tmp_path / "a.dcm", makers.tomo(VOLUME), VOLUME)
    image = opened(path)
    away = tmp_path / "away.dcm"
    path.rename(away)
    with pytest.raises(DecodeError, match="cannot be read any more") as failure:
        image.frame(1)
    assert "findings are kept" in failure.value.hint
    away.rename(path)
    np.testing.assert_array_equal(image.frame(1), VOLUME[1])


def test_11_a_mark_of_pixels_at_the_very_end_is_none(tmp_path: Path) -> None:
    path = makers.save(tmp_path / "a.dcm", makers.mammogram(PIXELS), PIXELS)
    raw = path.read_bytes()
    start = raw.index(struct.pack("<HH2sH", 0x7FE0, 0x0010, b"OW", 0))
    path.write_bytes(raw[: start + 6])
    assert "no pixel data" in open_paths([path]).rejected[0].reason
