"""Files as they come: each numbered case of the list of bad inputs, with what must happen."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import dicom_makers as makers

from mammoviewer.base.errors import DecodeError
from mammoviewer.dicom.header import header_lines
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import VoiFunction, Window, apply_lut, auto_window, display_lut

VOLUME = np.stack([makers.texture(seed=seed) for seed in range(5)])
COMPRESSED = [makers.JPEG_LOSSLESS, makers.JPEG_LS, makers.JPEG_2000, makers.HTJ2K, makers.RLE]


def opened(path: Path) -> Image:
    result = open_paths([path])
    assert not result.rejected, result.rejected
    return result.images[0]


def refused(path: Path) -> str:
    result = open_paths([path])
    assert not result.images
    return result.rejected[0].reason


def texts(image: Image) -> str:
    return " | ".join(notice.text for notice in image.attributes.warnings)


def mammogram_file(path: Path, **elements: Any) -> Path:
    pixels = makers.ramp(16, 16)
    return makers.save(path, makers.mammogram(pixels, **elements), pixels)


@pytest.mark.parametrize("syntax", COMPRESSED)
@pytest.mark.parametrize("offsets", ["none", "basic", "extended"])
def test_1_a_compressed_volume_cut_short_shows_its_complete_frames(tmp_path: Path, syntax: str, offsets: str) -> None:
    path = makers.save(tmp_path / "a.dcm", makers.tomo(VOLUME), VOLUME, syntax=syntax, offsets=offsets)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) - len(makers.compress(VOLUME[4], syntax)) - 100])
    image = opened(path)
    assert image.attributes.frames == 3
    assert "3 of 5 frames" in texts(image)
    for index in range(3):
        np.testing.assert_array_equal(image.frame(index), VOLUME[index])
    with pytest.raises(DecodeError, match="no frame 4"):
        image.frame(3)


def test_1_a_cut_in_the_middle_of_several_fragments_spoils_that_frame_only(tmp_path: Path) -> None:
    streams = [makers.compress(frame, makers.JPEG_LS) for frame in VOLUME]
    parts = [part for stream in streams for part in (stream[:400], stream[400:800], stream[800:])]
    value = makers.pixel_items(*parts[:8], end=False)
    image = opened(makers.save_fragments(tmp_path / "a.dcm", makers.tomo(VOLUME), makers.JPEG_LS, value))
    assert image.attributes.frames == 3
    np.testing.assert_array_equal(image.frame(1), VOLUME[1])
    with pytest.raises(DecodeError, match="frame 3: the compressed frame is cut short"):
        image.frame(2)


def test_1_as_many_fragments_left_as_there_are_frames_are_not_taken_for_frames(tmp_path: Path) -> None:
    streams = [makers.compress(frame, makers.JPEG_LS) for frame in VOLUME]
    parts = [part for stream in streams for part in (stream[:400], stream[400:800], stream[800:])]
    value = makers.pixel_items(*parts[:5], end=False)
    image = opened(makers.save_fragments(tmp_path / "a.dcm", makers.tomo(VOLUME), makers.JPEG_LS, value))
    assert "2 of 5 frames" in texts(image)
    np.testing.assert_array_equal(image.frame(0), VOLUME[0])


def test_1_a_single_frame_cut_short_is_refused(tmp_path: Path) -> None:
    pixels = makers.texture()
    path = makers.save(tmp_path / "a.dcm", makers.mammogram(pixels), pixels, syntax=makers.JPEG_LS)
    path.write_bytes(path.read_bytes()[:-500])
    assert "not one frame is complete" in refused(path)


def test_2_an_uncompressed_volume_cut_short_shows_its_complete_frames(tmp_path: Path) -> None:
    path = makers.save(tmp_path / "a.dcm", makers.tomo(VOLUME), VOLUME)
    path.write_bytes(path.read_bytes()[: -VOLUME[0].nbytes - 10])
    image = opened(path)
    assert "3 of 5 frames" in texts(image)
    np.testing.assert_array_equal(image.frame(2), VOLUME[2])


@pytest.mark.parametrize("syntax", [syntax for syntax in COMPRESSED if syntax != makers.RLE])
def test_3_a_truncated_codestream_is_an_error_never_a_picture(tmp_path: Path, syntax: str) -> None:
    path = makers.save(
        tmp_path / "a.dcm",
        makers.tomo(VOLUME),
        VOLUME,
        syntax=syntax,
        edit=lambda streams: [streams[0], streams[1][: len(streams[1]) // 2], *streams[2:]],
    )
    image = opened(path)
    np.testing.assert_array_equal(image.frame(0), VOLUME[0])
    np.testing.assert_array_equal(image.frame(2), VOLUME[2])
    with pytest.raises(DecodeError, match="frame 2: the compressed frame is cut short"):
        image.frame(1)


@pytest.mark.parametrize("syntax", [makers.NATIVE, makers.JPEG_LS, makers.RLE])
@pytest.mark.parametrize(("told", "shown"), [(9, 5), (3, 3)])
def test_4_and_5_another_number_of_frames_than_told(tmp_path: Path, syntax: str, told: int, shown: int) -> None:
    dataset = makers.tomo(VOLUME, NumberOfFrames=told)
    image = opened(makers.save(tmp_path / "a.dcm", dataset, VOLUME, syntax=syntax))
    assert image.attributes.frames == shown
    assert f"{told}" in texts(image)
    np.testing.assert_array_equal(image.frame(shown - 1), VOLUME[shown - 1])


@pytest.mark.parametrize("syntax", [makers.NATIVE, makers.JPEG_LS, makers.RLE])
@pytest.mark.parametrize("told", ["0", "-3", "99999999"])
def test_6_a_frame_count_that_cannot_be_is_found_from_the_pixels(tmp_path: Path, syntax: str, told: str) -> None:
    dataset = makers.tomo(VOLUME, NumberOfFrames=told)
    image = opened(makers.save(tmp_path / "a.dcm", dataset, VOLUME, syntax=syntax))
    assert image.attributes.frames == 5
    assert "NumberOfFrames" in texts(image)


@pytest.mark.parametrize("syntax", [makers.JPEG_LOSSLESS, makers.JPEG_LS, makers.JPEG_2000])
def test_7_and_8_many_fragments_a_frame_and_empty_ones(tmp_path: Path, syntax: str) -> None:
    streams = [makers.compress(frame, syntax) for frame in VOLUME]
    parts = [part for stream in streams for part in (stream[:100], b"", stream[100:500], stream[500:])]
    value = makers.pixel_items(*parts)
    image = opened(makers.save_fragments(tmp_path / "a.dcm", makers.tomo(VOLUME), syntax, value))
    assert image.attributes.frames == 5
    for index in range(5):
        np.testing.assert_array_equal(image.frame(index), VOLUME[index])


def test_7_a_single_frame_in_many_fragments(tmp_path: Path) -> None:
    pixels = makers.texture()
    stream = makers.compress(pixels, makers.JPEG_2000)
    value = makers.pixel_items(*(stream[start : start + 300] for start in range(0, len(stream), 300)))
    path = makers.save_fragments(tmp_path / "a.dcm", makers.mammogram(pixels), makers.JPEG_2000, value)
    np.testing.assert_array_equal(opened(path).frame(0), pixels)


@pytest.mark.parametrize("end", [True, False])
def test_7_a_zero_byte_that_no_length_counts(tmp_path: Path, end: bool) -> None:
    """Items of odd length must not be (PS3.5 A.4); some writers fill them up and tell the length before that."""
    items = makers.pixel_items()
    for stream in (makers.compress(frame, makers.JPEG_LS).rstrip(b"\0") for frame in VOLUME):
        odd = stream if len(stream) % 2 else stream + b"\0"
        items = items[:-8] + struct.pack("<HHL", 0xFFFE, 0xE000, len(odd)) + odd + b"\0" + items[-8:]
    value = items if end else items[:-8]
    image = opened(makers.save_fragments(tmp_path / "a.dcm", makers.tomo(VOLUME), makers.JPEG_LS, value))
    assert image.attributes.frames == 5
    assert "frames" not in texts(image)
    for index in range(5):
        np.testing.assert_array_equal(image.frame(index), VOLUME[index])


@pytest.mark.parametrize("syntax", [syntax for syntax in COMPRESSED if syntax != makers.RLE])
@pytest.mark.parametrize("zeros", [1, 64, 5000])
def test_7_zeros_after_the_end_of_a_frame(tmp_path: Path, syntax: str, zeros: int) -> None:
    pixels = makers.texture()
    value = makers.pixel_items(makers.compress(pixels, syntax) + bytes(zeros))
    path = makers.save_fragments(tmp_path / "a.dcm", makers.mammogram(pixels), syntax, value)
    np.testing.assert_array_equal(opened(path).frame(0), pixels)


def test_7_application_segments_larger_than_what_is_looked_at_first(tmp_path: Path) -> None:
    pixels = makers.ramp()
    stream = makers.compress(pixels, makers.JPEG_LS)
    profile = (b"\xff\xe2" + struct.pack(">H", 65535) + bytes(65533)) * 2
    value = makers.pixel_items(stream[:2] + profile[:1000], profile[1000:] + stream[2:])
    dataset = makers.mammogram(pixels)
    image = opened(makers.save_fragments(tmp_path / "a.dcm", dataset, makers.JPEG_2000, value))
    assert "but compressed with JPEG-LS" in texts(image)
    np.testing.assert_array_equal(image.frame(0), pixels)


def test_9_an_offset_table_that_does_not_fit_is_not_followed(tmp_path: Path) -> None:
    streams = [makers.compress(frame, makers.JPEG_LS) for frame in VOLUME]
    table = struct.pack("<5L", 0, 17, 34, 51, 68)
    value = makers.pixel_items(*streams, table=table)
    image = opened(makers.save_fragments(tmp_path / "a.dcm", makers.tomo(VOLUME), makers.JPEG_LS, value))
    np.testing.assert_array_equal(image.frame(4), VOLUME[4])


def test_10_delimiter_bytes_inside_a_fragment_mean_nothing(tmp_path: Path) -> None:
    pixels = makers.texture()
    pixels[5, :4] = np.frombuffer(struct.pack("<HHL", 0xFFFE, 0xE0DD, 0), np.uint16)
    dataset = makers.mammogram(pixels, bits=16, SOPClassUID=makers.SECONDARY)
    path = makers.save(tmp_path / "a.dcm", dataset, pixels, syntax=makers.RLE)
    np.testing.assert_array_equal(opened(path).frame(0), pixels)


@pytest.mark.parametrize("declared", [makers.JPEG_LOSSLESS, makers.JPEG_2000, makers.RLE, makers.NATIVE, "1.2.3.4"])
def test_14_the_codestream_is_believed_not_the_transfer_syntax(tmp_path: Path, declared: str) -> None:
    pixels = makers.texture()
    value = makers.pixel_items(makers.compress(pixels, makers.JPEG_LS))
    image = opened(makers.save_fragments(tmp_path / "a.dcm", makers.mammogram(pixels), declared, value))
    np.testing.assert_array_equal(image.frame(0), pixels)
    assert "but compressed with JPEG-LS" in texts(image)


def without_meta(path: Path, *, preamble: bool) -> None:
    """Remove the file meta information group, keeping the preamble or not."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<L", raw[140:144])
    path.write_bytes((raw[:132] if preamble else b"") + raw[144 + length :])


