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


@pytest.mark.parametrize(("scale", "mark"), [(1, 65535), (16, 0)])
def test_padding_is_found_in_stored_values(tmp_path: Path, scale: int, mark: int) -> None:
    pixels = makers.ramp()
    image = with_table(tmp_path / "a.dcm", pixels, SQUARE[::-1] * scale, PixelPaddingValue=0)
    assert image.attributes.padding == Padding(mark, mark)
    shown = image.frame(0)
    np.testing.assert_array_equal(shown[pixels == 0], mark)
    np.testing.assert_array_equal(shown[pixels > 0], (SQUARE[::-1] * scale)[pixels[pixels > 0]])
    assert image.attributes.value_range == (0, 65536)


def test_a_damaged_table_is_left_out_and_the_rescale_applies(tmp_path: Path) -> None:
    pixels = makers.ramp()
    item = makers.voi_lut(SQUARE)
    item[0x00283006].value = b"\0" * 20
    dataset = makers.mammogram(pixels, ModalityLUTSequence=[item], RescaleSlope=2)
    (image,) = open_paths([makers.save(tmp_path / "a.dcm", dataset, pixels)]).images
    np.testing.assert_array_equal(image.frame(0), pixels)
    assert image.attributes.rescale.slope == 2
    assert any("Modality LUT is shorter" in notice.text for notice in image.attributes.warnings)
