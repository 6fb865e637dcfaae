"""De-identified copies of the study on screen: asked, written in the background, and told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.progress import Progress
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.gui.bridge import when_over
from mammoviewer.gui.panels.notice_line import NoticeLine
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.outcome import notice_of
from mammoviewer.session.workspace import Workspace

if TYPE_CHECKING:
    from mammoviewer.dicom.deidentify import Plan, Result


def study_paths(workspace: Workspace) -> tuple[Path, ...]:
    """Return the DICOM files of the study of the active view, with the open reports and the like of its images."""
    active = workspace.active
    if active is None:
        return ()
    study = next(study for study in workspace.studies if active.image in study.images)
    images = [image for image in study.images if image.attributes.kind is not ImageKind.RASTER]
    files = [image.attributes.path for image in images]
    files += [companion.path for image in images for companion in workspace.shelf.of(image)]
    return tuple(dict.fromkeys(files))


class Deidentification(QObject):
    """Runs the dialog and writes the copies."""

    def __init__(self, workspace: Workspace, notices: NoticeLine, parent: QWidget) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._notices = notices
        self._window = parent
        self._folder = Path.home() / "de-identified"

    def show(self) -> None:
        """Ask how to copy the study of the active view, and do it."""
        paths = study_paths(self._workspace)
        if not paths:
            self._workspace.notice.emit(Notice(Severity.INFO, "No DICOM study is open", "open one first"))
            return
        from mammoviewer.gui.dialogs.deidentify_dialog import DeidentifyDialog

        dialog = DeidentifyDialog(self._workspace, paths, self._folder, self._window)
        if dialog.exec() and dialog.plan is not None:
            self._folder = dialog.folder
            self.write(dialog.plan, dialog.folder)
        dialog.deleteLater()

    def write(self, plan: Plan, folder: Path) -> Job:
        """Write the copies in the background and tell how it went; the list of jobs can stop it."""
        from mammoviewer.dicom.deidentify import write_batch

        def work(progress: Progress) -> Result:
            return write_batch(plan, folder, progress)

        job = self._workspace.decoding.submit("De-identified copy", work, priority=3)
        when_over(self, job, lambda ended: self._tell(ended, folder))
        return job

    def _tell(self, job: Job, folder: Path) -> None:
        notice = notice_of(job)
        if notice is not None:
            self._notices.add(notice)
        elif job.state is JobState.DONE:
            result: Result = job.result
            count = len(result.copies)
            text = f"Wrote {count} de-identified file{'' if count == 1 else 's'}"
            severity = Severity.INFO
            if result.refused:
                severity = Severity.CAUTION
                text += f"; {len(result.refused)} left out: {result.refused[0].reason}"
            remedy = ("Open folder", lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))))
            self._notices.add(Notice(severity, text, str(folder)), remedy)