@pytest.mark.parametrize("syntax", [makers.NATIVE, makers.IMPLICIT, makers.JPEG_LS])
@pytest.mark.parametrize("preamble", [True, False])
def test_15_and_16_no_transfer_syntax_and_no_preamble(tmp_path: Path, syntax: str, preamble: bool) -> None:
    pixels = makers.texture()
    path = makers.save(tmp_path / "a.dcm", makers.mammogram(pixels), pixels, syntax=syntax)
    without_meta(path, preamble=preamble)
    image = opened(path)
    np.testing.assert_array_equal(image.frame(0), pixels)
    assert "transfer syntax is missing" in texts(image)


@pytest.mark.parametrize(
    "content",
    [
        b"hello\n",
        bytes(range(256)) * 20,
        b"\0" * 5000,
        b"\0" * 128 + b"DICM",
        b"\0" * 128 + b"DICM" + bytes(range(256)) * 20,
        b"\x08\x00\x05\x00CS\xff\xff" + b"x" * 300,
        b"\x02\x00\x00\x00UL\x04\x00\xff\xff\xff\xff" + b"\x07" * 300,
        b"PK\x03\x04" + b"z" * 400,
    ],
)
def test_17_what_is_no_image_is_refused_with_a_reason(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "garbage"
    path.write_bytes(content)
    assert len(refused(path)) > 10


def test_17_an_object_without_pixels_is_named(tmp_path: Path) -> None:
    pixels = makers.ramp(16, 16)
    dataset = makers.mammogram(pixels, Rows=None, Columns=None)
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.50"
    assert "Mammography CAD SR Storage" in refused(makers.save(tmp_path / "a.dcm", dataset, pixels))


def test_17_a_segmentation_is_not_an_image_to_look_at(tmp_path: Path) -> None:
    path = mammogram_file(tmp_path / "a.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4")
    assert "Segmentation Storage" in refused(path)


@pytest.mark.parametrize("keep", [140, 200, 400, 700, 1000])
def test_18_a_truncated_header_is_refused(tmp_path: Path, keep: int) -> None:
    path = mammogram_file(tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes()[:keep])
    assert len(refused(path)) > 10


def test_19_missing_layout_gets_safe_defaults(tmp_path: Path) -> None:
    path = mammogram_file(tmp_path / "a.dcm", PhotometricInterpretation=None, SamplesPerPixel=None, HighBit=None)
    image = opened(path)
    assert "PhotometricInterpretation is missing" in texts(image)
    np.testing.assert_array_equal(image.frame(0), makers.ramp(16, 16))


@pytest.mark.parametrize(("syntax", "told"), [(makers.NATIVE, True), (makers.JPEG_LS, True), (makers.JPEG_2000, False)])
def test_19_without_pixel_representation_values_have_no_sign(tmp_path: Path, syntax: str, told: bool) -> None:
    pixels = makers.ramp(16, 16)
    dataset = makers.mammogram(pixels, PixelRepresentation=None)
    image = opened(makers.save(tmp_path / "a.dcm", dataset, pixels, syntax=syntax))
    assert not image.attributes.signed
    assert ("PixelRepresentation is missing" in texts(image)) == told
    np.testing.assert_array_equal(image.frame(0), pixels)


def test_19_more_bits_stored_than_allocated(tmp_path: Path) -> None:
    image = opened(mammogram_file(tmp_path / "a.dcm", BitsStored=24, HighBit=23))
    assert image.attributes.BitsStored == 16
    assert "BitsStored is 24" in texts(image)


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"Rows": 0}, "size of 16 x 0"),
        ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "pixels of 1 bits"),
        ({"SamplesPerPixel": 2}, "2 samples"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR"),
        ({"Rows": 60000, "Columns": 60000}, "larger than this program opens"),
    ],
)
def test_19_and_30_what_cannot_be_shown_is_refused_before_memory_is_taken(
    tmp_path: Path, elements: dict[str, Any], words: str
) -> None:
    assert words in refused(mammogram_file(tmp_path / "a.dcm", **elements))


