"""Brush, eraser, growing regions, specks, nudging and copying, by real events."""

from __future__ import annotations

from unittest.mock import Mock

import numpy as np
import pytest
from helpers import mouse
from helpers.images import breast_like, make_image
from helpers.viewports import picture, place, shown
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from mammoviewer.annotations.edits import AddFinding, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.actions.commands import COMMANDS
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.canvas import brush_gestures
from mammoviewer.gui.finding_actions import copy_chosen, nudge_chosen
from mammoviewer.gui.navigation import undo
from mammoviewer.imaging.slab import SlabMode
from mammoviewer.session.viewer_state import Tool

BY_ID = {command.id: command for command in COMMANDS}
SHAPE = (160, 120)


@pytest.fixture
def viewport(qtbot, four_views):
    four_views.desk.brush_mm = 1.0
    return shown(qtbot, four_views, "RMLO", (480, 520))


def mask(finding):
    return finding.roi.mask(SHAPE)


@pytest.fixture(params=["small", "large"])
def sizes(request, monkeypatch):
    """Paint small regions as such, and as if they were large: those are made in the background."""
    if request.param == "large":
        monkeypatch.setattr(brush_gestures, "_SMALL", 0)
    return request.param


def drag(viewport, tool, start, end, modifiers=Qt.KeyboardModifier.NoModifier):
    """Press and drag; return where the mouse is to be released."""
    viewport.workspace.desk.tool = tool
    first, last = place(viewport, *start), place(viewport, *end)
    mouse.press(viewport, first, modifiers=modifiers)
    for share in np.linspace(0, 1, 6):
        step = (first[0] + share * (last[0] - first[0]), first[1] + share * (last[1] - first[1]))
        mouse.move(viewport, step, mouse.LEFT)
    return last


def stroke(viewport, tool, start, end, modifiers=Qt.KeyboardModifier.NoModifier):
    mouse.release(viewport, drag(viewport, tool, start, end, modifiers))
    viewport.workspace.painting.settle()
    return viewport.workspace.annotations.findings


def test_a_stroke_of_the_brush_is_as_wide_as_it_says(viewport, sizes):
    (finding,) = stroke(viewport, Tool.BRUSH, (60.0, 40.0), (60.0, 90.0))
    painted = mask(finding)
    assert finding.label == "Mass"
    assert painted[60, 42:88].all()
    heights = painted[:, 50:80].sum(axis=0)
    assert heights.min() >= 9
    assert heights.max() <= 12, "1 mm is 10 pixels"


def test_a_second_stroke_goes_onto_the_chosen_region_and_is_undone_alone(viewport, sizes):
    (first,) = stroke(viewport, Tool.BRUSH, (60.0, 40.0), (60.0, 90.0))
    (both,) = stroke(viewport, Tool.BRUSH, (40.0, 65.0), (100.0, 65.0))
    assert both.id == first.id
    assert mask(both)[60, 42:88].all()
    assert mask(both)[42:98, 65].all()
    viewport.workspace.edits.undo()
    np.testing.assert_array_equal(mask(viewport.workspace.annotations.get(first.id)), mask(first))


@pytest.mark.parametrize("by", ["tool", "shift"])
def test_the_eraser_leaves_two_parts(viewport, sizes, by):
    (first,) = stroke(viewport, Tool.BRUSH, (60.0, 30.0), (60.0, 95.0))
    tool = Tool.ERASER if by == "tool" else Tool.BRUSH
    held = Qt.KeyboardModifier.NoModifier if by == "tool" else Qt.KeyboardModifier.ShiftModifier
    (left,) = stroke(viewport, tool, (40.0, 62.0), (80.0, 62.0), held)
    assert not mask(left)[60, 60:65].any()
    assert mask(left)[60, 35]
    assert mask(left)[60, 90]
    assert mask(first).sum() > mask(left).sum()


