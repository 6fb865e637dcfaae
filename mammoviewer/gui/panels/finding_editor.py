"""What the reader says about one finding: class, BI-RADS assessment, note. Every change can be undone."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from mammoviewer.annotations.birads import birads
from mammoviewer.annotations.edits import ReplaceFinding
from mammoviewer.annotations.finding import ALGORITHM, Finding
from mammoviewer.gui.panels.class_combo import ClassCombo
from mammoviewer.gui.panels.parts import CalmCombo, column, label, section
from mammoviewer.session.measuring import region_figures
from mammoviewer.session.workspace import Workspace


class NoteEdit(QPlainTextEdit):
    """A few lines of free text; ``finished`` comes when the reader leaves the field."""

    finished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setPlaceholderText("Note")
        self.setAccessibleName("Note")
        self.setTabChangesFocus(True)
        self.setFixedHeight(76)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the text in."""
        super().focusOutEvent(event)
        self.finished.emit()


class FindingEditor(QWidget):
    """Fields of the chosen finding; hidden while none is chosen."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._finding: Finding | None = None
        self._label = ClassCombo(workspace)
        self._label.chosen.connect(lambda text: self._replace("Change class", label=text))
        self._assessment = CalmCombo()
        self._assessment.setAccessibleName("BI-RADS assessment")
        choices = [
            ("No assessment", ""),
            *((f"{term.value}  {term.title}", term.value) for term in birads().assessments),
        ]
        self._assessment.show_choices(choices, "")
        self._assessment.activated.connect(
            lambda: self._replace("Change assessment", assessment=self._assessment.currentData())
        )
        self._note = NoteEdit()
        self._note.finished.connect(lambda: self._replace("Change note", note=self._note.toPlainText().strip()))
        self._origin = label("", "quiet", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        fields = column([self._label, self._assessment, self._note, self._origin])
        layout.addWidget(section("Chosen finding", fields))
        self.hide()

    def show_finding(self, finding: Finding | None) -> None:
        """Show a finding, None hides the fields; what was typed into the note of another one is kept first."""
        if self._finding is not None and (finding is None or finding.id != self._finding.id):
            self._keep_note()
        self._finding = finding
        self.setVisible(finding is not None)
        if finding is None:
            return
        self._label.show_label(finding.label)
        self._assessment.setCurrentIndex(max(0, self._assessment.findData(finding.assessment)))
        if not self._note.hasFocus() or self._note.toPlainText().strip() == "":
            self._note.setPlainText(finding.note)
        who = f"Marked by {finding.reader}" if finding.reader else "Marked by the reader"
        if finding.origin == ALGORITHM:
            who = f"From {finding.reader or 'a model'}"
        score = f", score {finding.score:.2f}" if finding.score is not None else ""
        made = f"{who}{score}, {finding.created[:16].replace('T', ' ')} UTC"
        figures = region_figures(self._workspace, finding)
        self._origin.setText(f"{figures}\n{made}" if figures else made)

    def _keep_note(self) -> None:
        if self._note.hasFocus():
            self._replace("Change note", note=self._note.toPlainText().strip())

    def _replace(self, title: str, **values: str) -> None:
        finding = self._finding
        if finding is None or finding.id not in self._workspace.annotations:
            return
        current = self._workspace.annotations.get(finding.id)
        if any(getattr(current, name) != value for name, value in values.items()):
            self._workspace.edit(ReplaceFinding(current.edited(**values), title=title))
