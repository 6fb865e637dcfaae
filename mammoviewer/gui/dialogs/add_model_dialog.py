"""Adds a classifier: a folder or zip file as it is, an ONNX file made elsewhere with the answers it cannot give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QLineEdit, QVBoxLayout, QWidget

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.progress import Progress
from mammoviewer.gui.bridge import when_over
from mammoviewer.gui.dialogs.model_answers import ModelAnswers
from mammoviewer.gui.dialogs.model_trial import ModelTrial
from mammoviewer.gui.panels.parts import FactGrid, button, label, row
from mammoviewer.gui.theme import set_role
from mammoviewer.inference.foreign import ForeignModel
from mammoviewer.inference.model_records import ModelManifest
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.model_adding import Found, Trial, add, look_at, try_out
from mammoviewer.session.workspace import Workspace

_T = TypeVar("_T")
_PAUSE_MS = 300
_FILES = "Models (*.onnx *.zip);;All files (*)"


def found_facts(found: ForeignModel) -> list[tuple[str, str]]:
    """Return what was found in an ONNX file, for people."""
    shape = " × ".join("any" if side is None else str(side) for side in found.shape[1:])
    places = " × ".join("any" if side is None else str(side) for side in found.feature_shape)
    return [
        ("Input", f"{shape} (channels, rows, columns)"),
        ("Values", f"{found.logit_count}, {found.activation}"),
        ("Feature map", f"{found.features_from} ({places})"),
    ]


class AddModelDialog(QDialog):
    """Asks for a model and adds it; files are read, tried and checked on the workspace's threads.

    Parameters
    ----------
    workspace
        Its registry gets the model, its active image is used to try it.
    """

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Add a model")
        self.setMinimumWidth(760)
        self._workspace = workspace
        self._job: Job | None = None
        self._found: Found = None
        self._looked_at: Path | None = None
        self._source = QLineEdit()
        self._source.setAccessibleName("Model file or folder")
        self._source.setPlaceholderText("an ONNX file, a model folder, or a zip file of one")
        self._facts = FactGrid()
        self._answers = ModelAnswers()
        self._trial = ModelTrial()
        self._status = label("", "dim", wrap=True)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._add = self._buttons.addButton("Add model", QDialogButtonBox.ButtonRole.AcceptRole)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._go_on)
        self._source.textChanged.connect(self._choose)
        self._answers.changed.connect(self._wait)
        self._buttons.accepted.connect(self._start_adding)
        self._buttons.rejected.connect(self.reject)
        self._lay_out()
        self._choose("")

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(10)
        layout.addWidget(label("Add a model", "heading"))
        why = "It is checked first: its files, operators and that it runs. Nothing is overwritten. Research use only."
        layout.addWidget(label(why, "dim", wrap=True))
        choose = [button("File…", self._choose_file), button("Folder…", self._choose_folder)]
        layout.addLayout(row([self._source, *choose]))
        layout.addWidget(self._facts)
        layout.addLayout(row([self._answers, self._trial], spacing=20))
        layout.addWidget(self._status)
        layout.addWidget(self._buttons)

    @property
    def status(self) -> str:
        """Return what is told below the answers."""
        return self._status.text()

    def _choose_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Model", self._source.text(), _FILES)
        if chosen:
            self._source.setText(chosen)

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Model folder", self._source.text())
        if chosen:
            self._source.setText(chosen)

    def _choose(self, text: str) -> None:
        """Forget what was found in another file, and look at this one when the reader has stopped typing."""
        self._found, self._looked_at = None, None
        for part in (self._facts, self._answers, self._trial):
            part.setVisible(False)
        self._tell("" if text.strip() else "Choose a file or folder.")
        self._wait()

    def _wait(self) -> None:
        self._add.setEnabled(False)
        if self._source.text().strip():
            self._pause.start()
        else:
            self._pause.stop()

    def _go_on(self) -> None:
        """Look at the file, or try the model with the answers there are."""
        source = Path(self._source.text().strip()).expanduser()
        if self._looked_at != source:
            self._tell("Looking at the file…")
            self._submit("Look at a model", lambda: look_at(source), lambda found: self._show_found(source, found))
            return
        found, facts = self._found, self._answers.facts()
        if found is None:
            return
        if not facts.classes:
            self._tell(f"Name the {self._answers.wanted_classes} classes, parted by commas.")
            return
        state = self._workspace.active
        image, frame = (state.image, state.frame) if state is not None else (None, 0)
        self._tell("Trying the model…")
        self._submit("Try a model", lambda: try_out(found, facts, image, frame), self._show_trial)

    def _submit(self, name: str, work: Callable[[], _T], show: Callable[[_T], None]) -> None:
        def run(_progress: Progress) -> _T:
            return work()

        if self._job is not None:
            self._job.cancel()
        job = self._job = self._workspace.decoding.submit(name, run, key="add model", priority=2)
        when_over(self, job, lambda ended: self._take(ended, show))

    def _take(self, job: Job, show: Callable[[Any], None]) -> None:
        if job is not self._job or self._pause.isActive():
            return
        if job.state is JobState.DONE:
            show(job.result)
        elif job.state is JobState.FAILED:
            expected = isinstance(job.error, MammoViewerError)
            self._tell(str(job.error) if expected else "The model could not be read", wrong=True)

    def _show_found(self, source: Path, found: Found) -> None:
        self._looked_at, self._found = source, found
        for part in (self._facts, self._answers, self._trial):
            part.setVisible(found is not None)
        if found is None:
            self._tell("It brings its own manifest: it is checked when you add it.")
            self._add.setEnabled(True)
            return
        self._facts.show_facts(found_facts(found))
        self._answers.ask_about(found, source.stem)
        self._trial.clear()
        self.adjustSize()
        self._go_on()

    def _show_trial(self, trial: Trial) -> None:
        self._trial.show_trial(trial)
        self._tell(trial.text)
        self._add.setEnabled(True)

    def _start_adding(self) -> None:
        source = Path(self._source.text().strip()).expanduser()
        found, registry = self._found, self._workspace.registry
        facts = self._answers.facts() if found is not None else None
        self._add.setEnabled(False)
        self._tell("Checking and copying…")
        self._submit("Add a model", lambda: add(source, found, facts, registry), self._added)

    def _added(self, manifest: ModelManifest) -> None:
        self._workspace.desk.model = manifest.identity
        hint = "choose it in the bar on top, run it with Ctrl+R"
        self._workspace.notice.emit(Notice(Severity.INFO, f"Added model {manifest.identity}", hint))
        self.accept()

    def _tell(self, text: str, *, wrong: bool = False) -> None:
        self._status.setText(text)
        set_role(self._status, "role", "caution" if wrong else "dim")

    def done(self, result: int) -> None:
        """Close, and leave what is under way alone."""
        self._pause.stop()
        self._job = None
        super().done(result)
