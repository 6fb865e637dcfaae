"""Air stays black on inverted pictures, whichever way they are turned, and no tissue is covered."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from helpers import mouse
from helpers.images import make_image
from helpers.viewports import picture, place, shown

from mammoviewer.dicom.reader import OpenResult
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import Padding, Window
from mammoviewer.session.air import find_air


def half_breast(rows=640, columns=480):
    row, column = np.mgrid[0:rows, 0:columns]
    inside = ((row - 300) / 230) ** 2 + ((columns - 1 - column) / 330) ** 2 < 1
    texture = np.random.default_rng(2).normal(2000, 150, (rows, columns))
    return np.where(inside, np.clip(texture, 900, 3900), 12).astype(np.uint16), inside


PIXELS, INSIDE = half_breast()


def view(qtbot, workspace, **changes):
    image = make_image("RMLO", pixels=PIXELS, vois=(Window(2000.0, 4000.0),), **changes)
    workspace.add(OpenResult((image,), ()))
    workspace.desk.corner_text = "off"
    viewport = shown(qtbot, workspace, "RMLO", (480, 640))
    viewport.shown.inverted = True
    return viewport


def greys(viewport):
    """Return the painted greys in stored geometry, one for each stored pixel."""
    shown_picture = picture(viewport)
    rows, columns = np.mgrid[0 : PIXELS.shape[0] : 4, 0 : PIXELS.shape[1] : 4]
    points = np.stack([rows.ravel(), columns.ravel()], axis=1)
    x, y = np.floor(viewport.view.to_widget(points)).astype(int).T
    inside = (x >= 0) & (x < viewport.width()) & (y >= 0) & (y < viewport.height())
    found = np.full(x.shape, -1)
    found[inside] = shown_picture[y[inside], x[inside], 0]
    return found.reshape(rows.shape), INSIDE[::4, ::4]


@pytest.mark.parametrize("flags", list(product((False, True), repeat=3)))
def test_air_is_black_and_tissue_is_not_covered(qtbot, workspace, flags):
    viewport = view(qtbot, workspace)
    viewport.shown.orientation = Orientation(*flags)
    workspace.air.of(viewport.shown.image)
    qtbot.waitUntil(lambda: workspace.air.of(viewport.shown.image) is not None)
    found, inside = greys(viewport)
    seen = found >= 0
    assert (found[inside & seen] > 20).mean() > 0.995
    near = np.zeros_like(inside)
    for shift in range(-8, 9):
        near |= np.roll(inside, shift, 0) | np.roll(inside, shift, 1)
    far = seen & ~near
    assert far.sum() > 1000
    assert (found[far] == 0).mean() > 0.97


def test_the_reader_may_want_the_air_as_it_is(qtbot, workspace):
    viewport = view(qtbot, workspace)
    workspace.air.of(viewport.shown.image)
    qtbot.waitUntil(lambda: workspace.air.of(viewport.shown.image) is not None)
    workspace.desk.black_air = False
    found, inside = greys(viewport)
    assert np.median(found[(found >= 0) & ~inside]) > 240


def test_nothing_is_covered_without_inversion_or_where_the_file_marks_its_air(qtbot, workspace):
    viewport = view(qtbot, workspace, padding=Padding(0, 20))
    picture(viewport)
    assert not workspace.air._asked
    viewport.shown.inverted = False
    picture(viewport)
    assert not workspace.air._asked


def test_an_image_that_cannot_be_decoded_has_no_mask():
    assert find_air(make_image("RCC", bad=(0,))) is None


def test_the_magnifier_keeps_air_black_too(qtbot, workspace):
    viewport = view(qtbot, workspace)
    workspace.air.of(viewport.shown.image)
    qtbot.waitUntil(lambda: workspace.air.of(viewport.shown.image) is not None)
    column = 150  # the skin lies between air at the left and tissue at the right
    spot = place(viewport, 300.0, float(column))
    mouse.move(viewport, spot)
    workspace.desk.lens = True
    lens = picture(viewport)
    x, y = round(spot[0]), round(spot[1])
    assert lens[y, x - 70, 0] == 0
    assert lens[y, x + 70, 0] > 20
