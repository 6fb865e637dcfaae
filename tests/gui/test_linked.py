"""Linked viewports, the linked cursor, and flickering between current and prior, by real events."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from helpers import mouse
from helpers.images import breast_like, make_image
from helpers.viewports import picture, place

from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.actions.commands import COMMANDS
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.theme import color
from mammoviewer.session.places import anatomy, same_place
from mammoviewer.session.viewer_state import FIT

BY_ID = {command.id: command for command in COMMANDS}


@pytest.fixture
def grid(qtbot, four_views):
    made = ViewportGrid(four_views)
    qtbot.addWidget(made)
    made.resize(700, 700)
    made.show()
    qtbot.waitUntil(lambda: all(not viewport.follower.waiting for viewport in made.viewports if viewport.state))
    return made


def run(workspace, grid, command_id):
    BY_ID[command_id].handler(Desk(workspace, grid, Mock()))


def accents(viewport):
    """Return where the accent colour is painted below the corner text, as (x, y) pairs."""
    accent = color("accent")
    shown = picture(viewport).astype(int)
    near = np.abs(shown - (accent.red(), accent.green(), accent.blue())).sum(axis=2) < 60
    near[:60] = False
    rows, columns = np.nonzero(near)
    return np.stack([columns, rows], axis=1)


def test_the_cursor_is_a_cross_in_the_same_view_and_an_arc_in_the_other(qtbot, four_views, grid):
    run(four_views, grid, "view.linked_cursor")
    first, mirrored, oblique, stranger = grid.viewports
    states = [viewport.shown for viewport in grid.viewports]
    for state in states:
        four_views.nipples.of(state.image)
    qtbot.waitUntil(lambda: all(four_views.nipples.of(state.image) is not None for state in states))
    mouse.move(first, place(first, 100.0, 80.0))
    assert four_views.desk.pointed[0] == first.identity
    point = four_views.desk.pointed[1]
    nipples = [four_views.nipples.of(state.image) for state in states]
    expected = same_place(anatomy(states[0], nipples[0]), anatomy(states[1], nipples[1]), point)
    x, y = place(mirrored, *expected)
    marks = accents(mirrored)
    assert np.abs(marks.mean(axis=0) - (x, y)).max() < 2.0
    assert len(accents(oblique)) > 60, "an arc of equal distance from the nipple"
    assert len(accents(stranger)) == 0
    assert len(accents(first)) == 0


def test_the_mark_goes_when_the_mouse_leaves_or_the_command_is_given_again(qtbot, four_views, grid):
    run(four_views, grid, "view.linked_cursor")
    first, mirrored = grid.viewports[:2]
    mouse.move(first, place(first, 100.0, 80.0))
    assert len(accents(mirrored))
    first.leaveEvent(Mock())
    assert not len(accents(mirrored))
    mouse.move(first, place(first, 90.0, 80.0))
    run(four_views, grid, "view.linked_cursor")
    assert not len(accents(mirrored))
    mouse.move(first, place(first, 70.0, 80.0))
    assert four_views.desk.pointed is None


def test_linking_is_shown_and_each_badge_can_be_clicked(four_views, grid):
    run(four_views, grid, "view.link")
    first, second = grid.viewports[:2]
    picture(second)
    spot = second._painter.badge_places["LINKED"].center()
    mouse.press(second, (spot.x(), spot.y()))
    mouse.release(second, (spot.x(), spot.y()))
    assert [viewport.shown.linked for viewport in grid.viewports] == [True, False, True, True]
    picture(second)
    assert "NOT LINKED" in second._painter.badge_places
    first.zoom_by(2.0)
    assert second.shown.zoom == 0.0
    assert grid.viewports[2].shown.zoom == pytest.approx(first.shown.zoom)


def test_current_and_prior_flicker_in_one_place_even_maximised(qtbot, four_views, grid):
    prior = make_image("RCC", uid="2.1", StudyInstanceUID="2", StudyDate="20200101", PatientID="P")
    now = [
        make_image(label, uid=f"1.{label}", StudyInstanceUID="1", StudyDate="20240101", PatientID="P")
        for label in ("RCC", "LCC", "RMLO", "LMLO")
    ]
    four_views.add(OpenResult((*now, prior), ()))
    four_views.desk.active_identity = "1.RCC"
    grid.toggle_maximised()
    grid.active.zoom_by(3.0)
    before = grid.active.shown
    run(four_views, grid, "stage.flicker")
    assert grid.viewports[0].identity == "2.1"
    assert four_views.state("2.1").zoom == pytest.approx(before.zoom)
    assert grid.maximised is grid.viewports[0]
    run(four_views, grid, "stage.flicker")
    assert grid.viewports[0].identity == "1.RCC"


def mm_per_pixel(viewport):
    return viewport.shown.image.attributes.pixel_spacing.column_mm / viewport.view.zoom


@pytest.fixture
def pair_with_prior(four_views):
    """A current pair, the prior of its right breast larger and with finer pixels."""
    now = [
        make_image(label, uid=f"1.{label}", StudyInstanceUID="1", StudyDate="20240101", PatientID="P")
        for label in ("RCC", "LCC")
    ]
    spacing = now[0].attributes.pixel_spacing
    rows, columns = now[0].attributes.shape
    prior = make_image(
        "RCC",
        uid="2.1",
        pixels=breast_like(3 * rows, 3 * columns),
        StudyInstanceUID="2",
        StudyDate="20200101",
        PatientID="P",
        pixel_spacing=replace(spacing, row_mm=spacing.row_mm / 2, column_mm=spacing.column_mm / 2),
    )
    four_views.add(OpenResult((*now, prior), ()))
    four_views.desk.active_identity = "1.RCC"
    return four_views


def test_nothing_is_fitted_anew_while_current_and_prior_flicker(qtbot, pair_with_prior, grid):
    workspace, desk = pair_with_prior, Desk(pair_with_prior, grid, Mock())
    flicker = BY_ID["stage.flicker"].handler
    viewports = {viewport.identity: viewport for viewport in grid.viewports}
    right, left = viewports["1.RCC"], viewports["1.LCC"]
    sizes, places = (mm_per_pixel(right), mm_per_pixel(left)), [right.view.matrix, left.view.matrix]
    right.shown.inverted = True
    for _ in range(3):
        flicker(desk)
        assert right.identity == "2.1"
        assert right.shown.inverted
        assert (mm_per_pixel(right), mm_per_pixel(left)) == pytest.approx(sizes)
        flicker(desk)
        assert right.identity == "1.RCC"
        assert [right.shown.zoom, left.shown.zoom] == [FIT, FIT]
        for viewport, before in zip((right, left), places, strict=True):
            np.testing.assert_allclose(viewport.view.matrix, before)
    flicker(desk)
    held = left.view.matrix
    np.testing.assert_allclose(held, places[1], atol=1.0)
    left.zoom_by(2.0)
    flicker(desk)
    assert right.shown.zoom == FIT
    assert left.shown.zoom != FIT, "the reader has moved it meanwhile"
    assert workspace.active is right.state


def fitted(workspace):
    return [workspace.state(image.attributes.identity).zoom == FIT for image in workspace.study.images]


def test_what_was_fitted_is_fitted_again_however_the_prior_was_left(qtbot, pair_with_prior, grid):
    workspace, desk = pair_with_prior, Desk(pair_with_prior, grid, Mock())
    flicker = BY_ID["stage.flicker"].handler
    for number, stage in enumerate(workspace.stages):
        if "1.RCC" not in stage.cells:
            continue
        workspace.show_stage(number)
        workspace.desk.active_identity = "1.RCC"
        for _ in range(2):
            flicker(desk)
        assert all(fitted(workspace)), stage.title
        assert workspace.state("2.1").zoom == FIT, stage.title
    for leave in (workspace.hang_again, grid.toggle_maximised, lambda: workspace.show_stage(1)):
        workspace.show_stage(0)
        workspace.desk.active_identity = "1.RCC"
        flicker(desk)
        assert not all(fitted(workspace))
        leave()
        assert all(fitted(workspace))
        assert workspace.state("2.1").zoom == FIT
        workspace.hang_again()


def test_a_viewport_that_keeps_its_image_is_painted_at_the_scale_of_the_new_stage(qtbot, workspace):
    wide, tall = (
        make_image(label, uid=f"1.{label}", pixels=breast_like(rows, 120))
        for label, rows in (("LCC", 160), ("RMLO", 400))
    )
    workspace.add(OpenResult((make_image("RCC", uid="1.RCC"), wide, tall), ()))
    made = ViewportGrid(workspace)
    qtbot.addWidget(made)
    made.resize(700, 350)
    made.show()
    number = next(n for n, stage in enumerate(workspace.stages) if stage.cells == ("1.RCC", "1.LCC"))
    workspace.show_stage(number)
    first = made.viewports[0]
    qtbot.waitUntil(lambda: all(not viewport.follower.waiting for viewport in made.viewports))
    qtbot.waitUntil(lambda: first._painter.grey._region_key[:1] == (first.view.zoom,))
    before = first.view.zoom
    workspace.put_into_cell(1, "1.RMLO")
    assert first.identity == "1.RCC"
    assert first.view.zoom < before
    qtbot.waitUntil(lambda: first._painter.grey._region_key[:1] == (first.view.zoom,))


def test_without_another_study_nothing_flickers(four_views, grid):
    told = []
    four_views.notice.connect(lambda notice: told.append(notice.text))
    run(four_views, grid, "stage.flicker")
    assert "no image of this view in another study" in told[0]