def test_erasing_everything_removes_the_finding(viewport, sizes):
    stroke(viewport, Tool.BRUSH, (60.0, 40.0), (60.0, 45.0))
    viewport.workspace.desk.brush_mm = 8.0
    assert not stroke(viewport, Tool.ERASER, (60.0, 40.0), (60.0, 45.0))
    viewport.workspace.edits.undo()
    assert len(viewport.workspace.annotations.findings) == 1


def test_the_brush_paints_onto_rectangles_too(viewport, sizes):
    roi = Roi(RoiKind.RECTANGLE, ((50.0, 50.0), (70.0, 70.0)))
    finding = new_finding(viewport.identity, 0, roi, "Mass")
    viewport.workspace.edit(AddFinding(finding))
    viewport.workspace.desk.selected_finding = finding.id
    (painted,) = stroke(viewport, Tool.BRUSH, (60.0, 60.0), (60.0, 95.0))
    assert painted.id == finding.id
    assert mask(painted)[50:71, 50:71].all()
    assert mask(painted)[60, 90]


def test_a_stroke_on_a_large_region_is_seen_before_the_region_is_made(qtbot, viewport, monkeypatch):
    monkeypatch.setattr(brush_gestures, "_SMALL", 0)
    bare = picture(viewport)
    first, last = place(viewport, 60.0, 40.0), place(viewport, 60.0, 90.0)
    viewport.workspace.desk.tool = Tool.BRUSH
    mouse.press(viewport, first)
    mouse.move(viewport, last, mouse.LEFT)
    middle = np.s_[round(first[1]), round((first[0] + last[0]) / 2)]
    assert (picture(viewport)[middle] != bare[middle]).any()
    mouse.release(viewport, last)
    assert viewport.workspace.annotations.findings == ()
    assert (picture(viewport)[middle] != bare[middle]).any(), "it waits to be made, and is still seen"
    undo(viewport.workspace)
    qtbot.waitUntil(lambda: viewport.workspace.edits.can_redo, timeout=10000)
    assert viewport.workspace.annotations.findings == (), "undo has waited for the stroke"
    assert (picture(viewport)[middle] == bare[middle]).all()


@pytest.mark.parametrize("begun", ["a new region", "one that is there"])
@pytest.mark.parametrize("at", ["press", "drag", "release"])
def test_a_small_stroke_keeps_the_large_one_that_is_made_meanwhile(viewport, monkeypatch, begun, at):
    workspace = viewport.workspace
    if begun == "one that is there":
        stroke(viewport, Tool.BRUSH, (20.0, 20.0), (20.0, 30.0))
    monkeypatch.setattr(brush_gestures, "_SMALL", 40 * 40)
    mouse.release(viewport, drag(viewport, Tool.BRUSH, (20.0, 20.0), (140.0, 100.0)))
    assert workspace.painting.pending
    if at == "press":
        workspace.painting.settle()
    last = drag(viewport, Tool.BRUSH, (22.0, 20.0), (22.0, 35.0))
    if at == "drag":
        workspace.painting.settle()
        (first,) = workspace.annotations.findings
        assert viewport.hands.gesture.preview is None, "the stored region is shown, with both strokes"
    mouse.release(viewport, last)
    workspace.painting.settle()
    (both,) = workspace.annotations.findings
    assert mask(both)[[40, 80, 120], [33, 60, 87]].all(), "the large stroke"
    assert mask(both)[22, 20:35].all()
    if at == "drag":
        workspace.edits.undo()
        np.testing.assert_array_equal(mask(workspace.annotations.get(both.id)), mask(first))


