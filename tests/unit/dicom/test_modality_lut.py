"""The Modality LUT Sequence: applied before the VOI, told, with padding found before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import dicom_makers as makers

from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths
from mammoviewer.imaging.voi import IDENTITY, Padding

SQUARE = (np.arange(4096, dtype=np.float64) ** 2 / 4095).round().astype(np.int64)


def with_table(path: Path, pixels: np.ndarray, table: np.ndarray, *, first: int = 0, **elements: Any) -> Image:
    item = makers.voi_lut(table, first, int(table.max()).bit_length(), "SQUARE")
    dataset = makers.mammogram(pixels, ModalityLUTSequence=[item], **elements)
    (image,) = open_paths([makers.save(path, dataset, pixels)]).images
    return image


def test_the_table_is_applied_and_told(tmp_path: Path) -> None:
    pixels = makers.ramp()
    image = with_table(tmp_path / "a.dcm", pixels, SQUARE, RescaleSlope=7, RescaleIntercept=1)
    np.testing.assert_array_equal(image.frame(0), SQUARE[pixels])
    attributes = image.attributes
    assert (attributes.BitsStored, attributes.signed, attributes.rescale) == (12, False, IDENTITY)
    assert any("Modality LUT of the file is applied" in notice.text for notice in attributes.warnings)


def test_signed_values_reach_the_table_by_its_first_value_and_its_ends_go_on(tmp_path: Path) -> None:
    pixels = makers.ramp(signed=True)
    image = with_table(tmp_path / "a.dcm", pixels, np.arange(100, 900), first=-400)
    expected = np.clip(pixels.astype(int) + 400, 0, 799) + 100
    np.testing.assert_array_equal(image.frame(0), expected)
    assert not image.attributes.signed


@pytest.mark.parametrize("scale", [1, 16])
def test_padding_is_found_in_stored_values(tmp_path: Path, scale: int) -> None:
    """Values of the table that are 0 or white are image, also where the table has all 16 bits."""
    pixels = makers.ramp()
    image = with_table(tmp_path / "a.dcm", pixels, SQUARE[::-1] * scale, PixelPaddingValue=0)
    assert image.attributes.padding == Padding(65535, 65535)
    shown = image.frame(0)
    np.testing.assert_array_equal(image.attributes.padding.contains(shown), pixels == 0)
    np.testing.assert_array_equal(shown[pixels > 0], (SQUARE[::-1] * scale)[pixels[pixels > 0]])
    assert image.attributes.value_range == (0, 65536)


def test_padding_gets_a_value_that_the_table_does_not_lead_to(tmp_path: Path) -> None:
    pixels = makers.ramp()
    table = np.linspace(0, 65535, 4096).round().astype(np.int64)
    image = with_table(tmp_path / "a.dcm", pixels, table, PixelPaddingValue=0)
    assert image.attributes.padding is not None
    np.testing.assert_array_equal(image.attributes.padding.contains(image.frame(0)), pixels == 0)


def test_a_table_of_all_values_leaves_no_room_for_padding(tmp_path: Path) -> None:
    pixels = makers.ramp(256, 256, bits=16)
    image = with_table(tmp_path / "a.dcm", pixels, np.arange(65536)[::-1], bits=16, PixelPaddingValue=0)
    np.testing.assert_array_equal(image.frame(0), 65535 - pixels)
    assert image.attributes.padding is None
    assert any("uses every value" in notice.text for notice in image.attributes.warnings)


def test_a_damaged_table_is_left_out_and_the_rescale_applies(tmp_path: Path) -> None:
    pixels = makers.ramp()
    item = makers.voi_lut(SQUARE)
    item[0x00283006].value = b"\0" * 20
    dataset = makers.mammogram(pixels, ModalityLUTSequence=[item], RescaleSlope=2)
    (image,) = open_paths([makers.save(tmp_path / "a.dcm", dataset, pixels)]).images
    np.testing.assert_array_equal(image.frame(0), pixels)
    assert image.attributes.rescale.slope == 2
    assert any("Modality LUT is shorter" in notice.text for notice in image.attributes.warnings)
