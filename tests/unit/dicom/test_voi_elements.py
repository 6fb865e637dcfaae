from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.dicom_makers import voi_lut
from pydicom.dataset import Dataset

from mammoviewer.base.notices import Notice
from mammoviewer.dicom.voi_elements import read_vois
from mammoviewer.imaging.voi import Voi, VoiFunction, VoiLut, Window


def read(*, signed: bool = False, **elements: Any) -> tuple[tuple[Voi, ...], str]:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    notices: list[Notice] = []
    vois = read_vois(dataset, signed=signed, notices=notices)
    return vois, " | ".join(notice.text for notice in notices)


def lut_of(item: Dataset, *, signed: bool = False) -> tuple[VoiLut, str]:
    (voi,), told = read(signed=signed, VOILUTSequence=[item])
    assert isinstance(voi, VoiLut)
    return voi, told


def test_every_pair_is_offered_by_its_explanation() -> None:
    vois, told = read(
        WindowCenter=[1, 2],
        WindowWidth=[10, 20],
        WindowCenterWidthExplanation=["SOFT", "HARD"],
        VOILUTFunction="SIGMOID",
    )
    assert vois == (Window(1, 10, VoiFunction.SIGMOID, "SOFT"), Window(2, 20, VoiFunction.SIGMOID, "HARD"))
    assert told == ""


def test_windows_come_before_luts_and_each_has_a_name() -> None:
    vois, _ = read(WindowCenter=1, WindowWidth=10, VOILUTSequence=[voi_lut(range(256), bits=8)])
    assert [voi.explanation for voi in vois] == ["Window 1", "LUT 1"]


@pytest.mark.parametrize(("function", "kept"), [("LINEAR", 0), ("LINEAR_EXACT", 1), ("SIGMOID", 1)])
def test_widths_below_one_are_for_linear_not_allowed(function: str, kept: int) -> None:
    vois, _ = read(WindowCenter=0.5, WindowWidth=0.5, VOILUTFunction=function)
    assert len(vois) == kept


def test_a_bad_pair_does_not_spoil_the_next() -> None:
    vois, told = read(WindowCenter=[1, 2], WindowWidth=[0, 20], WindowCenterWidthExplanation=["A", "B"])
    assert vois == (Window(2, 20, explanation="B"),)
    assert "window 1" in told


@pytest.mark.parametrize("vr", ["OW", "US"])
def test_lut_data_of_either_vr(vr: str) -> None:
    item = voi_lut(range(0, 4096, 2), first=100)
    if vr == "US":
        del item[0x00283006]
        item.add_new(0x00283006, "US", list(range(0, 4096, 2)))
    voi, told = lut_of(item)
    np.testing.assert_array_equal(voi.data, np.arange(0, 4096, 2))
    assert (voi.first_mapped, voi.bits, told) == (100, 12, "")


def test_an_empty_count_stands_for_all_words() -> None:
    voi, _ = lut_of(voi_lut(np.arange(65536), bits=16))
    assert voi.data.size == 65536


@pytest.mark.parametrize(("first", "signed", "expected"), [(-5, True, -5), (65531, True, -5), (65531, False, 65531)])
def test_the_first_mapped_value_follows_the_sign_of_the_pixels(first: int, signed: bool, expected: int) -> None:
    voi, _ = lut_of(voi_lut(range(16), first=first, bits=8), signed=signed)
    assert voi.first_mapped == expected


@pytest.mark.parametrize(
    ("top", "declared", "bits"), [(4095, 12, 12), (4000, 12, 12), (4095, 16, 12), (65535, 12, 16), (60000, 16, 16)]
)
def test_the_width_of_the_entries_is_checked(top: int, declared: int, bits: int) -> None:
    voi, told = lut_of(voi_lut(np.linspace(0, top, 300).astype(int), bits=declared))
    assert voi.bits == bits
    assert ("bits" in told) == (bits != declared)


def test_bytes_packed_two_in_a_word() -> None:
    item = voi_lut(range(256), bits=8)
    item[0x00283006].value = bytes(range(256))
    voi, _ = lut_of(item)
    np.testing.assert_array_equal(voi.data, np.arange(256))


@pytest.mark.parametrize("keyword", ["LUTDescriptor", "LUTData"])
def test_a_lut_without_its_parts_is_left_out(keyword: str) -> None:
    item = voi_lut(range(256))
    del item[keyword]
    vois, told = read(VOILUTSequence=[item])
    assert vois == ()
    assert "left out" in told
