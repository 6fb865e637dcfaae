"""Hologic SCO: volumes in private elements, read by our own code and written as tomosynthesis objects."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers import dicom_makers as makers
from helpers.sco_maker import joined, save_sco

from mammoviewer.annotations.interchange.seg import write_heatmap_seg
from mammoviewer.base.errors import ExportError
from mammoviewer.dicom import spacing
from mammoviewer.dicom.attributes import ImageKind, PixelSpacing, View
from mammoviewer.dicom.reader import open_paths
from mammoviewer.dicom.sco_export import write_tomosynthesis
from mammoviewer.imaging.voi import Window

VOLUME = np.stack([makers.texture(10, 14, bits=10, seed=seed) for seed in range(6)])


@pytest.mark.parametrize("pieces", [1, 3, 7])
@pytest.mark.parametrize("syntax", [makers.NATIVE, makers.IMPLICIT])
def test_the_volume_is_found_in_its_pieces(tmp_path: Path, pieces: int, syntax: str) -> None:
    (image,) = open_paths([save_sco(tmp_path / "a.dcm", VOLUME, pieces=pieces, syntax=syntax)]).images
    attributes = image.attributes
    assert (attributes.kind, attributes.frames, attributes.shape) == (ImageKind.TOMO, 6, (10, 14))
    assert attributes.view.label == "LCC"
    assert attributes.vois == (Window(500, 800, explanation="Window 1"),)
    assert attributes.pixel_spacing == PixelSpacing(0.1, 0.1, spacing.AT_DETECTOR)
    assert attributes.slice_spacing_mm == 1
    assert not attributes.lossy
    for index in (5, 0, 3):
        np.testing.assert_array_equal(image.frame(index), VOLUME[index])
    assert image.decoder == "imagecodecs jpegls"


def implicit_in_unknown(path: Path) -> Path:
    """Change the volume of an implicit file into UN of undefined length, as archives that do not know it have it."""
    raw = path.read_bytes()
    start = raw.index(struct.pack("<HH", 0x7E01, 0x1010))
    (length,) = struct.unpack_from("<L", raw, start + 4)
    end = start + 8 + length
    items = raw[start + 8 : end] + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    volume = struct.pack("<HH2sHL", 0x7E01, 0x1010, b"UN", 0, 0xFFFFFFFF) + items
    explicit = save_sco(path, VOLUME).read_bytes()
    start = explicit.index(struct.pack("<HH", 0x7E01, 0x1010))
    (length,) = struct.unpack_from("<L", explicit, start + 8)
    path.write_bytes(explicit[:start] + volume + explicit[start + 12 + length :])
    return path


def test_a_volume_of_unknown_representation(tmp_path: Path) -> None:
    path = implicit_in_unknown(save_sco(tmp_path / "a.dcm", VOLUME, syntax=makers.IMPLICIT))
    (image,) = open_paths([path]).images
    np.testing.assert_array_equal(image.frame(4), VOLUME[4])


def test_opening_and_listing_do_not_read_the_volume(tmp_path: Path) -> None:
    data = joined(VOLUME)
    path = save_sco(tmp_path / "a.dcm", VOLUME, data=data[:-1024] + bytes(32 << 20) + data[-1024:], pieces=5)
    tracemalloc.start()
    (image,) = open_paths([path]).images
    lines = {tag: (keyword, value) for tag, keyword, _, value in image.header_text()}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20
    np.testing.assert_array_equal(image.frame(2), VOLUME[2])
    assert lines["(0010,0020)"] == ("PatientID", "T1")
    assert lines["(7E01,0010)"][1] == "HOLOGIC, Inc."
    assert int(lines["(7E01,1010)"][1].removesuffix(" bytes")) > 32 << 20


def test_private_elements_of_the_group_of_another_maker_are_read(tmp_path: Path) -> None:
    pixels = makers.ramp(16, 16)
    dataset = makers.mammogram(pixels)
    dataset.add_new((0x7E01, 0x0010), "LO", "SOMEBODY")
    dataset.add_new((0x7E01, 0x1010), "LO", "a text")
    dataset.add_new((0x7F01, 0x0010), "LO", "BEHIND")
    (image,) = open_paths([makers.save(tmp_path / "a.dcm", dataset, pixels)]).images
    lines = {tag: value for tag, _, _, value in image.header_text()}
    assert (lines["(7E01,1010)"], lines["(7F01,0010)"]) == ("a text", "BEHIND")
    np.testing.assert_array_equal(image.frame(0), pixels)


def test_what_stands_behind_the_volume_is_read(tmp_path: Path) -> None:
    (image,) = open_paths([save_sco(tmp_path / "a.dcm", VOLUME)]).images
    assert ("(7E01,1011)", "0 bytes") in [(tag, value) for tag, _, _, value in image.header_text()]


@pytest.mark.parametrize("near", [1, 4])
def test_near_lossless_frames_are_marked_lossy_and_near(tmp_path: Path, near: int) -> None:
    (image,) = open_paths([save_sco(tmp_path / "a.dcm", VOLUME, near=near)]).images
    assert image.attributes.lossy
    difference = np.abs(image.frame(2).astype(int) - VOLUME[2])
    assert 0 < difference.max() <= near


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:900], "cut short"),
        (lambda data: data[:20] + struct.pack("<H", 300) + data[22:], "no valid header"),
        (lambda data: data[:28] + b"\0\0" + data[30:], "no valid header"),
        (lambda data: data[:32] + b"\x63" + data[33:], "no valid header"),
        (lambda data: data[:-1024] + struct.pack("<2i", 90, 70) + data[-1016:], "no valid offsets"),
        (lambda data: data[:-1024] + struct.pack("<i", -5) + data[-1020:], "no valid offsets"),
    ],
)
def test_a_damaged_volume_is_refused_with_its_reason(tmp_path: Path, change: object, words: str) -> None:
    data = change(joined(VOLUME))  # type: ignore[operator]
    (rejected,) = open_paths([save_sco(tmp_path / "a.dcm", VOLUME, data=data)]).rejected
    assert words in rejected.reason


def test_another_secondary_capture_is_none(tmp_path: Path) -> None:
    (image,) = open_paths([save_sco(tmp_path / "a.dcm", VOLUME, SOPClassUID=makers.MAMMOGRAM)]).images
    assert image.attributes.kind is ImageKind.MAMMOGRAM


def test_a_damaged_creator_makes_it_a_secondary_capture(tmp_path: Path) -> None:
    path = save_sco(tmp_path / "a.dcm", VOLUME)
    raw = path.read_bytes()
    element = struct.pack("<HH", 0x7E01, 0x0010)
    path.write_bytes(raw.replace(element + b"LO", element + b"HO", 1))
    (image,) = open_paths([path]).images
    assert image.attributes.kind is ImageKind.SECONDARY


@pytest.mark.parametrize("near", [0, 4])
def test_it_becomes_a_tomosynthesis_object_with_the_same_pixels(tmp_path: Path, near: int) -> None:
    (image,) = open_paths([save_sco(tmp_path / "a.dcm", VOLUME, near=near)]).images
    write_tomosynthesis(tmp_path / "bto.dcm", image.attributes)
    (made,) = open_paths([tmp_path / "bto.dcm"]).images
    attributes = made.attributes
    assert attributes.SOPClassUID == makers.TOMO
    assert attributes.SOPInstanceUID != image.attributes.SOPInstanceUID
    assert attributes.lossy == image.attributes.lossy == bool(near)
    assert attributes.view == image.attributes.view == View("L", "CC")
    assert attributes.slice_positions_mm == (0, 1, 2, 3, 4, 5)
    assert attributes.vois == image.attributes.vois
    assert attributes.orientation == image.attributes.orientation
    for index in range(6):
        np.testing.assert_array_equal(made.frame(index), image.frame(index))
    written = pydicom.dcmread(tmp_path / "bto.dcm")
    np.testing.assert_array_equal(written.pixel_array[4], image.frame(4))
    assert written.SourceImageSequence[0].ReferencedSOPInstanceUID == image.attributes.SOPInstanceUID
    assert written.get("LossyImageCompressionMethod") == ("ISO_14495_1" if near else None)


def test_an_oblique_volume_keeps_its_view_and_its_slices_apart(tmp_path: Path) -> None:
    made = {"ImageLaterality": "R", "ViewPosition": "MLO", "PatientOrientation": ["P", "F"]}
    (image,) = open_paths([save_sco(tmp_path / "a.dcm", VOLUME, **made)]).images
    write_tomosynthesis(tmp_path / "bto.dcm", image.attributes)
    attributes = open_paths([tmp_path / "bto.dcm"]).images[0].attributes
    assert attributes.view.label == "RMLO"
    assert attributes.slice_positions_mm == (0, 1, 2, 3, 4, 5)
    assert attributes.orientation == image.attributes.orientation
    assert not attributes.unoriented


def test_the_codes_of_the_view_are_taken_over(tmp_path: Path) -> None:
    code = makers.code_item("R-10242", "SRT")
    code.ViewModifierCodeSequence = [makers.code_item("R-102D5", "SRT")]
    (image,) = open_paths([save_sco(tmp_path / "a.dcm", VOLUME, ViewCodeSequence=[code])]).images
    write_tomosynthesis(tmp_path / "bto.dcm", image.attributes)
    assert open_paths([tmp_path / "bto.dcm"]).images[0].attributes.view.label == "LCCID"


def test_what_the_class_asks_for_is_there_and_what_is_known_is_kept(tmp_path: Path) -> None:
    known = {"PatientName": "Пушкин^Александр", "StudyTime": "101112", "InstanceNumber": 7}
    (image,) = open_paths([save_sco(tmp_path / "a.dcm", VOLUME, **known)]).images
    write_tomosynthesis(tmp_path / "bto.dcm", image.attributes)
    written = pydicom.dcmread(tmp_path / "bto.dcm")
    assert {keyword: written[keyword].value for keyword in known} == known
    assert written.Manufacturer == "HOLOGIC, Inc."
    assert (written.StudyID, written.AccessionNumber, written.SeriesNumber) == ("", "", None)
    assert written.BurnedInAnnotation == "NO"


def test_only_a_volume_of_this_kind_is_turned_into_one(tmp_path: Path) -> None:
    pixels = makers.ramp(16, 16)
    (image,) = open_paths([makers.save(tmp_path / "a.dcm", makers.mammogram(pixels), pixels)]).images
    with pytest.raises(ExportError, match="only a Hologic SCO"):
        write_tomosynthesis(tmp_path / "b.dcm", image.attributes)


def test_a_segmentation_of_it_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (image,) = open_paths([save_sco(tmp_path / "a.dcm", VOLUME)]).images
    with pytest.raises(ExportError) as refusal:
        write_heatmap_seg(tmp_path / "seg.dcm", {0: np.ones((10, 14), np.float32)}, image, model_name="m.1")
    assert "--format bto" in refusal.value.hint