def test_a_stroke_goes_onto_the_region_as_it_was_changed_during_the_drag(viewport):
    workspace = viewport.workspace
    (first,) = stroke(viewport, Tool.BRUSH, (60.0, 40.0), (60.0, 90.0))
    last = drag(viewport, Tool.BRUSH, (40.0, 65.0), (100.0, 65.0))
    assert viewport.hands.gesture.preview.id == first.id
    moved = first.edited(roi=first.roi.moved(30, 0))
    workspace.edit(ReplaceFinding(moved))
    assert viewport.hands.gesture.preview is None
    mouse.release(viewport, last)
    workspace.painting.settle()
    (painted,) = workspace.annotations.findings
    assert (mask(painted) & mask(moved)).sum() == mask(moved).sum()
    assert not mask(painted)[60, 45]
    assert mask(painted)[42:98, 65].all()


def test_a_stroke_on_a_finding_that_is_removed_during_the_drag_brings_nothing_back(viewport):
    workspace, told = viewport.workspace, []
    (first,) = stroke(viewport, Tool.BRUSH, (60.0, 40.0), (60.0, 90.0))
    last = drag(viewport, Tool.BRUSH, (40.0, 65.0), (100.0, 65.0))
    workspace.notice.connect(lambda notice: told.append(notice.text))
    workspace.edit(RemoveFinding(first.id))
    mouse.release(viewport, last)
    workspace.painting.settle()
    assert workspace.annotations.findings == ()
    assert told == ["What was painted on is gone, and the stroke with it"]


def test_undo_takes_the_stroke_before_it_also_when_another_follows(viewport, monkeypatch):
    monkeypatch.setattr(brush_gestures, "_SMALL", 0)
    stroke(viewport, Tool.BRUSH, (20.0, 20.0), (20.0, 100.0))
    mouse.release(viewport, drag(viewport, Tool.BRUSH, (60.0, 20.0), (60.0, 100.0)))
    undo(viewport.workspace)
    (finding,) = stroke(viewport, Tool.BRUSH, (100.0, 20.0), (100.0, 100.0))
    assert mask(finding)[[20, 60, 100], 60].tolist() == [True, False, True]


def test_the_brush_has_keys_for_its_size(viewport):
    desk = Desk(viewport.workspace, Mock(active=viewport), Mock())
    BY_ID["finding.brush_larger"].handler(desk)
    assert viewport.workspace.desk.brush_mm == 1.25
    for _ in range(30):
        BY_ID["finding.brush_smaller"].handler(desk)
    assert viewport.workspace.desk.brush_mm == 0.2


def test_a_region_grows_while_the_mouse_is_dragged(qtbot, workspace):
    row, column = np.mgrid[0:300, 0:240]
    lump = np.hypot(row - 150, column - 120) < 30
    noise = np.random.default_rng(1).normal(0, 15, lump.shape)
    pixels = (1000 + 900 * lump + noise).astype(np.uint16)
    workspace.add(OpenResult((make_image("RCC", pixels=pixels),), ()))
    viewport = shown(qtbot, workspace, "RCC", (480, 520))
    (finding,) = stroke(viewport, Tool.GROW, (150.0, 120.0), (150.0, 150.0))
    found = finding.roi.mask(pixels.shape)
    assert (found & lump).sum() / (found | lump).sum() > 0.8


def test_specks_are_picked_at_their_brightest_and_boxed(qtbot, workspace):
    pixels = breast_like(300, 240, seed=1) // 4
    specks = [(100, 150), (110, 165), (121, 140)]
    for row, column in specks:
        pixels[row - 1 : row + 2, column - 1 : column + 2] = 3000
        pixels[row, column] = 4000
    workspace.add(OpenResult((make_image("RCC", pixels=pixels),), ()))
    viewport = shown(qtbot, workspace, "RCC", (480, 520))
    workspace.desk.tool, workspace.desk.label = Tool.SPECKS, "Calcifications"
    for row, column in specks:
        spot = place(viewport, row + 2.0, column - 2.0)
        mouse.press(viewport, spot)
        mouse.release(viewport, spot)
    viewport.setFocus()
    QTest.keyClick(viewport, Qt.Key.Key_Return)
    box, *points = workspace.annotations.findings
    assert box.roi.kind is RoiKind.RECTANGLE
    assert box.note == "3 specks picked"
    np.testing.assert_allclose(box.roi.points, [(85.0, 125.0), (136.0, 180.0)], atol=0.6)
    np.testing.assert_allclose([point.roi.points[0] for point in points], specks, atol=0.3)
    workspace.edits.undo()
    assert not workspace.annotations.findings