def test_30_a_codestream_of_another_size_is_not_decoded(tmp_path: Path) -> None:
    pixels = makers.texture()
    dataset = makers.mammogram(pixels, Rows=9999, Columns=9999)
    image = opened(makers.save(tmp_path / "a.dcm", dataset, pixels, syntax=makers.JPEG_LS))
    with pytest.raises(DecodeError, match="is 64 x 48, the header says 9999 x 9999"):
        image.frame(0)


def test_30_millions_of_frames_are_not_believed(tmp_path: Path) -> None:
    image = opened(mammogram_file(tmp_path / "a.dcm", NumberOfFrames="2147483647"))
    assert image.attributes.frames == 1


@pytest.mark.parametrize(
    "elements",
    [
        {"WindowCenter": "", "WindowWidth": ""},
        {"WindowCenter": "500"},
        {"WindowCenter": "500", "WindowWidth": "0"},
        {"WindowCenter": "500", "WindowWidth": "0.5"},
        {"WindowCenter": "500", "WindowWidth": "-8"},
    ],
)
def test_20_a_file_without_a_usable_window_gets_one(tmp_path: Path, elements: dict[str, str]) -> None:
    image = opened(mammogram_file(tmp_path / "a.dcm", **elements))
    assert image.attributes.vois == ()
    assert "no usable window" in texts(image)
    assert auto_window(image.frame(0)).width > 1000


