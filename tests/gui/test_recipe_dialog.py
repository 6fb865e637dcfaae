"""Training by recipes in the window, by real events, with a child process that tells what a trainer would."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDoubleSpinBox, QLineEdit, QSpinBox
from pytestqt.qtbot import QtBot

from mammoviewer.gui.main_window import MainWindow
from mammoviewer.gui.panels.recipe_form import RecipeForm
from mammoviewer.session import augmentation_samples, recipe_task
from mammoviewer.session.recipe_queue import RecipeQueue
from mammoviewer.session.recipe_task import TaskState
from mammoviewer.session.settings import SettingsFile
from mammoviewer.session.workspace import Workspace
from mammoviewer.training.recipe_files import Recipe, RecipeParameter

CHILD = """
import json, pathlib, sys, time
spec = json.loads(pathlib.Path(sys.argv[1]).read_text())
def tell(**values): print(json.dumps(values), flush=True)
tell(event="started", text="loading")
for epoch in (1, 2):
    tell(event="epoch", epoch=epoch, epochs=2, loss=1 / epoch, validation_loss=1.2 / epoch, auc=0.7 + epoch / 10,
         learning_rate=0.01 / epoch,
         confusion=[[4 + epoch, 2 - epoch], [3 - epoch, 3 + epoch]], classes=["plain", "specks"],
         fraction=epoch / 2, seconds_left=3.0)
while not pathlib.Path(sys.argv[1]).with_name("go").exists(): time.sleep(0.02)
tell(event="done", model_folder=spec["output"], metrics={"auc": 0.91, "auc_95": [0.8, 0.97]}, fraction=1.0)
"""


PREVIEW = """
import base64, json, sys
for line in sys.stdin:
    asked = json.loads(line)
    parameters = json.loads(asked["spec"])["parameters"]
    if parameters.get("epochs") == 9:
        answer = {"reason": "there is nothing to see"}
    else:
        grey = [base64.b64encode(bytes([value] * 12)).decode() for value in (10, parameters.get("epochs", 200))]
        answer = {"pairs": [[{"rows": 3, "columns": 4, "grey": one} for one in grey]] * 3}
    print(json.dumps({"number": asked["number"], **answer}), flush=True)