@pytest.mark.parametrize("held", [Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier])
def test_with_control_a_speck_lies_where_it_is_clicked(qtbot, workspace, held):
    pixels = breast_like(300, 240, seed=1) // 4
    pixels[100, 150] = 4000
    workspace.add(OpenResult((make_image("RCC", pixels=pixels),), ()))
    viewport = shown(qtbot, workspace, "RCC", (480, 520))
    workspace.desk.tool = Tool.SPECKS
    spot = place(viewport, 103.0, 147.0)
    mouse.press(viewport, spot, modifiers=held)
    mouse.release(viewport, spot)
    viewport.setFocus()
    QTest.keyClick(viewport, Qt.Key.Key_Return)
    _box, speck = workspace.annotations.findings
    free = held == Qt.KeyboardModifier.ControlModifier
    np.testing.assert_allclose(speck.roi.points[0], (103.0, 147.0) if free else (100.0, 150.0), atol=0.3)


def test_a_click_on_a_speck_takes_it_away(qtbot, viewport):
    workspace = viewport.workspace
    workspace.desk.tool = Tool.SPECKS
    for row, column in ((60.0, 60.0), (90.0, 90.0)):
        spot = place(viewport, row, column)
        mouse.press(viewport, spot)
        mouse.release(viewport, spot)
    spot = place(viewport, *viewport.hands.gesture._specks[0])
    mouse.press(viewport, spot)
    mouse.release(viewport, spot)
    assert len(viewport.hands.gesture._specks) == 1
    QTest.keyClick(viewport, Qt.Key.Key_Escape)
    assert not workspace.annotations.findings


def test_nudging_moves_by_screen_pixels_and_is_one_step(viewport):
    workspace = viewport.workspace
    roi = Roi(RoiKind.RECTANGLE, ((50.0, 50.0), (70.0, 70.0)))
    finding = new_finding(viewport.identity, 0, roi, "Mass")
    workspace.edit(AddFinding(finding))
    workspace.desk.selected_finding = finding.id
    state = viewport.shown
    state.orientation = state.orientation.flipped_horizontally()
    for _ in range(3):
        nudge_chosen(workspace, 0, 1)
    nudge_chosen(workspace, -1, 0)
    assert workspace.annotations.get(finding.id).roi.points[0] == (49.0, 47.0)
    workspace.edits.undo()
    assert workspace.annotations.get(finding.id).roi == roi


def test_a_copy_lies_at_the_mirrored_place_of_the_other_breast(qtbot, four_views):
    workspace = four_views
    identity = {image.attributes.view.label: image.attributes.identity for image in workspace.images}
    roi = Roi(RoiKind.ELLIPSE, ((60.0, 80.0), (80.0, 100.0)))
    finding = new_finding(identity["RCC"], 0, roi, "Mass")
    workspace.edit(AddFinding(finding))
    workspace.desk.selected_finding = finding.id
    assert copy_chosen(workspace) == 1
    (copied,) = workspace.annotations.for_image(identity["LCC"])
    corners = np.array(copied.roi.points)
    assert sorted(corners[:, 1]) == pytest.approx([19.0, 39.0])
    assert copied.label == "Mass"
    assert not workspace.annotations.for_image(identity["LMLO"])


