"""The classifier's panel: overlay, marks, walking over them, facts."""

import math
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.heatmaps import make_heatmap
from helpers.model_makers import brightest_bundle
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from mammoviewer.annotations.edits import ReplaceFinding
from mammoviewer.base.errors import ModelError, ModelRefused
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.canvas.corner_text import badges
from mammoviewer.gui.canvas.model_output import shown_output
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.exports import export_content
from mammoviewer.gui.model_actions import (
    MarkWalk,
    accept_mark,
    force_model,
    frames_from,
    marks,
    run_model,
    show_from_marks,
    show_heatmap,
)
from mammoviewer.gui.panels.ai_marks import AiMarks
from mammoviewer.gui.panels.ai_overlay import AiOverlay
from mammoviewer.gui.panels.ai_panel import AiPanel, model_facts
from mammoviewer.gui.panels.model_combo import ModelCombo, choose_first_model
from mammoviewer.gui.panels.notice_line import NoticeLine
from mammoviewer.imaging.colormaps import COLORMAPS
from mammoviewer.inference import onnx_session
from mammoviewer.inference.detections import Detection
from mammoviewer.session.viewer_state import Overlay
from mammoviewer.session.workspace import Workspace


def mark(frame: int, score: float) -> Detection:
    return Detection(10.0 + frame, 20.0, frame, score, (5.0, 15.0, 15.0, 25.0))


@pytest.fixture
def marked(volume: Workspace) -> Workspace:
    """A volume with marks on slices 2, 5 and 9, the strongest on 5."""
    choose_first_model(volume)
    volume.desk.model = volume.desk.model or "none.1"
    identity = volume.images[0].attributes.identity
    for frame, score in ((2, 0.5), (5, 0.9), (9, 0.31)):
        volume.heatmaps._detections[identity, frame, volume.desk.model] = (mark(frame, score),)
    return volume


def test_frames_come_from_the_present_one_outwards() -> None:
    assert frames_from(2, 5) == (2, 1, 3, 0, 4)
    assert sorted(frames_from(0, 3)) == [0, 1, 2]


def test_marks_are_ordered_by_score_over_all_slices(marked: Workspace) -> None:
    assert [found.frame for found in marks(marked)] == [5, 2, 9]


def test_walking_goes_round_both_ways(marked: Workspace) -> None:
    walk = MarkWalk(marked)
    assert [walk.go(1).frame for _ in range(4)] == [5, 2, 9, 5]  # type: ignore[union-attr]
    assert walk.go(-1).frame == 9  # type: ignore[union-attr]
    assert marked.active is not None
    assert marked.active.frame == 9
    assert marked.active.overlay is Overlay.HEATMAP


def test_an_accepted_mark_is_a_finding_with_its_score(marked: Workspace) -> None:
    accept_mark(marked, marks(marked)[0])
    (finding,) = marked.annotations.findings
    assert (finding.frame, finding.score) == (5, 0.9)
    assert marked.desk.selected_finding == finding.id
    marked.edits.undo()
    assert marked.annotations.findings == ()


def test_a_mark_is_accepted_once_also_when_it_was_moved_since(marked: Workspace) -> None:
    chosen = marks(marked)[0]
    accept_mark(marked, chosen)
    (finding,) = marked.annotations.findings
    marked.edit(ReplaceFinding(finding.edited(roi=finding.roi.moved(2.0, -2.0))))
    marked.desk.selected_finding, marked.desk.show_findings = "", False
    accept_mark(marked, chosen)
    assert len(marked.annotations.findings) == 1
    assert marked.desk.selected_finding == finding.id
    assert marked.desk.show_findings
    marked.edits.undo()
    marked.edits.undo()
    accept_mark(marked, chosen)
    assert len(marked.annotations.findings) == 1


def test_other_findings_are_not_taken_for_an_accepted_mark(marked: Workspace) -> None:
    first, second = marks(marked)[:2]
    accept_mark(marked, first)
    accept_mark(marked, second)
    accept_mark(marked, replace(first, row=90.0, box=(85.0, 15.0, 95.0, 25.0)))
    assert len(marked.annotations.findings) == 3