def test_21_an_unknown_voi_function_is_shown_as_linear(tmp_path: Path) -> None:
    image = opened(mammogram_file(tmp_path / "a.dcm", WindowCenter=5, WindowWidth=9, VOILUTFunction="CUBIC"))
    assert image.attributes.vois == (Window(5, 9, VoiFunction.LINEAR, "Window 1"),)
    assert "'CUBIC' is unknown" in texts(image)


def test_22_a_short_lut_is_dropped_and_the_others_stay(tmp_path: Path) -> None:
    short = makers.voi_lut(range(4096), explanation="SHORT")
    short[0x00283006].value = short[0x00283006].value[:100]
    luts = [short, makers.voi_lut(range(4096), explanation="GOOD")]
    image = opened(mammogram_file(tmp_path / "a.dcm", VOILUTSequence=luts))
    assert [voi.explanation for voi in image.attributes.vois] == ["GOOD"]
    assert "SHORT is shorter" in texts(image)


def test_23_the_first_centres_and_widths_are_paired(tmp_path: Path) -> None:
    image = opened(mammogram_file(tmp_path / "a.dcm", WindowCenter=[1, 2, 3], WindowWidth=[10, 20]))
    assert image.attributes.vois == (Window(1, 10, explanation="Window 1"), Window(2, 20, explanation="Window 2"))
    assert "3 window centres and 2 widths" in texts(image)


