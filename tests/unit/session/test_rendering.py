from __future__ import annotations

from dataclasses import replace
from itertools import product

import cv2
import numpy as np
import pytest
from helpers.heatmaps import make_heatmap
from helpers.images import breast_like, make_image

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import ArgumentError, ExportError
from mammoviewer.dicom.attributes import PixelSpacing
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import Padding, Window
from mammoviewer.inference.detections import Detection
from mammoviewer.session.rendering import Rendering, render, write_picture
from mammoviewer.session.viewer_state import OverlayStyle

VOI = Window(2000.0, 3000.0)


def linear_reference(stored, levels):
    """Return the LINEAR window of PS3.3 C.11.2.1.2.1 in float64, rounded to the nearest level."""
    values = (stored.astype(np.float64) - (VOI.center - 0.5)) / (VOI.width - 1) + 0.5
    return np.rint(np.clip(values, 0, 1) * levels)


@pytest.mark.parametrize(("bits", "levels"), [(8, 255), (16, 65535)])
def test_greys_follow_the_standard(bits, levels):
    image = make_image()
    got = render(Rendering(image=image, frame=0, voi=VOI, bits=bits))
    expected = linear_reference(image.frame(0), levels)
    assert np.abs(got.astype(np.float64) - expected).max() <= 1


def test_inversion_keeps_padding_black():
    image = make_image(padding=Padding(0, 10))
    plain = render(Rendering(image=image, frame=0, voi=VOI))
    inverted = render(Rendering(image=image, frame=0, voi=VOI, inverted=True))
    air = image.frame(0) <= 10
    assert not inverted[air].any()
    np.testing.assert_array_equal(255 - plain[~air], inverted[~air])


@pytest.mark.parametrize("bits", [8, 16])
def test_inversion_keeps_the_air_black_where_that_is_asked_for(bits):
    row, column = np.mgrid[0:600, 0:400]
    inside = ((row - 300) / 250) ** 2 + ((399 - column) / 300) ** 2 < 1
    pixels = np.where(inside, 1800 + row % 50, 10).astype(np.uint16)
    image = make_image(pixels=pixels)
    turned = Orientation(flip_columns=True)
    asked = Rendering(image=image, frame=0, voi=VOI, inverted=True, bits=bits, orientation=turned)
    plain, black = (render(replace(asked, black_air=wanted)) for wanted in (False, True))
    inside = turned.apply(inside)
    np.testing.assert_array_equal(plain[inside], black[inside])
    far = cv2.dilate(inside.astype(np.uint8), np.ones((61, 61), np.uint8)) == 0
    assert plain[far].min() > 0.95 * np.iinfo(plain.dtype).max
    assert not black[far].any()
    straight = render(replace(asked, inverted=False, black_air=True))
    np.testing.assert_array_equal(straight, render(replace(asked, inverted=False)))


def test_marks_turn_with_the_pixels():
    image = make_image(pixels=np.zeros((90, 60), np.uint16))
    finding = new_finding(image.attributes.identity, 0, Roi(RoiKind.RECTANGLE, ((10, 20), (30, 50))), "Mass")
    straight = render(Rendering(image=image, frame=0, voi=VOI, findings=[finding]))
    orientation = Orientation(transpose=True, flip_columns=True)
    turned = render(Rendering(image=image, frame=0, voi=VOI, findings=[finding], orientation=orientation))
    assert turned.shape == (60, 90, 3)
    # The outline, without the label beside it, lies where the turned corners are.
    corners = orientation.to_display(np.array([(10.0, 20.0), (30.0, 50.0)]), (90, 60))
    for row, column in np.rint(corners).astype(int):
        assert turned[row - 1 : row + 2, column - 1 : column + 2].any()
    assert straight[30, 21:50].any(axis=1).all(), "the label hides no more than the upper edge"


def from_middle(places, shape, steps):
    """Return how far pixels lie from the middle of their picture, in mm along its rows and columns."""
    return (places - (np.array(shape) - 1.0) / 2.0) * steps