@pytest.mark.parametrize(
    ("positive", "label"),
    [("microcalcification", "Calcifications"), ("mass", "Mass"), ("my cysts", "my cysts"), (None, "Asymmetry")],
)
def test_an_accepted_mark_has_the_class_of_its_model(
    marked: Workspace, monkeypatch: pytest.MonkeyPatch, positive: str | None, label: str
) -> None:
    def get(name: str) -> SimpleNamespace:
        if positive is None:
            raise ModelError("there is no such model")
        return SimpleNamespace(outputs=SimpleNamespace(positive_class=positive))

    monkeypatch.setattr(marked.registry, "get", get)
    marked.desk.label = "Asymmetry"
    accept_mark(marked, marks(marked)[0])
    assert [finding.label for finding in marked.annotations.findings] == [label]


def test_the_list_shows_every_mark_whatever_the_overlay_begins_with(marked: Workspace, qtbot: QtBot) -> None:
    widget = AiMarks(marked, ActiveView(marked))
    qtbot.addWidget(widget)
    assert [found.frame for found in widget.shown] == [5, 2, 9]
    marked.style.threshold = 0.95
    assert widget._list.count() == 3
    widget._list.setCurrentRow(1)
    widget._accept.click()
    assert [finding.frame for finding in marked.annotations.findings] == [2]


def test_without_a_model_nothing_runs_and_a_notice_says_so(four_views: Workspace) -> None:
    told = []
    four_views.notice.connect(told.append)
    four_views.desk.model = ""
    assert run_model(four_views) is None
    assert [notice.text for notice in told] == ["No model is chosen"]


def test_the_overlay_controls_are_bound_both_ways(four_views: Workspace, qtbot: QtBot) -> None:
    widget = AiOverlay(four_views, ActiveView(four_views))
    qtbot.addWidget(widget)
    state = four_views.active
    assert state is not None
    widget._which.chosen.emit(Overlay.CAM)
    assert state.overlay is Overlay.CAM
    widget._opacity._slider.setValue(80)
    assert four_views.style.opacity == pytest.approx(0.8)
    four_views.style.opacity = 0.25
    assert widget._opacity.value == pytest.approx(0.25)
    widget._colours.setCurrentIndex(COLORMAPS.index("viridis"))
    widget._colours.activated.emit(0)
    assert four_views.style.colormap == "viridis"
    widget._contours.click()
    assert four_views.style.contours


def test_facts_of_the_bundled_model(four_views: Workspace) -> None:
    choose_first_model(four_views)
    models = four_views.registry.models
    if not models:
        pytest.skip("no bundled model in this checkout")
    facts = dict(model_facts(models[0]))
    assert facts["Name"] == models[0].identity
    assert facts["Intended use"] != "not stated"
    assert not math.isnan(models[0].outputs.operating_threshold)
    bare = replace(models[0], intended_use="", training_data=(), metrics={})
    assert dict(model_facts(bare))["Trained on"] == "not stated"


