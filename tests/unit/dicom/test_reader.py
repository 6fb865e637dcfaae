"""Opening: what is an image opens, and what is not is told."""

from __future__ import annotations

import logging
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from helpers import dicom_makers as makers

from mammoviewer.base.errors import ArgumentError, Cancelled
from mammoviewer.dicom import library
from mammoviewer.dicom.attributes import ImageKind, PixelSpacing
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import OpenResult, open_paths
from mammoviewer.dicom.spacing import STATED
from mammoviewer.imaging.voi import Padding, Rescale, VoiLut, Window


def open_one(path: Path) -> Image:
    result = open_paths([path])
    assert not result.rejected, result.rejected
    (image,) = result.images
    return image


def texts(image: Image) -> str:
    return " | ".join(notice.text for notice in image.attributes.warnings)


def reason(result: OpenResult) -> str:
    assert not result.images
    (rejected,) = result.rejected
    return rejected.reason


def test_a_mammogram_opens_with_its_facts(tmp_path: Path) -> None:
    pixels = makers.texture()
    dataset = makers.mammogram(
        pixels, KVP="30", BodyPartThickness="55", PositionerPrimaryAngle="-0", PatientName="Müller^Änne"
    )
    image = open_one(makers.save(tmp_path / "a.dcm", dataset, pixels))
    attributes = image.attributes
    assert attributes.kind is ImageKind.MAMMOGRAM
    assert (attributes.shape, attributes.frames) == (pixels.shape, 1)
    assert attributes.view.label == "RMLO"
    assert attributes.PatientName == "Müller^Änne"
    assert attributes.identity == str(dataset.SOPInstanceUID)
    assert attributes.value_range == (0, 4096)
    assert dict(attributes.facts) == {"kVp": "30", "Thickness": "55 mm", "Angle": "0 °"}
    np.testing.assert_array_equal(image.frame(0), pixels)
    assert image.decoder == "numpy"


@pytest.mark.parametrize(
    ("syntax", "decoder"),
    [
        (makers.NATIVE, "numpy"),
        (makers.IMPLICIT, "numpy"),
        (makers.BIG_ENDIAN, "numpy"),
        (makers.JPEG_LOSSLESS, "imagecodecs jpeg8"),
        (makers.JPEG_LS, "imagecodecs jpegls"),
        (makers.JPEG_2000, "imagecodecs jpeg2k"),
        (makers.HTJ2K, "imagecodecs htj2k"),
        (makers.RLE, "imagecodecs packbits"),
    ],
)
@pytest.mark.parametrize("signed", [False, True])
def test_every_transfer_syntax_gives_the_same_pixels(tmp_path: Path, syntax: str, decoder: str, signed: bool) -> None:
    pixels = makers.texture()
    if signed:
        pixels = (pixels.astype(np.int32) - 2048).astype(np.int16)
    path = makers.save(tmp_path / "a.dcm", makers.mammogram(pixels), pixels, syntax=syntax)
    image = open_one(path)
    np.testing.assert_array_equal(image.frame(0), pixels)
    assert image.frame(0).dtype == pixels.dtype
    assert image.decoder == decoder
    assert image.attributes.TransferSyntaxUID == syntax
    assert image.attributes.signed == signed
    assert "contradicts" not in texts(image)


def test_luts_in_a_big_endian_file_are_read_in_its_order(tmp_path: Path) -> None:
    pixels = makers.ramp()
    dataset = makers.mammogram(pixels)
    lut = makers.voi_lut(range(4096))
    lut[0x00283006].value = np.arange(4096, dtype=">u2").tobytes()
    dataset.VOILUTSequence = [lut]
    (voi,) = open_one(makers.save(tmp_path / "a.dcm", dataset, pixels, syntax=makers.BIG_ENDIAN)).attributes.vois
    assert isinstance(voi, VoiLut)
    np.testing.assert_array_equal(voi.data, np.arange(4096))


def test_frames_are_read_only_and_held(tmp_path: Path) -> None:
    pixels = makers.texture()
    image = open_one(makers.save(tmp_path / "a.dcm", makers.mammogram(pixels), pixels))
    assert not image.is_cached(0)
    frame = image.frame(0)
    assert image.is_cached(0)
    assert image.frame(0) is frame
    with pytest.raises(ValueError, match="read-only"):
        frame[0, 0] = 1
    image.close()
    assert not image.is_cached(0)