@pytest.mark.parametrize("kind", [RoiKind.RECTANGLE, RoiKind.ELLIPSE])
@pytest.mark.parametrize("orientation", [Orientation(*flags) for flags in product((False, True), repeat=3)])
def test_marks_keep_their_physical_place_however_the_picture_is_turned(orientation, kind):
    """A bright pixel at two corners of a region; pixels are not square, so that swapped axes would show."""
    row_mm, column_mm = 0.08, 0.12
    corners = np.array([(20, 30), (60, 100)])
    pixels = np.zeros((90, 130), np.uint16)
    pixels[tuple(corners.T)] = 4095
    image = make_image(pixels=pixels, pixel_spacing=PixelSpacing(row_mm, column_mm, "mm"))
    finding = new_finding(image.attributes.identity, 0, Roi(kind, ((20, 30), (60, 100))), "")
    plain = render(Rendering(image=image, frame=0, voi=VOI, orientation=orientation))
    marked = render(Rendering(image=image, frame=0, voi=VOI, orientation=orientation, findings=[finding]))
    steps = np.array([column_mm, row_mm] if orientation.transpose else [row_mm, column_mm])
    dots = from_middle(np.argwhere(plain == 255), plain.shape, steps)
    mark = from_middle(np.argwhere(np.ptp(marked.astype(int), axis=2) > 40), plain.shape, steps)
    assert len(dots) == 2
    np.testing.assert_allclose(mark.min(axis=0), dots.min(axis=0), atol=1.5 * column_mm)
    np.testing.assert_allclose(mark.max(axis=0), dots.max(axis=0), atol=1.5 * column_mm)
    stored = from_middle(corners, pixels.shape, np.array([row_mm, column_mm]))
    found, expected = (sorted(np.linalg.norm(places, axis=1).tolist()) for places in (dots, stored))
    assert found == pytest.approx(expected)


def test_an_overlay_is_the_same_at_8_and_16_bits():
    image = make_image()
    heat = np.full(image.attributes.shape, np.nan, np.float32)
    heat[20:60, 20:60] = 0.9
    style = OverlayStyle(opacity=0.7, threshold=0.3)
    eight = render(Rendering(image=image, frame=0, voi=VOI, heat=heat, style=style))
    sixteen = render(Rendering(image=image, frame=0, voi=VOI, heat=heat, style=style, bits=16))
    assert np.abs(eight.astype(float) - sixteen / 257.0).max() <= 1.0
    grey = render(Rendering(image=image, frame=0, voi=VOI))
    outside = ~np.isfinite(heat)
    np.testing.assert_array_equal(eight[outside], np.repeat(grey[:, :, None], 3, axis=2)[outside])
    assert (np.ptp(eight[20:60, 20:60].astype(int), axis=2) > 20).all()


def test_below_the_threshold_nothing_changes():
    image = make_image()
    heat = np.full(image.attributes.shape, 0.29, np.float32)
    with_heat = render(Rendering(image=image, frame=0, voi=VOI, heat=heat, style=OverlayStyle(threshold=0.3)))
    grey = render(Rendering(image=image, frame=0, voi=VOI))
    np.testing.assert_array_equal(with_heat, np.repeat(grey[:, :, None], 3, axis=2))


def test_shrinking_averages():
    pixels = np.zeros((100, 100), np.uint16)
    pixels[::2] = 4000
    image = make_image(pixels=pixels)
    half = render(Rendering(image=image, frame=0, voi=VOI, size=(50, 50)))
    assert np.unique(half).size == 1
    assert 120 <= half[0, 0] <= 136


def test_other_depths_are_refused():
    with pytest.raises(ArgumentError, match="8 or 16"):
        render(Rendering(image=make_image(), frame=0, voi=VOI, bits=12))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_pictures_read_back_as_written(suffix, tmp_path):
    pixels = breast_like()
    write_picture(tmp_path / f"a{suffix}", pixels)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / f"a{suffix}"), -1), pixels)


def test_colour_is_written_in_the_right_order(tmp_path):
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    write_picture(tmp_path / "a.png", red)
    assert cv2.imread(str(tmp_path / "a.png"))[0, 0].tolist() == [0, 0, 200]


@pytest.mark.parametrize("name", ["a.gif", "a.jpg", "a"])
def test_forms_that_cannot_hold_the_pixels_are_refused(name, tmp_path):
    with pytest.raises(ExportError):
        write_picture(tmp_path / name, breast_like())


