"""Grey values from file to screen: against formulas in float64, and golden values at named places.

The golden file was computed apart from this program, as it tells; whatever changes a stored value, a rescaled one or a
grey shows here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import dicom_makers as makers

from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths
from mammoviewer.imaging.voi import apply_lut, display_lut

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "grey_values.json"
CASES: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]
DEPTHS = (8, 10, 12, 14, 16)


def shown(image: Image, voi: int = 0, frame: int = 0) -> np.ndarray:
    attributes = image.attributes
    first, count = attributes.value_range
    lut = display_lut(
        first,
        count,
        voi=attributes.vois_for_frame(frame)[voi],
        rescale=attributes.rescale_for_frame(frame),
        inverse=attributes.inverse,
        padding=attributes.padding,
    )
    return np.asarray(apply_lut(image.frame(frame), lut, first))


@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_every_function_equals_its_formula(
    tmp_path: Path, function: str, padded: bool, photometric: str, signed: bool, bits: int
) -> None:
    pixels = makers.ramp(bits=bits, signed=signed)
    first, count = int(pixels.min()), 1 << bits
    center, width = first + count * 0.55, count * 0.4
    dataset = makers.mammogram(pixels, bits=bits, PhotometricInterpretation=photometric, VOILUTFunction=function)
    dataset.WindowCenter, dataset.WindowWidth = center, width
    if padded:
        dataset.add_new(0x00280120, "SS" if signed else "US", first)
        dataset.add_new(0x00280121, "SS" if signed else "US", first + 3)
    (image,) = open_paths([makers.save(tmp_path / "a.dcm", dataset, pixels)]).images
    x = pixels.astype(np.float64)
    if function == "LINEAR":
        expected = (x - (center - 0.5)) / (width - 1) + 0.5
    elif function == "LINEAR_EXACT":
        expected = (x - center) / width + 0.5
    else:
        expected = 1 / (1 + np.exp(-4 * (x - center) / width))
    expected = np.clip(expected, 0, 1)
    if photometric == "MONOCHROME1":
        expected = 1 - expected
    if padded:
        expected[(x >= first) & (x <= first + 3)] = 0
    assert np.abs(shown(image).astype(np.float64) - expected * 255).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_every_slice_equals_the_formula_of_its_own_rescale_and_window(tmp_path: Path, photometric: str) -> None:
    pixels = np.stack([makers.ramp(bits=12), makers.ramp(bits=12)[::-1], makers.ramp(bits=12)[:, ::-1]])
    dataset = makers.tomo(pixels, PhotometricInterpretation=photometric)
    rescales, windows = ((1.0, 0.0), (0.5, -300.0), (2.0, 100.0)), ((2000.0, 3000.0), (600.0, 900.0), (4000.0, 5000.0))
    for group, (slope, intercept), (center, width) in zip(
        dataset.PerFrameFunctionalGroupsSequence, rescales, windows, strict=True
    ):
        transform, voi = makers.Dataset(), makers.Dataset()
        transform.RescaleSlope, transform.RescaleIntercept, transform.RescaleType = slope, intercept, "US"
        voi.WindowCenter, voi.WindowWidth, voi.VOILUTFunction = center, width, "LINEAR"
        group.PixelValueTransformationSequence, group.FrameVOILUTSequence = [transform], [voi]
    (image,) = open_paths([makers.save(tmp_path / "a.dcm", dataset, pixels)]).images
    for frame, ((slope, intercept), (center, width)) in enumerate(zip(rescales, windows, strict=True)):
        x = pixels[frame].astype(np.float64) * slope + intercept
        expected = np.clip((x - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
        expected = 1 - expected if photometric == "MONOCHROME1" else expected
        assert np.abs(shown(image, frame=frame) - expected * 255).max() <= 0.5 + 1e-9, frame


def made(path: Path, case: dict[str, Any]) -> Image:
    pixels = makers.ramp(bits=case["bits"], signed=case["signed"])
    elements = dict(case["elements"])
    if lut := elements.pop("lut", None):
        data = (np.linspace(0, 1, lut["entries"]) ** lut["power"] * ((1 << lut["bits"]) - 1)).round().astype(int)
        elements["VOILUTSequence"] = [makers.voi_lut(data, lut["first"], lut["bits"], "CURVE")]
    dataset = makers.mammogram(pixels, bits=case["bits"], **elements)
    (image,) = open_paths([makers.save(path, dataset, pixels, syntax=case["syntax"])]).images
    return image


def found_at(image: Image, places: dict[str, list[float]], voi: int = 0) -> dict[str, list[float]]:
    """Return each place again as the golden file has it, with the values that this program finds there."""
    picture, stored = shown(image, voi), image.frame(0)
    found = {}
    for name, (row, column, *_) in places.items():
        value = int(stored[int(row), int(column)])
        rescaled = float(image.attributes.rescale.apply(np.array(value)))
        found[name] = [row, column, value, rescaled, int(picture[int(row), int(column)])]
    return found


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_golden_values_at_named_places(tmp_path: Path, case: dict[str, Any]) -> None:
    assert found_at(made(tmp_path / "a.dcm", case), case["places"]) == case["places"]


def test_golden_values_of_a_real_mammogram(shared_data: Path) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))["ge_essential_rmlo"]
    (image,) = open_paths([shared_data / "dicom" / "ge_essential_rmlo.dcm"]).images
    for voi, places in golden.items():
        assert found_at(image, places, int(voi)) == places, voi
