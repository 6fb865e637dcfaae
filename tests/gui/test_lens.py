"""The magnifier, going over an image field by field, letters of orientation, Escape."""

from __future__ import annotations

from unittest.mock import Mock

import numpy as np
import pytest
from helpers import mouse
from helpers.images import breast_like, make_image
from helpers.viewports import picture, place, shown
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtTest import QTest

from mammoviewer.dicom.orientation import edge_letters
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.actions.commands import COMMANDS
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.actions.held_keys import HeldKeys
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.canvas.lens import FILTERS, _sight, next_filter, stepped_factor
from mammoviewer.gui.canvas.roam import fields, roam
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.session.viewer_state import Tool

BY_ID = {command.id: command for command in COMMANDS}


@pytest.fixture
def viewport(qtbot, four_views):
    made = shown(qtbot, four_views, "RMLO", (480, 520))
    four_views.desk.corner_text = "off"
    four_views.desk.active_identity = made.identity
    return made


def test_the_lens_shows_the_place_under_the_cursor_larger(viewport):
    spot = place(viewport, 80.0, 90.0)
    mouse.move(viewport, spot)
    plain = picture(viewport)
    viewport.workspace.desk.lens_factor = 3.0
    viewport.workspace.desk.lens = True
    lens = picture(viewport)
    x, y = round(spot[0]), round(spot[1])
    inside = np.s_[y - 40 : y + 40, x - 40 : x + 40]
    assert np.abs(lens[inside].astype(int) - plain[inside]).mean() > 3
    # At three times the fitted zoom pixels are seen as squares: the one under the cursor has its very grey.
    shown_pixels = viewport.follower.picture()
    lookup = shown_pixels.lookup(viewport.shown.voi, inverse=False)
    assert lens[y, x, 0] == lookup[shown_pixels.pixels[80, 90] - shown_pixels.first]
    far = np.s_[2:40, 2:40]
    np.testing.assert_array_equal(lens[far], plain[far])


def test_the_lens_is_held_by_its_key_and_follows_the_mouse(qtbot, viewport):
    grid = ViewportGrid(viewport.workspace)
    qtbot.addWidget(grid)
    HeldKeys(Desk(viewport.workspace, grid, Mock()), viewport)
    viewport.activateWindow()
    qtbot.waitUntil(viewport.isActiveWindow)
    QTest.keyPress(viewport.windowHandle(), Qt.Key.Key_M)
    assert viewport.workspace.desk.lens
    mouse.wheel(viewport, place(viewport, 80.0, 90.0), 1)
    assert viewport.workspace.desk.lens_factor == 3.0
    QTest.keyRelease(viewport.windowHandle(), Qt.Key.Key_M)
    assert not viewport.workspace.desk.lens


def test_the_lens_goes_with_the_mouse(viewport):
    mouse.move(viewport, place(viewport, 80.0, 90.0))
    plain = picture(viewport)
    viewport.workspace.desk.lens = True
    assert not np.array_equal(picture(viewport), plain)
    viewport.leaveEvent(Mock())
    np.testing.assert_array_equal(picture(viewport), plain)


def test_the_filter_of_the_lens_changes_the_lens_alone(qtbot, viewport):
    mouse.move(viewport, place(viewport, 80.0, 90.0))
    viewport.workspace.desk.lens = True
    as_shown = picture(viewport)
    viewport.workspace.desk.lens_filter = "local contrast"
    picture(viewport)
    qtbot.waitUntil(lambda: np.abs(picture(viewport).astype(int) - as_shown).max() > 20)
    assert viewport.shown.filters == ()
    names = [name := "as shown", *((name := next_filter(name)) for _ in FILTERS)]
    assert names == [*FILTERS, "as shown"]


def test_magnifications_have_ends():
    assert [stepped_factor(2.0, 1), stepped_factor(8.0, 1), stepped_factor(1.5, -1)] == [3.0, 8.0, 1.5]


@pytest.mark.parametrize(("shape", "seen"), [((4096, 3328), (1000.0, 1300.0)), ((500, 500), (100.0, 99.5))])
def test_fields_leave_nothing_out(shape, seen):
    covered = np.zeros(shape, bool)
    for row, column in fields(shape, seen):
        top, left = row + 0.5 - seen[0] / 2, column + 0.5 - seen[1] / 2
        assert top >= -1e-6
        assert top + seen[0] <= shape[0] + 1e-6
        covered[
            int(np.floor(top)) : int(np.ceil(top + seen[0])), int(np.floor(left)) : int(np.ceil(left + seen[1]))
        ] = 1
    assert covered.all()


def test_roaming_goes_through_all_fields_and_round(qtbot, workspace):
    pixels = breast_like(900, 700)
    pixels[:, 330:] = pixels.min()
    image = make_image("RMLO", pixels=pixels)
    workspace.add(OpenResult((image,), ()))
    viewport = shown(qtbot, workspace, "RMLO", (300, 320))
    seen = []
    for _ in range(13):
        roam(viewport, 1)
        seen.append(viewport.shown.centre)
    assert viewport.shown.zoom == 1.0
    stored, count = image.frame(0), len(set(seen))
    assert seen[count] == seen[0]
    fields_of_image = fields((900, 700), (320.0, 300.0))
    tissue = [(row, column) for row, column in fields_of_image if _field(stored, row, column).max() > 500]
    assert set(seen) >= set(tissue)
    assert count < len(fields_of_image), "fields of air are passed over"
    roam(viewport, -1)
    assert viewport.shown.centre == seen[(13 - 2) % count]


def _field(stored, row, column):
    """Return the pixels that a viewport of 300 x 320 shows about a place."""
    top, left = max(0, round(row - 159.5)), max(0, round(column - 149.5))
    return stored[top : top + 320, left : left + 300]


@pytest.mark.parametrize(
    ("orientation", "letters"),
    [
        (Orientation(), ("A", "P", "F", "H")),
        (Orientation(flip_columns=True), ("P", "A", "F", "H")),
        (Orientation(flip_rows=True), ("A", "P", "H", "F")),
        (Orientation(transpose=True), ("F", "H", "A", "P")),
    ],
)
def test_letters_turn_with_the_picture(orientation, letters):
    assert edge_letters(("P", "H"), orientation) == letters


def test_letters_of_two_directions_are_all_turned():
    assert edge_letters(("P", "FL"), Orientation()) == ("A", "P", "HR", "FL")
    assert edge_letters((), Orientation()) is None


def test_escape_puts_the_tool_down_first(qtbot, four_views):
    grid = ViewportGrid(four_views)
    qtbot.addWidget(grid)
    desk = Desk(four_views, grid, Mock())
    grid.toggle_maximised()
    four_views.desk.tool = Tool.DISTANCE
    BY_ID["view.restore"].handler(desk)
    assert four_views.desk.tool is Tool.WINDOW
    assert grid.maximised is not None
    BY_ID["view.restore"].handler(desk)
    assert grid.maximised is None


@pytest.mark.parametrize(
    "at", [(3.0, 160.0), (297.0, 160.0), (150.0, 2.0), (150.0, 317.0), (150.0, 160.0), (299.0, 1.0)]
)
def test_the_lens_stays_in_the_viewport_and_under_the_cursor_stays_what_is_there(qtbot, four_views, at):
    viewport = shown(qtbot, four_views, "RMLO", (300, 320))
    sight = _sight(viewport, QPointF(*at))
    assert QRectF(viewport.rect()).contains(sight.frame)
    inside = QPointF(*at) - sight.frame.topLeft()
    np.testing.assert_allclose(sight.view.to_stored(inside.x(), inside.y()), viewport.view.to_stored(*at), atol=0.6)
