"""The training panel, with a run that stands in for the child process."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from helpers.heatmaps import make_heatmap
from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import Cancelled, TrainingError
from mammoviewer.base.progress import Progress
from mammoviewer.gui.canvas.model_output import shown_output
from mammoviewer.gui.panels.before_after import AFTER, BEFORE
from mammoviewer.gui.panels.plots import load_plots
from mammoviewer.gui.panels.train_panel import TrainPanel
from mammoviewer.gui.panels.training_curves import TrainingCurves
from mammoviewer.gui.panels.training_result import result_facts
from mammoviewer.jobs.job import Job
from mammoviewer.session.heatmap_runs import RunRequest
from mammoviewer.session.training_runs import TrainingRequest
from mammoviewer.session.viewer_state import Overlay
from mammoviewer.session.workspace import Workspace
from mammoviewer.training.spec import TrainingEvent

BOX = Roi(RoiKind.RECTANGLE, ((5.0, 5.0), (15.0, 25.0)))


def epoch(fold: int, loss: float, auc: float | None = 0.8) -> TrainingEvent:
    return TrainingEvent("epoch", {"fold": fold, "loss": loss, "validation_loss": loss + 0.1, "auc": auc})


class FakeRun:
    """Does what a TrainingRun does, without a child process."""

    event = Signal(TrainingEvent)

    def __init__(self, request: TrainingRequest, ending: str) -> None:
        self.request, self.ending, self.cancelled = request, ending, False
        self.metrics: dict[str, object] = {"probe_auc": 0.8, "held_out_auc": 0.9, "regions": 4}

    def cancel(self) -> None:
        self.cancelled = True

    def run(self, progress: Progress) -> str:
        self.event.emit(epoch(1, 0.7))
        progress(0.5, "half way")
        while self.ending == "wait":
            progress(0.5, "half way")
        if self.ending == "fail":
            raise TrainingError("the trainer stopped", hint="look into the log")
        if self.ending == "cancel":
            raise Cancelled
        self.event.emit(TrainingEvent("done", {"metrics": self.metrics}))
        return "mine.1"


class FakeRuns:
    """Stands in for the workspace's TrainingRuns."""

    def __init__(self) -> None:
        self.ending = "done"
        self.metrics: dict[str, object] = {}
        self.current: FakeRun | None = None
        self.reverted: list[str] = []

    def start(self, request: TrainingRequest) -> FakeRun:
        self.current = FakeRun(request, self.ending)
        self.current.metrics.update(self.metrics)
        return self.current

    def revert(self, identity: str) -> None:
        self.reverted.append(identity)

    def close(self) -> None:
        if self.current is not None:
            self.current.cancel()


def draw(workspace: Workspace, label: str, count: int) -> None:
    for _ in range(count):
        uid = workspace.images[0].attributes.identity
        workspace.edit(AddFinding(new_finding(uid, 0, BOX, label)))


@pytest.fixture
def runs(four_views: Workspace, monkeypatch: pytest.MonkeyPatch) -> FakeRuns:
    made = FakeRuns()
    monkeypatch.setattr(four_views, "training", made)
    return made


@pytest.fixture
def panel(four_views: Workspace, runs: FakeRuns, qtbot: QtBot) -> Iterator[TrainPanel]:
    four_views.desk.model = "base.1"
    made = TrainPanel(four_views)
    qtbot.addWidget(made)
    yield made
    assert made.finish()


def test_it_says_what_is_missing_until_nothing_is(panel: TrainPanel, four_views: Workspace) -> None:
    assert panel.missing == "Draw two regions of two classes to train."
    assert not panel._train.isEnabled()
    draw(four_views, "Mass", 2)
    assert "second class" in panel.missing
    draw(four_views, "Normal", 2)
    assert panel.missing == ""
    assert panel._train.isEnabled()


