"""The draft in the training panel: it follows regions drawn with the mouse, suggests the next one, and is a draft."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import linear_bundle
from helpers.mouse import drag
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from mammoviewer.annotations.edits import AddFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.canvas.corner_text import badges
from mammoviewer.gui.canvas.model_output import shown_output
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.drafts import suggest_region, switch_live
from mammoviewer.gui.panels.train_panel import TrainPanel
from mammoviewer.session.viewer_state import Overlay, Tool
from mammoviewer.session.workspace import Workspace


@pytest.fixture
def striped(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace with an image that has lines at random rows in some columns, and a model that sees them."""
    pixels = breast_like(320, 240)
    part = pixels[:, 100:200]
    lines = np.random.default_rng(1).random(320) < 0.3
    part[lines] = np.where(part[lines] > 0, 3900, 0)
    base = linear_bundle(tmp_path / "models" / "lines")
    workspace.registry.directories = (tmp_path / "models",)
    workspace.registry.refresh()
    workspace.add(OpenResult((make_image("RCC", pixels=pixels),), ()))
    workspace.desk.model = base.identity
    return workspace


@pytest.fixture
def panel(striped: Workspace, qtbot: QtBot) -> Iterator[TrainPanel]:
    made = TrainPanel(striped)
    qtbot.addWidget(made)
    made.resize(360, 900)
    made.show()
    yield made
    assert made.finish()


@pytest.fixture
def viewport(striped: Workspace, qtbot: QtBot) -> Viewport:
    made = Viewport(striped)
    made.resize(700, 800)
    qtbot.addWidget(made)
    made.show_image(striped.images[0].attributes.identity)
    made.show()
    return made


def draw(workspace: Workspace, row: float, column: float, label: str) -> None:
    roi = Roi(RoiKind.RECTANGLE, ((row - 6, column - 6), (row + 6, column + 6)))
    workspace.edit(AddFinding(new_finding(workspace.images[0].attributes.identity, 0, roi, label)))


def place(viewport: Viewport, row: float, column: float) -> tuple[float, float]:
    x, y = viewport.view.to_widget(np.array([(row, column)]))[0]
    return float(x), float(y)


def test_the_heatmap_follows_a_region_drawn_with_the_mouse(
    panel: TrainPanel, viewport: Viewport, striped: Workspace, qtbot: QtBot
) -> None:
    state = striped.state(viewport.identity)
    qtbot.mouseClick(panel.draft.live, Qt.MouseButton.LeftButton, pos=QPoint(8, panel.draft.live.height() // 2))
    assert striped.desk.live
    for row, column, label in ((130, 150, "Stripes"), (190, 140, "Stripes"), (140, 220, "Normal")):
        draw(striped, row, column, label)
    qtbot.waitUntil(lambda: "second class" in panel.draft.state.text(), timeout=60000)
    assert state.overlay is Overlay.NONE
    assert not panel.draft.keep.isEnabled()
    striped.desk.tool, striped.desk.label = Tool.RECTANGLE, "Normal"
    drag(viewport, place(viewport, 174.0, 216.0), place(viewport, 186.0, 228.0))
    assert len(striped.annotations.findings) == 4
    qtbot.waitUntil(lambda: "Draft from 4 regions. Not assessable" in panel.draft.state.text(), timeout=60000)
    output = shown_output(striped, state, 0)
    assert output.scores is not None
    assert output.scores.at(160, 150) > output.scores.at(160, 225)
    assert "Draft on" in output.title
    assert "DRAFT MODEL" in [badge.text for badge in badges(state)]
    assert panel.draft.keep.isEnabled()
    assert not panel.draft.bar.isVisible()
    first = output.scores
    draw(striped, 100, 226, "Normal")
    qtbot.waitUntil(lambda: "Draft from 5 regions. Not" in panel.draft.state.text(), timeout=60000)
    assert shown_output(striped, state, 0).scores is not first
    qtbot.mouseClick(panel.draft.live, Qt.MouseButton.LeftButton, pos=QPoint(8, panel.draft.live.height() // 2))
    assert state.overlay is Overlay.NONE


def test_a_new_draft_is_painted_where_it_is_seen_or_the_one_before_was(
    viewport: Viewport, striped: Workspace, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    qtbot.waitExposed(viewport)
    painted: list[int] = []
    monkeypatch.setattr(viewport, "update", lambda *_: painted.append(1))
    striped.quick.changed.emit("of another image", 0)
    striped.quick.changed.emit(viewport.identity, 0)
    qtbot.waitUntil(lambda: bool(painted))
    assert len(painted) == 1
    striped.active.overlay = Overlay.DRAFT
    painted.clear()
    striped.quick.changed.emit("of another image", 0)
    qtbot.waitUntil(lambda: len(painted) == 1)


def test_the_next_region_is_suggested_with_a_dotted_mark(
    panel: TrainPanel, viewport: Viewport, striped: Workspace, qtbot: QtBot
) -> None:
    assert not panel.draft.suggest.isEnabled()
    draw(striped, 130, 150, "Stripes")
    qtbot.waitUntil(lambda: not striped.quick.busy, timeout=60000)
    state = striped.state(viewport.identity)
    state.zoom, state.centre = 8.0, (20.0, 20.0)
    before = viewport.grab().toImage()
    qtbot.mouseClick(panel.draft.suggest, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: striped.quick.suggestion(viewport.identity, 0) is not None, timeout=60000)
    suggestion = striped.quick.suggestion(viewport.identity, 0)
    assert suggestion is not None
    qtbot.waitUntil(lambda: state.centre == suggestion.point, timeout=5000)
    assert viewport.grab().toImage() != before
    assert "dotted mark" in panel.draft.state.text()
    striped.desk.blind = True
    hidden = viewport.grab().toImage()
    striped.desk.blind = False
    assert viewport.grab().toImage() != hidden


def test_blind_reading_makes_no_draft(panel: TrainPanel, striped: Workspace) -> None:
    striped.desk.blind = True
    told: list[str] = []
    striped.notice.connect(lambda notice: told.append(notice.text))
    job = striped.quick.job
    draw(striped, 130, 150, "Stripes")
    switch_live(striped)
    assert suggest_region(striped) is None
    assert striped.quick.job is job
    assert "blind" in told[-1]
    assert "blind" in panel.draft.state.text()
