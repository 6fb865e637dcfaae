"""What the reader says about one finding: class, BI-RADS assessment, note. Every change can be undone."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from mammoviewer.annotations.birads import birads
from mammoviewer.annotations.edits import ReplaceFinding
from mammoviewer.annotations.finding import ALGORITHM, Finding
from mammoviewer.base.progress import Progress
from mammoviewer.gui.bridge import bind, when_over
from mammoviewer.gui.panels.class_combo import ClassCombo
from mammoviewer.gui.panels.descriptor_fields import DescriptorFields
from mammoviewer.gui.panels.measure_plot import MeasurePlot
from mammoviewer.gui.panels.parts import CalmCombo, column, label, section
from mammoviewer.imaging.measure import Profile
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.lesions import location_of, of_lesion
from mammoviewer.session.measuring import (
    Histogram,
    Measured,
    line_profile,
    line_text,
    measured_of,
    region_figures,
    region_histogram,
)
from mammoviewer.session.workspace import Workspace

_CONFIDENCE: Final = (("–", None), ("25 %", 0.25), ("50 %", 0.5), ("75 %", 0.75), ("90 %", 0.9), ("100 %", 1.0))
_REST_MS: Final = 500
"""After so long without a key the note counts as said."""
_FIGURES_MS: Final = 120
"""After so long without a change the region is measured: a large one takes too long to be measured in passing."""


class NoteEdit(QPlainTextEdit):
    """A few lines of free text; ``rested`` comes when typing pauses, ``finished`` when the reader leaves the field."""

    rested = Signal()
    finished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setPlaceholderText("Note")
        self.setAccessibleName("Note")
        self.setTabChangesFocus(True)
        self.setFixedHeight(76)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self.rested)
        self.textChanged.connect(self._typed)

    @property
    def text(self) -> str:
        """Return the text without the space around it."""
        return self.toPlainText().strip()

    @property
    def unsaid(self) -> bool:
        """Whether the reader has typed what nobody has taken in yet."""
        return self.document().isModified()

    def take(self) -> str:
        """Return the text and count it as taken in."""
        self._rest.stop()
        self.document().setModified(False)
        return self.text

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tell that the reader is done."""
        super().focusOutEvent(event)
        self.finished.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        """Tell that the reader is done: a window that closes takes no focus away."""
        super().hideEvent(event)
        if self.unsaid:
            self.finished.emit()

    def _typed(self) -> None:
        if self.unsaid:
            self._rest.start()


