"""What the window asks of the quick learning: follow the regions, suggest the next one."""

from __future__ import annotations

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.canvas.model_output import HIDDEN
from mammoviewer.gui.navigation import show_place
from mammoviewer.jobs.job import Job
from mammoviewer.session.blind import ai_hidden
from mammoviewer.session.quick_learning import QuickTask, Suggestion, regions_of
from mammoviewer.session.training_runs import check_retrainable, what_is_missing
from mammoviewer.session.viewer_state import Overlay
from mammoviewer.session.workspace import Workspace


def why_no_draft(workspace: Workspace) -> Notice | None:
    """Return why no draft can be made on the active image; None where one can."""
    state = workspace.active
    if state is None:
        return Notice(Severity.INFO, "No image is open", "open one, or the demo exam, first")
    if ai_hidden(workspace, state.image):
        return HIDDEN
    if not workspace.desk.model:
        return Notice(Severity.INFO, "No model is chosen", "choose one in the bar on top")
    try:
        check_retrainable(workspace.registry.get(workspace.desk.model))
    except MammoViewerError as error:
        return Notice.from_error(error)
    return None


def quick_task(workspace: Workspace) -> QuickTask | None:
    """Return what there is to learn from and to look at, None where :func:`why_no_draft` says why."""
    state = workspace.active
    if state is None or why_no_draft(workspace) is not None:
        return None
    findings = regions_of(workspace.annotations, workspace.images)
    wanted = {finding.image_uid for finding in findings}
    images = tuple(image for image in workspace.images if image.attributes.identity in wanted)
    return QuickTask(findings, images, workspace.desk.model, state.image, state.frame)


def follow_regions(workspace: Workspace) -> Job | None:
    """Bring the draft up to date with the regions and, while it is live, show it on the active image."""
    task, state = quick_task(workspace), workspace.active
    if task is None or state is None:
        return None
    if workspace.desk.live and not what_is_missing(task.findings):
        state.overlay = Overlay.DRAFT
    return workspace.quick.learn(task)


def switch_live(workspace: Workspace) -> None:
    """Let a draft heatmap follow each region, or no longer; drafts on screen go with it."""
    workspace.desk.live = not workspace.desk.live
    if not workspace.desk.live:
        for image in workspace.images:
            state = workspace.state(image.attributes.identity)
            if state.overlay is Overlay.DRAFT:
                state.overlay = Overlay.NONE


def suggest_region(workspace: Workspace) -> Job | None:
    """Look for the place on the active image where a region would tell most; a notice says why when it cannot."""
    task, why = quick_task(workspace), why_no_draft(workspace)
    if task is None:
        if why is not None:
            workspace.notice.emit(why)
        return None
    if not task.findings:
        workspace.notice.emit(Notice(Severity.INFO, "There is nothing to go by", "draw a region first"))
        return None
    return workspace.quick.suggest(task)


def show_suggestion(workspace: Workspace, suggestion: Suggestion) -> None:
    """Go to a suggested place, if its image is still open."""
    show_place(workspace, suggestion.identity, suggestion.frame, suggestion.point)
