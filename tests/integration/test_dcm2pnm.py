"""Displayed grey against dcmtk's dcm2pnm, an implementation of the same pipeline by other people.

Two differences are known and are not errors. dcm2pnm does not know PixelPaddingRangeLimit: it shows padding like any
other value (white in MONOCHROME1), where padding is black here. And in 16-bit output it scales a 12-bit LUT by a shift,
so that its full white is 65,520.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import dicom_makers as makers
from pydicom.dataset import Dataset

from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths
from mammoviewer.imaging.voi import apply_lut, display_lut

pytestmark = [
    pytest.mark.integration,
    # dcmj2pnm is dcm2pnm with the JPEG decoders
    pytest.mark.skipif(shutil.which("dcmj2pnm") is None, reason="dcmtk is not installed"),
]
PADDING = 3


def dcm2pnm(path: Path, option: str, out: Path, *, bits: int = 8) -> np.ndarray:
    kind, number = option.split()
    form = "+on" if bits == 8 else "+on2"
    done = subprocess.run(
        ["dcmj2pnm", kind, number, form, str(path), str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "E:" not in done.stderr
    return np.asarray(cv2.imread(str(out), cv2.IMREAD_UNCHANGED))


def ours(image: Image, index: int, *, bits: int = 8) -> np.ndarray:
    attributes = image.attributes
    first, count = attributes.value_range
    lut = display_lut(
        first,
        count,
        voi=attributes.vois[index],
        rescale=attributes.rescale,
        inverse=attributes.inverse,
        padding=attributes.padding,
        bits=bits,
    )
    return np.asarray(apply_lut(image.frame(0), lut, first))


def largest_difference(image: Image, index: int, reference: np.ndarray, *, bits: int = 8) -> int:
    """Return the largest difference outside padding, after checking that padding is black."""
    shown = ours(image, index, bits=bits).astype(np.int64)
    padding = image.attributes.padding
    outside = np.ones(shown.shape, bool)
    if padding is not None:
        outside = ~padding.contains(image.frame(0))
        assert not shown[~outside].any()
    return int(np.abs(shown - reference)[outside].max())


@pytest.mark.parametrize("option", ["+Wi 1", "+Wi 2", "+Wi 3", "+Wl 1", "+Wl 2", "+Wl 3"])
def test_the_real_mammogram_equals_dcm2pnm(shared_data: Path, tmp_path: Path, option: str) -> None:
    path = shared_data / "dicom" / "ge_essential_rmlo.dcm"
    (image,) = open_paths([path]).images
    index = int(option[-1]) - 1 + (3 if option.startswith("+Wl") else 0)
    reference = dcm2pnm(path, option, tmp_path / "out.png")
    assert np.ptp(reference) > 200
    assert np.abs(ours(image, index).astype(int) - reference).max() <= 1  # padding included: it is dark in the VOI too


@pytest.mark.parametrize(("option", "tolerance"), [("+Wi 1", 1), ("+Wi 3", 1), ("+Wl 1", 15), ("+Wl 2", 15)])
def test_the_real_mammogram_equals_dcm2pnm_in_16_bits(
    shared_data: Path, tmp_path: Path, option: str, tolerance: int
) -> None:
    path = shared_data / "dicom" / "ge_essential_rmlo.dcm"
    (image,) = open_paths([path]).images
    index = int(option[-1]) - 1 + (3 if option.startswith("+Wl") else 0)
    reference = dcm2pnm(path, option, tmp_path / "out.png", bits=16)
    assert np.ptp(reference) > 60_000
    assert largest_difference(image, index, reference, bits=16) <= tolerance


def with_window(dataset: Dataset, function: str, first: int, count: int) -> str:
    dataset.WindowCenter, dataset.WindowWidth = first + count * 0.55, count * 0.4
    dataset.VOILUTFunction = function
    return "+Wi 1"


def with_lut(dataset: Dataset, first: int, count: int) -> str:
    entries = count // 2
    data = np.linspace(0, 1, entries) ** 2 * 4095
    dataset.VOILUTSequence = [makers.voi_lut(data.round().astype(int), first + count // 4, 12, "SQUARE")]
    return "+Wl 1"


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("voi", ["LINEAR", "SIGMOID", "LUT"])
@pytest.mark.parametrize("padded", [False, True])
def test_every_voi_polarity_and_depth_equals_dcm2pnm(
    tmp_path: Path, voi: str, photometric: str, signed: bool, bits: int, padded: bool
) -> None:
    pixels = makers.ramp(bits=bits, signed=signed)
    dataset = makers.mammogram(pixels, bits=bits, PhotometricInterpretation=photometric)
    first, count = int(pixels.min()), 1 << bits
    option = with_lut(dataset, first, count) if voi == "LUT" else with_window(dataset, voi, first, count)
    if photometric == "MONOCHROME1":
        dataset.PresentationLUTShape = "INVERSE"
    if padded:
        dataset.add_new(0x00280120, "SS" if signed else "US", first)
        dataset.add_new(0x00280121, "SS" if signed else "US", first + PADDING)
    path = makers.save(tmp_path / "made.dcm", dataset, pixels)
    (image,) = open_paths([path]).images
    reference = dcm2pnm(path, option, tmp_path / "out.png")
    assert image.attributes.signed == signed
    assert (image.attributes.padding is not None) == padded
    assert np.ptp(reference) > 200
    assert largest_difference(image, 0, reference) <= 1


@pytest.mark.parametrize("slope_intercept", [(1.0, -1024.0), (2.0, 100.0)])
def test_a_rescaled_image_equals_dcm2pnm(tmp_path: Path, slope_intercept: tuple[float, float]) -> None:
    slope, intercept = slope_intercept
    pixels = makers.ramp(bits=12)
    dataset = makers.mammogram(pixels, RescaleSlope=slope, RescaleIntercept=intercept)
    dataset.WindowCenter, dataset.WindowWidth = 2000 * slope + intercept, 1500 * slope
    path = makers.save(tmp_path / "made.dcm", dataset, pixels)
    (image,) = open_paths([path]).images
    assert largest_difference(image, 0, dcm2pnm(path, "+Wi 1", tmp_path / "out.png")) <= 1