def test_24_an_image_of_padding_is_flat_black(tmp_path: Path) -> None:
    pixels = np.full((16, 16), 9, np.uint16)
    dataset = makers.mammogram(pixels, PixelPaddingValue=9, PhotometricInterpretation="MONOCHROME1")
    image = opened(makers.save(tmp_path / "a.dcm", dataset, pixels))
    attributes = image.attributes
    window = auto_window(image.frame(0), padding=attributes.padding)
    lut = display_lut(*attributes.value_range, voi=window, inverse=attributes.inverse, padding=attributes.padding)
    assert not apply_lut(image.frame(0), lut, 0).any()


@pytest.mark.parametrize("value", [b"0\\0 ", b"0,07\\0,07 ", b"-1\\1", b"0.1\\"])
def test_25_a_spacing_that_is_none_means_pixels(tmp_path: Path, value: bytes) -> None:
    path = mammogram_file(tmp_path / "a.dcm", ImagerPixelSpacing=["1.25", "1.25"])
    raw = path.read_bytes()
    element = struct.pack("<HH2sH", 0x0018, 0x1164, b"DS", 10)
    start = raw.index(element)
    changed = struct.pack("<HH2sH", 0x0018, 0x1164, b"DS", len(value)) + value
    path.write_bytes(raw[:start] + changed + raw[start + len(element) + 10 :])
    image = opened(path)
    assert image.attributes.pixel_spacing is None
    assert "ImagerPixelSpacing is not valid" in texts(image)