def test_the_panel_offers_all_slices_for_a_volume_only(
    volume: Workspace, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_first_model(volume)
    panel = AiPanel(volume, ActiveView(volume))
    qtbot.addWidget(panel)
    assert panel._run_all.isVisibleTo(panel)
    assert panel._run.text() == "Run on this slice"


def test_a_real_run_fills_the_list(workspace: Workspace, qtbot: QtBot) -> None:
    from helpers.images import breast_like, make_image

    from mammoviewer.dicom.reader import OpenResult

    choose_first_model(workspace)
    if not workspace.desk.model:
        pytest.skip("no bundled model in this checkout")
    workspace.add(OpenResult((make_image("RCC", pixels=breast_like()),), ()))
    panel = AiPanel(workspace, ActiveView(workspace))
    qtbot.addWidget(panel)
    job = run_model(workspace)
    assert job is not None
    qtbot.waitUntil(lambda: job.state.final, timeout=60000)
    state = workspace.active
    assert state is not None
    found = workspace.heatmaps.heatmap(state.image.attributes.identity, 0, workspace.desk.model)
    assert found is not None, job.error
    assert np.isfinite(found.values).any()
    content = export_content(workspace, state)
    assert content.view.heat is not None
    assert content.view.heat.shape == state.image.attributes.shape
    assert list(content.heatmaps) == [0]
    qtbot.waitUntil(lambda: not panel._bar.isVisibleTo(panel))


def test_the_model_list_shows_the_choice(four_views: Workspace, qtbot: QtBot) -> None:
    choose_first_model(four_views)
    combo = ModelCombo(four_views)
    qtbot.addWidget(combo)
    assert combo.count() == len(four_views.registry.models)
    assert (combo.currentData() or "") == four_views.desk.model


def test_the_mark_gone_to_stands_out_and_is_chosen_in_the_list(marked: Workspace, qtbot: QtBot) -> None:
    listed = AiMarks(marked, ActiveView(marked))
    qtbot.addWidget(listed)
    viewport = Viewport(marked)
    qtbot.addWidget(viewport)
    viewport.resize(300, 400)
    viewport.show_image(marked.images[0].attributes.identity)
    viewport.show()
    walk = MarkWalk(marked)
    found = walk.go(1)
    qtbot.waitUntil(lambda: not viewport.follower.waiting)
    assert listed._chosen() == found
    shown = viewport.grab().toImage()
    marked.desk.mark = None
    assert viewport.grab().toImage() != shown


def test_a_model_without_places_says_so_once_it_ran(marked: Workspace, qtbot: QtBot) -> None:
    listed = AiMarks(marked, ActiveView(marked))
    qtbot.addWidget(listed)
    state = marked.active
    assert state is not None
    key = (state.image.attributes.identity, state.frame, marked.desk.model)
    assert listed._why_empty().startswith("Run the model")
    marked.heatmaps._scores[key] = ("positive", {"positive": 0.3})
    assert "points at no place" in listed._why_empty()


def test_a_run_that_was_stopped_does_not_seem_to_go_on(marked: Workspace, qtbot: QtBot) -> None:
    listed = AiMarks(marked, ActiveView(marked))
    qtbot.addWidget(listed)
    state = marked.active
    assert state is not None
    identity = state.image.attributes.identity
    partial = replace(make_heatmap([[0.5]]), model=marked.desk.model, complete=False)
    marked.heatmaps._heatmaps[identity, state.frame, marked.desk.model] = partial
    state.overlay = Overlay.HEATMAP
    assert shown_output(marked, state, state.frame).title.endswith("score, stopped")
    assert "stopped" in listed._why_empty()
    gate = threading.Event()
    marked.computing.submit("other work", lambda progress: gate.wait(20), priority=9)
    job = show_heatmap(marked)
    assert job is not None, "the rest is asked for again"
    assert shown_output(marked, state, state.frame).title.endswith("score, coming in")
    assert "looking" in listed._why_empty()
    job.cancel()
    gate.set()


def test_a_model_that_does_not_fit_is_a_badge_and_no_overlay(volume: Workspace, qtbot: QtBot) -> None:
    choose_first_model(volume)
    state = volume.active
    assert state is not None
    state.image.attributes = replace(state.image.attributes, kind=ImageKind.MAMMOGRAM_RAW)
    job = run_model(volume)
    assert job is not None
    assert job.wait(20)
    assert isinstance(job.error, ModelRefused)
    assert state.overlay is Overlay.NONE
    assert [badge.text for badge in badges(state) if badge.refusal] == ["MODEL REFUSED"]


def test_a_refused_model_can_be_forced_from_the_notice_and_is_badged(volume: Workspace, qtbot: QtBot) -> None:
    choose_first_model(volume)
    line = NoticeLine(volume)
    qtbot.addWidget(line)
    state = volume.active
    assert state is not None
    identity = state.image.attributes.identity
    state.image.attributes = replace(state.image.attributes, kind=ImageKind.MAMMOGRAM_RAW)
    job = run_model(volume)
    assert job is not None
    assert job.wait(20)
    qtbot.waitUntil(lambda: line._remedy.text() == "Run all the same")
    assert "--force" not in line.notices[0].hint
    line.show()
    qtbot.mouseClick(line._remedy, Qt.MouseButton.LeftButton)
    assert line.notices == ()
    assert [badge.text for badge in badges(state) if badge.refusal] == ["MODEL FORCED"]
    qtbot.waitUntil(lambda: volume.heatmaps.finished_model(identity) == volume.desk.model, timeout=20_000)
    assert volume.heatmaps.was_forced(identity, volume.desk.model)
    found = volume.heatmaps.heatmap(identity, state.frame, volume.desk.model)
    assert found is not None
    assert found.complete
    state.model_forced = False
    show_heatmap(volume)
    assert state.model_forced, "the badge comes back with the map"
    explained = volume.heatmaps.explain_image(state.image, state.frame, volume.desk.model)
    assert explained.wait(30)
    assert explained.error is None
    volume.heatmaps.forget(identity)
    assert not volume.heatmaps.was_forced(identity, volume.desk.model)


def test_nothing_is_forced_on_an_image_that_was_closed(volume: Workspace) -> None:
    choose_first_model(volume)
    assert force_model(volume, "gone") is None


def test_the_panel_tells_what_the_model_runs_on_once_it_ran(four_views: Workspace, qtbot: QtBot) -> None:
    choose_first_model(four_views)
    panel = AiPanel(four_views, ActiveView(four_views))
    qtbot.addWidget(panel)
    assert dict(panel._facts.lines)["Runs on"] == "not run yet"
    job = run_model(four_views)
    assert job is not None
    qtbot.waitUntil(lambda: dict(panel._facts.lines)["Runs on"] != "not run yet", timeout=20_000)
    told = dict(panel._facts.lines)["Runs on"]
    assert "thread" in told
    assert four_views.heatmaps.models.runs_on(four_views.desk.model) == told
    four_views.heatmaps.models.use_int8(True)
    assert four_views.heatmaps.models.runs_on(four_views.desk.model) == "", "it is loaded again in the other form"


def test_a_model_without_a_gradient_can_be_explained_too(four_views: Workspace, qtbot: QtBot, tmp_path: Path) -> None:
    brightest_bundle(tmp_path / "models" / "bright")
    four_views.registry.directories = (tmp_path / "models",)
    four_views.registry.refresh()
    choose_first_model(four_views)
    panel = AiPanel(four_views, ActiveView(four_views))
    qtbot.addWidget(panel)
    (explain,) = [found for found in panel.findChildren(QPushButton) if found.text() == "Explain the whole image"]
    assert explain.isEnabled()
    state = four_views.active
    assert state is not None
    qtbot.mouseClick(explain, Qt.MouseButton.LeftButton)
    identity = state.image.attributes.identity
    qtbot.waitUntil(lambda: four_views.heatmaps.cam(identity, 0, four_views.desk.model) is not None, timeout=20_000)


def test_sessions_are_made_off_the_threads_of_the_window(
    four_views: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_first_model(four_views)
    made_on: list[threading.Thread] = []
    make = onnx_session._make_session

    def watched(*arguments: Any) -> Any:
        made_on.append(threading.current_thread())
        return make(*arguments)

    monkeypatch.setattr(onnx_session, "_make_session", watched)
    job = run_model(four_views)
    assert job is not None
    assert job.wait(30)
    assert made_on
    assert threading.main_thread() not in made_on


def test_scores_are_shown_from_where_the_model_marks_and_explanations_from_a_fifth(
    marked: Workspace, qtbot: QtBot
) -> None:
    active = ActiveView(marked)
    overlay = AiOverlay(marked, active)
    qtbot.addWidget(overlay)
    show_from_marks(marked)
    chosen = next(m for m in marked.registry.models if m.identity == marked.desk.model)
    assert marked.style.threshold == pytest.approx(chosen.outputs.marks_from, abs=0.005)
    state = marked.active
    assert state is not None
    state.overlay = Overlay.HEATMAP
    assert overlay._threshold.value == pytest.approx(marked.style.threshold, abs=0.005)
    state.overlay = Overlay.CAM
    assert overlay._threshold.value == pytest.approx(0.2, abs=0.005)
    overlay._threshold.moved.emit(0.7)
    assert marked.style.cam_threshold == 0.7
    assert marked.style.shown(Overlay.CAM).threshold == 0.7
    assert marked.style.shown(Overlay.HEATMAP).threshold == pytest.approx(chosen.outputs.marks_from, abs=0.005)
    active.release()