def test_a_volume_opens_with_its_functional_groups(tmp_path: Path) -> None:
    pixels = np.stack([makers.texture(seed=seed) for seed in range(4)])
    path = makers.save(tmp_path / "a.dcm", makers.tomo(pixels, spacing_mm=1.5), pixels, syntax=makers.JPEG_LS)
    attributes = open_one(path).attributes
    assert attributes.kind is ImageKind.TOMO
    assert attributes.frames == 4
    assert attributes.view.label == "LCC"
    assert attributes.vois == (Window(500, 800, explanation="Window 1"),)
    assert attributes.frame_vois == ()
    assert attributes.pixel_spacing == PixelSpacing(0.09, 0.09, "mm in plane")
    assert attributes.slice_spacing_mm == 1.5
    assert attributes.slice_positions_mm == (0.0, 1.5, 3.0, 4.5)
    np.testing.assert_array_equal(open_one(path).frame(3), pixels[3])


def test_the_window_of_a_frame_comes_before_the_shared_one(tmp_path: Path) -> None:
    pixels = np.stack([makers.ramp(8, 8)] * 3)
    dataset = makers.tomo(pixels)
    for index in (1, 2):
        voi = makers.Dataset()
        voi.WindowCenter, voi.WindowWidth = 100 * index, 50
        dataset.PerFrameFunctionalGroupsSequence[index].FrameVOILUTSequence = [voi]
    attributes = open_one(makers.save(tmp_path / "a.dcm", dataset, pixels)).attributes
    centers = [attributes.vois_for_frame(index)[0].center for index in range(3)]  # type: ignore[union-attr]
    assert centers == [500, 100, 200]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("top", [False, True])
def test_the_window_of_the_first_frame_is_not_that_of_the_others(tmp_path: Path, shared: bool, top: bool) -> None:
    pixels = np.stack([makers.ramp(8, 8)] * 3)
    dataset = makers.tomo(pixels)
    del dataset.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence
    if not shared:
        del dataset.SharedFunctionalGroupsSequence
    if top:
        dataset.WindowCenter, dataset.WindowWidth = 900, 70
    voi = makers.Dataset()
    voi.WindowCenter, voi.WindowWidth = 100, 50
    dataset.PerFrameFunctionalGroupsSequence[0].FrameVOILUTSequence = [voi]
    attributes = open_one(makers.save(tmp_path / "a.dcm", dataset, pixels)).attributes
    rest = (Window(900, 70, explanation="Window 1"),) if top else ()
    assert [attributes.vois_for_frame(index) for index in range(3)] == [
        (Window(100, 50, explanation="Window 1"),), rest, rest,
    ]  # fmt: skip


@pytest.mark.parametrize("places", [(0.0, 1.0, 2.0), (2.0, 0.0, 1.0)])
@pytest.mark.parametrize("slopes", [(1, 4, 4), (2, 2, 0.5), (2, 2, 2), (0, 3, 1)])
def test_every_frame_is_rescaled_by_its_own(
    tmp_path: Path, slopes: tuple[float, ...], places: tuple[float, ...]
) -> None:
    pixels = np.stack([makers.ramp(8, 8)] * 3)
    dataset = makers.tomo(pixels)
    for index, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        group.PlanePositionSequence[0].ImagePositionPatient = [0, 0, places[index]]
        transform = makers.Dataset()
        transform.RescaleSlope, transform.RescaleIntercept, transform.RescaleType = slopes[index], 10 * index, "US"
        group.PixelValueTransformationSequence = [transform]
    attributes = open_one(makers.save(tmp_path / "a.dcm", dataset, pixels)).attributes
    found = [attributes.rescale_for_frame(index) for index in range(3)]
    order = [attributes.file_frame(index) for index in range(3)]
    assert found == [Rescale(slopes[index] or 1.0, 10.0 * index) for index in order]
    assert attributes.rescale == found[0]
    assert any("each frame by its own" in notice.text for notice in attributes.warnings)


def test_a_rescale_that_all_frames_share_is_the_images(tmp_path: Path) -> None:
    pixels = np.stack([makers.ramp(8, 8)] * 3)
    dataset = makers.tomo(pixels, RescaleSlope=7, RescaleIntercept=0)
    transform = makers.Dataset()
    transform.RescaleSlope, transform.RescaleIntercept = 2, -5
    dataset.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence = [transform]
    attributes = open_one(makers.save(tmp_path / "a.dcm", dataset, pixels)).attributes
    assert (attributes.rescale, attributes.frame_rescales) == (Rescale(2, -5), ())


def test_windows_that_all_frames_repeat_are_the_images(tmp_path: Path) -> None:
    pixels = np.stack([makers.ramp(8, 8)] * 3)
    dataset = makers.tomo(pixels)
    for group in dataset.PerFrameFunctionalGroupsSequence:
        voi = makers.Dataset()
        voi.WindowCenter, voi.WindowWidth, voi.WindowCenterWidthExplanation = 300, 50, "OWN"
        group.FrameVOILUTSequence = [voi]
    attributes = open_one(makers.save(tmp_path / "a.dcm", dataset, pixels)).attributes
    assert attributes.vois == (Window(300, 50, explanation="OWN"),)
    assert attributes.frame_vois == ()