@pytest.mark.parametrize("directions", [["X", "Y"], ["P"], ["P", ""], ["L", "F"], None])
def test_26_an_image_without_directions_is_shown_as_stored_and_says_so(
    tmp_path: Path, directions: list[str] | None
) -> None:
    image = opened(mammogram_file(tmp_path / "a.dcm", PatientOrientation=directions))
    assert image.attributes.orientation == Orientation()
    assert "unoriented" in texts(image)


def test_27_lateralities_that_contradict_one_another_are_told(tmp_path: Path) -> None:
    image = opened(mammogram_file(tmp_path / "a.dcm", Laterality="L"))
    assert image.attributes.view.laterality == "R"
    assert "contradict" in texts(image)


@pytest.mark.parametrize("charset", [b"ISO IR 192", b"cp1251    ", b"UTF-8     ", b"\xff\xfe        "])
def test_28_a_wrong_character_set_never_stops_a_file(tmp_path: Path, charset: bytes) -> None:
    path = mammogram_file(tmp_path / "a.dcm", PatientName="M\u00fcller")
    raw = path.read_bytes()
    assert raw.count(b"ISO_IR 192") == 1
    path.write_bytes(raw.replace(b"ISO_IR 192", charset))
    image = opened(path)
    assert image.attributes.PatientName.startswith("M")
    assert image.header_text()


def test_35_an_unknown_compression_is_named(tmp_path: Path) -> None:
    value = makers.pixel_items(b"\0\0\1\xb3 an MPEG stream of some kind")
    path = makers.save_fragments(tmp_path / "a.dcm", makers.mammogram(makers.ramp()), "1.2.840.10008.1.2.4.100", value)
    assert "MPEG2" in refused(path)


@pytest.mark.parametrize(("kind", "listed"), [("MPEG", True), ("no size", True), ("empty", False), ("text", False)])
def test_35_the_header_of_a_refused_file_can_be_offered(tmp_path: Path, kind: str, listed: bool) -> None:
    path = tmp_path / "a.dcm"
    if kind == "MPEG":
        value = makers.pixel_items(b"\0\0\1\xb3 an MPEG stream of some kind")
        makers.save_fragments(path, makers.mammogram(makers.ramp()), "1.2.840.10008.1.2.4.100", value)
    elif kind == "no size":
        mammogram_file(path, Rows=None)
    else:
        path.write_bytes(b"" if kind == "empty" else b"hello\n" * 40)
    (rejected,) = open_paths([path]).rejected
    assert rejected.hint
    assert rejected.has_header == listed
    if listed:
        assert ("PatientID", "T1") in [(keyword, value) for _, keyword, _, value in header_lines(path)]


def test_a_file_that_shrinks_after_opening_is_an_error_not_a_crash(tmp_path: Path) -> None:
    path = makers.save(tmp_path / "a.dcm", makers.tomo(VOLUME), VOLUME)
    image = opened(path)
    np.testing.assert_array_equal(image.frame(0), VOLUME[0])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DecodeError, match="shorter") as shorter:
        image.frame(4)
    assert "open it again" in shorter.value.hint
    path.unlink()
    with pytest.raises(DecodeError, match="cannot be read any more"):
        image.frame(3)
    np.testing.assert_array_equal(image.frame(0), VOLUME[0])


def test_a_sequence_that_ends_too_early_does_not_stop_a_file(tmp_path: Path) -> None:
    path = mammogram_file(tmp_path / "a.dcm", ViewPosition="CC")
    raw = bytearray(path.read_bytes())
    start = raw.index(struct.pack("<HH2sH", 0x0054, 0x0220, b"SQ", 0))
    (length,) = struct.unpack("<L", raw[start + 8 : start + 12])
    raw[start + 16 : start + 20] = struct.pack("<L", length - 13)  # the item ends within an element
    path.write_bytes(raw)
    image = opened(path)
    assert image.attributes.view.laterality == "R"
    assert image.header_text()


def test_a_meta_length_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    path = mammogram_file(tmp_path / "a.dcm")
    raw = bytearray(path.read_bytes())
    raw[138:140] = struct.pack("<H", 61)
    path.write_bytes(raw)
    assert "damaged" in refused(path)
