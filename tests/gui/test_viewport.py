import logging
from dataclasses import replace

import numpy as np
import pytest
from helpers.images import make_image
from helpers.mouse import LEFT, MIDDLE, RIGHT, click, double_click, drag, move, wheel
from helpers.viewports import picture, place, shown
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer
from PySide6.QtGui import QEnterEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mammoviewer.base.errors import ModelRefused
from mammoviewer.base.notices import Notice
from mammoviewer.base.progress import Progress
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.canvas import viewport_painter
from mammoviewer.gui.canvas.cursor_reading import CursorReading
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import Window
from mammoviewer.jobs.job import Job
from mammoviewer.session.viewer_state import FIT, Overlay, Tool
from mammoviewer.session.workspace import Workspace


def test_an_empty_viewport_is_black(qtbot: QtBot, workspace: Workspace) -> None:
    viewport = Viewport(workspace)
    qtbot.addWidget(viewport)
    viewport.resize(100, 100)
    click(viewport, (50, 50))
    wheel(viewport, (50, 50), 1)
    assert (picture(viewport) == 0).all()


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("flipped", [False, True])
def test_one_affine_maps_pixels_and_marks(qtbot: QtBot, workspace: Workspace, turn: int, flipped: bool) -> None:
    pixels = np.zeros((160, 120), np.uint16)
    pixels[40:43, 100:103] = 4095
    workspace.add(OpenResult((make_image(pixels=pixels),), ()))
    workspace.desk.corner_text = "off"
    viewport = shown(qtbot, workspace, "RCC")
    orientation = Orientation(flip_columns=flipped).rotated(turn)
    viewport.shown.orientation = orientation
    x, y = place(viewport, 41.0, 101.0)
    painted = picture(viewport)
    # The badge that tells of the flip is amber: without blue.
    bright = painted[:, :, 2] > 200
    assert bright[int(y), int(x)]
    assert np.count_nonzero(bright) == pytest.approx((3 * viewport.view.zoom) ** 2, rel=0.6)


def test_air_stays_black_up_to_the_text(qtbot: QtBot, four_views: Workspace) -> None:
    four_views.desk.corner_text = "off"
    viewport = shown(qtbot, four_views, "RCC", (600, 320))
    painted = picture(viewport)
    # The topmost rows carry the line of the active viewport.
    assert (painted[2:, :200] == 0).all()
    assert painted[160, 590, 0] > 50


