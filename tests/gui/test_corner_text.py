import numpy as np
import pytest
from helpers.images import make_image

from mammoviewer.dicom.attributes import ImageKind, PixelSpacing, View
from mammoviewer.gui.canvas.corner_text import (
    badges,
    clock,
    corner_text,
    day,
    scale_bar,
    slice_text,
    view_label,
    window_text,
)
from mammoviewer.gui.canvas.view_transform import view_transform
from mammoviewer.imaging.filter_chain import FilterStep
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import VoiFunction, VoiLut, Window
from mammoviewer.session.first_view import first_view, set_auto_window


def texts(**changes: object) -> list[str]:
    return [badge.text for badge in badges(first_view(make_image(**changes)))]


def test_a_plain_mammogram_has_no_badge() -> None:
    assert texts() == []


@pytest.mark.parametrize(
    ("changes", "badge"),
    [
        ({"kind": ImageKind.MAMMOGRAM_RAW}, "RAW"),
        ({"lossy": True}, "LOSSY"),
        ({"pixel_spacing": None}, "UNCALIBRATED"),
        ({"pixel_spacing": PixelSpacing(0.2, 0.1, "mm")}, "PIXELS NOT SQUARE"),
        ({"unoriented": True}, "UNORIENTED"),
        ({"facts": (("Partial view", "PARTIAL"),)}, "PARTIAL"),
        ({"facts": (("Implant", "IMPLANT"),)}, "IMPLANT"),
    ],
)
def test_what_the_file_is_gives_a_badge(changes: dict[str, object], badge: str) -> None:
    assert texts(**changes) == [badge]


def test_what_the_reader_did_gives_a_badge() -> None:
    state = first_view(make_image())
    state.orientation = state.orientation.flipped_horizontally()
    state.inverted = True
    state.filters = (FilterStep("clahe", {}),)
    assert [badge.text for badge in badges(state)] == ["FLIPPED", "INVERTED", "FILTERED"]
    state.orientation = state.image.attributes.orientation.rotated(1)
    assert [badge.text for badge in badges(state)] == ["TURNED", "INVERTED", "FILTERED"]
    state.bypass_filters = True
    assert "ORIGINAL" in [badge.text for badge in badges(state)]
    assert badges(state, bad=True)[0].refusal


def test_the_levels_of_text() -> None:
    state = first_view(make_image("LMLO", PatientName="DOE^JANE", StudyDate="20240517", facts=(("kVp", "29"),)))
    full = corner_text(state, 0, "full")
    assert full.view == "L MLO"
    assert "DOE JANE" in full.top
    assert "2024-05-17" in full.top
    assert full.facts == ("kVp 29",)
    assert full.current == ("2000/3000 NORMAL",)
    minimal = corner_text(state, 0, "minimal")
    assert (minimal.view, minimal.top, minimal.facts, minimal.current) == ("L MLO", (), (), full.current)
    off = corner_text(state, 0, "off")
    assert (off.view, off.top, off.facts, off.current) == ("", (), (), ())


def test_labels_of_views() -> None:
    assert view_label(make_image("RCC").attributes) == "R CC"
    assert view_label(make_image("RCC", view=View("R", "CC", ("M",))).attributes) == "R MCC"
    assert view_label(make_image("", view=View()).attributes) == ""


def test_slices_are_counted_from_one_with_a_nominal_depth() -> None:
    frames = np.zeros((60, 4, 4), np.uint16)
    known = make_image(pixels=frames, slice_positions_mm=tuple(-1.0 * i for i in range(60))).attributes
    assert slice_text(known, 22) == "slice 23/60  22 mm (nominal)"
    assert slice_text(make_image(pixels=frames).attributes, 22) == "slice 23/60"
    assert slice_text(make_image().attributes, 0) == ""


def test_windows_are_named() -> None:
    assert window_text(Window(2653, 900, VoiFunction.SIGMOID, "NORMAL")) == "SIGMOID 2653/900 NORMAL"
    assert window_text(Window(100, 50)) == "100/50"
    assert window_text(Window(-0.25, 1.5)) == "-0.25/1.5"
    assert window_text(VoiLut(np.arange(4, dtype=np.uint16), 0, 12, "HARDER")) == "LUT HARDER"


def test_odd_dates_stay_as_they_are() -> None:
    assert (day("20240517"), day("May"), clock("140559.1"), clock("9")) == ("2024-05-17", "May", "14:05", "9")


def test_the_scale_bar_is_a_round_length_in_mm() -> None:
    attributes = make_image(pixel_spacing=PixelSpacing(0.2, 0.1, "mm at detector")).attributes
    view = view_transform(attributes.shape, Orientation(), size=(500, 500), dpr=2.0, zoom=1.0)
    bar = scale_bar(attributes, view, 200.0)
    assert bar is not None
    assert (bar.label, bar.source) == ("20 mm", "at detector")
    assert bar.length == pytest.approx(20.0 / 0.1 / 2.0)
    turned = view_transform(attributes.shape, Orientation(transpose=True), size=(500, 500), dpr=2.0, zoom=1.0)
    other = scale_bar(attributes, turned, 200.0)
    assert other is not None
    assert (other.label, other.length) == ("50 mm", pytest.approx(50.0 / 0.2 / 2.0 + 0.0))


def test_without_a_spacing_the_bar_counts_pixels() -> None:
    attributes = make_image(pixel_spacing=None).attributes
    view = view_transform(attributes.shape, Orientation(), size=(500, 500), dpr=1.0, zoom=2.0)
    bar = scale_bar(attributes, view, 200.0)
    assert bar is not None
    assert (bar.label, bar.source, bar.length) == ("100 px", "uncalibrated", 200.0)


def test_a_window_that_the_file_does_not_bring_is_told() -> None:
    state = first_view(make_image(vois=()))
    state.image.frame(0)
    set_auto_window(state)
    assert [badge.text for badge in badges(state)] == ["AUTO WINDOW"]
    offered = first_view(make_image())
    offered.image.frame(0)
    set_auto_window(offered)
    assert badges(offered) == ()
