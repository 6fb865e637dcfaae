"""The slim bar on top: the study, its stages, the tools of the hand, the model."""

from __future__ import annotations

import functools

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QMenu, QSizePolicy, QToolButton

from mammoviewer.dicom.study import Study
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import bind
from mammoviewer.gui.model_actions import run_model
from mammoviewer.gui.panels.model_combo import ModelCombo
from mammoviewer.gui.panels.parts import CalmCombo, button, divider, icon_button, label, row
from mammoviewer.session.viewer_state import Tool
from mammoviewer.session.workspace import Workspace

_ROOM_FOR_SHAPES = 1300
"""Logical pixels of the bar below which its shapes, which are in the panel too, give way."""
_ROOM_FOR_MODEL = 1090
_PRIOR_WIDTH = 166
"""Room for a date."""
_LEAST_WIDTH = 110
_TOOLS = (
    (Tool.WINDOW, "window", "Window: drag for width and centre"),
    (Tool.PAN, "pan", "Pan (middle drag, or Space + drag)"),
    (Tool.ZOOM, "zoom", "Zoom into a region"),
    (Tool.RECTANGLE, "rectangle", "Rectangle (R)"),
    (Tool.ELLIPSE, "ellipse", "Ellipse (E)"),
    (Tool.POLYGON, "polygon", "Polygon (P)"),
    (Tool.FREEHAND, "freehand", "Freehand (D)"),
    (Tool.POINT, "point", "Point (X)"),
)
_MEASURES = (
    (Tool.DISTANCE, "Distance", "L"),
    (Tool.ANGLE, "Angle", "Shift+L"),
    (Tool.STATISTICS, "Statistics of a region", "S"),
    (Tool.PROFILE, "Profile along a line", "Shift+S"),
    (Tool.ARROW, "Arrow with a text", "W"),
    (Tool.TEXT, "Text", "Shift+W"),
)


def study_title(study: Study) -> str:
    """Return a study in one line: when, who, how many images. A narrow list cuts the end, never the date."""
    count = len(study.images)
    parts = [study.date, study.patient_label or "No name", f"{count} image{'' if count == 1 else 's'}"]
    return "  ·  ".join(part for part in parts if part)


def _let_shrink(choices: CalmCombo, characters: int) -> None:
    """Give a list room for so many characters, and let it shrink where the window is narrow."""
    choices.setMinimumContentsLength(characters)
    choices.setMinimumWidth(_LEAST_WIDTH)
    choices.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)


