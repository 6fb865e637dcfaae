"""Method and setting of explanations, by real events; one explanation exported."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import brightest_bundle, linear_bundle
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.canvas.model_output import cam_choice, shown_output
from mammoviewer.gui.exports import export_content
from mammoviewer.gui.panels.explain_card import ExplainCard
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.session.exporting import FORMATS, export, why_not
from mammoviewer.session.heatmap_runs import CamChoice
from mammoviewer.session.viewer_state import Overlay
from mammoviewer.session.workspace import Workspace


@pytest.fixture
def ready(workspace: Workspace, tmp_path: Path) -> Workspace:
    """One image open, a model with a gradient chosen, another without one there."""
    brightest_bundle(tmp_path / "models" / "spots")
    linear_bundle(tmp_path / "models" / "linear")
    workspace.registry = workspace.heatmaps.models.registry = ModelRegistry([tmp_path / "models"])
    workspace.add(OpenResult((make_image("RCC", pixels=breast_like(320, 240)),), ()))
    workspace.desk.model = "linear.1"
    return workspace


def card(workspace: Workspace, qtbot: QtBot) -> ExplainCard:
    shown = ExplainCard(workspace, ActiveView(workspace))
    qtbot.addWidget(shown)
    shown.resize(300, 200)
    shown.show()
    return shown


def test_the_methods_are_those_that_the_files_of_the_model_allow(ready: Workspace, qtbot: QtBot) -> None:
    shown = card(ready, qtbot)
    texts = [shown._method.itemText(i) for i in range(shown._method.count())]
    assert texts[0] == "The model's own (HiResCAM)"
    assert texts[1:4] == ["CAM", "Grad-CAM", "Grad-CAM++"]
    ready.desk.model = "spots.1"
    qtbot.waitUntil(lambda: shown._method.count() == 4)
    assert [shown._method.itemText(i) for i in range(4)] == [
        "The model's own (Eigen-CAM)", "Eigen-CAM", "Ablation-CAM", "Occlusion",
    ]  # fmt: skip


def test_keys_and_clicks_choose_and_the_image_is_explained_so(ready: Workspace, qtbot: QtBot) -> None:
    shown = card(ready, qtbot)
    shown._method.setFocus()
    shown._method.setCurrentIndex(shown._method.findData("gradcam"))
    QTest.keyClick(shown._method, Qt.Key.Key_Down)
    assert ready.desk.cam_method == "gradcam++"
    QTest.mouseClick(shown._above, Qt.MouseButton.LeftButton, pos=QPoint(8, shown._above.height() // 2))
    assert cam_choice(ready) == CamChoice("gradcam++", above_noise=True)
    QTest.mouseClick(shown._image, Qt.MouseButton.LeftButton)
    state = ready.active
    assert state is not None
    assert state.overlay is Overlay.CAM
    qtbot.waitUntil(lambda: shown_output(ready, state, 0).scores is not None, timeout=20000)
    assert shown_output(ready, state, 0).title.endswith("Grad-CAM++\nshare of the strongest")
    ready.desk.model = "spots.1"
    assert cam_choice(ready).method == "", "a method that needs a gradient is left to the model"


def test_an_explanation_is_exported_as_array_and_table(ready: Workspace, qtbot: QtBot, tmp_path: Path) -> None:
    state = ready.active
    assert state is not None
    form = next(form for form in FORMATS if form.key == "camnpy")
    assert "explain" in why_not(form, export_content(ready, state))
    job = ready.heatmaps.explain_patch(state.image, 0, "linear.1", (160.0, 200.0), CamChoice("gradcam"))
    assert job.wait(20)
    content = export_content(ready, state)
    assert why_not(form, content) == ""
    assert content.cam is not None
    written = export(content, ("camnpy", "camcsv", "png8"), tmp_path / "out", "RCC").paths
    assert sorted(path.suffix for path in written) == [".csv", ".npy", ".png"]
    array = next(path for path in written if path.suffix == ".npy")
    np.testing.assert_array_equal(np.load(array), content.cam.resampled())
    with next(path for path in written if path.suffix == ".csv").open(newline="") as handle:
        assert len(list(csv.DictReader(handle))) == 16
    ready.desk.blind = True
    assert export_content(ready, state).cam is None, "what a blind read must not see is not exported"
