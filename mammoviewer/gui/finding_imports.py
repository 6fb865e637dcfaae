"""Importing findings into what is open: files are chosen or dropped, looked at in the background, shown, taken in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget

from mammoviewer.base.errors import AnnotationError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.progress import Progress
from mammoviewer.gui.bridge import when_over
from mammoviewer.gui.dialogs.import_dialog import ImportDialog
from mammoviewer.gui.opening import Opening
from mammoviewer.gui.panels.notice_line import NoticeLine
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.importing import ImportPlan, plan_import, split_dropped, take_in
from mammoviewer.session.outcome import notice_of
from mammoviewer.session.workspace import Workspace

_FILTER = "Findings (*.json *.csv *.txt *.dcm *.png *.tif *.tiff);;All files (*)"


class FindingImports(QObject):
    """Asks, plans in the background, shows the plan, and does it."""

    def __init__(self, workspace: Workspace, opening: Opening, notices: NoticeLine, window: QWidget) -> None:
        super().__init__(window)
        self._workspace = workspace
        self._opening = opening
        self._notices = notices
        self._window = window
        self._folder = ""
        self.dialog: ImportDialog | None = None

    def choose(self) -> None:
        """Ask for files of findings and show what they would bring."""
        if not self._workspace.images:
            self._notices.add(
                Notice(Severity.INFO, "No image is open", "open the images that the findings are of first")
            )
            return
        chosen, _ = QFileDialog.getOpenFileNames(self._window, "Import findings", self._folder, _FILTER)
        if chosen:
            self._folder = str(Path(chosen[0]).parent)
            self.plan([Path(text) for text in chosen])

    def drop(self, paths: Sequence[Path]) -> None:
        """Open what was dropped; files of findings on open images are shown for import."""
        if not self._workspace.images:
            self._opening.open(paths)
            return

        def work(progress: Progress) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
            return split_dropped(paths, progress)

        job = self._workspace.decoding.submit("Look at what was dropped", work, priority=4)
        when_over(self, job, self._take_dropped)

    def plan(self, paths: Sequence[Path]) -> Job:
        """Look at files in the background, then show what they would bring."""

        def work(progress: Progress) -> ImportPlan:
            return plan_import(self._workspace, paths, progress)

        job = self._workspace.decoding.submit("Look at findings", work, priority=4)
        when_over(self, job, self._show)
        return job

    def _take_dropped(self, job: Job) -> None:
        self._tell(job)
        if job.state is JobState.DONE:
            images, findings = job.result
            self._opening.open(images)
            if findings:
                self.plan(findings)

    def _show(self, job: Job) -> None:
        self._tell(job)
        if job.state is not JobState.DONE:
            return
        plan: ImportPlan = job.result
        dialog = ImportDialog(plan)
        dialog.setParent(self._window, dialog.windowFlags())
        dialog.finished.connect(lambda code: self._end(code, plan))
        self.dialog = dialog
        dialog.open()

    def _end(self, code: int, plan: ImportPlan) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
            self.dialog = None
        if code != QDialog.DialogCode.Accepted:
            return
        try:
            count = take_in(self._workspace, plan)
        except AnnotationError as error:
            self._notices.add(Notice.from_error(error))
            return
        text = f"{count} imported from {len(plan.files)} file{'' if len(plan.files) == 1 else 's'}"
        self._notices.add(Notice(Severity.INFO, text, "undo takes all of it out again (Ctrl+Z)"))

    def _tell(self, job: Job) -> None:
        notice = notice_of(job)
        if notice is not None:
            self._notices.add(notice)
