import math

import numpy as np
import pytest
from helpers.images import make_image

from mammoviewer.gui.canvas.gestures import as_window, dragged_window, panned
from mammoviewer.gui.canvas.view_transform import view_transform
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import VoiFunction, VoiLut, Window
from mammoviewer.session.first_view import first_view
from mammoviewer.session.viewer_state import ViewerState


def state(**changes: object) -> ViewerState:
    return first_view(make_image(**changes))


@pytest.mark.parametrize("function", list(VoiFunction))
@pytest.mark.parametrize("right", [-1e5, -300.0, 0.0, 300.0, 1e5])
def test_a_drag_keeps_the_function_and_a_width_of_at_least_one(function: VoiFunction, right: float) -> None:
    dragged = dragged_window(Window(2000.0, 900.0, function, "NORMAL"), state(), min(right, 700.0), 0.0)
    assert dragged.function is function
    assert 1.0 <= dragged.width <= 8 * 4096
    assert math.isfinite(dragged.center)
    assert dragged.explanation == ""


def test_right_is_wider_and_up_is_brighter() -> None:
    start = Window(2000.0, 900.0)
    assert dragged_window(start, state(), 50.0, 0.0).width > 900.0
    assert dragged_window(start, state(), 0.0, -50.0).center < 2000.0
    assert dragged_window(start, state(inverse=True), 0.0, -50.0).center > 2000.0


def test_a_drag_there_and_back_changes_nothing() -> None:
    start = Window(2000.0, 900.0, VoiFunction.SIGMOID)
    assert dragged_window(start, state(), 0.0, 0.0) == start


def test_narrow_windows_move_finely_and_wide_ones_fast() -> None:
    narrow = dragged_window(Window(2000.0, 100.0), state(), 0.0, 42.0).center - 2000.0
    wide = dragged_window(Window(2000.0, 3000.0), state(), 0.0, 42.0).center - 2000.0
    assert 0 < narrow < wide / 10


def test_the_centre_stays_near_the_values() -> None:
    assert dragged_window(Window(2000.0, 900.0), state(), 0.0, 1e9).center <= 2048 + 1.5 * 4096


def test_a_lut_becomes_the_window_along_its_slope() -> None:
    data = np.clip((np.arange(4096) - 1000.0) / 2000.0, 0, 1) * 4095
    window = as_window(VoiLut(data.astype(np.uint16), 0, 12))
    assert window.center == pytest.approx(2000.0, abs=3.0)
    assert window.width == pytest.approx(2000.0, abs=6.0)
    assert as_window(window) is window


def test_panning_moves_the_picture_with_the_hand() -> None:
    view = view_transform((400, 300), Orientation(), size=(100, 100), dpr=2.0, zoom=4.0, centre=(200.0, 150.0))
    row, column = panned(view, 10.0, -6.0)
    assert (row, column) == pytest.approx((200.0 + 3.0, 150.0 - 5.0), abs=0.2)