def test_the_first_copy_lies_where_the_second_does(qtbot, workspace):
    """Beside the nipple, not in the middle of the picture, also before anybody has asked for the nipples."""
    lower = np.roll(breast_like(), 30, axis=0)
    images = (make_image("RMLO"), make_image("LMLO", pixels=lower[:, ::-1].copy()))
    workspace.add(OpenResult(images, ()))
    for image in images:
        image.frame(0)
    source, target = (image.attributes.identity for image in images)
    finding = new_finding(source, 0, Roi(RoiKind.POINT, ((60.0, 80.0),)), "Mass")
    workspace.edit(AddFinding(finding))
    workspace.desk.selected_finding = finding.id
    assert copy_chosen(workspace) == 1
    (copied,) = workspace.annotations.for_image(target)
    assert copied.roi.points[0] == pytest.approx((90.0, 39.0), abs=1.5)


def test_where_nothing_alike_hangs_nothing_is_copied(qtbot, viewport):
    workspace = viewport.workspace
    told = []
    workspace.notice.connect(lambda notice: told.append(notice.text))
    workspace.show_single(viewport.identity)
    finding = new_finding(viewport.identity, 0, Roi(RoiKind.POINT, ((5.0, 5.0),)), "Mass")
    workspace.edit(AddFinding(finding))
    workspace.desk.selected_finding = finding.id
    assert copy_chosen(workspace) == 0
    assert "No other hung image" in told[-1]


def test_a_ring_shows_how_large_the_brush_is(viewport):
    viewport.workspace.desk.corner_text = "off"
    mouse.move(viewport, place(viewport, 60.0, 60.0))
    plain = picture(viewport).astype(int)
    viewport.workspace.desk.brush_mm = 3.0
    viewport.workspace.desk.tool = Tool.BRUSH
    changed = np.abs(picture(viewport).astype(int) - plain).sum(axis=2) > 60
    rows, columns = np.nonzero(changed)
    x, y = place(viewport, 60.0, 60.0)
    distance = np.hypot(columns - x, rows - y)
    radius = 15.0 * viewport.view.zoom / viewport.view.dpr
    assert distance.min() == pytest.approx(radius, abs=4)
    assert distance.max() == pytest.approx(radius, abs=4)


@pytest.fixture
def slab(qtbot, workspace):
    """A viewport of a slab whose middle slice is empty: a lump and a speck lie in a neighbour of it."""
    row, column = np.mgrid[0:300, 0:240]
    lump = np.hypot(row - 150, column - 120) < 30
    noise = np.random.default_rng(1).normal(0, 15, (12, *lump.shape))
    pixels = (1000 + noise).astype(np.uint16)
    pixels[7] += (900 * lump).astype(np.uint16)
    pixels[7, 60, 55] = 4000
    image = make_image("RMLO", kind=ImageKind.TOMO, pixels=pixels, slice_spacing_mm=1.0)
    workspace.add(OpenResult((image,), ()))
    viewport = shown(qtbot, workspace, "RMLO", (480, 520))
    state = viewport.shown
    state.frame, state.slab_mode, state.slab_mm = 5, SlabMode.MIP, 5.0
    qtbot.waitUntil(lambda: viewport.shown_frame == 5 and not viewport.follower.waiting, timeout=20000)
    qtbot.waitUntil(lambda: workspace.pictures.stored(state, 5) is not None, timeout=20000)
    return viewport, lump


def test_a_region_grows_in_the_slab_that_is_seen(slab):
    viewport, lump = slab
    (finding,) = stroke(viewport, Tool.GROW, (150.0, 120.0), (150.0, 150.0))
    found = finding.roi.mask(lump.shape)
    assert (found & lump).sum() / (found | lump).sum() > 0.8


def test_specks_are_picked_in_the_slab_that_is_seen(slab):
    viewport, _ = slab
    viewport.workspace.desk.tool = Tool.SPECKS
    mouse.press(viewport, place(viewport, 58.0, 53.0))
    np.testing.assert_allclose(viewport.hands.gesture._specks[0], (60.0, 55.0), atol=0.3)
    QTest.keyClick(viewport, Qt.Key.Key_Escape)
