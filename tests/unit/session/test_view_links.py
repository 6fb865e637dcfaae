from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.images import breast_like, make_image

from mammoviewer.dicom.attributes import ImageKind, PixelSpacing
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.imaging.slab import SlabMode
from mammoviewer.imaging.voi import VoiFunction, Window
from mammoviewer.session.settings import Settings
from mammoviewer.session.view_links import match_slice, match_zoom, moved_window
from mammoviewer.session.viewer_state import FIT
from mammoviewer.session.workspace import Workspace

FINE = PixelSpacing(0.05, 0.05, "mm")


@pytest.fixture
def workspace():
    made = Workspace(Settings())
    images = (
        make_image("RCC", uid="1"),
        make_image("LCC", uid="2", pixels=breast_like(320, 240)[:, ::-1].copy(), pixel_spacing=FINE),
        make_image("RMLO", uid="3"),
        make_image("LMLO", uid="4", pixels=breast_like()[:, ::-1].copy()),
    )
    made.add(OpenResult(images, ()))
    yield made
    made.close()


def test_nothing_is_linked_to_begin_with(workspace):
    workspace.state("1").zoom = 2.0
    assert workspace.state("3").zoom == FIT


def test_linked_views_show_the_same_place_at_the_same_scale(workspace):
    workspace.links.toggle()
    first, second = workspace.state("1"), workspace.state("2")
    first.centre = (60.0, 100.0)
    first.zoom = 2.0
    assert second.zoom == pytest.approx(1.0), "half the pixel size needs half the zoom"
    # 1.95 mm from the chest wall, 1.95 mm above the middle.
    assert second.centre == pytest.approx((159.5 - 39.0, 38.5))
    first.zoom = FIT
    assert second.zoom == FIT


@pytest.mark.parametrize("turn", [lambda o: o.rotated(1), lambda o: o.flipped_vertically()])
def test_a_view_that_the_reader_has_turned_shows_the_same_place(workspace, turn):
    workspace.links.toggle()
    first, second = workspace.state("1"), workspace.state("2")
    first.orientation = turn(first.orientation)
    first.centre = (60.0, 100.0)
    first.zoom = 2.0
    assert second.centre == pytest.approx((159.5 - 39.0, 38.5))
    second.orientation = turn(second.orientation)
    first.centre = (70.0, 90.0)
    assert second.centre == pytest.approx((159.5 - 19.0, 58.5))


def test_an_unoriented_view_is_compared_as_the_reader_hangs_it(workspace):
    upside_down = make_image("RCC", uid="5", unoriented=True)
    workspace.add(OpenResult((upside_down,), ()))
    first, second = workspace.state("1"), workspace.state("5")
    second.orientation = second.orientation.rotated(2)
    first.centre, first.zoom = (60.0, 100.0), 2.0
    match_zoom(first, second)
    assert second.centre == pytest.approx((159.0 - 60.0, 119.0 - 100.0))


def test_every_linked_view_leads(workspace):
    workspace.links.toggle()
    workspace.state("4").inverted = True
    assert all(workspace.state(uid).inverted for uid in "123")


def test_a_view_can_be_taken_out(workspace):
    workspace.links.toggle()
    workspace.links.toggle("2")
    workspace.state("1").zoom = 3.0
    assert workspace.state("2").zoom == FIT
    assert workspace.state("3").zoom == 3.0
    workspace.links.toggle()
    assert workspace.state("2").linked, "some were linked: all are"
    workspace.links.toggle()
    assert not any(workspace.state(uid).linked for uid in "1234")


def test_views_off_stage_are_left_alone(workspace):
    workspace.links.toggle()
    titles = [stage.title for stage in workspace.stages]
    workspace.show_stage(titles.index("CC pair"))
    workspace.state("1").zoom = 2.0
    assert workspace.state("3").zoom == FIT
    assert workspace.state("2").zoom != FIT


def test_windows_change_by_what_was_dragged():
    own = Window(1000.0, 400.0, VoiFunction.SIGMOID, "NORMAL")
    moved = moved_window(own, Window(2000.0, 3000.0), Window(2300.0, 6000.0))
    assert moved == Window(1040.0, 800.0, VoiFunction.SIGMOID, "")


def test_linked_windows_follow(workspace):
    workspace.state("3").voi = Window(1000.0, 1000.0)
    workspace.links.toggle()
    before = workspace.state("1").voi
    workspace.state("1").voi = Window(before.center + 0.5 * before.width, 2 * before.width)
    assert workspace.state("3").voi == Window(1500.0, 2000.0)


def test_slices_are_matched_by_depth():
    one = make_image("RCC", kind=ImageKind.TOMO, pixels=breast_like(frames=10), slice_spacing_mm=1.0, uid="5")
    other = make_image("LCC", kind=ImageKind.TOMO, pixels=breast_like(frames=21), slice_spacing_mm=0.5, uid="6")
    made = Workspace(Settings())
    try:
        made.add(OpenResult((one, other), ()))
        first, second = made.state("5"), made.state("6")
        first.frame = 4
        match_slice(first, second)
        assert second.frame == 8
        made.show_stage([stage.title for stage in made.stages].index("Tomosynthesis CC pair"))
        made.links.toggle()
        first.frame = 9
        assert second.frame == 18
        first.slab_mode, first.slab_mm = SlabMode.MIP, 3.0
        assert (second.slab_mode, second.slab_mm) == (SlabMode.MIP, 3.0)
    finally:
        made.close()


def test_unknown_depths_are_matched_by_share():
    made = Workspace(Settings())
    try:
        images = tuple(
            make_image(label, kind=ImageKind.TOMO, pixels=breast_like(frames=n), uid=label)
            for label, n in (("RCC", 11), ("LCC", 21))
        )
        made.add(OpenResult(images, ()))
        made.state("RCC").frame = 5
        match_slice(made.state("RCC"), made.state("LCC"))
        assert made.state("LCC").frame == 10
    finally:
        made.close()


def test_windows_that_come_with_the_slices_stay_with_their_own_volume(workspace):
    def volume(uid, label, centre):
        frames = tuple((Window(centre + 10.0 * n, 500.0, explanation="NORMAL"),) for n in range(9))
        return make_image(
            label,
            uid=uid,
            kind=ImageKind.TOMO,
            pixels=breast_like(frames=9),
            StudyInstanceUID="9",
            vois=frames[0],
            frame_vois=frames,
        )

    workspace.add(OpenResult((volume("5", "RCC", 1000.0), volume("6", "LCC", 3000.0)), ()))
    first, second = workspace.state("5"), workspace.state("6")
    links = workspace.links
    stage = replace(workspace.stage, rows=1, columns=2, cells=("5", "6"))
    workspace.hung.stages = (stage,)
    workspace.show_stage(0)
    links.toggle()
    first.frame = 7
    assert second.frame == 7
    assert first.voi == Window(1070.0, 500.0, explanation="NORMAL")
    assert second.voi == Window(3070.0, 500.0, explanation="NORMAL"), "the second volume has windows of its own"
    assert not workspace.history.undo(), "scrolling changes no window by the reader's hand"