def test_top_level_windows_serve_a_volume_without_groups(tmp_path: Path) -> None:
    pixels = np.stack([makers.ramp(8, 8)] * 2)
    dataset = makers.tomo(
        pixels,
        SharedFunctionalGroupsSequence=None,
        PerFrameFunctionalGroupsSequence=None,
        WindowCenter=9,
        WindowWidth=8,
    )
    attributes = open_one(makers.save(tmp_path / "a.dcm", dataset, pixels)).attributes
    assert attributes.vois == (Window(9, 8, explanation="Window 1"),)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"SOPClassUID": makers.MAMMOGRAM_RAW}, ImageKind.MAMMOGRAM_RAW),
        ({"PresentationIntentType": "FOR PROCESSING"}, ImageKind.MAMMOGRAM_RAW),
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"]}, ImageKind.SYNTHETIC_2D),
        ({"SOPClassUID": makers.SECONDARY}, ImageKind.SECONDARY),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1", "Modality": "CR"}, ImageKind.SECONDARY),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1", "Modality": "MG"}, ImageKind.MAMMOGRAM),
    ],
)
def test_kinds(tmp_path: Path, changes: dict[str, object], kind: ImageKind) -> None:
    pixels = makers.ramp(8, 8)
    path = makers.save(tmp_path / "a.dcm", makers.mammogram(pixels, **changes), pixels)
    assert open_one(path).attributes.kind is kind


@pytest.mark.parametrize("planar", [0, 1])
def test_a_colour_capture_shows_its_luminance(tmp_path: Path, planar: int) -> None:
    colour = np.zeros((6, 8, 3), np.uint8)
    colour[..., 0] = 255
    stored = np.moveaxis(colour, -1, 0) if planar else colour
    dataset = makers.secondary_capture(colour)
    dataset.PlanarConfiguration = planar
    image = open_one(makers.save(tmp_path / "a.dcm", dataset, np.ascontiguousarray(stored)))
    assert (image.frame(0) == 76).all()
    assert image.attributes.pixel_spacing is None
    assert "luminance" in texts(image)


