"""Exporting the active view: what is captured, asked, written in the background, and told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices

from mammoviewer.annotations.interchange.transfer import Written, loss_lines
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.progress import Progress
from mammoviewer.gui.bridge import when_over
from mammoviewer.gui.canvas.grid import ViewportGrid
from mammoviewer.gui.canvas.model_output import shown_output
from mammoviewer.gui.canvas.viewport import Viewport
from mammoviewer.gui.dialogs.export_dialog import ExportDialog
from mammoviewer.gui.panels.notice_line import NoticeLine
from mammoviewer.inference.cam import Cam
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.blind import ai_hidden, seen_densities, seen_of_readers
from mammoviewer.session.exporting import ExportContent, export, offered_formats, why_not
from mammoviewer.session.outcome import notice_of
from mammoviewer.session.rendering import Rendering
from mammoviewer.session.viewer_state import FIT, ViewerState
from mammoviewer.session.workspace import Workspace


def export_content(workspace: Workspace, state: ViewerState, viewport: Viewport | None = None) -> ExportContent:
    """Return what there is to export of a view, captured now; the picture is of what the viewport shows of it."""
    attributes = state.image.attributes
    identity = attributes.identity
    output = shown_output(workspace, state, state.frame)
    # What a blind read must not see must not be read in an export either.
    everything = seen_of_readers(workspace, state.image, workspace.annotations.for_image(identity))
    shown = tuple(f for f in everything if f.frame == state.frame) if workspace.desk.show_findings else ()
    maps = {
        frame: found
        for frame in range(0 if ai_hidden(workspace, state.image) else attributes.frames)
        if (found := workspace.heatmaps.heatmap(identity, frame, workspace.desk.model)) is not None and found.complete
    }
    view = Rendering(
        image=state.image,
        frame=state.frame,
        voi=state.voi,
        inverted=state.inverted,
        black_air=workspace.desk.black_air,
        filters=state.active_filters,
        orientation=state.orientation,
        heat=output.scores,
        style=replace(workspace.style.shown(state.overlay)),
        legend=output.title,
        findings=shown,
        marks=output.detections,
        patch=output.cam.box if output.cam is not None else None,
        slab=state.slab,
        region=visible_region(viewport) if viewport is not None and viewport.state is state else None,
    )
    said = seen_densities(workspace, state.image, workspace.annotations.densities)
    hidden = ai_hidden(workspace, state.image)
    cam = None if hidden else workspace.heatmaps.cam(identity, state.frame, workspace.desk.model)
    explained = cam.overlay if isinstance(cam, Cam) else cam
    return ExportContent(view, maps, everything, cam=explained, densities=said)


def visible_region(viewport: Viewport) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return the stored (rows, columns) on screen as ranges of edges; None while the whole image is fitted."""
    seen = viewport.view.visible() if viewport.shown.zoom != FIT else None
    return (seen.rows, seen.columns) if seen is not None else None


class Exports(QObject):
    """Runs the export dialog and the exports."""

    def __init__(self, workspace: Workspace, grid: ViewportGrid, notices: NoticeLine, parent: QObject) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._grid = grid
        self._notices = notices
        self._folder = Path.home()

    def show(self) -> None:
        """Ask what to export of the active view, and do it."""
        state = self._workspace.active
        if state is None:
            self._workspace.notice.emit(Notice(Severity.INFO, "No image is open", "open one first"))
            return
        content = export_content(self._workspace, state, self._grid.active)
        stem = state.image.attributes.view.label or state.image.attributes.path.stem
        if state.frames > 1:
            stem = f"{stem}-slice{state.frame + 1}"
        formats = offered_formats(content)
        reasons = {form.key: why_not(form, content) for form in formats}
        dialog = ExportDialog(formats, self._folder, stem, reasons=reasons)
        if dialog.exec():
            self._folder = dialog.folder
            self.write(content, dialog.keys, dialog.folder, dialog.stem)

    def write(self, content: ExportContent, keys: tuple[str, ...], folder: Path, stem: str) -> Job:
        """Export in the background and tell how it went."""
        named = replace(content, stem=stem)

        def work(progress: Progress) -> Written:
            return export(named, keys, folder, stem, progress, replace_files=False)

        job = self._workspace.decoding.submit("Export", work, priority=3)
        when_over(self, job, self._tell)
        return job

    def _tell(self, job: Job) -> None:
        notice = notice_of(job)
        if notice is not None:
            self._notices.add(notice)
        elif job.state is JobState.DONE:
            written: Written = job.result
            files = written.paths
            folder = files[0].parent
            text = f"Exported {len(files)} file{'' if len(files) == 1 else 's'}"
            lost = loss_lines(written.losses)
            if lost:
                self._notices.add(Notice(Severity.CAUTION, "Not everything could be exported", "; ".join(lost)))
            url = QUrl.fromLocalFile(str(folder))
            remedy = ("Open folder", lambda: QDesktopServices.openUrl(url))
            self._notices.add(Notice(Severity.INFO, text, str(folder)), remedy)
