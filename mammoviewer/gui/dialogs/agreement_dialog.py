"""How the readers of the study agree, as a table; matched findings can be kept as their consensus."""

from __future__ import annotations

import math
from pathlib import Path

from PySide6.QtWidgets import QDialog, QFileDialog, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.gui.panels.parts import button, label, row
from mammoviewer.session.reader_agreement import (
    agreements,
    as_csv,
    common_agreements,
    consensus_edit,
    figures,
    why_closed,
)
from mammoviewer.session.workspace import Workspace

_HEADINGS = ("Reader", "and", "Matched", "Only first", "Only second", "Dice", "Overlap", "Kappa", "Assessed")
_ABOUT = (
    "Regions match that overlap by a tenth or whose centres lie within 10 mm on one slice. Dice counts regions, "
    "overlap is the mean IoU of the matched ones, kappa (quadratic weights) compares their BI-RADS assessments."
)


class AgreementDialog(QDialog):
    """Reads the study once, when it is made; closed to who reads it blind and has not signed."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Readers' agreement")
        self.setMinimumSize(760, 320)
        self._workspace = workspace
        closed = why_closed(workspace)
        self._pairs = () if closed else agreements(workspace)
        self._common = () if closed else common_agreements(workspace, self._pairs)
        self.table = QTableWidget(len(self._pairs), len(_HEADINGS))
        self.table.setHorizontalHeaderLabels(list(_HEADINGS))
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        for number, pair in enumerate(self._pairs):
            texts = (pair.first or "no name", pair.second or "no name", *figures(pair))
            for column, text in enumerate(texts):
                self.table.setItem(number, column, QTableWidgetItem(text or "–"))
        self.table.resizeColumnsToContents()
        self.table.setVisible(bool(self._pairs))
        self.nothing = label(closed or "This study has findings of one reader only.", "dim", wrap=True)
        self.nothing.setVisible(not self._pairs)
        told = [
            f"All {len(one.readers)} readers on {one.what} ({one.cases} cases): Fleiss' kappa "
            + ("is undefined" if math.isnan(one.kappa) else f"{one.kappa:.3f}")
            for one in self._common
        ]
        self.common = label("\n".join(told), "dim", wrap=True)
        self.common.setVisible(bool(told))
        keep = button("Keep matched as consensus", self.keep, tip="Copies the first reader's side of each match")
        save = button("Save as CSV…", self.save)
        keep.setEnabled(bool(self._pairs))
        save.setEnabled(bool(self._pairs or self._common))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 14)
        layout.setSpacing(12)
        for part in (label(_ABOUT, "dim", wrap=True), self.nothing, self.table, self.common):
            layout.addWidget(part)
        layout.addLayout(row([keep, save, None, button("Close", self.close)]))

    def keep(self) -> None:
        """Keep the first reader's side of every match as consensus; can be undone."""
        found = {match.first.id: match.first for pair in self._pairs for match in pair.regions.matches}
        edit = consensus_edit(tuple(found.values()))
        if edit is not None:
            self._workspace.edit(edit)
            text = f"{len(found)} finding{'' if len(found) == 1 else 's'} kept as consensus"
            self._workspace.notice.emit(Notice(Severity.INFO, text, "undo takes them back (Ctrl+Z)"))

    def save(self) -> None:
        """Ask for a file and write the table."""
        name, _ = QFileDialog.getSaveFileName(self, "Save the agreement", "agreement.csv", "CSV (*.csv)")
        if name:
            self.write(Path(name))

    def write(self, path: Path) -> None:
        """Write the table; what stands in the way is told."""
        try:
            write_text_atomically(path, as_csv(self._pairs, self._common))
        except OSError as error:
            text = f"the table cannot be written: {error.strerror}"
            self._workspace.notice.emit(Notice(Severity.ERROR, text, "choose a folder that can be written"))
