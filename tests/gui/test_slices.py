"""Slabs, the ways of playing, the best slice, and blind reading, by the commands the keys run."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from helpers.heatmaps import make_heatmap
from helpers.viewports import shown
from PySide6.QtCore import QObject

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.gui.actions.commands import COMMANDS
from mammoviewer.gui.actions.desk import Desk
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.canvas.cine import Cine, cine_text
from mammoviewer.gui.canvas.companion_text import with_companions
from mammoviewer.gui.canvas.corner_text import corner_text
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.canvas.model_output import HIDDEN, missing_output
from mammoviewer.gui.canvas.screen_text import with_screen
from mammoviewer.gui.canvas.tools import visible_findings
from mammoviewer.gui.exports import export_content
from mammoviewer.gui.model_actions import marks, run_model
from mammoviewer.gui.panels.findings_panel import FindingsPanel
from mammoviewer.gui.panels.slab_controls import SlabControls
from mammoviewer.imaging.slab import SlabMode
from mammoviewer.session.viewer_state import Overlay

BY_ID = {command.id: command for command in COMMANDS}


@pytest.fixture
def desk(volume, qtbot):
    grid = ViewportGrid(volume)
    qtbot.addWidget(grid)
    return Desk(volume, grid, Mock())


def run(desk, *ids):
    for command_id in ids:
        BY_ID[command_id].handler(desk)


def test_slabs_grow_and_shrink_by_keys(desk):
    state = desk.state
    seen = []
    for _ in range(3):
        run(desk, "slice.thicker")
        seen.append(state.slab_mm)
    for _ in range(4):
        run(desk, "slice.thinner")
        seen.append(state.slab_mm)
    assert seen == [2.0, 3.0, 5.0, 3.0, 2.0, 0.0, 0.0]
    run(desk, "slice.slab_mode")
    assert (state.slab_mm, state.slab_mode) == (5.0, SlabMode.MIP)


def test_what_is_seen_of_a_slab_is_written_and_painted(qtbot, volume):
    viewport = shown(qtbot, volume)
    state = volume.active
    state.slab_mode, state.slab_mm = SlabMode.MIP, 3.0
    stack = np.stack([state.image.frame(frame) for frame in (5, 6, 7)])
    qtbot.waitUntil(lambda: np.array_equal(viewport.follower.picture().pixels, stack.max(axis=0)))
    assert "slab 3 mm MIP, slices 6-8" in corner_text(state, 6, "minimal").current
    reading = viewport.reading(viewport.rect().center())
    assert reading.value == stack.max(axis=0)[reading.row, reading.column]


def test_the_panel_follows_and_sets_the_slab(qtbot, volume):
    controls = SlabControls(volume, ActiveView(volume))
    qtbot.addWidget(controls)
    controls._thickness._slider.setValue(8)
    assert volume.active.slab_mm == 8.0
    volume.active.slab_mm = 2.0
    assert controls._thickness.value == 2.0


def test_flat_images_have_no_slab(qtbot, four_views):
    controls = SlabControls(four_views, ActiveView(four_views))
    qtbot.addWidget(controls)
    assert controls.isHidden()


def test_the_cine_goes_round_and_the_other_way(volume, qtbot):
    state, parent, time = volume.active, QObject(), [0.0]
    for frame in range(state.frames):
        state.image.frame(frame)
    cine = Cine(volume.pictures, parent, lambda: time[0])
    state.playing = True
    cine.follow(state)
    cine._timer.stop()
    cine.loops = True

    def play(steps):
        seen = []
        for _ in range(steps):
            time[0] += 0.1001
            cine.tick()
            seen.append(state.frame)
        return seen

    assert play(7) == [7, 8, 9, 10, 11, 0, 1]
    state.backwards = True
    assert play(3) == [0, 11, 10]


def test_to_and_fro_the_view_tells_which_way_it_goes(volume, qtbot):
    state, parent, time = volume.active, QObject(), [0.0]
    for frame in range(state.frames):
        state.image.frame(frame)
    cine = Cine(volume.pictures, parent, lambda: time[0])
    state.playing, state.frame = True, 10
    cine.follow(state)
    cine._timer.stop()
    ways = []
    for _ in range(3):
        time[0] += 0.1001
        cine.tick()
        ways.append((state.frame, state.backwards))
    assert ways == [(11, False), (10, True), (9, True)]


def test_pace_and_way_are_seen_on_the_picture_and_in_the_panel(qtbot, volume, desk):
    controls = SlabControls(volume, ActiveView(volume))
    qtbot.addWidget(controls)
    viewport, state = desk.viewport, desk.state
    assert cine_text(state, 15.0) == ""
    controls._play.chosen.emit(True)
    assert state.playing
    run(desk, "slice.faster", "slice.turn")
    assert (volume.desk.cine_rate, viewport.cine.rate, controls._rate.value) == (20.0, 20.0, 20.0)
    assert controls._way._group.checkedId() == 1
    words = with_screen(corner_text(state, 6, "minimal"), viewport, "minimal")
    assert words.current[0] == "slice 7/12  6 mm (nominal)"
    assert words.current[-1].endswith(" NORMAL  cine 20/s backwards")
    controls._rate._slider.setValue(0)
    assert viewport.cine.rate == 5.0
    controls._play.chosen.emit(False)
    assert not viewport.cine.running
    assert "/s" not in "".join(with_screen(corner_text(state, 6, "minimal"), viewport, "minimal").current)


def test_a_viewport_that_is_made_later_plays_like_the_others(qtbot, volume):
    volume.desk.cine_loops, volume.desk.cine_rate = True, 8.0
    viewport = shown(qtbot, volume)
    assert (viewport.cine.loops, viewport.cine.rate) == (True, 8.0)


def scored(workspace, scores):
    """Give the chosen model scores for some slices of the volume."""
    workspace.desk.model = "m.1"
    identity = workspace.desk.active_identity
    for frame, score in scores.items():
        found = replace(make_heatmap([[score]], shape=(160, 120), frame=frame), image_uid=identity)
        workspace.heatmaps._heatmaps[identity, frame, "m.1"] = found


def test_the_best_slice_is_one_key_away(desk, volume):
    told = []
    volume.notice.connect(lambda notice: told.append(notice.text))
    run(desk, "slice.best")
    assert told == ["No slice of this volume has been scored yet"]
    scored(volume, {2: 0.3, 9: 0.8, 10: 0.5})
    run(desk, "slice.best")
    assert desk.state.frame == 9


def test_blind_readers_see_no_ai_until_they_sign(qtbot, desk, volume):
    scored(volume, {6: 0.9})
    state = volume.active
    state.overlay = Overlay.HEATMAP
    identity = state.image.attributes.identity
    roi = Roi(RoiKind.RECTANGLE, ((1, 1), (9, 9)))
    for origin in ("reader", "algorithm"):
        volume.edit(AddFinding(new_finding(identity, 6, roi, "Mass", origin=origin)))
    viewport = shown(qtbot, volume)
    assert viewport.output.scores is not None
    run(desk, "read.blind")
    assert viewport.output.scores is None
    assert marks(volume) == ()
    assert run_model(volume) is None
    assert [finding.origin for finding in visible_findings(viewport)] == ["reader"]
    text = with_companions(corner_text(state, 6, "off"), state, volume, "off")
    assert "BLIND" in [badge.text for badge in text.badges]
    told = []
    volume.notice.connect(told.append)
    run(desk, "slice.best")
    assert state.frame == 6
    assert told == [HIDDEN]
    assert missing_output(volume, state) == "AI is hidden until the first read is signed"
    run(desk, "read.sign")
    assert missing_output(volume, state) == "no map of this frame yet"
    assert viewport.output.scores is not None
    assert len(visible_findings(viewport)) == 2


def test_lists_walks_and_exports_keep_silent_too_while_reading_blind(qtbot, desk, volume):
    scored(volume, {6: 0.9})
    state = volume.active
    identity = state.image.attributes.identity
    roi = Roi(RoiKind.RECTANGLE, ((1, 1), (9, 9)))
    for origin, frame in (("reader", 2), ("algorithm", 6)):
        volume.edit(AddFinding(new_finding(identity, frame, roi, "Mass", origin=origin)))
    panel = FindingsPanel(volume)
    qtbot.addWidget(panel)
    assert len(panel.rows) == 2
    run(desk, "read.blind")
    qtbot.waitUntil(lambda: len(panel.rows) == 1)
    for _ in range(2):
        run(desk, "finding.next")
        assert state.frame == 2
    content = export_content(volume, state)
    assert content.heatmaps == {}
    assert [finding.origin for finding in content.findings] == ["reader"]
    run(desk, "read.sign")
    qtbot.waitUntil(lambda: len(panel.rows) == 2)
    content = export_content(volume, state)
    assert (list(content.heatmaps), len(content.findings)) == ([6], 2)


def test_regions_are_measured_in_the_slab_that_is_seen(qtbot, volume):
    viewport = shown(qtbot, volume)
    state = volume.active
    roi = Roi(RoiKind.STATISTICS, ((60, 80), (90, 110)))
    finding = new_finding(state.image.attributes.identity, 6, roi, "")
    volume.edit(AddFinding(finding))
    state.slab_mode, state.slab_mm = SlabMode.MIP, 3.0
    stack = np.stack([state.image.frame(frame) for frame in (5, 6, 7)]).max(axis=0)
    inside = stack[roi.mask(stack.shape)]
    wanted = f"mean {inside.mean():.0f}, sd {inside.std(ddof=1):.0f}, {inside.min()} to {inside.max()}, slab by MIP"

    def told():
        viewport.grab()
        return wanted in volume.measures.text(finding)

    qtbot.waitUntil(told)
    state.slab_mm = 0.0
    qtbot.waitUntil(lambda: "mean" in volume.measures.text(finding) and "slab" not in volume.measures.text(finding))