class FindingEditor(QWidget):
    """Fields of the chosen finding; hidden while none is chosen."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._finding: Finding | None = None
        self._writing = 0
        self._label = ClassCombo(workspace)
        self._label.chosen.connect(lambda text: self._replace("Change class", label=text, descriptors=()))
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
        self._confidence = CalmCombo()
        self._confidence.setAccessibleName("Confidence")
        self._confidence.show_choices([(f"Confidence: {text}", value) for text, value in _CONFIDENCE], None)
        self._confidence.setCurrentIndex(0)
        self._confidence.activated.connect(
            lambda: self._replace("Change confidence", confidence=_CONFIDENCE[self._confidence.currentIndex()][1])
        )
        self._descriptors = DescriptorFields()
        self._descriptors.changed.connect(lambda given: self._replace("Describe", descriptors=given))
        self._location = label("", "quiet", wrap=True)
        self._note = NoteEdit()
        self._note.rested.connect(self._keep_note)
        self._note.finished.connect(self._finish_note)
        self._origin = label("", "quiet", wrap=True)
        self._figures = label("", "quiet", wrap=True)
        self._plot = MeasurePlot()
        self._measured: Measured | None = None
        self._measuring = QTimer(self)
        self._measuring.setSingleShot(True)
        self._measuring.setInterval(_FIGURES_MS)
        self._measuring.timeout.connect(self._measure)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        fields = column(
            [
                self._label,
                self._descriptors,
                self._assessment,
                self._confidence,
                self._note,
                self._location,
                self._figures,
                self._plot,
                self._origin,
            ]
        )
        layout.addWidget(section("Chosen finding", fields))
        self.hide()
        bind(self, workspace.desk.events.note_wanted, self._ask_for_note)
        bind(self, workspace.nipples.changed, self._show_location)
        # What asks for a text may be what had this panel made.
        self._ask_for_note()

    def show_finding(self, finding: Finding | None) -> None:
        """Show a finding, None hides the fields; what was typed into the note of another one is kept first."""
        another = self._finding is None or finding is None or finding.id != self._finding.id
        if another:
            self._finish_note()
        self._finding = finding
        self.setVisible(finding is not None)
        if finding is None:
            return
        known = [value for _, value in _CONFIDENCE]
        nearest = min(known[1:], key=lambda value: abs((value or 0.0) - (finding.confidence or 0.0)))
        self._confidence.setCurrentIndex(0 if finding.confidence is None else known.index(nearest))
        for field in (self._label, self._assessment, self._confidence):
            field.setVisible(not finding.is_measure)
        self._label.show_label(finding.label)
        self._descriptors.show_finding(finding)
        if finding.is_measure:
            self._descriptors.hide()
        self._show_location()
        self._assessment.setCurrentIndex(max(0, self._assessment.findData(finding.assessment)))
        # What is being typed stays, and so does the space at its end.
        if another or (not self._note.unsaid and self._note.text != finding.note.strip()):
            self._note.setPlainText(finding.note)
        who = f"Marked by {finding.reader}" if finding.reader else "Marked by the reader"
        if finding.origin == ALGORITHM:
            who = f"From {finding.reader or 'a model'}"
        score = f", score {finding.score:.2f}" if finding.score is not None else ""
        self._origin.setText(f"{who}{score}, {finding.created[:16].replace('T', ' ')} UTC")
        self._show_figures(finding)

    def showEvent(self, event: QShowEvent) -> None:
        """Have the region measured that was chosen out of sight."""
        super().showEvent(event)
        if self._finding is not None:
            self._show_figures(self._finding)

    def _show_location(self) -> None:
        """Say where the finding lies, and how many others show the same lesion."""
        finding, workspace = self._finding, self._workspace
        if finding is None:
            return
        known = "" if finding.is_measure else location_of(workspace, finding).text
        others = len(of_lesion(workspace.annotations.findings, finding)) - 1
        linked = f"one lesion with {others} other finding{'' if others == 1 else 's'}" if others else ""
        text = "; ".join(part for part in (known, linked) if part)
        self._location.setText(text)
        self._location.setVisible(bool(text))

    def _show_figures(self, finding: Finding) -> None:
        """Leave the figures of this region if they are its own, else have it measured when it rests."""
        if self._measured != measured_of(self._workspace, finding):
            self._measured = None
            self._figures.setText("\u2026")
            self._plot.show_plot(None, "")
            self._measuring.start()

    def _measure(self) -> None:
        """Measure the region in the background if anybody sees that; where a drag is under way, when it is over."""
        finding, workspace = self._finding, self._workspace
        if finding is None or not self.isVisible():
            return
        if QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._measuring.start()
            return
        measured = measured_of(workspace, finding)

        def work(progress: Progress) -> tuple[Measured, str, Histogram | Profile | None]:
            plotted = line_profile(workspace, finding) or region_histogram(workspace, finding)
            attributes = workspace.state(finding.image_uid).image.attributes
            return measured, region_figures(workspace, finding) or line_text(finding.roi, attributes), plotted

        job = workspace.decoding.submit("Measure", work, key="measure", priority=3)
        when_over(self, job, self._show_measured)

    def _show_measured(self, job: Job) -> None:
        if job.state is not JobState.DONE or self._finding is None:
            return
        measured, figures, plotted = job.result
        if measured == measured_of(self._workspace, self._finding):
            # An empty text may mean that the frame is still on its way.
            self._measured = measured if figures else None
            self._figures.setText(figures)
            spacing = self._workspace.state(self._finding.image_uid).image.attributes.pixel_spacing
            self._plot.show_plot(plotted, "mm" if spacing is not None else "px")

    def _ask_for_note(self) -> None:
        """Let the reader write the text of what was just drawn, once the panel has come into sight."""
        if self._workspace.desk.note_wanted:
            QTimer.singleShot(0, self, self._focus_note)

    def _focus_note(self) -> None:
        self._workspace.desk.note_wanted = ""
        self._note.setFocus(Qt.FocusReason.OtherFocusReason)

    def _keep_note(self) -> None:
        """Store what has been typed; one step of undo for as long as the reader stays in the field."""
        if self._note.unsaid:
            note = self._note.take()
            self._replace("Change note", merge_key=f"note {self._writing}", note=note)

    def _finish_note(self) -> None:
        self._keep_note()
        self._writing += 1

    def _replace(self, title: str, merge_key: str = "", **values: object) -> None:
        finding = self._finding
        if finding is None or finding.id not in self._workspace.annotations:
            return
        current = self._workspace.annotations.get(finding.id)
        if any(getattr(current, name) != value for name, value in values.items()):
            self._workspace.edit(ReplaceFinding(current.edited(**values), title=title, merge_key=merge_key))
