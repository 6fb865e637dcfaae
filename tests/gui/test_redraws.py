"""Another slice paints what it changes, and nothing of the slice before stays on screen."""

from __future__ import annotations

import random

import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.viewports import Exposed, on_screen, shown
from PySide6.QtGui import QRegion
from pytestqt.qtbot import QtBot

from mammoviewer.annotations.edits import AddFinding, RemoveFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.canvas.corner_text import FULL, MINIMAL, OFF
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.canvas.viewport_painter import Pace
from mammoviewer.imaging.filter_chain import FilterStep
from mammoviewer.imaging.voi import Window
from mammoviewer.session.viewer_state import Overlay
from mammoviewer.session.workspace import Workspace

SIZE = (620, 300)


def volume_view(qtbot: QtBot, workspace: Workspace, bad: tuple[int, ...] = ()) -> tuple[Viewport, Exposed]:
    """Return a viewport with much black beside a volume of six slices, all decoded and at rest."""
    image = make_image("RMLO", kind=ImageKind.TOMO, pixels=breast_like(frames=6), bad=bad, slice_spacing_mm=1.0)
    workspace.add(OpenResult((image,), ()))
    viewport = shown(qtbot, workspace, "RMLO", SIZE)
    for frame in (1, 2, 3, 5, 0):
        go(qtbot, viewport, frame)
    qtbot.wait(200)
    return viewport, Exposed(viewport)


def go(qtbot: QtBot, viewport: Viewport, frame: int) -> None:
    viewport.shown.frame = frame
    qtbot.waitUntil(lambda: not viewport.follower.waiting or viewport.follower.bad)
    qtbot.wait(25)


def afresh(qtbot: QtBot, viewport: Viewport) -> np.ndarray:
    viewport.update()
    qtbot.wait(25)
    return on_screen(viewport)


def partly(viewport: Viewport, exposed: Exposed) -> bool:
    return not (QRegion(viewport.rect()) - exposed.region).isEmpty()


def test_another_slice_leaves_the_black_beside_the_picture(qtbot: QtBot, workspace: Workspace) -> None:
    viewport, exposed = volume_view(qtbot, workspace)
    for frame in (1, 2, 5, 0):
        go(qtbot, viewport, frame)
        by_parts = on_screen(viewport)
        assert partly(viewport, exposed)
        np.testing.assert_array_equal(by_parts, afresh(qtbot, viewport))


def test_a_zoom_or_a_pan_with_the_slice_paints_all(qtbot: QtBot, workspace: Workspace) -> None:
    viewport, exposed = volume_view(qtbot, workspace)
    viewport.shown.frame, viewport.shown.zoom = 1, 1.0
    qtbot.wait(25)
    assert not partly(viewport, exposed)


@pytest.mark.parametrize("frames", [(1, 2), (2, 1)])
def test_a_mark_that_reaches_over_the_edge_comes_and_goes_whole(
    qtbot: QtBot, workspace: Workspace, frames: tuple[int, int]
) -> None:
    viewport, _ = volume_view(qtbot, workspace)
    identity = viewport.identity
    box = Roi(RoiKind.RECTANGLE, ((10.0, 0.0), (40.0, 20.0)))
    go(qtbot, viewport, frames[0])
    workspace.edit(AddFinding(new_finding(identity, 2, box, "A class with a name that is longer than the picture")))
    qtbot.wait(25)
    for frame in frames[1:] + frames:
        go(qtbot, viewport, frame)
        np.testing.assert_array_equal(on_screen(viewport), afresh(qtbot, viewport), str(frame))


def test_a_frame_that_cannot_be_decoded_says_so_where_no_picture_was(qtbot: QtBot, workspace: Workspace) -> None:
    viewport, _ = volume_view(qtbot, workspace, bad=(4,))
    for frame in (4, 5, 4, 3):
        go(qtbot, viewport, frame)
        np.testing.assert_array_equal(on_screen(viewport), afresh(qtbot, viewport), str(frame))


@pytest.mark.parametrize("marked", [False, True])
def test_a_frame_that_comes_before_it_is_told_of_leaves_nothing_of_the_one_before(
    qtbot: QtBot, workspace: Workspace, marked: bool
) -> None:
    viewport, _ = volume_view(qtbot, workspace)
    if marked:
        box = Roi(RoiKind.RECTANGLE, ((10.0, 0.0), (40.0, 20.0)))
        workspace.edit(AddFinding(new_finding(viewport.identity, 0, box, "A class whose name is longer than that")))
        qtbot.wait(25)
    # The window's part alone is painted, with the frame that has come meanwhile.
    windowed = viewport._painter.redraws.of("voi")
    assert windowed is not None
    with viewport.shown.events.frame.blocked():
        viewport.shown.frame = 5
    viewport.update(windowed)
    qtbot.wait(40)
    np.testing.assert_array_equal(on_screen(viewport), afresh(qtbot, viewport))


@pytest.mark.parametrize("seed", [1, 2])
def test_after_any_acts_the_screen_is_as_if_painted_afresh(
    qtbot: QtBot, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # A rough picture would be painted again, as a whole, once it rests.
    monkeypatch.setattr(Pace, "quick", lambda *_, **__: False)
    viewport, _ = volume_view(qtbot, workspace)
    chance, state = random.Random(seed), viewport.shown

    def scroll() -> None:
        for _ in range(chance.randint(1, 3)):
            state.frame = chance.randrange(6)
            qtbot.wait(chance.choice((1, 5)))

    def window() -> None:
        name = chance.choice(("", "a longer name"))
        state.voi = Window(chance.uniform(500.0, 3000.0), 1500.0, explanation=name)

    def mark() -> None:
        found = workspace.annotations.for_image(viewport.identity)
        if found:
            workspace.edit(RemoveFinding(found[0].id))
        else:
            name = chance.choice(("Mass", "A class whose name is longer than that"))
            box = Roi(RoiKind.RECTANGLE, ((10.0, 0.0), (40.0, 20.0)))
            workspace.edit(AddFinding(new_finding(viewport.identity, state.frame, box, name)))

    def move() -> None:
        viewport.zoom_by(chance.choice((0.8, 1.3)))
        viewport.pan_by(chance.uniform(-20.0, 20.0), 5.0)

    def write() -> None:
        workspace.desk.corner_text = chance.choice((FULL, MINIMAL, OFF))

    def lay_over() -> None:
        state.overlay = chance.choice((Overlay.NONE, Overlay.HEATMAP))

    acts = [lay_over, scroll, scroll, scroll, window, window, mark, move, viewport.fit, write]
    for _ in range(25):
        done = [chance.choice(acts) for _ in range(chance.randint(1, 3))]
        for act in done:
            act()
        qtbot.waitUntil(lambda: not viewport.follower.waiting)
        qtbot.wait(20)
        np.testing.assert_array_equal(on_screen(viewport), afresh(qtbot, viewport), str([act.__name__ for act in done]))


def test_filters_and_the_bar_of_a_map_leave_the_black_too(qtbot: QtBot, workspace: Workspace) -> None:
    viewport, exposed = volume_view(qtbot, workspace)
    viewport.shown.overlay = Overlay.HEATMAP
    qtbot.wait(25)
    viewport.shown.filters = (FilterStep("median", {}),)
    for frame in (1, 0):
        go(qtbot, viewport, frame)
        qtbot.wait(150)
        assert partly(viewport, exposed)
        np.testing.assert_array_equal(on_screen(viewport), afresh(qtbot, viewport))
