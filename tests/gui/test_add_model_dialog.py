"""Adding a model from the window, by keys and clicks alone."""

from pathlib import Path

import numpy as np
import pytest
from helpers.model_makers import linear_bundle, onnx_bytes
from onnx import helper
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from mammoviewer.gui.actions.ai_commands import AI_COMMANDS
from mammoviewer.gui.dialogs.add_model_dialog import AddModelDialog
from mammoviewer.inference.manifest import load_manifest
from mammoviewer.session.workspace import Workspace


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A classifier of two classes, 16 x 16, made elsewhere."""
    nodes = [
        helper.make_node("AveragePool", ["image"], ["map"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["map"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["raw"]),
        helper.make_node("Softmax", ["raw"], ["p"], axis=1),
    ]
    weights = {"w": np.random.default_rng(0).standard_normal((16, 2)).astype(np.float32)}
    path = tmp_path / "My Net.onnx"
    path.write_bytes(onnx_bytes(nodes, {"image": ["n", 1, 16, 16]}, {"p": ["n", 2]}, weights))
    return path


def opened(workspace: Workspace, qtbot: QtBot) -> AddModelDialog:
    dialog = AddModelDialog(workspace)
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    dialog.activateWindow()
    dialog._source.setFocus()
    return dialog


def retype(qtbot: QtBot, widget, text: str) -> None:
    widget.setFocus()
    widget.selectAll()
    qtbot.keyClicks(widget, text)


def test_an_onnx_file_is_added_with_keys_alone(four_views: Workspace, qtbot: QtBot, foreign: Path, home: Path) -> None:
    four_views.registry.directories = (home / "models",)
    dialog = opened(four_views, qtbot)
    assert not dialog._add.isEnabled()
    qtbot.keyClicks(dialog._source, str(foreign))
    qtbot.waitUntil(dialog._answers.isVisible, timeout=10_000)
    assert dict(dialog._facts.lines)["Input"].startswith("1 × 16 × 16")
    assert "softmax" in dict(dialog._facts.lines)["Values"]
    assert "Name the 2 classes" in dialog.status
    assert not dialog._add.isEnabled()
    answers = dialog._answers
    qtbot.keyClicks(answers._classes, "calm, odd")
    assert answers._positive.currentText() == "odd"
    retype(qtbot, answers._pixel_size, "0.1")
    qtbot.keyClick(answers._pixel_size, Qt.Key.Key_Tab)
    qtbot.waitUntil(dialog._add.isEnabled, timeout=10_000)
    assert dialog.status.startswith("odd 0.")
    assert dialog._trial._seen.pixmap().width() == 150
    told = []
    four_views.notice.connect(told.append)
    dialog._add.setFocus()
    qtbot.keyClick(dialog._add, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: dialog.result() == QDialog.DialogCode.Accepted, timeout=10_000)
    manifest = load_manifest(home / "models" / "my-net.1")
    assert manifest.outputs.classes == ("calm", "odd")
    assert manifest.input.pixel_size_mm == 0.1
    assert four_views.desk.model == "my-net.1"
    assert four_views.registry.get("my-net") == manifest
    assert [notice.text for notice in told] == ["Added model my-net.1"]


def test_what_does_not_fit_is_told_and_nothing_can_be_added(
    workspace: Workspace, qtbot: QtBot, foreign: Path, home: Path
) -> None:
    dialog = opened(workspace, qtbot)
    qtbot.keyClicks(dialog._source, str(foreign))
    qtbot.waitUntil(dialog._answers.isVisible, timeout=10_000)
    qtbot.keyClicks(dialog._answers._classes, "one, two, three")
    qtbot.waitUntil(lambda: "needs 2 classes" in dialog.status, timeout=10_000)
    assert not dialog._add.isEnabled()
    retype(qtbot, dialog._answers._classes, "one, two")
    qtbot.waitUntil(dialog._add.isEnabled, timeout=10_000)
    assert "Open an image" in dialog.status
    retype(qtbot, dialog._answers._name, "Not A Name")
    qtbot.waitUntil(lambda: "lower-case" in dialog.status, timeout=10_000)
    assert not dialog._add.isEnabled()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not (home / "models").exists()


@pytest.mark.parametrize("text", ["not there.onnx", "text.onnx"])
def test_a_file_that_is_no_model_is_told(workspace: Workspace, qtbot: QtBot, tmp_path: Path, text: str) -> None:
    (tmp_path / "text.onnx").write_text("x")
    dialog = opened(workspace, qtbot)
    qtbot.keyClicks(dialog._source, str(tmp_path / text))
    said = "no such file" if "not" in text else "not an ONNX model"
    qtbot.waitUntil(lambda: said in dialog.status, timeout=10_000)
    assert not dialog._add.isEnabled()
    assert not dialog._answers.isVisible()


def test_a_model_folder_is_added_and_a_second_time_refused(
    workspace: Workspace, qtbot: QtBot, tmp_path: Path, home: Path
) -> None:
    workspace.registry.directories = (home / "models",)
    linear_bundle(tmp_path / "from" / "spots")
    for attempt in range(2):
        dialog = opened(workspace, qtbot)
        qtbot.keyClicks(dialog._source, str(tmp_path / "from" / "spots"))
        qtbot.waitUntil(dialog._add.isEnabled, timeout=10_000)
        qtbot.mouseClick(dialog._add, Qt.MouseButton.LeftButton)
        if attempt:
            qtbot.waitUntil(lambda: "already" in dialog.status, timeout=10_000)  # noqa: B023 - within this turn
            assert dialog.isVisible()
        else:
            qtbot.waitUntil(lambda: not dialog.isVisible(), timeout=10_000)  # noqa: B023 - within this turn
    assert workspace.desk.model == "spots.1"


def test_every_answer_can_be_reached_with_the_tab_key_and_has_a_name(
    workspace: Workspace, qtbot: QtBot, foreign: Path
) -> None:
    dialog = opened(workspace, qtbot)
    qtbot.keyClicks(dialog._source, str(foreign))
    qtbot.waitUntil(dialog._answers.isVisible, timeout=10_000)
    answers = dialog._answers
    wanted = {
        answers._classes,
        answers._pixel_size,
        answers._template,
        answers._looks_at,
        answers._threshold,
        answers._name,
        answers._title,
    }
    reached = set()
    for _ in range(25):
        qtbot.keyClick(QApplication.focusWidget() or dialog, Qt.Key.Key_Tab)
        reached.add(QApplication.focusWidget())
    assert wanted <= reached
    assert all(widget.accessibleName() for widget in wanted)


def test_the_palette_offers_it() -> None:
    assert any(command.id == "ai.add_model" for command in AI_COMMANDS["AI"])