def test_a_run_ends_with_a_model_to_keep(
    panel: TrainPanel, four_views: Workspace, runs: FakeRuns, qtbot: QtBot
) -> None:
    draw(four_views, "Mass", 2)
    draw(four_views, "Normal", 2)
    with qtbot.waitSignal(panel.models_changed):
        panel.start()
    qtbot.waitUntil(lambda: not panel.running and panel._choice.isVisibleTo(panel))
    assert runs.current is not None
    assert runs.current.request.base_model == "base.1"
    assert len(runs.current.request.images) == 1
    assert panel.epochs == 1
    assert four_views.desk.model == "base.1"
    panel.keep()
    assert four_views.desk.model == "mine.1"


@pytest.mark.parametrize(
    ("better", "own", "primary"),
    [(True, True, "keep"), (False, False, "revert"), (None, False, "keep"), (None, True, "revert")],
)
def test_the_choice_that_the_figures_speak_for_is_offered_first(
    panel: TrainPanel,
    four_views: Workspace,
    runs: FakeRuns,
    qtbot: QtBot,
    better: bool | None,
    own: bool,
    primary: str,
) -> None:
    runs.metrics = {"better_than_before": better, "from_own_model": own, "verdict": "Why it is so."}
    trained(panel, four_views, qtbot)
    kinds = {"keep": panel._keep.property("kind"), "revert": panel._revert.property("kind")}
    assert [name for name, kind in kinds.items() if kind == "primary"] == [primary]
    assert panel._verdict.text() == "Why it is so."
    assert panel._verdict.isVisibleTo(panel)


def test_revert_removes_the_new_model(panel: TrainPanel, four_views: Workspace, runs: FakeRuns, qtbot: QtBot) -> None:
    draw(four_views, "Mass", 2)
    draw(four_views, "Normal", 2)
    panel.start()
    qtbot.waitUntil(lambda: not panel.running and panel._choice.isVisibleTo(panel))
    panel.revert()
    assert runs.reverted == ["mine.1"]
    assert four_views.desk.model != "mine.1"


