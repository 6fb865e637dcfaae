from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers import dicom_makers as makers
from pydicom.dataset import Dataset

from mammoviewer.base.notices import Notice
from mammoviewer.dicom import spacing
from mammoviewer.dicom.attributes import PixelSpacing
from mammoviewer.dicom.reader import open_paths


def dataset(**elements: Any) -> Dataset:
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        (
            {"ImagerPixelSpacing": [0.1, 0.2], "EstimatedRadiographicMagnificationFactor": 2},
            PixelSpacing(0.05, 0.1, spacing.CORRECTED, 2.0),
        ),
        (
            {"ImagerPixelSpacing": [0.1, 0.1], "DistanceSourceToDetector": 600, "DistanceSourceToPatient": 400},
            PixelSpacing(0.1 / 1.5, 0.1 / 1.5, spacing.CORRECTED, 1.5),
        ),
        (
            {"ImagerPixelSpacing": [0.1, 0.1], "DistanceSourceToDetector": 600, "DistanceSourceToPatient": 600},
            PixelSpacing(0.1, 0.1, spacing.AT_DETECTOR),
        ),
        (
            {"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 0},
            PixelSpacing(0.1, 0.1, spacing.AT_DETECTOR),
        ),
        (
            {"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 1},
            PixelSpacing(0.1, 0.1, spacing.AT_DETECTOR),
        ),
        (
            {"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 1.8},
            PixelSpacing(0.1 / 1.8, 0.1 / 1.8, spacing.CORRECTED, 1.8),
        ),
        (
            {"PixelSpacing": [0.3, 0.4], "PixelSpacingCalibrationType": "GEOMETRY"},
            PixelSpacing(0.3, 0.4, "mm calibrated (geometry)"),
        ),
        ({"ImagerPixelSpacing": [0.1, 0.1], "PixelSpacing": [9, 9]}, PixelSpacing(0.1, 0.1, spacing.AT_DETECTOR)),
        ({"PixelSpacing": [0.3, 0.4]}, PixelSpacing(0.3, 0.4, spacing.UNKNOWN_CALIBRATION)),
        (
            {"PixelSpacing": [0.3, 0.3], "PixelSpacingCalibrationType": "FIDUCIAL"},
            PixelSpacing(0.3, 0.3, "mm calibrated (fiducial)"),
        ),
        ({}, None),
    ],
)
def test_the_spacing_and_how_far_it_is_to_be_trusted(elements: dict[str, Any], expected: PixelSpacing | None) -> None:
    notices: list[Notice] = []
    assert spacing.image_spacing(dataset(**elements), notices) == expected
    assert notices == []


@pytest.mark.parametrize("value", [[0, 0], [0.1, 0], [-0.1, 0.1]])
def test_a_spacing_of_nothing_is_refused(value: list[float]) -> None:
    notices: list[Notice] = []
    assert spacing.image_spacing(dataset(ImagerPixelSpacing=value), notices) is None
    assert len(notices) == 1


def test_the_detector_serves_a_volume_without_measures() -> None:
    found = spacing.volume_spacing([], dataset(DetectorElementSpacing=[0.07, 0.07]), [])
    assert found == PixelSpacing(0.07, 0.07, spacing.AT_DETECTOR)


def frames(*places: tuple[float, float, float], cosines: list[float] | None = None) -> list[list[Dataset]]:
    made = []
    for place in places:
        group = dataset(PlanePositionSequence=[dataset(ImagePositionPatient=list(place))])
        if cosines is not None:
            group.PlaneOrientationSequence = [dataset(ImageOrientationPatient=cosines)]
        made.append([group])
    return made


def test_slices_are_measured_along_the_normal() -> None:
    oblique = [0, -1, 0, -0.6, 0, -0.8]  # normal (0.8, 0, -0.6)
    found = spacing.slice_positions(frames((0, 0, 0), (0.8, 5, -0.6), (1.6, 9, -1.2), cosines=oblique))
    assert found == pytest.approx((0, 1, 2))


def test_slices_without_a_plane_are_measured_along_their_longest_axis() -> None:
    assert spacing.slice_positions(frames((0, 0, 10), (0, 0, 9), (0, 0, 8))) == (0, 1, 2)


def test_slices_of_which_one_has_no_place_have_no_positions() -> None:
    assert spacing.slice_positions([*frames((0, 0, 0), (0, 0, 1)), [dataset()]]) == ()


@pytest.mark.parametrize(
    ("positions", "elements", "expected"),
    [
        ((0.0, 1.0, 2.0, 9.0), {"SliceThickness": 5}, 1.0),
        ((0.0, 0.0), {"SpacingBetweenSlices": 1.5, "SliceThickness": 5}, 1.5),
        ((), {"SliceThickness": 5}, 5.0),
        ((), {"SliceThickness": 0}, None),
        ((), {}, None),
    ],
)
def test_the_distance_of_slices(positions: tuple[float, ...], elements: dict[str, Any], expected: float | None) -> None:
    assert spacing.slice_spacing(positions, [], dataset(**elements)) == expected


@pytest.mark.parametrize("cosines", [[0, 0, 0, 0, 0, 0], [1, 0, 0], [2, 0, 0, 0, 1, 0]])
def test_a_plane_that_is_none_is_not_used(cosines: list[float]) -> None:
    assert spacing.plane_orientation([dataset(ImageOrientationPatient=cosines)]) is None


def test_a_calibration_beside_the_detector_is_offered_as_a_fact(tmp_path: Path) -> None:
    pixels = makers.ramp(16, 16)
    made = makers.mammogram(pixels, PixelSpacing=[0.09, 0.08], PixelSpacingCalibrationType="FIDUCIAL")
    (image,) = open_paths([makers.save(tmp_path / "a.dcm", made, pixels)]).images
    assert image.attributes.pixel_spacing == PixelSpacing(0.1, 0.1, spacing.AT_DETECTOR)
    assert dict(image.attributes.facts)["Calibrated pixel"] == "0.09 x 0.08 mm calibrated (fiducial)"


def test_a_secondary_capture_has_pixels_only(tmp_path: Path) -> None:
    pixels = makers.ramp(16, 16)
    made = makers.secondary_capture(pixels, PixelSpacing=[0.1, 0.1])
    (image,) = open_paths([makers.save(tmp_path / "a.dcm", made, pixels)]).images
    assert image.attributes.pixel_spacing is None
