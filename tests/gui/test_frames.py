"""Which frame is shown while others are on their way, and the cine."""

import threading

from helpers.images import breast_like, make_image
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.canvas.cine import Cine, stepped_rate
from mammoviewer.gui.canvas.frame_follower import FrameFollower
from mammoviewer.imaging.voi import Window
from mammoviewer.session.viewer_state import ViewerState
from mammoviewer.session.workspace import Workspace


def follower_of(qtbot: QtBot, workspace: Workspace) -> tuple[FrameFollower, ViewerState]:
    state = workspace.active
    assert state is not None
    follower = FrameFollower(workspace.pictures, state)
    qtbot.waitUntil(lambda: follower.picture() is not None)
    return follower, state


def without_looking_ahead(workspace: Workspace) -> None:
    workspace.pictures.look_ahead = lambda image, frame, direction: None


def all_decoded(image: Image) -> None:
    for frame in range(image.attributes.frames):
        image.frame(frame)


def test_the_last_picture_stays_until_the_next_is_decoded(qtbot: QtBot, volume: Workspace) -> None:
    without_looking_ahead(volume)
    follower, state = follower_of(qtbot, volume)
    gate = threading.Event()
    volume.decoding.submit("busy", lambda progress: gate.wait(5), priority=9)
    volume.decoding.submit("busy too", lambda progress: gate.wait(5), priority=9)
    before = follower.picture()
    state.frame = 0
    assert follower.picture() is before
    assert follower.frame == 6
    assert follower.waiting
    gate.set()
    qtbot.waitUntil(lambda: follower.picture() is not before)
    assert follower.frame == 0
    assert not follower.waiting


def test_a_nearer_frame_is_shown_on_the_way(qtbot: QtBot, volume: Workspace) -> None:
    without_looking_ahead(volume)
    follower, state = follower_of(qtbot, volume)
    gate = threading.Event()
    volume.decoding.submit("busy", lambda progress: gate.wait(5), priority=9)
    volume.decoding.submit("busy too", lambda progress: gate.wait(5), priority=9)
    state.frame = 0
    follower.picture()
    state.image.frame(2)
    assert follower.arrived(2)
    assert follower.frame == 2
    assert not follower.arrived(4)
    assert follower.arrived(0)
    gate.set()


def test_the_rest_of_a_volume_on_screen_is_decoded(qtbot: QtBot, volume: Workspace) -> None:
    _, state = follower_of(qtbot, volume)
    qtbot.waitUntil(lambda: all(state.image.is_cached(frame) for frame in range(12)))


def test_frames_are_asked_for_on_the_side_that_the_reader_goes_to(qtbot: QtBot, workspace: Workspace) -> None:
    workspace.add(OpenResult((make_image("RMLO", kind=ImageKind.TOMO, pixels=breast_like(frames=30)),), ()))
    follower, state = follower_of(qtbot, workspace)
    asked = []
    workspace.pictures.look_ahead = lambda image, frame, direction: asked.append((frame, direction))
    for frame in (16, 20, 20, 3):
        state.frame = frame
        follower.picture()
    assert asked == [(16, 1), (20, 1), (3, -1)]


def test_a_bad_frame_is_not_shown_as_its_neighbour(qtbot: QtBot, workspace: Workspace) -> None:
    image = make_image("RMLO", kind=ImageKind.TOMO, pixels=breast_like(frames=5), bad=(3,))
    workspace.add(OpenResult((image,), ()))
    follower, state = follower_of(qtbot, workspace)
    assert not follower.bad
    state.frame = 3
    qtbot.waitUntil(lambda: follower.picture() is None)
    assert follower.bad
    assert follower.frame == 3
    state.frame = 4
    qtbot.waitUntil(lambda: follower.picture() is not None)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def cine_of(workspace: Workspace, parent: QObject) -> tuple[Cine, ViewerState, Clock]:
    state = workspace.active
    assert state is not None
    clock = Clock()
    cine = Cine(workspace.pictures, parent, clock)
    state.playing = True
    cine.follow(state)
    return cine, state, clock


def test_the_cine_plays_to_and_fro(qtbot: QtBot, volume: Workspace) -> None:
    parent = QObject()
    cine, state, clock = cine_of(volume, parent)
    cine._timer.stop()
    all_decoded(state.image)
    seen = []
    for _ in range(12):
        clock.time += 0.1001
        cine.tick()
        seen.append(state.frame)
    assert seen == [7, 8, 9, 10, 11, 10, 9, 8, 7, 6, 5, 4]


def test_the_cine_leaves_frames_out_when_it_is_late(qtbot: QtBot, volume: Workspace) -> None:
    parent = QObject()
    cine, state, clock = cine_of(volume, parent)
    cine._timer.stop()
    all_decoded(state.image)
    clock.time += 0.31
    cine.tick()
    assert state.frame == 9
    cine.tick()
    assert state.frame == 9


def test_the_cine_waits_for_frames_that_are_not_decoded(qtbot: QtBot, volume: Workspace) -> None:
    parent = QObject()
    cine, state, clock = cine_of(volume, parent)
    cine._timer.stop()
    follower = FrameFollower(volume.pictures, state)
    gate = threading.Event()
    for name in ("one", "two"):
        volume.decoding.submit(name, lambda progress: gate.wait(5), priority=9)
    clock.time += 0.11
    cine.tick()
    assert state.frame == 6
    follower.picture()
    gate.set()
    qtbot.waitUntil(lambda: state.image.is_cached(7))
    clock.time += 0.11
    cine.tick()
    assert state.frame > 6


def test_the_cine_runs_while_the_state_says_so(qtbot: QtBot, volume: Workspace) -> None:
    parent = QObject()
    cine, state, _ = cine_of(volume, parent)
    assert cine.running
    state.playing = False
    cine.follow(state)
    assert not cine.running
    cine.follow(None)
    assert not cine.running


def test_rates_go_up_and_down_within_limits(qtbot: QtBot, volume: Workspace) -> None:
    assert [stepped_rate(rate, 1) for rate in (5.0, 10.0, 30.0, 60.0)] == [8.0, 12.0, 30.0, 30.0]
    assert [stepped_rate(rate, -1) for rate in (30.0, 7.0, 5.0, 1.0)] == [25.0, 5.0, 5.0, 5.0]
    parent = QObject()
    cine, state, _ = cine_of(volume, parent)
    cine.set_pace(30.0, loops=False)
    assert cine._timer.interval() == 16
    state.playing = False
    cine.follow(state)


def test_an_image_without_a_window_gets_one_from_its_first_picture(qtbot: QtBot, workspace: Workspace) -> None:
    workspace.add(OpenResult((make_image(vois=()),), ()))
    follower, state = follower_of(qtbot, workspace)
    assert follower.picture() is not None
    assert not state.window_pending
    assert state.voi != workspace_window(state)


def workspace_window(state: ViewerState) -> Window:
    first, count = state.image.attributes.value_range
    return Window(first + count / 2, float(count))


def test_being_told_the_same_pace_again_and_again_stops_no_cine(qtbot: QtBot, volume: Workspace) -> None:
    parent = QObject()
    cine, state, _ = cine_of(volume, parent)
    cine.set_pace(30.0, loops=True)
    ticks = []
    cine._timer.timeout.connect(lambda: ticks.append(1))
    for _ in range(30):
        cine.set_pace(30.0, loops=True)
        qtbot.wait(5)
    state.playing = False
    cine.follow(state)
    assert len(ticks) >= 4