@pytest.fixture
def started(four_views: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[RunRequest]:
    """The runs that are asked for; none is made."""
    asked: list[RunRequest] = []

    def start(request: RunRequest) -> Job:
        asked.append(request)
        return Job("Heatmap")

    monkeypatch.setattr(four_views.heatmaps, "start", start)
    return asked


def trained(panel: TrainPanel, workspace: Workspace, qtbot: QtBot) -> None:
    draw(workspace, "Mass", 2)
    draw(workspace, "Normal", 2)
    panel.start()
    qtbot.waitUntil(lambda: not panel.running and panel._choice.isVisibleTo(panel))


def keep_map(workspace: Workspace, model: str, identity: str = "") -> None:
    state = workspace.active
    assert state is not None
    key = (identity or state.image.attributes.identity, state.frame, model)
    workspace.heatmaps._heatmaps[key] = replace(make_heatmap([[0.5]]), model=model)


def test_before_and_after_switch_the_heatmap_of_the_active_image(
    panel: TrainPanel, four_views: Workspace, started: list[RunRequest], qtbot: QtBot
) -> None:
    trained(panel, four_views, qtbot)
    keep_map(four_views, "base.1")
    state = four_views.active
    assert state is not None
    panel.before_after.look(AFTER)
    assert state.overlay is Overlay.HEATMAP
    assert [(request.image, request.model) for request in started] == [(state.image, "mine.1")]
    keep_map(four_views, "mine.1")
    panel.before_after.look(BEFORE)
    output = shown_output(four_views, state, state.frame)
    assert output.scores is not None
    assert output.scores.model == "base.1"
    panel.before_after._which._group.button(1).click()
    output = shown_output(four_views, state, state.frame)
    assert output.scores is not None
    assert output.scores.model == "mine.1"
    assert len(started) == 1, "what is there is not made again"


def test_held_out_images_are_named_and_gone_through(
    panel: TrainPanel, four_views: Workspace, started: list[RunRequest], qtbot: QtBot
) -> None:
    trained(panel, four_views, qtbot)
    learnt = {finding.image_uid for finding in four_views.annotations.findings}
    names = {image.attributes.identity for image in four_views.images}
    compare = panel.before_after
    assert set(compare.held_out) == names - learnt
    four_views.desk.active_identity = next(iter(learnt))
    assert "learnt from" in compare.about.text()
    assert "Held out" not in compare.about.text()
    for held_out in (*compare.held_out, compare.held_out[0]):
        qtbot.mouseClick(compare.next, Qt.MouseButton.LeftButton)
        assert four_views.desk.active_identity == held_out
        assert compare.about.text() == "Held out: nothing of this image was learnt from."
        state = four_views.active
        assert state is not None
        assert state.overlay is Overlay.HEATMAP
    assert {request.image.attributes.identity for request in started} == names - learnt


def test_the_toggle_shows_the_model_in_force(
    panel: TrainPanel, four_views: Workspace, started: list[RunRequest], qtbot: QtBot
) -> None:
    trained(panel, four_views, qtbot)
    buttons = panel.before_after._which._group
    assert buttons.checkedId() == 0
    four_views.desk.model = "mine.1"
    assert buttons.checkedId() == 1
    four_views.desk.model = "a third.1"
    assert buttons.checkedId() == 1


@pytest.mark.parametrize(("end", "model"), [("keep", "mine.1"), ("revert", "base.1")])
def test_heatmaps_on_screen_follow_the_choice(
    panel: TrainPanel,
    four_views: Workspace,
    started: list[RunRequest],
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    model: str,
) -> None:
    monkeypatch.setattr("mammoviewer.gui.panels.train_panel.choose_first_model", lambda _: None)
    trained(panel, four_views, qtbot)
    first, second, *_ = four_views.images
    for image in (first, second):
        four_views.state(image.attributes.identity).overlay = Overlay.HEATMAP
    keep_map(four_views, model, first.attributes.identity)
    getattr(panel, end)()
    assert four_views.desk.model == model
    assert [(request.image, request.model) for request in started] == [(second, model)]


def test_the_end_of_a_run_leaves_nothing_blank_or_cut(panel: TrainPanel, four_views: Workspace, qtbot: QtBot) -> None:
    draw(four_views, "Mass", 2)
    panel.resize(320, 900)
    panel.show()
    panel._state.setText("my-model.20260101-1 is ready. Keep it, or revert to the model before. " * 2)
    panel._refresh()
    assert panel._state.height() >= panel._state.heightForWidth(panel._state.width())
    panel._result.show_facts([("AUC", "0.9"), ("Note", "few")])
    panel._assessed = True
    counts = panel._counts.findChildren(QLabel)
    assert [part.text() for part in counts if part.isVisible()] == ["Mass", "2 regions"]
    draw(four_views, "Normal", 1)
    assert [part.text() for part in panel._counts.findChildren(QLabel) if part.isVisible()] == [
        *("Mass", "2 regions"),
        *("Normal", "1 region"),
    ]
    assert all(part in panel._counts.findChildren(QLabel) for part in counts), "labels are used again"
    panel._result.show_facts([("AUC", "0.8")])
    assert [part.text() for part in panel._result.findChildren(QLabel) if part.isVisible()] == ["AUC", "0.8"]


def test_a_failure_is_told_and_changes_nothing(
    panel: TrainPanel, four_views: Workspace, runs: FakeRuns, qtbot: QtBot
) -> None:
    told = []
    four_views.notice.connect(told.append)
    runs.ending = "fail"
    draw(four_views, "Mass", 2)
    draw(four_views, "Normal", 2)
    panel.start()
    qtbot.waitUntil(lambda: bool(told))
    assert (told[0].text, told[0].hint) == ("the trainer stopped", "look into the log")
    assert four_views.desk.model == "base.1"
    qtbot.waitUntil(panel._train.isEnabled)


def test_cancel_stops_the_run(panel: TrainPanel, four_views: Workspace, runs: FakeRuns, qtbot: QtBot) -> None:
    runs.ending = "wait"
    draw(four_views, "Mass", 2)
    draw(four_views, "Normal", 2)
    panel.start()
    qtbot.waitUntil(lambda: panel.running and panel._cancel.isVisibleTo(panel))
    panel.cancel()
    qtbot.waitUntil(lambda: not panel.running)
    qtbot.waitUntil(lambda: panel._state.text().startswith("Cancelled"))
    assert runs.current is not None
    assert runs.current.cancelled


def test_curves_keep_folds_apart(qtbot: QtBot) -> None:
    curves = TrainingCurves()
    qtbot.addWidget(curves)
    for event in (epoch(1, 0.7), epoch(1, 0.5, auc=None), epoch(2, 0.9), TrainingEvent("log", {"loss": 3.0})):
        curves.add(event)
    assert curves.values("loss") == (0.7, 0.5, 0.9)
    assert curves.values("auc") == (0.8, 0.8)
    assert len(curves._values["loss"][0]) == 4  # a gap between the folds
    curves.clear()
    assert curves.values("loss") == ()


def test_plots_are_made_when_they_are_seen_or_a_training_begins(qtbot: QtBot, panel: TrainPanel) -> None:
    assert "plots" not in vars(panel._curves), "nobody waits for plots that are not shown"
    for begin in (TrainingCurves.show, TrainingCurves.clear, lambda curves: curves.add(epoch(1, 0.7))):
        curves = TrainingCurves()
        qtbot.addWidget(curves)
        begin(curves)
        assert [*vars(curves)["plots"]] == ["loss", "auc"]
    drawn = curves.plots["loss"].getPlotItem().listDataItems()
    assert [item.getData()[1].tolist() for item in drawn] == [[0.7], [pytest.approx(0.8)]]


def test_plots_load_on_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[str, bool]] = []

    def load(name: str) -> None:
        loaded.append((name, threading.current_thread() is threading.main_thread()))

    monkeypatch.setattr("importlib.import_module", load)
    load_plots().join(10.0)
    assert loaded == [("pyqtgraph", False)]


