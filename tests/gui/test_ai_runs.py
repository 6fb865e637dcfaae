"""How the model looks, at which slices, and its scores in numbers."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.heatmaps import make_heatmap
from helpers.model_makers import brightest_bundle, padded_dense_bundle, whole_image_bundle
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from mammoviewer.base.paths import user_models_dir
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.canvas.model_output import missing_output, shown_output
from mammoviewer.gui.model_actions import clear_kept_results, run_model
from mammoviewer.gui.panels.ai_overlay import AiOverlay
from mammoviewer.gui.panels.ai_panel import AiPanel
from mammoviewer.gui.panels.ai_runs import AiRuns
from mammoviewer.gui.panels.ai_scores import AiScores
from mammoviewer.session.viewer_state import Overlay
from mammoviewer.session.workspace import Workspace


def install(workspace: Workspace) -> None:
    brightest_bundle(user_models_dir() / "spots", patch=(32, 32), stride=4)
    padded_dense_bundle(user_models_dir() / "whole")
    workspace.registry.refresh()


def modes(widget: AiRuns) -> list[str]:
    return [widget._mode.itemData(index) for index in range(widget._mode.count())]


def test_the_modes_are_those_of_the_model_and_the_choice_is_what_runs(four_views: Workspace, qtbot: QtBot) -> None:
    install(four_views)
    four_views.desk.model = "whole.1"
    widget = AiRuns(four_views, ActiveView(four_views))
    qtbot.addWidget(widget)
    widget.show()
    assert modes(widget) == ["patches", "coarse", "dense"]
    assert not widget._range.isVisible()
    widget._mode.setFocus()
    qtbot.keyClick(widget._mode, Qt.Key.Key_End)
    widget._mode.activated.emit(widget._mode.currentIndex())
    assert four_views.desk.mode == "dense"
    job = run_model(four_views)
    assert job is not None
    qtbot.waitUntil(lambda: job.state.final, timeout=30000)
    state = four_views.active
    assert state is not None
    found = four_views.heatmaps.heatmap(state.image.attributes.identity, 0, "whole.1")
    assert found is not None, job.error
    assert found.mode == "dense"
    four_views.desk.model = "spots.1"
    assert modes(widget) == ["patches", "coarse"]


def test_a_range_of_slices_runs_from_the_slice_in_view_outwards(volume: Workspace, qtbot: QtBot) -> None:
    install(volume)
    volume.desk.model, volume.desk.mode = "spots.1", "coarse"
    panel = AiPanel(volume, ActiveView(volume))
    qtbot.addWidget(panel)
    panel.show()
    widget = panel.findChild(AiRuns)
    assert widget is not None
    assert (widget._first.value(), widget._last.value()) == (1, 12)
    widget._first.setValue(9)
    widget._last.setValue(7)
    button = next(one for one in widget.findChildren(QPushButton) if one.text() == "Run")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    state = volume.active
    assert state is not None
    runs, identity = volume.heatmaps, state.image.attributes.identity
    qtbot.waitUntil(lambda: runs.finished_model(identity) == "spots.1", timeout=60000)
    ran = [frame for frame in range(12) if runs.scores(identity, frame, "spots.1")]
    assert ran == [6, 7, 8]
    scores = panel.findChild(AiScores)
    assert scores is not None
    qtbot.waitUntil(lambda: any("3 slices" in text for _, text in scores.shown))
    state.frame = 7
    assert "of the windows" in shown_output(volume, state, 7).title
    assert dict(scores.shown)["Right breast"].endswith("(max of 1 image)")


@pytest.fixture
def marked_volume(volume: Workspace) -> Workspace:
    volume.desk.model = "m.1"
    identity = volume.images[0].attributes.identity
    for frame, value in ((2, 0.5), (5, 0.9)):
        volume.heatmaps._heatmaps[identity, frame, "m.1"] = make_heatmap([[value, 0.1]], frame=frame)
    return volume


def test_the_largest_over_all_slices_can_lie_over_every_slice(marked_volume: Workspace, qtbot: QtBot) -> None:
    widget = AiOverlay(marked_volume, ActiveView(marked_volume))
    qtbot.addWidget(widget)
    widget.show()
    state = marked_volume.active
    assert state is not None
    state.overlay, state.frame = Overlay.HEATMAP, 0
    assert shown_output(marked_volume, state, 0).scores is None
    qtbot.mouseClick(widget._largest, Qt.MouseButton.LeftButton)
    assert marked_volume.desk.largest_over_slices
    output = shown_output(marked_volume, state, 0)
    assert output.scores is not None
    assert output.scores.maximum == pytest.approx(0.9)
    assert "largest of 2 slices" in output.title
    marked_volume.desk.largest_over_slices = False
    assert not widget._largest.isChecked()


def test_a_model_that_gives_scores_alone_promises_no_map(marked_volume: Workspace, tmp_path: Path) -> None:
    manifest = whole_image_bundle(tmp_path / "models" / "whole")
    marked_volume.registry.directories = (tmp_path / "models",)
    marked_volume.registry.refresh()
    state = marked_volume.active
    assert state is not None
    state.overlay = Overlay.HEATMAP
    assert missing_output(marked_volume, state) == "no map of this frame yet"
    marked_volume.desk.model = manifest.identity
    assert missing_output(marked_volume, state) == "this model gives scores and no map"
    state.overlay = Overlay.CAM
    assert missing_output(marked_volume, state) == "no map of this frame yet"


def test_scores_are_hidden_while_reading_blind(marked_volume: Workspace, qtbot: QtBot) -> None:
    widget = AiScores(marked_volume, ActiveView(marked_volume))
    qtbot.addWidget(widget)
    assert dict(widget.shown)["Volume"].startswith("0.90")
    marked_volume.desk.blind = True
    assert widget.shown == []
    qtbot.waitUntil(lambda: "blind" in widget._empty.text())


def test_kept_results_can_be_removed(four_views: Workspace, qtbot: QtBot) -> None:
    install(four_views)
    four_views.desk.model = "spots.1"
    job = run_model(four_views)
    assert job is not None
    qtbot.waitUntil(lambda: job.state.final, timeout=30000)
    cache = four_views.heatmaps.cache
    assert cache is not None
    assert cache.size_bytes > 0
    told = []
    four_views.notice.connect(told.append)
    clear_kept_results(four_views)
    assert cache.size_bytes == 0
    assert "removed" in told[-1].text


def test_nothing_is_kept_where_the_settings_say_so(tmp_path) -> None:
    from mammoviewer.session.settings import Settings, kept_results

    settings = Settings()
    assert kept_results(settings).limit_bytes == 512 << 20
    off = replace(settings, models=replace(settings.models, kept_results_mib=0))
    assert kept_results(off).limit_bytes == 0
