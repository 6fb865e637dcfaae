"""Presentation states: annotations on their pixel, windows, turning, areas, shutters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import companion_makers as makers
from helpers.dicom_makers import voi_lut

from mammoviewer.dicom.companions.reader import read_companion
from mammoviewer.dicom.companions.records import Companion, CompanionKind, MarkShape, Target
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import VoiLut, Window


def state(tmp_path: Path, *uids: str, **parts: Any) -> Companion:
    return read_companion(makers.save(tmp_path / "gsps.dcm", makers.presentation_state(*uids, **parts)))


def test_the_centre_of_the_first_pixel_is_the_origin(tmp_path: Path) -> None:
    found = state(tmp_path, "1.2", graphics=[makers.graphic("POINT", 0.5, 0.5), makers.graphic("POINT", 20.75, 7.25)])
    assert found.kind is CompanionKind.PRESENTATION
    assert found.label == "Second reading"
    assert found.targets == (Target("1.2"),)
    first, second = found.marks
    assert (first.shape, first.points) == (MarkShape.POINT, ((0.0, 0.0),))
    assert second.points[0] == pytest.approx((6.75, 20.25), abs=1e-6)


def test_lines_are_closed_when_their_ends_meet(tmp_path: Path) -> None:
    lines = [
        makers.graphic("POLYLINE", 1, 1, 5, 1, 5, 5),
        makers.graphic("POLYLINE", 1, 1, 5, 1, 5, 5, 1, 1, filled="Y"),
        makers.graphic("INTERPOLATED", 1, 1, 3, 2, 5, 5),
    ]
    found = state(tmp_path, "1.2", graphics=lines).marks
    assert [mark.shape for mark in found] == [MarkShape.LINE, MarkShape.OUTLINE, MarkShape.LINE]
    assert [mark.filled for mark in found] == [False, True, False]
    assert len(found[1].points) == 3


def test_circles_and_ellipses_have_their_radii(tmp_path: Path) -> None:
    rounds = [
        makers.graphic("CIRCLE", 10.5, 20.5, 14.5, 20.5),
        makers.graphic("ELLIPSE", 0.5, 5.5, 10.5, 5.5, 5.5, 3.5, 5.5, 7.5),
    ]
    circle, ellipse = state(tmp_path, "1.2", graphics=rounds).marks
    points = np.array(circle.points)
    np.testing.assert_allclose(np.hypot(*(points - (20.0, 10.0)).T), 4.0)
    points = np.array(ellipse.points)
    np.testing.assert_allclose([points.min(0), points.max(0)], [(3.0, 0.0), (7.0, 10.0)], atol=1e-6)


def test_text_stands_at_its_box_and_is_led_to_its_anchor(tmp_path: Path) -> None:
    texts = [
        makers.text_object("Look\r\nhere", box=(4.5, 2.5, 9, 9), anchor=(8.5, 8.5), visible="Y"),
        makers.text_object("There", anchor=(3.5, 1.5)),
        makers.text_object("Nowhere"),
    ]
    boxed, leader, anchored = state(tmp_path, "1.2", texts=texts).marks
    assert (boxed.text, boxed.points) == ("Look\nhere", ((2.0, 4.0),))
    assert leader.points == ((8.0, 8.0), (2.0, 4.0))
    assert (anchored.text, anchored.points) == ("There", ((1.0, 3.0),))


def test_annotations_of_frames_stay_on_them(tmp_path: Path) -> None:
    found = state(tmp_path, "1.2", graphics=[makers.graphic("POINT", 1, 1)], frames=[2, 3])
    assert found.marks[0].targets == (Target("1.2", (1, 2)),)
    assert not found.marks[0].targets[0].covers("1.2", 0)
    assert found.marks[0].targets[0].covers("1.2", 2)


def test_windows_and_polarity(tmp_path: Path) -> None:
    found = state(tmp_path, "1.2", window=(700, 300), PresentationLUTShape="INVERSE")
    assert found.presentation("1.2", 0).voi == Window(700, 300, explanation="Window 1")
    assert found.presentation("9.9", 0).voi is None
    assert found.inverse is True


@pytest.mark.parametrize(
    ("first", "entries", "elements", "mapped"),
    [
        (-2048, 4096, {}, -2048),  # SS
        (63488, 4096, {}, -2048),  # US, but the table goes on beyond the largest word
        (63488, 1000, {}, 63488),
        (63488, 1000, {"RescaleIntercept": "-2048", "RescaleSlope": "1"}, -2048),
        (100, 1000, {"RescaleIntercept": "-2048", "RescaleSlope": "1"}, 100),
    ],
)
def test_a_table_begins_at_a_value_with_its_sign(
    tmp_path: Path, first: int, entries: int, elements: dict[str, str], mapped: int
) -> None:
    table = makers.item(VOILUTSequence=[voi_lut(range(entries), first=first)])
    found = state(tmp_path, "1.2", SoftcopyVOILUTSequence=[table], **elements).presentation("1.2", 0).voi
    assert isinstance(found, VoiLut)
    assert found.first_mapped == mapped


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", ["N", "Y"])
def test_the_picture_is_turned_clockwise_and_then_flipped(tmp_path: Path, degrees: int, flip: str) -> None:
    found = state(tmp_path, "1.2", ImageRotation=degrees, ImageHorizontalFlip=flip).presentation("1.2", 0).orientation
    assert found is not None
    pixels = np.arange(12).reshape(3, 4)
    expected = np.rot90(pixels, -degrees // 90)
    np.testing.assert_array_equal(found.apply(pixels), expected[:, ::-1] if flip == "Y" else expected)


def test_without_a_spatial_transformation_the_image_hangs_as_it_did(tmp_path: Path) -> None:
    assert state(tmp_path, "1.2", window=(1, 2)).presentation("1.2", 0).orientation is None


def test_marks_in_display_units_lie_in_the_displayed_area(tmp_path: Path) -> None:
    corners = makers.graphic("POLYLINE", 0, 0, 1, 0, 1, 1, units="DISPLAY")
    found = state(tmp_path, "1.2", graphics=[corners], area=((3, 5), (12, 24)))
    assert found.presentation("1.2", 0).area == ((4.0, 2.0), (23.0, 11.0))
    assert found.marks[0].points == ((3.5, 1.5), (3.5, 11.5), (23.5, 11.5))


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", ["N", "Y"])
def test_display_units_follow_the_turned_picture(tmp_path: Path, degrees: int, flip: str) -> None:
    rows, columns = 30, 40
    turned = Orientation().rotated(degrees // 90)
    turned = turned.flipped_horizontally() if flip == "Y" else turned
    shown_rows, shown_columns = turned.display_shape((rows, columns))
    ends = turned.to_stored(np.array([(0, 0), (shown_rows - 1, shown_columns - 1)]), (rows, columns)) + 1
    area = tuple([round(column), round(row)] for row, column in ends)
    mark = makers.graphic("POINT", 0.25, 0.75, units="DISPLAY")
    found = state(tmp_path, "1.2", graphics=[mark], area=area, ImageRotation=degrees, ImageHorizontalFlip=flip)
    shown = turned.to_display(np.array(found.marks[0].points), (rows, columns))[0]
    np.testing.assert_allclose(shown, (0.75 * shown_rows - 0.5, 0.25 * shown_columns - 0.5), atol=1e-6)


def test_display_units_without_an_area_are_left_out(tmp_path: Path) -> None:
    assert state(tmp_path, "1.2", graphics=[makers.graphic("POINT", 0.5, 0.5, units="DISPLAY")]).marks == ()


def test_malformed_graphics_are_left_out(tmp_path: Path) -> None:
    broken = [makers.graphic("CIRCLE", 1, 1), makers.graphic("ELLIPSE", 1, 1, 2, 2), makers.graphic("STAR", 1, 1)]
    assert state(tmp_path, "1.2", graphics=broken).marks == ()


def test_a_shutter_of_the_state(tmp_path: Path) -> None:
    found = state(
        tmp_path, "1.2", ShutterShape="RECTANGULAR", ShutterUpperHorizontalEdge=3, ShutterLowerHorizontalEdge=10,
        ShutterLeftVerticalEdge=5, ShutterRightVerticalEdge=20,
    )  # fmt: skip
    assert found.shutters[0].outline == ((1.5, 3.5), (1.5, 19.5), (9.5, 19.5), (9.5, 3.5))