@pytest.mark.parametrize("orientation", [Orientation(), Orientation(transpose=True, flip_rows=True)])
def test_a_region_is_cut_out_as_displayed(orientation):
    image = make_image(pixels=np.arange(90 * 60, dtype=np.uint16).reshape(90, 60))
    whole = render(Rendering(image=image, frame=0, voi=VOI, orientation=orientation, bits=16))
    region = ((10.0, 30.0), (20.2, 50.0))
    part = render(Rendering(image=image, frame=0, voi=VOI, orientation=orientation, bits=16, region=region))
    undone = orientation.inverse().apply(whole)[10:30, 20:50]
    np.testing.assert_array_equal(part, orientation.apply(undone))


def test_marks_and_the_explained_patch_are_boxes():
    image = make_image(pixels=np.zeros((300, 240), np.uint16))
    mark = Detection(100.0, 80.0, 0, 0.93, (90.0, 70.0, 110.0, 90.0))
    picture = render(Rendering(image=image, frame=0, voi=VOI, marks=(mark,), patch=(200.0, 100.0, 220.0, 140.0)))
    assert picture.shape == (300, 240, 3)
    for row, columns in ((110, slice(70, 91)), (220, slice(100, 141))):
        assert picture[row, columns].any(axis=1).mean() > 0.4, "the lower edge, dashed"
    assert not picture[150:190].any()


def test_contours_leave_the_pixels_between_them_untouched():
    image = make_image()
    heat = np.full(image.attributes.shape, np.nan, np.float32)
    heat[20:60, 20:60] = 0.9
    style = OverlayStyle(threshold=0.3, contours=True)
    grey = render(Rendering(image=image, frame=0, voi=VOI))
    picture = render(Rendering(image=image, frame=0, voi=VOI, heat=heat, style=style))
    np.testing.assert_array_equal(picture[30:50, 30:50], np.repeat(grey[30:50, 30:50, None], 3, axis=2))
    assert (picture[20, 25:55] != grey[20, 25:55, None]).any()


def test_the_legend_stands_in_the_air_and_tells_the_threshold():
    image = make_image(pixels=breast_like(600, 400))
    heat = np.full(image.attributes.shape, np.nan, np.float32)
    heat[0, 0] = 0.9
    request = Rendering(image=image, frame=0, voi=VOI, heat=heat, style=OverlayStyle(threshold=0.5))
    without, with_legend = render(request), render(replace(request, legend="model.1\nclass"))
    rows, columns, _ = np.nonzero(without != with_legend)
    assert columns.max() < 200, "the chest wall is at the right"
    bar = with_legend[rows.min() : rows.max() + 1, columns.min() : columns.min() + 6].max(axis=(1, 2))
    assert bar.max() > 200


def test_the_explanation_of_a_patch_is_drawn_as_in_the_window():
    image = make_image(pixels=np.full((300, 240), 1500, np.uint16))
    mask = np.zeros((300, 240), bool)
    mask[100:160, 80:140] = True
    values = np.zeros((9, 9), np.float32)
    values[5, 3] = 0.2
    overlay = make_heatmap(values, shape=(300, 240), origin=(112.5, 92.5), step=(4.0, 4.0), mask=mask)
    request = Rendering(image=image, frame=0, voi=VOI, heat=overlay, style=OverlayStyle(threshold=0.2))
    grey = render(Rendering(image=image, frame=0, voi=VOI))[0, 0]
    for size in (None, (150, 120)):
        picture = render(replace(request, patch=(99.5, 79.5, 159.5, 139.5), size=size)).astype(int)
        scale = 1.0 if size is None else 0.5
        inner = np.zeros(picture.shape[:2], bool)
        inner[round(103 * scale) : round(157 * scale), round(83 * scale) : round(137 * scale)] = True
        touched = inner & (np.abs(picture - int(grey)).max(axis=2) > 10)
        rows, columns = np.nonzero(touched)
        assert min(np.ptp(rows), np.ptp(columns)) >= 9, "wide enough to be seen"
        assert (rows.min() + rows.max()) / 2 == pytest.approx(132.5 * scale, abs=1.5)
        assert (columns.min() + columns.max()) / 2 == pytest.approx(104.5 * scale, abs=1.5)
        assert (picture[inner].min(axis=1) > 140).sum() >= 8, "half of the strongest is outlined"
