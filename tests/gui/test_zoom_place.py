"""About which place the keys zoom: the cursor on the image, or the breast in view."""

import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.mouse import move
from helpers.viewports import picture, place, shown
from PySide6.QtCore import QEvent
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.canvas.zoom_place import Box, CoarseBreast, coarse_breast
from mammoviewer.session.workspace import Workspace

WHOLE: Box = ((0.0, 800.0), (0.0, 600.0))


def thin_breast(**changes: object) -> Image:
    """Return a breast at the right of a large image of air."""
    pixels = np.zeros((800, 600), np.uint16)
    pixels[200:700, 520:] = 2000
    return make_image("RMLO", pixels=pixels, **changes)


def known(image: Image) -> CoarseBreast:
    image.frame(0)
    found = coarse_breast(image, 0)
    assert found is not None
    return found


@pytest.fixture
def wide(qtbot: QtBot, workspace: Workspace) -> Viewport:
    """A viewport that is mostly beside its image, which is mostly air."""
    workspace.add(OpenResult((thin_breast(),), ()))
    workspace.desk.corner_text = "off"
    # No cursor comes by itself.
    QCursor.setPos(5000, 5000)
    return shown(qtbot, workspace, size=(600, 300))


@pytest.mark.parametrize("key", ["1:1", "closer"])
def test_a_key_zooms_into_the_breast_and_not_into_air(wide: Viewport, key: str) -> None:
    if key == "1:1":
        wide.one_to_one()
    else:
        for _ in range(20):
            wide.zoom_by(1.25)
    # At 1:1 the breast is 80 columns wide in a viewport of 600.
    assert (picture(wide)[10:] > 30).mean() > (0.08 if key == "1:1" else 0.95)


def test_a_key_zooms_about_the_cursor_on_the_image(wide: Viewport) -> None:
    there = place(wide, 600.0, 550.0)
    move(wide, there)
    wide.one_to_one()
    assert wide.view.zoom == 1.0
    assert wide.view.to_stored(*there) == pytest.approx((600.0, 550.0), abs=1.0)


def test_the_breast_grows_into_the_viewport_as_a_whole(wide: Viewport) -> None:
    for _ in range(2):
        wide.zoom_by(1.25)
        (_, top), (right, bottom) = place(wide, 200.0, 520.0), place(wide, 699.5, 599.5)
        assert 0 <= top < bottom <= 300
        assert right == pytest.approx(600.0, abs=2.0), "the chest wall stays where it is"


@pytest.mark.parametrize("gone", [False, True])
def test_a_cursor_beside_the_image_or_gone_is_not_zoomed_about(wide: Viewport, gone: bool) -> None:
    move(wide, place(wide, 100.0, 300.0) if gone else (20.0, 150.0))
    if gone:
        QApplication.sendEvent(wide, QEvent(QEvent.Type.Leave))
    wide.one_to_one()
    assert (picture(wide)[10:] > 30).mean() > 0.08


def test_a_cursor_on_air_of_which_nothing_else_would_be_seen_is_passed_over(wide: Viewport) -> None:
    wide.zoom_by(2.0)
    move(wide, place(wide, 250.0, 300.0))
    before = wide.view.to_stored(*place(wide, 250.0, 300.0))
    assert before == pytest.approx((250.0, 300.0))
    wide.zoom_by(12.0)
    assert (picture(wide)[10:] > 30).mean() > 0.3


@pytest.mark.parametrize("inverse", [False, True])
def test_the_middle_of_the_breast_lies_on_the_breast(inverse: bool) -> None:
    pixels = breast_like(800, 600)
    # A crescent: its centre of gravity lies beside it.
    pixels[200:600, 200:] = 0
    image = make_image("RMLO", pixels=4095 - pixels if inverse else pixels, inverse=inverse)
    row, column = known(image).middle(WHOLE)
    assert pixels[round(row), round(column)] > 0


def test_only_what_is_seen_of_the_breast_counts() -> None:
    breast = known(thin_breast())
    lower = ((600.0, 800.0), (0.0, 600.0))
    assert breast.middle(lower) == pytest.approx((650.0, 560.0), abs=8.0)
    bounds = breast.bounds(lower)
    assert bounds is not None
    np.testing.assert_allclose(bounds, [(600.0, 700.0), (520.0, 600.0)], atol=6.0)


def test_air_of_a_raw_image_is_bright() -> None:
    pixels = np.full((800, 600), 4000, np.uint16)
    pixels[200:700, 400:] = 500
    image = make_image("RMLO", kind=ImageKind.MAMMOGRAM_RAW, pixels=pixels)
    assert known(image).middle(WHOLE) == pytest.approx((450.0, 500.0), abs=8.0)


def test_where_no_breast_is_seen_there_are_no_bounds_and_no_share() -> None:
    breast = known(thin_breast())
    air = (0.0, 100.0), (-50.0, 100.0)
    assert breast.bounds(air) is None
    assert breast.share(air) == 0.0
    assert breast.bounds(((-90.0, -10.0), (0.0, 100.0))) is None


def test_the_share_is_of_the_whole_box_beside_the_image_too() -> None:
    breast = known(thin_breast())
    assert breast.share(((300.0, 500.0), (540.0, 580.0))) == pytest.approx(1.0)
    assert breast.share(((300.0, 500.0), (560.0, 640.0))) == pytest.approx(0.5)


def test_nothing_is_decoded_for_it() -> None:
    assert coarse_breast(thin_breast(), 0) is None
