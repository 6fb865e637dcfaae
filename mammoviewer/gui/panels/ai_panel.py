"""Everything about the classifier: choose, run, overlay, explain, its marks, what it is."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QProgressBar, QVBoxLayout, QWidget

from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import bind, bind_values
from mammoviewer.gui.model_actions import run_model
from mammoviewer.gui.panels.ai_marks import AiMarks
from mammoviewer.gui.panels.ai_overlay import AiOverlay
from mammoviewer.gui.panels.ai_runs import AiRuns
from mammoviewer.gui.panels.ai_scores import AiScores
from mammoviewer.gui.panels.explain_card import ExplainCard
from mammoviewer.gui.panels.model_combo import ModelCombo
from mammoviewer.gui.panels.parts import FactGrid, button, divider, label, row, scrolling, section
from mammoviewer.inference.model_records import ModelManifest
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.workspace import Workspace


def model_facts(model: ModelManifest) -> list[tuple[str, str]]:
    """Return what a reader should know of a model before trusting it."""
    outputs = model.outputs
    data = [str(entry.get("name", "")) for entry in model.training_data]
    facts = [
        ("Name", model.identity),
        ("Looks for", outputs.positive_class),
        ("Classes", ", ".join(outputs.classes)),
        ("Marks from", f"{outputs.marks_from:.2f}"),
        ("Pixel size", f"{model.input.pixel_size_mm:g} mm" if model.input.pixel_size_mm else "as stored"),
        ("Trained on", "; ".join(name for name in data if name) or "not stated"),
        ("Made", model.created[:10]),
    ]
    auc = model.metrics.get("auc")
    if isinstance(auc, int | float):
        facts.append(("AUC", f"{auc:.3f} ({model.metrics.get('unit', 'unit not stated')})"))
    if model.parent:
        facts.append(("Made from", model.parent))
    facts.append(("Intended use", model.intended_use or "not stated"))
    return facts


class AiPanel(QWidget):
    """The tab of the classifier."""

    def __init__(self, workspace: Workspace, active: ActiveView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._active = active
        self._jobs: list[Job] = []
        self._run = button("Run", lambda: self._start(all_slices=False), kind="primary", icon_name="")
        self._run.setToolTip("Run the model on this image or slice (Ctrl+R)")
        self._run_all = button(
            "All slices", lambda: self._start(all_slices=True), tip="Run on every slice (Ctrl+Shift+R)"
        )
        self._cancel = button("Cancel", self._stop)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._progress = label("", "quiet")
        self._facts = FactGrid()
        self._overlay = AiOverlay(workspace, active)
        self._marks = AiMarks(workspace, active)
        runs = row([self._run, self._run_all, self._cancel, None])
        add = button("Add…", self._add_model, tip="Add a model: an ONNX file, a model folder or a zip file")
        model = section(
            "Model", row([ModelCombo(workspace), add]), AiRuns(workspace, active), runs, self._bar, self._progress
        )
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        why = ExplainCard(workspace, active)
        about = section("About the model", self._facts)
        parts: list[QWidget | QLayout | None] = [model]
        for part in (self._overlay, AiScores(workspace, active), self._marks, why, about):
            parts += [divider(), part]
        outer.addWidget(scrolling([*parts, None], self))
        bind(self, workspace.desk.events.model, self._refresh)
        for runner in (workspace.computing, workspace.explaining):
            bind_values(self, runner.job_added, self._follow)
        active.switched.connect(self._refresh)
        self._refresh()

    def _start(self, *, all_slices: bool) -> None:
        run_model(self._workspace, all_slices=all_slices)

    def _add_model(self) -> None:
        from mammoviewer.gui.dialogs.add_model_dialog import AddModelDialog

        dialog = AddModelDialog(self._workspace, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()

    def _stop(self) -> None:
        for job in self._jobs:
            job.cancel()

    def _follow(self, job: Job) -> None:
        self._jobs.append(job)
        bind(self, job.changed, self._show_progress)
        self._show_progress()

    def _show_progress(self) -> None:
        going = [job for job in self._jobs if not job.state.final]
        if len(going) < len(self._jobs):
            self._show_facts()
        self._jobs = going
        for widget in (self._bar, self._progress, self._cancel):
            widget.setVisible(bool(self._jobs))
        if self._jobs:
            running = [job for job in self._jobs if job.state is JobState.RUNNING]
            job = (running or self._jobs)[-1]
            others = f" (+{len(self._jobs) - 1})" if len(self._jobs) > 1 else ""
            self._bar.setValue(round(job.fraction * 1000))
            self._progress.setText(f"{job.name}{others}: {job.fraction * 100:.0f} %  {job.message}")

    def _show_facts(self) -> None:
        """Show what the model is, and what it runs on as soon as that is known."""
        chosen = self._workspace.desk.model
        model = next((model for model in self._workspace.registry.models if model.identity == chosen), None)
        if model is None:
            self._facts.show_facts([("Model", "none chosen")])
            return
        running = self._workspace.heatmaps.models.runs_on(chosen) or "not run yet"
        self._facts.show_facts([*model_facts(model), ("Runs on", running)])

    def _refresh(self) -> None:
        state = self._active.state
        models = {model.identity: model for model in self._workspace.registry.models}
        model = models.get(self._workspace.desk.model)
        can_run = state is not None and model is not None
        self._run.setEnabled(can_run)
        self._run_all.setEnabled(can_run)
        self._run_all.setVisible(state is not None and state.frames > 1)
        self._run.setText("Run on this slice" if state is not None and state.frames > 1 else "Run on this image")
        self._show_facts()
        self._show_progress()
