"""Segmentations, overlays and display shutters: every bit in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import companion_makers as makers
from helpers import dicom_makers
from pydicom.dataset import Dataset

from mammoviewer.base.errors import DecodeError, InputError
from mammoviewer.dicom.companions.reader import read_companion
from mammoviewer.dicom.companions.records import Companion, CompanionKind, Target
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2, shape).astype(np.float64)


def read(tmp_path: Path, made: Dataset) -> Companion:
    return read_companion(makers.save(tmp_path / "seg.dcm", made))


def mammogram(tmp_path: Path, change: Any = None, pixels: np.ndarray | None = None, **elements: Any) -> Image:
    pixels = dicom_makers.ramp(9, 11) if pixels is None else pixels
    made = dicom_makers.mammogram(pixels, **elements)
    if change is not None:
        change(made)
    (image,) = open_paths([dicom_makers.save(tmp_path / "image.dcm", made, pixels)]).images
    return image


def test_binary_masks_whose_frames_end_inside_a_byte(tmp_path: Path) -> None:
    masks = noise(3, 5, 7)
    found = read(tmp_path, makers.segmentation("1.2", masks, source_frames=[2, 4, 6]))
    assert found.kind is CompanionKind.SEGMENTATION
    assert [plane.targets for plane in found.planes] == [(Target("1.2", (i,)),) for i in (1, 3, 5)]
    assert {(plane.label, plane.graded, plane.stretched) for plane in found.planes} == {("Mass", False, True)}
    for plane, mask in zip(found.planes, masks, strict=True):
        np.testing.assert_array_equal(plane.read(), mask)
    (run,) = found.runs
    assert (run.name, run.purpose) == ("finder", "automatic")


def test_fractional_masks_are_scaled_by_their_maximum(tmp_path: Path) -> None:
    masks = np.linspace(0, 1, 24).reshape(1, 4, 6)
    (plane,) = read(tmp_path, makers.segmentation("1.2", masks, kind="FRACTIONAL")).planes
    assert plane.graded
    np.testing.assert_allclose(plane.read(), masks[0], atol=0.5 / 200)


def test_label_maps_give_a_mask_for_each_segment(tmp_path: Path) -> None:
    labels = np.arange(12).reshape(1, 3, 4) % 3
    first, second = read(tmp_path, makers.segmentation("1.2", labels, kind="LABELMAP")).planes
    np.testing.assert_array_equal(first.read(), labels[0] == 1)
    np.testing.assert_array_equal(second.read(), labels[0] == 2)
    assert (first.label, second.label) == ("Mass", "Cluster")


COMPRESSED = (dicom_makers.RLE, dicom_makers.JPEG_LOSSLESS, dicom_makers.JPEG_LS, dicom_makers.JPEG_2000,
              dicom_makers.HTJ2K)  # fmt: skip


@pytest.mark.parametrize("syntax", COMPRESSED)
@pytest.mark.parametrize("kind", ["FRACTIONAL", "LABELMAP", "BINARY"])
def test_compressed_masks_are_those_that_were_compressed(tmp_path: Path, kind: str, syntax: str) -> None:
    values = np.random.default_rng(3).integers(0, 2 if kind == "BINARY" else 3, (3, 24, 40)).astype(np.uint8)
    made = makers.segmentation("1.2", values / 200 if kind == "FRACTIONAL" else values, kind=kind)
    streams = [dicom_makers.compress(frame, syntax, bits=8) for frame in values]
    path = dicom_makers.save_fragments(tmp_path / "seg.dcm", without_pixels(made), syntax, fragments(streams))
    planes = read_companion(path).planes
    if kind == "LABELMAP":
        for index, frame in enumerate(values):
            np.testing.assert_array_equal(planes[2 * index].read(), frame == 1)
            np.testing.assert_array_equal(planes[2 * index + 1].read(), frame == 2)
        return
    full = 200 if kind == "FRACTIONAL" else 1
    for plane, frame in zip(planes, values, strict=True):
        np.testing.assert_array_equal(plane.read(), (frame / full).astype(np.float32))


@pytest.mark.parametrize("syntax", [dicom_makers.RLE, dicom_makers.JPEG_LOSSLESS, dicom_makers.JPEG_2000])
def test_a_damaged_mask_is_an_error_of_that_mask_alone(tmp_path: Path, syntax: str) -> None:
    values = np.random.default_rng(3).integers(0, 3, (2, 24, 40)).astype(np.uint8)
    made = makers.segmentation("1.2", values / 200, kind="FRACTIONAL")
    good = dicom_makers.compress(values[0], syntax, bits=8)
    value = fragments([good, good[: len(good) // 2]])
    first, second = read_companion(
        dicom_makers.save_fragments(tmp_path / "a", without_pixels(made), syntax, value)
    ).planes
    np.testing.assert_array_equal(first.read(), (values[0] / 200).astype(np.float32))
    with pytest.raises(DecodeError, match="mask 2 of the segmentation"):
        second.read()


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_masks_of_a_deflated_file(tmp_path: Path, kind: str) -> None:
    masks = noise(3, 5, 7)
    made = makers.segmentation("1.2", masks, kind=kind)
    path = makers.save(tmp_path / "seg.dcm", made, syntax="1.2.840.10008.1.2.1.99")
    for plane, mask in zip(read_companion(path).planes, masks, strict=True):
        np.testing.assert_array_equal(plane.read(), mask)


def test_colour_is_no_mask(tmp_path: Path) -> None:
    made = makers.segmentation("1.2", noise(1, 4, 4), kind="FRACTIONAL")
    made.SamplesPerPixel = 3
    with pytest.raises(InputError, match="single values"):
        read(tmp_path, made)


def without_pixels(made: Dataset) -> Dataset:
    del made.PixelData
    return made


def fragments(streams: list[bytes]) -> bytes:
    """Return encapsulated pixel data, one fragment of even length for each frame."""
    return dicom_makers.pixel_items(*(stream + b"\0" * (len(stream) % 2) for stream in streams))


def test_labels_are_numbers_also_in_a_palette_and_in_words(tmp_path: Path) -> None:
    labels = np.arange(12, dtype=np.uint16).reshape(1, 3, 4) % 3
    made = makers.segmentation("1.2", labels, kind="LABELMAP")
    made.PhotometricInterpretation, made.BitsAllocated, made.BitsStored, made.HighBit = "PALETTE COLOR", 16, 16, 15
    made.PixelData = labels.tobytes()
    made["PixelData"].VR = "OW"
    first, second = read(tmp_path, made).planes
    np.testing.assert_array_equal(first.read(), labels[0] == 1)
    np.testing.assert_array_equal(second.read(), labels[0] == 2)


def test_masks_without_a_source_are_told_about(tmp_path: Path) -> None:
    made = makers.segmentation("1.2", noise(2, 4, 4))
    for group in made.PerFrameFunctionalGroupsSequence:
        del group.DerivationImageSequence
    found = read(tmp_path, made)
    assert found.planes == ()
    assert "2 masks" in found.warnings[0].text


def test_a_segmentation_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    made = makers.segmentation("1.2", noise(4, 16, 16), kind="FRACTIONAL")
    path = makers.save(tmp_path / "seg.dcm", made)
    found = read_companion(path)
    path.write_bytes(path.read_bytes()[:-700])
    found.planes[0].read()
    with pytest.raises(DecodeError, match="mask 4"):
        found.planes[3].read()


def test_absurd_sizes_are_refused_before_they_are_allocated(tmp_path: Path) -> None:
    made = makers.segmentation("1.2", noise(1, 4, 4))
    made.Rows = made.Columns = 65535
    with pytest.raises(InputError, match="Segmentation Storage"):
        read(tmp_path, made)


def test_an_overlay_lies_where_its_origin_says(tmp_path: Path) -> None:
    mask = noise(3, 13)
    image = mammogram(tmp_path, lambda made: makers.add_overlay(made, mask, origin=(-1, 4)))
    (overlay,) = image.companions
    assert (overlay.kind, overlay.label) == (CompanionKind.OVERLAY, "Marker")
    (plane,) = overlay.planes
    assert plane.origin == (-2.0, 3.0)
    assert plane.solid
    assert plane.targets == (Target(image.attributes.SOPInstanceUID),)
    np.testing.assert_array_equal(plane.read(), mask)


@pytest.mark.parametrize("representation", ["OW", "OB"])
def test_the_bytes_of_overlay_words_follow_the_order_of_the_file(tmp_path: Path, representation: str) -> None:
    mask = noise(9, 13)
    grey = dicom_makers.ramp(9, 13)
    made = makers.add_overlay(dicom_makers.mammogram(grey), mask)
    data = made[0x6000, 0x3000]
    data.VR = representation
    if representation == "OW":
        data.value = np.frombuffer(data.value, np.uint16).byteswap().tobytes()
    path = dicom_makers.save(tmp_path / "a.dcm", made, grey, syntax=dicom_makers.BIG_ENDIAN)
    (image,) = open_paths([path]).images
    np.testing.assert_array_equal(image.companions[0].planes[0].read(), mask)


def test_an_overlay_with_frames_lies_on_its_frames(tmp_path: Path) -> None:
    masks, pixels = noise(2, 5, 5), np.stack([dicom_makers.ramp(5, 5)] * 4)
    made = makers.add_overlay(dicom_makers.tomo(pixels), masks, first_frame=3, kind="R")
    (image,) = open_paths([dicom_makers.save(tmp_path / "a.dcm", made, pixels)]).images
    planes = image.companions[0].planes
    assert [plane.targets[0].frames for plane in planes] == [(2,), (3,)]
    assert not planes[0].solid
    np.testing.assert_array_equal(planes[1].read(), masks[1])


def test_an_overlay_in_spare_bits_of_the_pixels(tmp_path: Path) -> None:
    mask = noise(9, 11).astype(np.uint16)
    grey = dicom_makers.ramp(9, 11)
    image = mammogram(tmp_path, lambda made: makers.add_embedded_overlay(made, 13), pixels=grey | (mask << 13))
    np.testing.assert_array_equal(image.companions[0].planes[0].read(), mask)
    np.testing.assert_array_equal(image.frame(0), grey)


def test_an_overlay_shorter_than_its_size_is_told_about(tmp_path: Path) -> None:
    def damage(made: Dataset) -> None:
        makers.add_overlay(made, noise(3, 13))
        made[0x6000, 0x0010].value = 400

    image = mammogram(tmp_path, damage)
    assert image.companions == ()
    assert any("overlay in group 6000" in notice.text for notice in image.attributes.warnings)


def test_shutters_of_an_image(tmp_path: Path) -> None:
    image = mammogram(
        tmp_path, ShutterShape=["RECTANGULAR", "CIRCULAR", "POLYGONAL"], ShutterUpperHorizontalEdge=2,
        ShutterLowerHorizontalEdge=8, ShutterLeftVerticalEdge=1, ShutterRightVerticalEdge=10,
        CenterOfCircularShutter=[5, 6], RadiusOfCircularShutter=3, VerticesOfThePolygonalShutter=[1, 1, 1, 9, 7, 5],
    )  # fmt: skip
    (found,) = image.companions
    assert found.kind is CompanionKind.SHUTTER
    rectangle, circle, polygon = (np.array(shutter.outline) for shutter in found.shutters)
    np.testing.assert_array_equal([rectangle.min(0), rectangle.max(0)], [(0.5, -0.5), (7.5, 9.5)])
    np.testing.assert_allclose(np.hypot(*(circle - (4, 5)).T), 3.0)
    assert polygon.tolist() == [[0, 0], [0, 8], [6, 4]]


@pytest.mark.parametrize(
    "elements",
    [
        {"ShutterShape": "BITMAP"},
        {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [5, 6], "RadiusOfCircularShutter": 0},
        {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 1, 2, 2]},
        {"ShutterShape": "RECTANGULAR", "ShutterUpperHorizontalEdge": 2},
    ],
)
def test_a_shutter_that_cannot_be_applied_is_told_about(tmp_path: Path, elements: dict[str, Any]) -> None:
    image = mammogram(tmp_path, **elements)
    assert image.companions == ()
    assert any("display shutter is not applied" in notice.text for notice in image.attributes.warnings)


def test_an_icon_is_neither_a_picture_nor_a_companion(tmp_path: Path) -> None:
    icon = makers.item(Rows=2, Columns=2, BitsAllocated=8, SamplesPerPixel=1, PixelData=b"\1\2\3\4")
    image = mammogram(tmp_path, IconImageSequence=[icon])
    assert image.attributes.shape == (9, 11)
    assert image.companions == ()
    np.testing.assert_array_equal(image.frame(0), dicom_makers.ramp(9, 11))


@pytest.mark.parametrize(
    ("preserved", "kept"), [("YES", True), (None, True), ("NO", False), ("REORIENTED_ONLY", False)]
)
def test_sources_count_when_places_are_kept(tmp_path: Path, preserved: str | None, kept: bool) -> None:
    extra = {} if preserved is None else {"SpatialLocationsPreserved": preserved}
    image = mammogram(tmp_path, SourceImageSequence=[makers.reference("1.9", **extra)], IrradiationEventUID="7.7")
    assert image.links.sources == (("1.9",) if kept else ())
    assert image.links.IrradiationEventUID == ("7.7",)


def test_files_that_refer_to_images_are_no_failure(tmp_path: Path) -> None:
    image = mammogram(tmp_path)
    makers.save(tmp_path / "seg.dcm", makers.segmentation(image.attributes.SOPInstanceUID, noise(1, 9, 11)))
    result = open_paths([tmp_path])
    assert len(result.images) == len(result.companions) == 1
    assert result.rejected == ()
    assert result.companions[0].refers_to(result.images[0].attributes.SOPInstanceUID)
