"""Setting up a training by a recipe: which recipe, which data, which name, which settings."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.paths import user_models_dir
from mammoviewer.gui.bridge import bind, when_over
from mammoviewer.gui.panels.augmentation_strip import AugmentationStrip
from mammoviewer.gui.panels.data_summary import DataSummaryView
from mammoviewer.gui.panels.parts import CalmCombo, button, label, row, scrolling, section
from mammoviewer.gui.panels.recipe_form import RecipeForm
from mammoviewer.jobs.job import Job
from mammoviewer.session.recipe_data import DataSummary, summarise
from mammoviewer.session.workspace import Workspace
from mammoviewer.training.recipe_files import load_recipe, recipe_names
from mammoviewer.training.spec import TrainingSpec

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MOST_SEED = 1_000_000
_CALM_MS = 250
"""So long nothing must change before sample pictures are made: a value that is typed changes with each digit."""


class RecipeSetup(QWidget):
    """Signal: ``wanted(TrainingSpec)`` when the reader asks for a training."""

    wanted = Signal(object)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._summary: DataSummary | None = None
        self._reading: Job | None = None
        self.recipe = CalmCombo()
        self.recipe.setAccessibleName("Recipe")
        self.recipe.show_choices([(load_recipe(name).title, name) for name in recipe_names()], recipe_names()[0])
        self.recipe.currentIndexChanged.connect(self._show_recipe)
        self._about = label("", "quiet", wrap=True)
        self.data = QLineEdit()
        self.data.setAccessibleName("Folder of the data set")
        self.data.setPlaceholderText("Folder of the data set")
        self.data.editingFinished.connect(self.read_data)
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the new model")
        self.name.setMaxLength(60)
        self.name.textChanged.connect(self._refresh)
        self.seed, self.threads = _number("Seed", 1, _MOST_SEED, 1), _number("Threads", 0, 64, 0)
        self.threads.setSpecialValueText("automatic")
        self.summary = DataSummaryView()
        self.form = RecipeForm()
        self.strip = AugmentationStrip(workspace.samples)
        self._calm = QTimer(self, singleShot=True, interval=_CALM_MS)
        self._calm.timeout.connect(self._ask_for_samples)
        self.form.changed.connect(self._calm.start)
        self.seed.valueChanged.connect(self._calm.start)
        self.message = label("", "caution", wrap=True)
        self.start = button("Put in line", self._start, kind="primary", tip="It starts as soon as no other is at work")
        self._lay_out()
        bind(self, workspace.recipes.changed, self._refresh)
        self._show_recipe()

    def _lay_out(self) -> None:
        choose = button("Choose…", self._choose)
        data = row([_field_name("Data"), self.data, choose])
        name = row([_field_name("Name"), self.name])
        numbers = row([_field_name("Seed"), self.seed, _field_name("Threads"), self.threads, None])
        head = section("Recipe", row([_field_name("Recipe"), self.recipe]), self._about, data, self.summary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolling([head, section("Model", name, numbers), self.form, None]))
        self._samples = section("Training pictures before and after augmentation", self.strip)
        self._samples.hide()
        below = QVBoxLayout()
        below.setContentsMargins(14, 8, 14, 0)
        below.addWidget(self._samples)
        layout.addLayout(below)
        foot = row([self.start, self.message])
        foot.setContentsMargins(14, 8, 14, 8)
        foot.setStretch(1, 1)
        layout.addLayout(foot)

    def choose_recipe(self, name: str) -> None:
        """Show a recipe by its name."""
        self.recipe.setCurrentIndex(self.recipe.findData(name))

    def read_data(self) -> None:
        """Read the tables of the folder in the background."""
        self._summary = None
        self._workspace.samples.clear()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        text = self.data.text().strip()
        if not text:
            self.summary.show_words("")
            self._refresh()
            return
        root, recipe = Path(text), load_recipe(self.recipe.currentData())
        self.summary.show_words("Reading the tables…")
        job = self._workspace.decoding.submit(
            "Read a data set", lambda progress: summarise(root, recipe, progress), key="recipe data"
        )
        self._reading = job
        when_over(self, job, self._on_read)
        self._refresh()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Bring the sample pictures up to date."""
        super().showEvent(event)
        self._calm.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Let the process that makes sample pictures go."""
        super().hideEvent(event)
        self._calm.stop()
        self._workspace.samples.close()

    def _ask_for_samples(self) -> None:
        if self._summary is not None and self.isVisible():
            self._workspace.samples.ask(self._spec("preview"))

    def _on_read(self, job: Job) -> None:
        if job is not self._reading:
            return
        self._reading = None
        if isinstance(job.result, DataSummary):
            self._summary = job.result
            self.summary.show_summary(job.result)
            self._calm.start()
        elif isinstance(job.error, MammoViewerError):
            self.summary.show_words(str(job.error))
        else:
            self.summary.show_words("The folder cannot be read; the log tells more.")
        self._refresh()

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of the data set", self.data.text())
        if folder:
            self.data.setText(folder)
            self.read_data()

    def _show_recipe(self) -> None:
        recipe = load_recipe(self.recipe.currentData())
        self._about.setText(f"{recipe.description} Data sets: {', '.join(recipe.data)}.")
        self.form.show_recipe(recipe)
        self.name.setText(f"my-{recipe.name}")
        self.read_data()

    @property
    def missing(self) -> str:
        """Return what stands in the way of a start, in words; empty when nothing does."""
        if self._reading is not None:
            return "The data set is being read."
        if self._summary is None:
            return "Choose the folder of a data set that the recipe takes."
        if not _NAME.fullmatch(self.name.text().strip()):
            return "A name is made of lower-case letters, digits, - and _."
        if self._output().exists():
            return "There is a model of this name; choose another."
        if self._workspace.recipes.is_awaited(self._output()):
            return "A training of this name is in line; choose another."
        return ""

    def _output(self) -> Path:
        return user_models_dir() / f"{self.name.text().strip()}.1"

    def _refresh(self) -> None:
        self._samples.setVisible(self._summary is not None)
        missing = self.missing
        self.message.setText(missing)
        self.start.setEnabled(not missing)

    def _start(self) -> None:
        self.wanted.emit(self._spec(self.name.text().strip()))
        self._refresh()

    def _spec(self, name: str) -> TrainingSpec:
        """Return the training as it stands in the fields."""
        return TrainingSpec(
            kind="recipe",
            data=Path(self.data.text().strip()).resolve(),
            output=self._output(),
            name=name,
            title=load_recipe(self.recipe.currentData()).title,
            recipe=str(self.recipe.currentData()),
            parameters=self.form.values(),
            seed=self.seed.value(),
            threads=self.threads.value(),
        )


def _number(name: str, least: int, most: int, value: int) -> QSpinBox:
    made = QSpinBox()
    made.setRange(least, most)
    made.setValue(value)
    made.setAccessibleName(name)
    made.lineEdit().setTextMargins(6, 0, 0, 0)
    return made


def _field_name(text: str) -> QWidget:
    made = label(text, "dim")
    made.setFixedWidth(70)
    return made