@pytest.mark.parametrize(
    ("elements", "signed", "expected"),
    [
        ({"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 30}, False, Padding(0, 30)),
        ({"PixelPaddingValue": 4095, "PixelPaddingRangeLimit": 4000}, False, Padding(4000, 4095)),
        ({"PixelPaddingValue": 7}, False, Padding(7, 7)),
        ({"PixelPaddingValue": -2048, "PixelPaddingRangeLimit": -2000}, True, Padding(-2048, -2000)),
        ({}, False, None),
    ],
)
def test_padding(tmp_path: Path, elements: dict[str, int], signed: bool, expected: Padding | None) -> None:
    pixels = makers.ramp(8, 8, signed=signed)
    dataset = makers.mammogram(pixels, **elements)
    assert open_one(makers.save(tmp_path / "a.dcm", dataset, pixels)).attributes.padding == expected


@pytest.mark.parametrize(
    ("photometric", "shape", "inverse"),
    [
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME1", None, True),
        ("MONOCHROME2", "INVERSE", True),
    ],
)
def test_polarity_is_inverted_once(tmp_path: Path, photometric: str, shape: str | None, inverse: bool) -> None:
    pixels = makers.ramp(8, 8)
    dataset = makers.mammogram(pixels, PhotometricInterpretation=photometric, PresentationLUTShape=shape)
    assert open_one(makers.save(tmp_path / "a.dcm", dataset, pixels)).attributes.inverse is inverse


def test_overlays_in_the_spare_bits_are_not_pixels(tmp_path: Path) -> None:
    pixels = makers.ramp(8, 8)
    image = open_one(makers.save(tmp_path / "a.dcm", makers.mammogram(pixels), pixels | 0xF000))
    np.testing.assert_array_equal(image.frame(0), pixels)


def test_a_high_bit_above_the_stored_bits_is_shifted_down(tmp_path: Path) -> None:
    pixels = makers.ramp(8, 8)
    dataset = makers.mammogram(pixels, HighBit=15)
    image = open_one(makers.save(tmp_path / "a.dcm", dataset, pixels << 4))
    np.testing.assert_array_equal(image.frame(0), pixels)


def test_folders_open_with_all_below_and_each_file_once(tmp_path: Path) -> None:
    pixels = makers.ramp(8, 8)
    makers.save(tmp_path / "one" / "a.dcm", makers.mammogram(pixels), pixels)
    second = makers.save(tmp_path / "one" / "two" / "b", makers.mammogram(pixels), pixels)
    (tmp_path / "one" / "notes.txt").write_text("a document, passed over")
    (tmp_path / "one" / "broken").write_text("not an image, but told about")
    (tmp_path / "one" / "DICOMDIR").write_bytes(b"\0" * 200)
    (tmp_path / "one" / ".hidden").write_bytes(b"x")
    result = open_paths([tmp_path, second, tmp_path / "one"])
    assert [image.attributes.path.name for image in result.images] == ["a.dcm", "b"]
    assert [rejected.path.name for rejected in result.rejected] == ["broken"]


def test_what_is_missing_or_empty_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "zero.dcm").write_bytes(b"")
    assert "no such file" in reason(open_paths([tmp_path / "absent"]))
    assert "holds no images" in reason(open_paths([tmp_path / "empty"]))
    assert "is empty" in reason(open_paths([tmp_path / "zero.dcm"]))


def test_a_stated_pixel_size_serves_images_without_one_only(tmp_path: Path) -> None:
    pixels = makers.ramp(8, 8)
    known = makers.save(tmp_path / "known.dcm", makers.mammogram(pixels), pixels)
    unknown = makers.save(tmp_path / "unknown.dcm", makers.mammogram(pixels, ImagerPixelSpacing=None), pixels)
    result = open_paths([known, unknown], pixel_spacing_mm=0.05)
    spacings = [image.attributes.pixel_spacing for image in result.images]
    assert spacings == [PixelSpacing(0.1, 0.1, "mm at detector"), PixelSpacing(0.05, 0.05, STATED)]


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_a_pixel_size_that_is_none_is_refused(size: float) -> None:
    with pytest.raises(ArgumentError):
        open_paths([], pixel_spacing_mm=size)


def test_opening_can_be_cancelled(tmp_path: Path) -> None:
    pixels = makers.ramp(8, 8)
    makers.save(tmp_path / "a.dcm", makers.mammogram(pixels), pixels)

    def cancel(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        open_paths([tmp_path], progress=cancel)


def test_the_header_is_told_element_by_element(tmp_path: Path) -> None:
    pixels = makers.ramp(8, 8)
    image = open_one(makers.save(tmp_path / "a.dcm", makers.mammogram(pixels), pixels))
    lines = image.header_text()
    assert ("(0020,0062)", "ImageLaterality", "CS", "R") in lines
    assert ("  (0008,0100)", "CodeValue", "SH", "399368009") in lines
    assert not any(keyword == "PixelData" for _, keyword, _, _ in lines)


def test_the_real_mammogram_opens(shared_data: Path) -> None:
    image = open_one(shared_data / "dicom" / "ge_essential_rmlo.dcm")
    attributes = image.attributes
    assert attributes.view.label == "RMLO"
    assert [voi.explanation for voi in attributes.vois] == ["NORMAL", "HARDER", "SOFTER"] * 2
    assert attributes.padding == Padding(0, 30)
    assert attributes.orientation.flip_columns is False
    assert attributes.warnings == ()
    frame = image.frame(0)
    assert (frame.shape, frame.dtype, int(frame.max())) == ((3062, 2394), np.dtype(np.uint16), 3471)
    assert int(frame.sum(dtype=np.int64)) == 5497827292
    assert image.decoder == "imagecodecs jpeg8"


def test_jpeg_2000_with_another_sign_than_the_header_is_believed(tmp_path: Path) -> None:
    pixels = (makers.texture().astype(np.int32) - 2048).astype(np.int16)
    dataset = makers.mammogram(pixels, PixelRepresentation=0)
    stream = bytes(imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k", reversible=True))
    path = makers.save_fragments(tmp_path / "a.dcm", dataset, makers.JPEG_2000, makers.pixel_items(stream))
    image = open_one(path)
    assert image.attributes.signed
    assert "believed" in texts(image)
    np.testing.assert_array_equal(image.frame(0), pixels)


def test_documents_beside_images_are_passed_over_in_folders_but_not_when_named(tmp_path: Path) -> None:
    pixels = makers.ramp(8, 8)
    makers.save(tmp_path / "a.dcm", makers.mammogram(pixels), pixels)
    truth = tmp_path / "truth.json"
    truth.write_text("{}")
    assert open_paths([tmp_path]).rejected == ()
    assert [rejected.path for rejected in open_paths([truth]).rejected] == [truth]


def test_the_library_says_nothing_of_what_is_in_a_file() -> None:
    assert library.pydicom.config is not None
    assert logging.getLogger("pydicom").getEffectiveLevel() == logging.CRITICAL
