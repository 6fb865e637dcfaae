from __future__ import annotations

import pytest
from helpers.images import make_image

from mammoviewer.dicom.reader import OpenResult
from mammoviewer.imaging.voi import Window
from mammoviewer.session.first_view import set_auto_window
from mammoviewer.session.settings import Settings
from mammoviewer.session.view_history import ViewHistory
from mammoviewer.session.viewer_state import FIT
from mammoviewer.session.workspace import Workspace


@pytest.fixture
def workspace():
    made = Workspace(Settings())
    made.add(OpenResult((make_image("RCC", uid="1"), make_image("LCC", uid="2")), ()))
    yield made
    made.close()


@pytest.fixture
def clock(workspace):
    """A history with a clock that is set by hand."""
    time = [0.0]
    workspace.history = ViewHistory(workspace.state, lambda: workspace.stage.cells, lambda: time[0])
    for image in workspace.images:
        workspace.history.follow(workspace.state(image.attributes.identity))
    return time


def test_a_drag_is_one_step_and_is_taken_back_whole(workspace, clock):
    state = workspace.state("1")
    before = state.voi
    for number in range(20):
        clock[0] += 0.05
        state.voi = Window(1000.0 + number, 500.0)
    clock[0] += 2
    state.inverted = True
    assert workspace.history.undo()
    assert not state.inverted
    assert state.voi == Window(1019.0, 500.0)
    assert workspace.history.undo()
    assert state.voi == before
    assert not workspace.history.undo()
    assert workspace.history.redo()
    assert workspace.history.redo()
    assert (state.voi, state.inverted) == (Window(1019.0, 500.0), True)
    assert not workspace.history.redo()


def test_zoom_and_place_come_back_together(workspace, clock):
    state = workspace.state("1")
    state.centre, state.zoom = (10.0, 20.0), 3.0
    clock[0] += 2
    state.centre, state.zoom = (50.0, 60.0), 5.0
    workspace.history.undo()
    assert (state.centre, state.zoom) == ((10.0, 20.0), 3.0)
    workspace.history.undo()
    assert state.zoom == FIT


def test_what_linked_views_do_together_is_one_step(workspace, clock):
    workspace.show_stage([stage.title for stage in workspace.stages].index("CC pair"))
    workspace.links.toggle()
    workspace.state("1").zoom = 2.0
    assert workspace.state("2").zoom == 2.0
    workspace.history.undo()
    assert [workspace.state(uid).zoom for uid in "12"] == [FIT, FIT]


def test_something_new_ends_the_way_forward(workspace, clock):
    state = workspace.state("1")
    state.inverted = True
    workspace.history.undo()
    clock[0] += 2
    state.zoom = 2.0
    assert not workspace.history.redo()


def test_a_window_that_was_waited_for_is_no_step(clock, workspace):
    image = make_image("RMLO", uid="3", vois=())
    workspace.add(OpenResult((image,), ()))
    state = workspace.state("3")
    workspace.history.follow(state)
    assert state.window_pending
    image.frame(0)
    set_auto_window(state)
    assert not workspace.history.undo()
    clock[0] += 2
    state.voi = Window(5.0, 5.0)
    set_auto_window(state)
    assert workspace.history.undo()


def test_slices_are_no_steps_and_the_history_is_bounded(workspace, clock):
    state = workspace.state("1")
    for number in range(150):
        clock[0] += 2
        state.zoom = 1.0 + number
    steps = 0
    while workspace.history.undo():
        steps += 1
    assert steps == 100


def test_an_applied_presentation_state_is_undone_with_its_window(workspace, clock):
    state = workspace.state("1")
    before = state.voi
    state.presentation = "1.9"
    state.voi = Window(5.0, 5.0)
    workspace.history.undo()
    assert (state.presentation, state.voi) == ("", before)


def test_only_views_that_hang_are_taken_back(workspace, clock):
    first, second = workspace.state("1"), workspace.state("2")
    for state in (first, second):
        state.zoom = 2.0
        clock[0] += 2
    workspace.show_single("1")
    assert workspace.history.undo()
    assert (first.zoom, second.zoom) == (FIT, 2.0)
    assert not workspace.history.undo()
    workspace.show_single("2")
    assert not workspace.history.redo()
    assert workspace.history.undo()
    assert second.zoom == FIT
    workspace.show_single("1")
    assert workspace.history.redo()
    assert (first.zoom, second.zoom) == (2.0, FIT)