def test_right_drag_windows_with_every_tool(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    before = viewport.shown.voi
    four_views.desk.tool = Tool.ELLIPSE
    drag(viewport, (100, 100), (160, 80), RIGHT)
    after = viewport.shown.voi
    assert isinstance(before, Window)
    assert isinstance(after, Window)
    assert after.width > before.width
    assert after.center < before.center
    assert four_views.annotations.findings == ()


def test_left_drag_windows_by_default_and_a_double_right_click_takes_it_back(
    qtbot: QtBot, four_views: Workspace
) -> None:
    viewport = shown(qtbot, four_views)
    before = viewport.shown.voi
    drag(viewport, (100, 100), (160, 80))
    assert viewport.shown.voi != before
    double_click(viewport, (100, 100), RIGHT)
    assert viewport.shown.voi == before


def test_middle_drag_pans_and_a_double_click_fits(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    viewport.zoom_by(4.0)
    point = viewport.view.to_stored(150.0, 150.0)
    drag(viewport, (150, 150), (180, 140), MIDDLE)
    assert viewport.view.to_stored(180.0, 140.0) == pytest.approx(point, abs=0.5)
    double_click(viewport, (200, 200))
    assert viewport.shown.zoom == FIT


def test_space_held_pans_and_tapped_plays(qtbot: QtBot, volume: Workspace) -> None:
    viewport = shown(qtbot, volume)
    viewport.zoom_by(4.0)
    centre = viewport.shown.centre
    QTest.keyPress(viewport, Qt.Key.Key_Space)
    drag(viewport, (150, 150), (180, 140))
    QTest.keyRelease(viewport, Qt.Key.Key_Space)
    assert viewport.shown.centre != centre
    assert not viewport.shown.playing
    QTest.keyClick(viewport, Qt.Key.Key_Space)
    assert viewport.shown.playing
    viewport.shown.playing = False


def test_the_wheel_scrolls_slices_and_zooms_with_ctrl(qtbot: QtBot, volume: Workspace) -> None:
    viewport = shown(qtbot, volume)
    assert viewport.shown.frame == 6
    wheel(viewport, (150, 150), -2)
    assert viewport.shown.frame == 8
    wheel(viewport, (150, 150), 0.5)
    assert viewport.shown.frame == 8
    wheel(viewport, (150, 150), 0.5)
    assert viewport.shown.frame == 7
    wheel(viewport, (150, 150), 100)
    assert viewport.shown.frame == 0
    at = viewport.view.to_stored(120.0, 130.0)
    zoom = viewport.view.zoom
    wheel(viewport, (120, 130), 1, Qt.KeyboardModifier.ControlModifier)
    assert viewport.view.zoom == pytest.approx(zoom * 1.2)
    assert viewport.view.to_stored(120.0, 130.0) == pytest.approx(at, abs=0.5)


def test_the_wheel_and_the_cine_follow_the_settings(qtbot: QtBot, volume: Workspace) -> None:
    settings = volume.settings
    volume.settings = replace(settings, window=replace(settings.window, wheel_inverts=True))
    volume.desk.cine_rate = 24.0
    viewport = shown(qtbot, volume)
    before = viewport.shown.frame
    wheel(viewport, (150, 150), 1)
    assert viewport.shown.frame == before + 1
    assert viewport.cine.rate == 24.0


def test_alt_and_the_wheel_change_the_opacity(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    wheel(viewport, (150, 150), 1, Qt.KeyboardModifier.AltModifier)
    assert four_views.style.opacity == pytest.approx(0.55)
    wheel(viewport, (150, 150), -99, Qt.KeyboardModifier.AltModifier)
    assert four_views.style.opacity == 0.0


def test_the_strip_goes_to_a_slice(qtbot: QtBot, volume: Workspace) -> None:
    viewport = shown(qtbot, volume)
    strip = viewport.strip
    assert strip is not None
    x = strip.place.center().x()
    assert x < 20
    drag(viewport, (x, strip.top(2) + 2), (x, strip.top(9) + 2))
    assert viewport.shown.frame == 9
    qtbot.waitUntil(lambda: viewport.shown_frame == 9)


def test_one_to_one_is_one_device_pixel(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    viewport.shown.zoom = 49.0
    viewport.one_to_one()
    assert viewport.view.zoom == 1.0
    assert viewport.shown.zoom == 1.0


def test_pressing_makes_the_viewport_active(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views, "LMLO")
    assert four_views.desk.active_identity != viewport.identity
    with qtbot.waitSignal(viewport.activated):
        click(viewport, (150, 150))
    assert four_views.desk.active_identity == viewport.identity


def test_the_cursor_is_told_in_stored_pixels(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    readings: list[CursorReading | None] = []
    viewport.cursor_moved.connect(readings.append)
    picture(viewport)
    move(viewport, place(viewport, 80.0, 100.0))
    move(viewport, (1.0, 1.0))
    reading = readings[0]
    assert reading is not None
    assert (reading.row, reading.column) == (80, 100)
    assert reading.value == int(viewport.shown.image.frame(0)[80, 100])
    assert reading.display is not None
    assert reading.position_mm == pytest.approx((8.0, 10.0), abs=0.05)
    assert readings[1] is None


def test_what_is_under_a_resting_cursor_is_told_anew(qtbot: QtBot, volume: Workspace) -> None:
    viewport = shown(qtbot, volume)
    told: list[CursorReading | None] = []
    viewport.cursor_moved.connect(told.append)
    there = place(viewport, 80.0, 100.0)
    move(viewport, there)
    assert told[-1] is not None
    before = told[-1].display

    wheel(viewport, there, -2)
    wanted = int(viewport.shown.image.frame(8)[80, 100])
    qtbot.waitUntil(lambda: told[-1] is not None and told[-1].value == wanted)
    for change in (
        lambda: setattr(viewport.shown, "voi", Window(2600.0, 800.0)),
        lambda: setattr(viewport.shown, "inverted", True),
        lambda: viewport.pan_by(0.0, -40.0),
    ):
        count = len(told)
        change()
        qtbot.waitUntil(lambda count=count: len(told) > count)
    assert told[-1] is not None
    assert told[-1] == viewport.reading(QPointF(*there))
    assert told[-1].row > 80
    assert told[-1].display != before

    count = len(told)
    volume.style.opacity = 0.3
    picture(viewport)
    assert len(told) == count, "nothing has changed under the cursor"
    QApplication.sendEvent(viewport, QEvent(QEvent.Type.Leave))
    viewport.shown.inverted = False
    picture(viewport)
    assert told[count:] == [None]


def test_who_is_told_may_move_the_view(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    there = QPointF(*place(viewport, 80.0, 100.0))
    seen: list[tuple[float, float]] = []
    told: list[CursorReading | None] = []

    def follow(reading: CursorReading | None) -> None:
        told.append(reading)
        if not seen:
            viewport.zoom_by(2.0)
            seen.append((viewport.view.zoom, viewport.shown.zoom))

    move(viewport, (there.x(), there.y()))
    viewport.cursor_moved.connect(follow)
    viewport.shown.inverted = True
    qtbot.waitUntil(lambda: len(told) > 1)
    assert seen[0][0] == seen[0][1]
    assert told[-1] == viewport.reading(there)


def test_a_picture_that_comes_to_the_cursor_is_told(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    told: list[CursorReading | None] = []
    viewport.cursor_moved.connect(told.append)
    there = QPointF(*place(viewport, 80.0, 100.0))
    QApplication.sendEvent(viewport, QEnterEvent(there, there, there))
    assert [(reading.row, reading.column) for reading in told if reading is not None] == [(80, 100)]


def test_the_zoom_tool_fills_the_viewport_with_its_rectangle(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.tool = Tool.ZOOM
    centre = viewport.view.to_stored(150.0, 150.0)
    zoom = viewport.view.zoom
    drag(viewport, (135, 134), (165, 166))
    assert viewport.view.zoom == pytest.approx(zoom * 10.0, rel=0.01)
    assert viewport.view.centre == pytest.approx(centre, abs=1.0)


def test_a_frame_that_cannot_be_decoded_says_so(qtbot: QtBot, workspace: Workspace) -> None:
    workspace.add(OpenResult((make_image(bad=(0,)),), ()))
    identity = workspace.images[0].attributes.identity
    viewport = Viewport(workspace)
    qtbot.addWidget(viewport)
    viewport.resize(300, 300)
    viewport.show_image(identity)
    viewport.show()
    qtbot.waitUntil(lambda: viewport.follower.bad)
    painted = picture(viewport)
    assert (painted[:, :, 0] > 200).any()
    red = (painted[:, :, 0].astype(int) - painted[:, :, 1]) > 80
    assert red.any()


def test_a_failing_paint_is_logged_and_leaves_no_painter(
    qtbot: QtBot, four_views: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    viewport = shown(qtbot, four_views)
    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(viewport._painter, "_paint_marks", lambda painter: 1 / 0)
        viewport.grab()
        assert "could not be painted" in caplog.text
        caplog.clear()
    assert (picture(viewport) > 0).any()


def test_asking_for_a_cam_without_a_model_says_so(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    said: list[Notice] = []
    four_views.notice.connect(said.append)
    click(viewport, place(viewport, 80.0, 90.0), LEFT, Qt.KeyboardModifier.AltModifier)
    assert [notice.text for notice in said] == ["No model is chosen"]


def test_alt_click_asks_for_the_patch_under_the_cursor(
    qtbot: QtBot, four_views: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.model = "some.1"
    asked: list[tuple[object, ...]] = []

    def explain_patch(*values: object) -> Job:
        asked.append(values)
        return Job("explain")

    monkeypatch.setattr(four_views.heatmaps, "explain_patch", explain_patch)
    click(viewport, place(viewport, 80.0, 90.0), LEFT, Qt.KeyboardModifier.AltModifier)
    image, frame, model, point, _ = asked[0]
    assert (image, frame, model) == (viewport.shown.image, 0, "some.1")
    assert point == pytest.approx((80.0, 90.0), abs=0.01)
    click(viewport, (2.0, 2.0), LEFT, Qt.KeyboardModifier.AltModifier)
    assert len(asked) == 1


@pytest.mark.parametrize("late", [False, True])
def test_a_refused_cam_leaves_the_overlay_from_before(
    qtbot: QtBot, four_views: Workspace, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    viewport = shown(qtbot, four_views)
    four_views.desk.model = "some.1"
    viewport.shown.overlay = Overlay.HEATMAP

    def refuse(progress: Progress) -> None:
        raise ModelRefused("that is not breast")

    def explain_patch(*values: object) -> Job:
        job = Job("explain")
        if late:
            QTimer.singleShot(0, lambda: job.run(refuse))
        else:
            job.run(refuse)
        return job

    monkeypatch.setattr(four_views.heatmaps, "explain_patch", explain_patch)
    click(viewport, place(viewport, 80.0, 90.0), LEFT, Qt.KeyboardModifier.AltModifier)
    assert viewport.shown.overlay is (Overlay.CAM if late else Overlay.HEATMAP)
    qtbot.waitUntil(lambda: viewport.shown.overlay is Overlay.HEATMAP)


def test_a_double_click_on_the_label_asks_to_maximise(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    with qtbot.waitSignal(viewport.label_activated):
        double_click(viewport, (20.0, 15.0))


def test_device_pixels_are_painted_at_two_times(
    qtbot: QtBot, four_views: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewport = shown(qtbot, four_views)
    monkeypatch.setattr(viewport, "devicePixelRatioF", lambda: 2.0)
    viewport.one_to_one()
    first, second = (place(viewport, 80.0, column) for column in (60.0, 100.0))
    assert second[0] - first[0] == pytest.approx(20.0)


def test_the_badge_of_a_doubted_side_flips_the_picture(qtbot: QtBot, four_views: Workspace) -> None:
    viewport = shown(qtbot, four_views)
    stored = viewport.shown.image.attributes.orientation
    picture(viewport)
    assert "LATERALITY?" not in viewport._painter.badge_places
    viewport.shown.side_doubted = True
    picture(viewport)
    middle = viewport._painter.badge_places["LATERALITY?"].center()
    click(viewport, (middle.x(), middle.y()))
    assert viewport.shown.orientation == stored.flipped_horizontally()
    assert viewport.shown.image.attributes.orientation == stored
    picture(viewport)
    assert "FLIPPED" in viewport._painter.badge_places


@pytest.mark.parametrize("letters", [(), ("P", "F")])
def test_what_is_said_of_a_map_stands_beside_the_letter_of_its_edge(
    qtbot: QtBot, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, letters: tuple[str, ...]
) -> None:
    said: dict[str, float] = {}
    monkeypatch.setattr(
        viewport_painter, "paint_haloed", lambda painter, at, text, *style: said.setdefault(text, at.x())
    )
    workspace.add(OpenResult((make_image(pixels=np.zeros((160, 120), np.uint16), PatientOrientation=letters),), ()))
    viewport = shown(qtbot, workspace, "RCC", (700, 700))
    viewport.shown.overlay = Overlay.HEATMAP
    viewport.workspace.desk.model = ""
    viewport.grab()
    beside = said["no model is chosen"]
    assert bool(letters) == ("A" in said)
    assert not letters or beside >= said["A"] + 12.0