"""


@pytest.fixture
def window(workspace: Workspace, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    monkeypatch.setattr(recipe_task, "worker_command", lambda path: [sys.executable, "-c", CHILD, str(path)])
    monkeypatch.setattr(augmentation_samples, "preview_command", lambda: [sys.executable, "-c", PREVIEW])
    workspace.recipes = RecipeQueue(tmp_path / "trainings")
    made = MainWindow(workspace, SettingsFile(tmp_path / "settings.json"))
    qtbot.addWidget(made)
    made.show()
    yield made
    for task in workspace.recipes.tasks:
        (task.folder / "go").touch()
    made.close()
    qtbot.waitUntil(lambda: _at_rest(workspace), timeout=20000)


def _at_rest(workspace: Workspace) -> bool:
    workspace.recipes.poll()
    return workspace.recipes.active is None


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    folder = tmp_path / "patches"
    for label in (0, 1):
        (folder / str(label)).mkdir(parents=True)
    lines = ["file,label,case"]
    for number in range(20):
        name = f"{number % 2}/{number}.png"
        (folder / name).write_bytes(b"x")
        lines.append(f"{name},{number % 2},{number}")
    (folder / "patches.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def press(qtbot: QtBot, button: object) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_training_is_set_up_watched_and_leaves_a_model(
    window: MainWindow, workspace: Workspace, qtbot: QtBot, patches: Path
) -> None:
    qtbot.keyClick(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    dialog = window.recipes.dialog
    assert dialog is not None
    setup = dialog.setup
    setup.choose_recipe("microcalc-hypermodel")
    assert not setup.start.isEnabled()
    assert "Choose the folder" in setup.message.text()
    setup.data.setFocus()
    qtbot.keyClicks(setup.data, str(patches))
    qtbot.keyClick(setup.data, Qt.Key.Key_Return)
    qtbot.waitUntil(setup.start.isEnabled, timeout=10000)
    assert ("Data set", "infn: 20 images of 20 patients") in setup.summary.facts.lines
    assert any(name == "Test" and "microcalcification 2" in text for name, text in setup.summary.facts.lines)
    epochs = setup.form.field("epochs")
    assert isinstance(epochs, QSpinBox)
    epochs.selectAll()
    qtbot.keyClicks(epochs, "7")
    press(qtbot, setup.start)
    task = workspace.recipes.tasks[0]
    assert task.spec.parameters == {"epochs": 7}
    view = dialog.view
    qtbot.waitUntil(lambda: len(view.curves.values("auc")) == 2, timeout=20000)
    assert view.curves.values("learning_rate") == (0.01, 0.005)
    assert view.confusion.table.counts == ((6, 0), (1, 5))
    assert view.confusion.table.classes == ("plain", "specks")
    assert view.confusion.title.text() == "epoch 2"
    view.confusion.slider.setFocus()
    qtbot.keyClick(view.confusion.slider, Qt.Key.Key_Left)
    assert view.confusion.table.counts == ((5, 1), (2, 4))
    assert view.confusion.title.text() == "epoch 1"
    assert "left" in view._state.text()
    assert dialog.runs.count() == 1
    # a second one waits, but not for the same model
    dialog.show_setup()
    assert not setup.start.isEnabled()
    assert "in line" in setup.message.text()
    setup.name.setText("another")
    press(qtbot, setup.start)
    assert workspace.recipes.tasks[0].state is TaskState.QUEUED
    press(qtbot, view.stop)
    assert workspace.recipes.tasks[0].state is TaskState.STOPPED
    dialog.show_task(task)
    (task.folder / "go").touch()
    qtbot.waitUntil(lambda: task.state is TaskState.DONE, timeout=20000)
    qtbot.waitUntil(lambda: ("auc", "0.910") in view.figures.lines, timeout=5000)
    assert ("auc 95", "0.800 to 0.970") in view.figures.lines
    press(qtbot, view.remove)
    assert task not in workspace.recipes.tasks


def test_sample_pictures_follow_the_settings(
    window: MainWindow, workspace: Workspace, qtbot: QtBot, patches: Path
) -> None:
    window.recipes.show()
    assert window.recipes.dialog is not None
    setup = window.recipes.dialog.setup
    setup.choose_recipe("microcalc-hypermodel")
    assert not setup.strip.isVisible()
    setup.data.setText(str(patches))
    setup.read_data()
    qtbot.waitUntil(lambda: len(workspace.samples.pairs) == 3, timeout=20000)
    qtbot.waitUntil(lambda: len(setup.strip.pictures.rows[1]) == 3, timeout=5000)
    assert setup.strip.pictures.rows[0][0].pixelColor(0, 0).red() == 10
    assert setup.strip.pictures.rows[1][0].pixelColor(3, 2).red() == 200
    epochs = setup.form.field("epochs")
    assert isinstance(epochs, QSpinBox)
    epochs.selectAll()
    qtbot.keyClicks(epochs, "7")
    qtbot.waitUntil(lambda: setup.strip.pictures.rows[1][0].pixelColor(3, 2).red() == 7, timeout=20000)
    epochs.selectAll()
    qtbot.keyClicks(epochs, "9")
    qtbot.waitUntil(lambda: "nothing to see" in setup.strip.words.text(), timeout=20000)
    assert not setup.strip.pictures.isVisible()
    child = workspace.samples._child
    assert child is not None
    assert child.running
    window.recipes.dialog.close()
    assert not child.running


def test_a_folder_that_the_recipe_does_not_take_is_told(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.recipes.show()
    assert window.recipes.dialog is not None
    setup = window.recipes.dialog.setup
    setup.choose_recipe("microcalc-hypermodel")
    setup.data.setText(str(tmp_path / "nowhere"))
    setup.read_data()
    qtbot.waitUntil(lambda: "no such folder" in setup.summary.caution.text(), timeout=10000)
    assert not setup.start.isEnabled()
    setup.name.setText("No Name!")
    assert not setup.start.isEnabled()


def test_the_choice_to_go_on_is_kept_and_followed(
    window: MainWindow, workspace: Workspace, qtbot: QtBot, tmp_path: Path, patches: Path
) -> None:
    window.recipes.show()
    dialog = window.recipes.dialog
    assert dialog is not None
    setup = dialog.setup
    setup.choose_recipe("microcalc-hypermodel")
    setup.data.setText(str(patches))
    setup.read_data()
    qtbot.waitUntil(setup.start.isEnabled, timeout=10000)
    press(qtbot, setup.start)
    task = workspace.recipes.tasks[0]
    qtbot.waitUntil(lambda: len(task.events) == 3, timeout=20000)
    dialog.go_on.setFocus()
    qtbot.keyClick(dialog.go_on, Qt.Key.Key_Space)
    assert json.loads((tmp_path / "settings.json").read_text())["performance"]["train_on"] is False
    window.close()
    qtbot.waitUntil(lambda: _at_rest(workspace), timeout=20000)
    assert task.state is TaskState.INTERRUPTED


def _recipe(*parameters: RecipeParameter) -> Recipe:
    return Recipe("made-up", "Made up", "", "S1", ("infn",), parameters)


@pytest.mark.parametrize(
    ("parameter", "change", "value"),
    [
        (RecipeParameter("rate", "float", 0.1, 0.0, 1.0), lambda field: field.setValue(0.25), 0.25),
        (
            RecipeParameter("wavelet", "choice", "sym3", choices=("sym3", "haar")),
            lambda f: f.setCurrentIndex(1),
            "haar",
        ),
        (RecipeParameter("search", "bool", False), lambda field: field.toggle(), True),
        (RecipeParameter("films", "text", ""), lambda field: field.setText("/x"), "/x"),
        (RecipeParameter("epochs", "int", 30, 1, 50), lambda field: field.setValue(99), 50),
    ],
)
def test_each_kind_of_setting_has_its_field(
    qtbot: QtBot, parameter: RecipeParameter, change: Callable[[object], None], value: object
) -> None:
    form = RecipeForm()
    qtbot.addWidget(form)
    form.show_recipe(_recipe(parameter))
    assert form.values() == {}
    change(form.field(parameter.name))
    assert form.values() == {parameter.name: value}
    assert form.field(parameter.name).accessibleName() == parameter.name
    form.show_values({parameter.name: parameter.default})
    assert form.values() == {}
    assert isinstance(form.field(parameter.name), QLineEdit) is (parameter.kind == "text")


def test_a_number_shows_no_more_decimals_than_it_has(qtbot: QtBot) -> None:
    form = RecipeForm()
    qtbot.addWidget(form)
    form.show_recipe(_recipe(RecipeParameter("rate", "float", 50.0, 0.0, 100.0)))
    field = form.field("rate")
    assert isinstance(field, QDoubleSpinBox)
    texts = []
    for value in (50.0, 0.25, 0.000003):
        field.setValue(value)
        texts.append(field.text())
    assert texts == ["50", "0.25", "0.000003"]
