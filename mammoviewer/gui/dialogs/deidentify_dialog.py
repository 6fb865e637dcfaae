"""What a de-identified copy of a study will hold: the choices, and every element that changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt, QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHeaderView,
    QLineEdit,
    QSpinBox,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from mammoviewer.base.errors import ArgumentError, MammoViewerError
from mammoviewer.base.progress import Progress, subprogress
from mammoviewer.dicom.deidentify import Plan, PreviewLine, plan_batch, preview_batch, study_files
from mammoviewer.dicom.deidentify_options import Dates, Options, Pseudonyms
from mammoviewer.gui.bridge import when_over
from mammoviewer.gui.panels.parts import Segments, button, label, row
from mammoviewer.gui.theme import set_role
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.workspace import Workspace

_COLUMNS = ("Tag", "Element", "Before", "After", "Files")
_DATES = (("Remove", Dates.REMOVED), ("Shift", Dates.SHIFTED), ("Keep", Dates.KEPT))
_PAUSE_MS = 250
_NAME_WIDTH = 88


@dataclass(frozen=True, eq=False)
class Preview:
    """A plan, and what it changes."""

    plan: Plan
    lines: tuple[PreviewLine, ...]


class ChangesModel(QAbstractTableModel):
    """The changes as a table."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: Sequence[PreviewLine] = ()

    def show_lines(self, lines: Sequence[PreviewLine]) -> None:
        """Show other changes."""
        self.beginResetModel()
        self._lines = lines
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008, N802
        """Return the number of changes."""
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008, N802
        """Return the number of columns."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell; the whole change as its tool tip."""
        line = self._lines[index.row()]
        change = line.change
        if role == Qt.ItemDataRole.DisplayRole:
            after = change.after or "(empty)"
            return (change.tag, change.keyword, change.before, after, str(line.files))[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{change.tag} {change.keyword}\n{change.before}\n{change.after or '(empty)'}"
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Return the title of a column."""
        shown = orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return _COLUMNS[section] if shown else None


class DeidentifyDialog(QDialog):
    """Asks how to de-identify a study; what would change is read again after every choice.

    Parameters
    ----------
    workspace
        Its threads read the files.
    images
        The image files of the study; what lies beside them and belongs to the study is copied too.
    folder
        Where the copies go at first.
    """

    def __init__(
        self, workspace: Workspace, images: Sequence[Path], folder: Path, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("De-identified copy of this study")
        self.resize(920, 680)
        self._workspace = workspace
        self._images = tuple(images)
        self._pseudonyms = Pseudonyms()
        self._preview: Preview | None = None
        self._job: Job | None = None
        self._dates: Dates = Dates.REMOVED
        self._make_choices(folder)
        self._make_table()
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setText("Write copies")
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self.refresh)
        self._lay_out()
        self.refresh()

    def _make_choices(self, folder: Path) -> None:
        self._date_choice = Segments(_DATES)
        self._date_choice.show_choice(Dates.REMOVED)
        self._date_choice.setFixedWidth(260)
        self._date_choice.chosen.connect(self._choose_dates)
        self._days = QSpinBox()
        self._days.setRange(-36525, 36525)
        self._days.setValue(-30)
        self._days.setSuffix(" days")
        self._days.setAccessibleName("Days to shift dates by")
        self._days.setVisible(False)
        self._days.valueChanged.connect(lambda _days: self._wait())
        self._name = QLineEdit()
        self._name.setPlaceholderText("a random name")
        self._name.setAccessibleName("New name of the patient")
        self._name.textChanged.connect(lambda _text: self._wait())
        self._folder = QLineEdit(str(folder))
        self._folder.setAccessibleName("Folder")
        self._folder.textChanged.connect(lambda _text: self._wait())
        self._accepted = QCheckBox()
        self._accepted.setVisible(False)
        self._accepted.toggled.connect(lambda _on: self.refresh())

    def _make_table(self) -> None:
        self._model = ChangesModel()
        self._found = QSortFilterProxyModel(self)
        self._found.setSourceModel(self._model)
        self._found.setFilterKeyColumn(-1)
        self._found.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search the changes")
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(self._found.setFilterFixedString)
        self._table = _changes_table(self._found)
        self._status = label("", "dim", wrap=True)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(10)
        choices = (("Dates", [self._date_choice, self._days, None]), ("Patient", [self._name]))
        for title, widgets in choices:
            layout.addLayout(row([_title(title), *widgets]))
        layout.addLayout(row([_title("Folder"), self._folder, button("Choose…", self._choose_folder)]))
        layout.addSpacing(4)
        layout.addWidget(label("WHAT CHANGES", "section"))
        layout.addWidget(self._search)
        layout.addWidget(self._table, 1)
        layout.addWidget(self._status)
        layout.addWidget(self._accepted)
        hint = "Pixels are copied as they are. Files and folders are named by new UIDs. The originals stay untouched."
        layout.addWidget(label(hint, "dim", wrap=True))
        layout.addWidget(self._buttons)

    @property
    def plan(self) -> Plan | None:
        """Return what will be written; None while it is not known."""
        return self._preview.plan if self._preview is not None else None

    @property
    def folder(self) -> Path:
        """Return the folder to write into."""
        return Path(self._folder.text()).expanduser()

    @property
    def shown_changes(self) -> int:
        """Return how many changes the search leaves."""
        return self._found.rowCount()

    @property
    def status(self) -> str:
        """Return what is told below the table."""
        return self._status.text()

    def search(self, text: str) -> None:
        """Show the changes that hold a text."""
        self._search.setText(text)

    def choose_name(self, name: str) -> None:
        """Give the patient a new name."""
        self._name.setText(name)

    def accept_burned_in(self) -> None:
        """Say that the images were looked at."""
        self._accepted.setChecked(True)

    def _choose_dates(self, dates: object) -> None:
        self._dates = Dates(str(dates))
        self._days.setVisible(self._dates is Dates.SHIFTED)
        self.refresh()

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the copies", self._folder.text())
        if chosen:
            self._folder.setText(chosen)

    def _wait(self) -> None:
        """Read again when the reader has stopped typing."""
        self._forget()
        self._pause.start()

    def _forget(self) -> None:
        self._preview = None
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(False)

    def refresh(self) -> None:
        """Read the files and show what would change with the present choices."""
        self._pause.stop()
        self._forget()
        days = self._days.value() if self._dates is Dates.SHIFTED else 0
        try:
            options = Options(self._dates, days, self._name.text().strip(), self._accepted.isChecked())
            if not self._folder.text().strip():
                raise ArgumentError("there is no folder for the copies")
        except ArgumentError as error:
            self._tell(str(error), wrong=True)
            return
        self._tell("Reading the files of the study…")
        images, names, folder = self._images, Pseudonyms(self._pseudonyms.key), self.folder

        def work(progress: Progress) -> Preview:
            files = study_files(images, subprogress(progress, 0.0, 0.2))
            plan = plan_batch(files, options, out=folder, pseudonyms=names, progress=subprogress(progress, 0.2, 0.6))
            return Preview(plan, preview_batch(plan, subprogress(progress, 0.6, 1.0)))

        self._job = self._workspace.decoding.submit("De-identify: what changes", work, key="deidentify", priority=2)
        when_over(self, self._job, self._take)

    def _take(self, job: Job) -> None:
        if job is not self._job or self._pause.isActive():
            return
        if job.state is not JobState.DONE:
            expected = isinstance(job.error, MammoViewerError)
            self._tell(str(job.error) if expected else "The files could not be read", wrong=True)
            return
        preview: Preview = job.result
        plan = preview.plan
        self._preview = preview
        self._model.show_lines(preview.lines)
        self._ask_about(plan)
        self._tell(_summary(plan, len(preview.lines)), wrong=not plan.files or bool(plan.refused))
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(bool(plan.files))

    def _ask_about(self, plan: Plan) -> None:
        if plan.doubtful:
            images = "1 image" if plan.doubtful == 1 else f"{plan.doubtful} images"
            self._accepted.setText(f"{images} may have text in the pixels: I have looked, copy them as they are")
        self._accepted.setVisible(bool(plan.doubtful) or self._accepted.isChecked())

    def _tell(self, text: str, *, wrong: bool = False) -> None:
        self._status.setText(text)
        set_role(self._status, "role", "caution" if wrong else "dim")

    def done(self, result: int) -> None:
        """Close, and stop reading."""
        self._pause.stop()
        if self._job is not None:
            self._job.cancel()
        super().done(result)


def _summary(plan: Plan, changes: int) -> str:
    """Return in one line what will be written and what not, with the first reason."""
    files = "1 file" if len(plan.files) == 1 else f"{len(plan.files)} files"
    text = f"{files} to copy, {changes} changes."
    if not plan.refused:
        return text
    reasons = dict.fromkeys(item.reason for item in plan.refused)
    return f"{text} {len(plan.refused)} left out: {'; '.join(reasons)}."


def _title(text: str) -> QWidget:
    made = label(text, "dim")
    made.setFixedWidth(_NAME_WIDTH)
    return made


def _changes_table(model: QSortFilterProxyModel) -> QTableView:
    table = QTableView()
    table.setModel(model)
    table.setAccessibleName("What changes")
    table.setAlternatingRowColors(True)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)
    table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setDefaultSectionSize(22)
    heads = table.horizontalHeader()
    heads.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
    heads.setHighlightSections(False)
    for column, width in enumerate((88, 270, 210, 0, 48)):
        heads.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
        if width:
            table.setColumnWidth(column, width)
    heads.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
    return table