def test_the_loss_keeps_its_own_scale(qtbot: QtBot) -> None:
    curves = TrainingCurves()
    qtbot.addWidget(curves)
    curves.add(epoch(1, 0.0004))
    curves.add(epoch(1, 0.0005))
    axis = curves.plots["loss"].getAxis("left")
    assert axis.autoSIPrefix is False
    assert axis.labelText == "loss"
    assert "x0.0" not in axis.labelString()


def test_figures_of_the_result() -> None:
    metrics = {"probe_auc": 0.81234, "held_out_auc": None, "regions": 20, "assessable": True, "note": "few regions"}
    assert result_facts(metrics) == [("AUC before tuning", "0.812"), ("Regions", "20"), ("Note", "few regions")]
    metrics = {"before_auc": 0.7, "positive_class_auc_95": [0.8, None], "unit": "breast", "patients": 0, "groups": 4}
    assert result_facts(metrics) == [
        ("AUC of the model before", "0.700"),
        ("AUC, 95 % interval", "0.800 to ?"),
        ("Held out by", "breast"),
        ("Patients", "not known"),
        ("Groups", "4"),
    ]


def test_a_new_model_is_judged_before_the_next_is_made(panel: TrainPanel, four_views: Workspace, qtbot: QtBot) -> None:
    trained(panel, four_views, qtbot)
    assert not panel._train.isEnabled()
    assert "Keep or revert" in panel._missing.text()
    first = panel._thread
    panel.start()
    assert panel._thread is first
    panel.keep()
    assert panel._train.isEnabled()