class HeaderBar(QFrame):
    """Study, stages, tools, model; what it cannot do itself it asks for by its signals."""

    open_wanted = Signal()
    list_wanted = Signal()
    export_wanted = Signal()
    palette_wanted = Signal()
    help_wanted = Signal()
    panels_toggled = Signal()

    def __init__(self, workspace: Workspace, active: ActiveView) -> None:
        super().__init__()
        self.setObjectName("headerBar")
        self.setFixedHeight(44)
        self._workspace = workspace
        self._active = active
        self._make_choices()
        self._tools = {tool: self._tool_button(tool, name, tip) for tool, name, tip in _TOOLS}
        self._invert = icon_button("invert", "Invert (I)", self._toggle_invert, checkable=True)
        self.model = ModelCombo(workspace)
        _let_shrink(self.model, 26)
        self._run = button(
            "Run", lambda: run_model(workspace), kind="primary", tip="Run the model on this slice (Ctrl+R)"
        )
        self._measure = self._measure_menu()
        self._lay_out()
        for signal in (workspace.studies_changed, workspace.stage_changed, workspace.desk.events.tool):
            bind(self, signal, self.refresh)
        bind(self, workspace.desk.events.model, self.refresh)
        active.switched.connect(self.refresh)
        active.changed.connect(lambda name: self.refresh() if name == "inverted" else None)
        self.refresh()

    def _make_choices(self) -> None:
        """Make the lists of studies, stages and priors."""
        self._study = CalmCombo()
        self._study.setAccessibleName("Study")
        _let_shrink(self._study, 34)
        self._study.setPlaceholderText("No study open")
        self._study.activated.connect(self._choose_study)
        self._stage = CalmCombo()
        self._stage.setAccessibleName("Stage of the hanging protocol")
        _let_shrink(self._stage, 24)
        self._stage.activated.connect(self._workspace.show_stage)
        self._back = icon_button("left", "Previous stage (Shift+Tab)", lambda: self._step(-1))
        self._on = icon_button("right", "Next stage (Tab)", lambda: self._step(1))
        self._count = label("", "dim")
        self._prior = CalmCombo()
        self._prior.setAccessibleName("Prior study to compare with")
        self._prior.setToolTip("Prior study to compare with (Ctrl+PgDown older, Ctrl+PgUp newer)")
        self._prior.setFixedWidth(_PRIOR_WIDTH)
        self._prior.activated.connect(self._choose_prior)

    def _lay_out(self) -> None:
        tools = list(self._tools.values())
        layout = row(
            [
                icon_button("open", "Open files (Ctrl+O)", self.open_wanted.emit),
                icon_button("exam", "Study list (Ctrl+L)", self.list_wanted.emit),
                self._study,
                divider(upright=True),
                self._back,
                self._stage,
                self._on,
                self._count,
                self._prior,
                divider(upright=True),
                *tools[:3],
                divider(upright=True),
                *tools[3:],
                self._measure,
                divider(upright=True),
                self._invert,
                None,
                self.model,
                self._run,
                divider(upright=True),
                icon_button("export", "Export (Ctrl+E)", self.export_wanted.emit),
                icon_button("command", "Find a command (Ctrl+K)", self.palette_wanted.emit),
                icon_button("keyboard", "Keys (?)", self.help_wanted.emit),
                icon_button("panel", "Show or hide the panels (F9)", self.panels_toggled.emit),
            ],
            spacing=5,
        )
        layout.setContentsMargins(8, 0, 8, 0)
        self.setLayout(layout)

    def _tool_button(self, tool: Tool, name: str, tip: str) -> QToolButton:
        def choose() -> None:
            self._workspace.desk.tool = tool
            self.refresh()

        return icon_button(name, tip, choose, checkable=True)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Leave to the panels what they have too where there is no room for everything: the shapes, then the model."""
        super().resizeEvent(event)
        width = event.size().width()
        for tool in list(self._tools)[3:]:
            self._tools[tool].setVisible(width >= _ROOM_FOR_SHAPES)
        for part in (self.model, self._count):
            part.setVisible(width >= _ROOM_FOR_MODEL)
        self._prior.setFixedWidth(_PRIOR_WIDTH if width >= _ROOM_FOR_MODEL else _LEAST_WIDTH)

    def _measure_menu(self) -> QToolButton:
        made = icon_button("ruler", "Measure and point", checkable=True)
        menu = QMenu(made)
        for tool, title, keys in _MEASURES:
            # The keys stand in the text: as a shortcut of the action they would be taken twice.
            menu.addAction(f"{title}\t{keys}", functools.partial(self._choose_tool, tool))
        made.setMenu(menu)
        made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        return made

    def _choose_tool(self, tool: Tool) -> None:
        self._workspace.desk.tool = tool

    def _choose_study(self, index: int) -> None:
        self._workspace.choose_study(self._workspace.studies[index])

    def _choose_prior(self, index: int) -> None:
        self._workspace.hung.compare_with(self._workspace.hung.priors[index])
        self._workspace.hang_again()

    def _step(self, step: int) -> None:
        self._workspace.show_stage(self._workspace.stage_index + step)

    def _toggle_invert(self) -> None:
        state = self._active.state
        if state is not None:
            state.inverted = not state.inverted

    def refresh(self) -> None:
        """Read everything again."""
        workspace = self._workspace
        studies = workspace.studies
        chosen = next((i for i, study in enumerate(studies) if study is workspace.study), None)
        self._study.show_choices([(study_title(study), i) for i, study in enumerate(studies)], chosen)
        self._study.setEnabled(bool(studies))
        stages = workspace.stages
        self._stage.show_choices([(stage.title, i) for i, stage in enumerate(stages)], workspace.stage_index)
        self._count.setText(f"{workspace.stage_index + 1}/{len(stages)}" if stages else "")
        priors, prior = workspace.hung.priors, workspace.hung.prior
        chosen = priors.index(prior) if prior is not None else None
        self._prior.show_choices([(f"vs {study.date}", i) for i, study in enumerate(priors)], chosen)
        self._prior.setVisible(bool(priors))
        for widget in (self._stage, self._back, self._on):
            widget.setEnabled(len(stages) > 1)
        for tool, widget in self._tools.items():
            widget.setChecked(bool(studies) and workspace.desk.tool is tool)
            widget.setEnabled(bool(studies))
        self._measure.setEnabled(bool(studies))
        self._measure.setChecked(workspace.desk.tool in {tool for tool, _, _ in _MEASURES})
        state = self._active.state
        self._invert.setEnabled(state is not None)
        self._invert.setChecked(state is not None and state.inverted)
        self._run.setEnabled(state is not None and bool(workspace.desk.model))
