"""What files of findings would bring: by file and by image, what is lost, what stands in the way."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout

from mammoviewer.annotations.interchange.transfer import loss_lines
from mammoviewer.gui.panels.parts import label
from mammoviewer.session.importing import FileReport, ImportPlan

_MOST_LINES = 8


class ImportDialog(QDialog):
    """The preview of an import; accepted when the reader wants it."""

    def __init__(self, plan: ImportPlan) -> None:
        super().__init__()
        self.setWindowTitle("Import findings")
        self.setMinimumWidth(720)
        self.files = _table(plan.files)
        coming = len(plan.merge.findings) + len(plan.merge.densities)
        self.summary = label(_summary(plan), "value", wrap=True)
        self.images = label("; ".join(f"{name}: {count}" for name, count in plan.by_image), "dim", wrap=True)
        lines = loss_lines(plan.losses)
        more = (f"and {len(lines) - _MOST_LINES} more",) if len(lines) > _MOST_LINES else ()
        self.losses = label("\n".join((*lines[:_MOST_LINES], *more)), "dim", wrap=True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.take = buttons.addButton(
            f"Import {coming}" if coming else "Import", QDialogButtonBox.ButtonRole.AcceptRole
        )
        self.take.setEnabled(coming > 0)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(10)
        for title, part, shown in (
            ("FILES", self.files, True),
            ("WHAT COMES", self.summary, True),
            ("", self.images, bool(plan.by_image)),
            ("LEFT OUT OR CHANGED", self.losses, bool(lines)),
        ):
            if shown and title:
                layout.addWidget(label(title, "section"))
            if shown:
                layout.addWidget(part)
        layout.addWidget(buttons)


def _summary(plan: ImportPlan) -> str:
    known = f"{plan.merge.known} here already" if plan.merge.known else ""
    return "; ".join(part for part in (plan.merge.text, known) if part) or "nothing"


def _table(files: tuple[FileReport, ...]) -> QTableWidget:
    table = QTableWidget(len(files), 3)
    table.setHorizontalHeaderLabels(["File", "Found", "Problem and remedy"])
    table.setAccessibleName("Files")
    table.verticalHeader().hide()
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
    table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    for number, report in enumerate(files):
        trouble = f"{report.problem}; {report.remedy}" if report.problem else ""
        for column, text in enumerate((report.path.name, str(report.findings + report.densities), trouble)):
            cell = QTableWidgetItem(text)
            cell.setToolTip(str(report.path) if column == 0 else text)
            table.setItem(number, column, cell)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
    header.setStretchLastSection(True)
    table.setColumnWidth(0, 240)
    table.setWordWrap(True)
    table.resizeRowsToContents()
    table.setMinimumHeight(min(60 + 30 * len(files), 300))
    return table
